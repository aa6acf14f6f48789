"""A folder of witnesses: written from an audit's archive, and found again by its name."""

import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from service.errors import AssayError, Code
from service.witnesses.index import INDEX, WRITTEN, Index, read_index

FOLDER = "witnesses"
_MOST_FILES = 601
_MOST_BYTES = 512 << 20
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def write_witnesses(archive: bytes | None, folder: Path) -> Index | None:
    """Put an audit's witnesses where those of an earlier one may lie; none stays of these."""
    place = folder / FOLDER
    files = _members(archive) if archive else dict[str, bytes]()
    there = _cleared(place, files)
    if not files:
        return None
    index = read_index(files[INDEX])
    place.mkdir(exist_ok=True)
    for name in files.keys() - there:
        (place / name).write_bytes(files[name])
    return index


def _members(archive: bytes) -> dict[str, bytes]:
    """What is in an archive; names and sizes are checked, since a server may be anybody's."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            told = opened.infolist()
            names = {one.filename for one in told}
            known = all(name == INDEX or WRITTEN.fullmatch(name) for name in names)
            known &= all(one.compress_type in _PACKINGS for one in told)
            size = sum(one.file_size for one in told)
            if not known or INDEX not in names or len(told) > _MOST_FILES or size > _MOST_BYTES:
                raise _damaged()
            return {one.filename: _read(opened, one) for one in told}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError) as error:
        raise _damaged() from error


def _read(opened: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes:
    """As many bytes as were announced, whatever the packed ones would swell to."""
    with opened.open(one) as stream:
        raw = stream.read(one.file_size + 1)  # one more, so that the checksum is looked at
    if len(raw) != one.file_size:
        raise _damaged()
    return raw


def _cleared(place: Path, files: Mapping[str, bytes]) -> set[str]:
    """Take away what an earlier audit wrote here, and nothing else; the files that may stay."""
    staying = set[str]()
    if not place.is_dir() or place.is_symlink():
        return staying
    for one in place.iterdir():
        if one.name != INDEX and not WRITTEN.fullmatch(one.name):
            continue
        if _holds(one, files.get(one.name)):
            staying.add(one.name)
        else:
            one.unlink()
    if not any(place.iterdir()):
        place.rmdir()
    return staying


def _holds(path: Path, raw: bytes | None) -> bool:
    """Whether a file is these bytes already; comparing is quicker than writing."""
    if raw is None or path.is_symlink() or not path.is_file():
        return False
    return path.stat().st_size == len(raw) and path.read_bytes() == raw


def find_index(text: str) -> tuple[Path, Index, list[int]]:
    """The folder, its index, and the row behind ``#``, if any, of what a command names."""
    path, rows = Path(text).expanduser(), list[int]()
    name, mark, row = text.rpartition("#")
    if mark and not path.exists() and row.isascii() and row.isdigit():
        path, rows = Path(name).expanduser(), [int(row)]
    for place in (path, path / INDEX, path / FOLDER / INDEX):
        if place.is_file():
            return place.parent, read_index(_bytes(place)), rows
    raise AssayError(
        Code.FILE_NOT_FOUND,
        f"There are no witnesses at '{text}'.",
        f"Give the folder with {INDEX} that `assay check` or `assay audit` wrote; looked for in "
        f"{os.getcwd()}.",
    )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(8 << 20)
    except OSError as error:
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"'{path}' cannot be read: {str(error.strerror).lower()}.",
            "Check the path and its rights.",
        ) from error


def _damaged() -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        "The archive of witnesses that the service sent is damaged.",
        "Fetch the report again; if it stays, do not trust the service's storage.",
    )
