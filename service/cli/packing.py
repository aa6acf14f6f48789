"""What consists of several files, as one file to send: a model and its weights, class folders."""

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from service.cli.folders import class_folders, opened

_OLDEST = (1980, 1, 1, 0, 0, 0)
"""One time for all members: the same files must make the same zip, which is known by its digest."""
_UNIX = 3
"""One system for all members, wherever the zip is made."""


def has_to_pack(model: Path, data: Path) -> bool:
    """Whether one of them consists of several files."""
    return _beside(model).is_file() or data.is_dir()


@contextlib.contextmanager
def packed(model: Path) -> Generator[Path]:
    """The model itself, or a zip of it and of ``MODEL.data`` where that lies beside it."""
    beside = _beside(model)
    if not beside.is_file():
        yield model
        return
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        both = Path(folder) / f"{model.name}.zip"
        with zipfile.ZipFile(both, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for path in (model, beside):
                with path.open("rb") as source:
                    _add(archive, path.name, source)
        yield both


@contextlib.contextmanager
def packed_data(data: Path, tell: Callable[[str], None]) -> Generator[Path]:
    """The data file itself, or a zip of the class folders that lie in it; ``tell`` hears of them.

    Pictures are packed as they are, so that the service alone decodes them.
    """
    if not data.is_dir():
        yield data
        return
    found = class_folders(data)
    for line in found.told():
        tell(line)
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        whole = Path(folder) / f"{data.resolve().name}.zip"
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for path in found.pictures:
                with opened(path) as source:
                    _add(archive, f"{path.parent.name}/{path.name}", source)
        yield whole


def _beside(model: Path) -> Path:
    return model.with_name(f"{model.name}.data")


def _add(archive: zipfile.ZipFile, name: str, source: IO[bytes]) -> None:
    member = zipfile.ZipInfo(name, _OLDEST)
    member.create_system = _UNIX
    with archive.open(member, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, 1 << 20)
