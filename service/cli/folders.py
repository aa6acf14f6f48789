"""A folder of class folders: which pictures it holds, and what it is not taken for."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from service.errors import AssayError, Code

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_MOST_PICTURES = 200_000
_MOST_BYTES = 4 << 30
_SHOWN = 5
_HOW = "Give the folder right above the class folders, as in data/cat/1.png and data/dog/1.png."


class ClassFolders(NamedTuple):
    """Class names in the order of their numbers, and every picture in the order of packing."""

    classes: tuple[str, ...]
    pictures: tuple[Path, ...]
    others: int
    """Entries that are no pictures, hidden ones not counted."""

    def told(self) -> list[str]:
        """What people should know before they wonder about their labels."""
        first = ", ".join(f"{number} {name}" for number, name in enumerate(self.classes[:_SHOWN]))
        more = ", …" if len(self.classes) > _SHOWN else ""
        lines = [
            f"{len(self.pictures):,} pictures of {len(self.classes)} classes, numbered by the "
            f"sorted names of their folders: {first}{more}."
        ]
        if self.others:
            lines.append(f"Left out: {self.others:,} files or folders that are no PNG, JPEG, WebP.")
        return lines


def class_folders(folder: Path) -> ClassFolders:
    """What lies in the folder, by names alone; refused where a class has no pictures."""
    pictures, classes, others, size = list[Path](), list[str](), 0, 0
    for entry in _entries(folder):
        if not entry.is_dir():
            others += 1
            continue
        before = len(pictures)
        for one in _entries(Path(entry.path)):
            if one.is_file() and one.name.lower().endswith(ENDINGS):
                pictures.append(Path(one.path))
                size += one.stat().st_size
            else:
                others += 1
        if len(pictures) == before:
            raise _no_pictures(entry.name)
        classes.append(entry.name)
        _check_amount(len(pictures), size)
    if not classes:
        raise AssayError(Code.DATA_NOT_A_FILE, f"'{folder}' holds no class folders.", _HOW)
    return ClassFolders(tuple(classes), tuple(pictures), others)


def opened(picture: Path) -> IO[bytes]:
    """A picture's bytes; a link that has taken its place is not followed."""
    return open(picture, "rb", opener=_unfollowed)


def _unfollowed(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """What is not hidden, sorted by name; a link would send what lies somewhere else."""
    with os.scandir(folder) as listing:
        for entry in sorted(listing, key=lambda one: one.name):
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                raise AssayError(
                    Code.DATA_NOT_A_FILE,
                    f"'{entry.path}' is a link, and what it leads to may not be meant to be sent.",
                    "Copy the files themselves into the folder.",
                )
            yield entry


def _no_pictures(name: str) -> AssayError:
    return AssayError(
        Code.DATA_NOT_A_FILE, f"The class folder '{name}' holds no PNG, JPEG or WebP files.", _HOW
    )


def _check_amount(pictures: int, size: int) -> None:
    if pictures > _MOST_PICTURES or size > _MOST_BYTES:
        raise AssayError(
            Code.DATA_TOO_LARGE,
            f"The folder holds more than {_MOST_PICTURES:,} pictures, or than {_MOST_BYTES:,} "
            "bytes of them.",
            "Use a folder with fewer; some hundreds are a good beginning.",
        )
