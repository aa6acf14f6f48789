"""Pictures with one cue taken out or swapped: pure functions of arrays, one cue a file."""
