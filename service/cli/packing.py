"""A model file and the weights that its exporter wrote beside it, as one file to send."""

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Generator
from pathlib import Path

_OLDEST = (1980, 1, 1, 0, 0, 0)
"""One time for all members: the same files must make the same zip, which is known by its digest."""


@contextlib.contextmanager
def packed(model: Path) -> Generator[Path]:
    """The model itself, or a zip of it and of ``MODEL.data`` where that lies beside it."""
    beside = model.with_name(f"{model.name}.data")
    if not beside.is_file():
        yield model
        return
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        both = Path(folder) / f"{model.name}.zip"
        with zipfile.ZipFile(both, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for path in (model, beside):
                _add(archive, path)
        yield both


def _add(archive: zipfile.ZipFile, path: Path) -> None:
    member = zipfile.ZipInfo(path.name, _OLDEST)
    with path.open("rb") as source, archive.open(member, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, 1 << 20)
