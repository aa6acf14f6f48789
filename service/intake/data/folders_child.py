"""A zip of folders, one a class, with a picture a file. Runs in a child."""

from functools import partial
from typing import Final, NamedTuple

import numpy as np

from analyzers.contract import Refusal
from service.intake.archives.archive_child import Archive
from service.intake.data.pictures_child import Picture, decoded
from service.intake.data.stored_child import Rows, Stored, shown, span

ENDINGS: Final = (".png", ".jpg", ".jpeg", ".webp")
_LARGEST: Final = 64 << 20
"""Bytes of one encoded picture."""
_DEPTH: Final = 2
_HOW: Final = "Zip class folders so that each picture is CLASS/NAME.png, or give the folder itself."


class _Held(NamedTuple):
    """What a zip of folders holds."""

    classes: dict[str, list[str]]
    """Pictures by their folder."""
    left_out: int
    """Files that are no pictures, those of systems not counted."""


def read_folders(archive: Archive, rows: Rows) -> Stored:
    """Pictures numbered by the sorted names of their folders.

    One of each class comes first, then a second one of each: a slice then holds all classes.
    """
    classes, left_out = _by_class(archive)
    names = tuple(sorted(classes))
    order = sorted(
        (turn, number, one)
        for number, name in enumerate(names)
        for turn, one in enumerate(sorted(classes[name]))
    )
    low, high = span(rows, len(order))
    part = order[low:high]
    pictures = [Picture(one, partial(archive.read, one, _LARGEST)) for _, _, one in part]
    labels = np.array([number for _, number, _ in part], np.int64)
    return Stored(decoded(pictures), labels, "nchw", names, left_out)


def _by_class(archive: Archive) -> _Held:
    visible = [name for name in archive.names if not _hidden(name.split("/"))]
    pictures = [name for name in visible if name.lower().endswith(ENDINGS)]
    found = _foldered(pictures)
    tops = {name.split("/")[0] for name in (*visible, *archive.folders) if "/" in name}
    for name in sorted(one for one in tops - found.keys() if not _hidden([one])):
        raise Refusal(  # left out in silence, it would give its number to the next one
            "DATA_LABELS_INVALID",
            f"The folder '{shown(name, 80)}' at the zip's top holds no PNG, JPEG or WebP pictures.",
            "Save its pictures as PNG, or leave the folder out if it is no class.",
        )
    return _Held(found, len(visible) - len(pictures))


def _foldered(pictures: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in pictures:
        parts = name.split("/")
        if len(parts) != _DEPTH:
            raise Refusal(
                "DATA_NOT_RECOGNISED",
                f"The picture '{shown(name, 80)}' does not lie in a class folder at the zip's top.",
                _HOW,
            )
        found.setdefault(parts[0], []).append(name)
    if not found:
        raise Refusal(
            "DATA_NOT_RECOGNISED",
            "The zip holds neither arrays, as an npz file does, nor pictures in class folders.",
            _HOW,
        )
    return found


def _hidden(parts: list[str]) -> bool:
    """What systems leave beside the files that people see."""
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)
