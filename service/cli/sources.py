"""What a command names: a model, and data or a slice of it. No file is opened here."""

import re
from dataclasses import dataclass
from pathlib import Path

from service.cli.folders import class_folders
from service.errors import AssayError, Code

_SLICED = re.compile(r"(?P<file>.+)\[(?P<slice>[^\[\]]*)\]", re.DOTALL)
_SLICE = re.compile(r"\s*(?P<low>\d{0,15})\s*:\s*(?P<high>\d{1,15})\s*", re.ASCII)
_ONE_FILE = (
    "Put images and labels into one file: numpy.savez('data.npz', images=images, labels=labels)."
)
_ONE_CUE_FILE = (
    "Put them into one file: numpy.savez('cues.npz', images=images, shape=shape, texture=texture)."
)


@dataclass(frozen=True)
class DataSource:
    """A data file, or a folder of class folders, and which of its images are meant."""

    path: Path
    rows: tuple[int, int] | None = None


def model_source(text: str) -> Path:
    """The model's file, which must be one."""
    return _file(
        text,
        "model",
        Code.MODEL_NOT_A_FILE,
        "Give the ONNX file itself; a checkpoint folder has one to export.",
    )


def cue_source(text: str | None) -> DataSource | None:
    """The file of pictures with cues in conflict, or a slice of it, where one was named."""
    if text is None:
        return None
    rows, name = _sliced(text)
    return DataSource(_file(name, "cue", Code.DATA_NOT_A_FILE, _ONE_CUE_FILE), rows)


def data_source(text: str, limit: int | None = None) -> DataSource:
    """``FILE`` or ``FILE[low:high]``; ``limit`` keeps the first so many of what that means.

    A folder may stand for a file; its pictures are counted as the service orders them.
    """
    rows, name = _sliced(text)
    return DataSource(_data(name), _limited(rows, limit))


def _sliced(text: str) -> tuple[tuple[int, int] | None, str]:
    """The rows that are meant, and the file."""
    sliced = _SLICED.fullmatch(text)
    if sliced is None or Path(text).exists():  # a file may be called like a slice
        return None, text
    return _rows(sliced["slice"], text), sliced["file"]


def _data(name: str) -> Path:
    path = Path(name).expanduser()
    if path.is_dir():
        class_folders(path)
        return path
    return _file(name, "data", Code.DATA_NOT_A_FILE, _ONE_FILE)


def _rows(written: str, text: str) -> tuple[int, int]:
    found = _SLICE.fullmatch(written)
    low, high = (int(found["low"] or 0), int(found["high"])) if found else (0, 0)
    if low >= high:
        raise AssayError(
            Code.DATA_SLICE_INVALID,
            f"'[{written}]' at the end of '{text}' is not a slice.",
            "Write the first row and the one behind the last, as in data.npz[0:500].",
        )
    return low, high


def _limited(rows: tuple[int, int] | None, limit: int | None) -> tuple[int, int] | None:
    if limit is None:
        return rows
    if rows is None:
        return 0, limit
    low, high = rows
    return low, min(high, low + limit)


def _file(text: str, what: str, not_a_file: Code, remedy: str) -> Path:
    path = Path(text).expanduser()
    if not path.exists():
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"There is no {what} file '{text}'.",
            f"Check the path; it was looked for in {Path.cwd()}.",
        )
    if not path.is_file():
        raise AssayError(not_a_file, f"'{text}' is a folder or a device, not a file.", remedy)
    return path
