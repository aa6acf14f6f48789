"""Where words go: results to standard output, everything about the way there to standard error."""

import sys


def say(line: str = "") -> None:
    """Print a line of the result."""
    print(line, flush=True)


def note(line: str = "") -> None:
    """Print a line about the way to the result."""
    print(line, file=sys.stderr, flush=True)


def watched() -> bool:
    """Whether a person sees the way there, so that lines may be drawn over."""
    return sys.stderr.isatty()
