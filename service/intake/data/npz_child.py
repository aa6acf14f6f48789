"""Images and labels as two arrays in a zip, as ``numpy.savez`` writes them. Runs in a child."""

from typing import Final

from analyzers.contract import Array
from service.intake.archives.archive_child import Archive
from service.intake.data.npy_child import array
from service.intake.data.stored_child import (
    MOST_BYTES,
    SAVE_CUES,
    Raw,
    Rows,
    Stored,
    missing,
    sliced,
)

ENDING: Final = ".npy"
_HEAD: Final = 1 << 14
"""Room for the longest header beside the numbers."""


def holds_arrays(archive: Archive) -> bool:
    """Whether this zip is an npz file."""
    return any(name.endswith(ENDING) for name in archive.names)


def read_npz(raw: Raw, archive: Archive, rows: Rows) -> Stored:
    """The two arrays, or the rows asked for of them."""
    for name in ("images", "labels"):
        if name + ENDING not in archive:
            raise missing(name, [one.removesuffix(ENDING) for one in archive.names])
    labels = array(archive.read(f"labels{ENDING}", MOST_BYTES))
    return sliced(_images(raw, archive, rows), labels, rows)


def read_cues(raw: Raw, archive: Archive, rows: Rows) -> Stored:
    """Pictures and what their shape and their texture are of, or the rows asked for of them."""
    for name in ("images", "shape", "texture"):
        if name + ENDING not in archive:
            held = [one.removesuffix(ENDING) for one in archive.names]
            raise missing(name, held, SAVE_CUES)
    shape, texture = (
        array(archive.read(f"{name}{ENDING}", MOST_BYTES)) for name in ("shape", "texture")
    )
    return sliced(_images(raw, archive, rows), shape, rows, texture)


def _images(raw: Raw, archive: Archive, rows: Rows) -> Array:
    """Where only a part is wanted and nothing is packed, the rest of the file is never read."""
    name = f"images{ENDING}"
    place = archive.place(name) if rows is not None else None
    if place is not None:
        return array(raw, *place)
    return array(archive.read(name, MOST_BYTES + _HEAD))
