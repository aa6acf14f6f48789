"""A zip of folders, one a class, with a picture a file. Runs in a child."""

from functools import partial
from typing import Final

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


def read_folders(archive: Archive, rows: Rows) -> Stored:
    """Pictures numbered by the sorted names of their folders.

    One of each class comes first, then a second one of each: a slice then holds all classes.
    """
    classes = _by_class(archive.names)
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
    return Stored(decoded(pictures), labels, "nchw", names)


def _by_class(names: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        parts = name.split("/")
        if not name.lower().endswith(ENDINGS) or _hidden(parts):
            continue
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
