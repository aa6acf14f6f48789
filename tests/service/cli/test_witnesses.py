"""The folder of witnesses beside a report: what is written, what goes, what is refused."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from service.cli.witnesses import find_index, write_witnesses
from service.errors import AssayError, Code
from service.witnesses.index import INDEX
from service.witnesses.pictures import packed
from support.witnesses import entry_of, index_of, picture

CLEAN = picture(0)
ENTRY = entry_of(CLEAN, CLEAN + np.uint8(8))
FILES = {
    INDEX: index_of(ENTRY).as_file(),
    ENTRY.clean.name: packed(CLEAN)[1],
    ENTRY.files["8-bit"].name: packed(CLEAN + np.uint8(8))[1],
}


def zipped(files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", packing) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return whole.getvalue()


def announced(archive: bytes, size: int) -> bytes:
    """An archive whose member of 77,777 bytes is said to have another size."""
    assert struct.pack("<I", 77_777) in archive
    return archive.replace(struct.pack("<I", 77_777), struct.pack("<I", size))


def names(folder: Path) -> set[str]:
    """What lies in the folder."""
    return {path.name for path in folder.iterdir()}


def test_an_archive_becomes_a_folder(tmp_path: Path) -> None:
    """Each file under its name, bytes as they were."""
    index = write_witnesses(zipped(FILES), tmp_path)
    assert index == index_of(ENTRY)
    place = tmp_path / "witnesses"
    assert {one: (place / one).read_bytes() for one in names(place)} == FILES


def test_nothing_of_an_earlier_audit_stays(tmp_path: Path) -> None:
    """A next audit takes the old witnesses away, with or without new ones; other files stay."""
    write_witnesses(zipped(FILES), tmp_path)
    place = tmp_path / "witnesses"
    (place / "notes.txt").write_text("mine")
    assert write_witnesses(None, tmp_path) is None
    assert names(place) == {"notes.txt"}
    (place / "notes.txt").unlink()
    write_witnesses(zipped(FILES), tmp_path)
    write_witnesses(None, tmp_path)
    assert not place.exists()


def test_only_what_differs_is_written_again(tmp_path: Path) -> None:
    """The same file stays as it is; one that was changed, or is a link, is made anew."""
    write_witnesses(zipped(FILES), tmp_path)
    place = tmp_path / "witnesses"
    same, changed, linked = sorted(names(place))
    before = (place / same).stat().st_ino
    (place / changed).write_bytes((place / changed).read_bytes()[::-1])
    (place / linked).rename(tmp_path / "elsewhere")
    (place / linked).symlink_to(tmp_path / "elsewhere")
    (place / "row00001-3f2a9c10-1.png").write_bytes(b"of an earlier audit")
    write_witnesses(zipped(FILES), tmp_path)
    assert {one: (place / one).read_bytes() for one in names(place)} == FILES
    assert (place / same).stat().st_ino == before
    assert not (place / linked).is_symlink()


def test_a_folder_behind_a_link_is_written_whole(tmp_path: Path) -> None:
    """Nothing is taken away behind a link, so what lies there is not taken for ours either."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ENTRY.clean.name).write_bytes(b"stale")
    (tmp_path / "witnesses").symlink_to(tmp_path / "elsewhere")
    write_witnesses(zipped(FILES), tmp_path)
    assert {one: (tmp_path / "witnesses" / one).read_bytes() for one in FILES} == FILES


BAD = {
    "no zip": b"PK\x05\x06",
    "slip": zipped({**FILES, "../row00001-3f2a9c10-1.png": b"x"}),
    "absolute": zipped({**FILES, "/row00001-3f2a9c10-1.png": b"x"}),
    "script": zipped({**FILES, "run.sh": b"x"}),
    "no index": zipped({ENTRY.clean.name: b"x"}),
    "bad index": zipped({**FILES, INDEX: b"{}"}),
    "swollen": announced(zipped({**FILES, "row00001-3f2a9c10-1.npy": bytes(77_777)}), 1 << 30),
    "lzma": zipped(FILES, zipfile.ZIP_LZMA),
    "many": zipped(FILES | {f"row00001-3f2a9c10-{at}.npy": b"" for at in range(700)}),
    "flipped": zipped(FILES)[:60] + b"\xff\xff" + zipped(FILES)[62:],
}


@pytest.mark.parametrize("case", BAD)
def test_an_archive_with_anything_else_is_refused_whole(tmp_path: Path, case: str) -> None:
    """A server may be anybody's: nothing is written of what it may not send."""
    with pytest.raises(AssayError) as refused:
        write_witnesses(BAD[case], tmp_path)
    assert refused.value.code is Code.EVIDENCE_INVALID
    assert not list(tmp_path.rglob("row*"))
    assert not list(tmp_path.parent.glob("row*"))


def test_a_bad_index_leaves_nothing_of_an_earlier_audit(tmp_path: Path) -> None:
    """Or its pictures would lie beside the evidence of this one, and be replayed for it."""
    write_witnesses(zipped(FILES), tmp_path)
    with pytest.raises(AssayError):
        write_witnesses(zipped({**FILES, INDEX: b"{}"}), tmp_path)
    assert not (tmp_path / "witnesses" / INDEX).exists()


@pytest.mark.parametrize("spelled", ["out", "out/witnesses", "out/witnesses/index.json"])
def test_witnesses_are_found_by_folder_or_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    """The report's folder, the folder in it and the index mean the same; # names a row."""
    (tmp_path / "out").mkdir()
    write_witnesses(zipped(FILES), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert find_index(spelled) == (Path("out/witnesses"), index_of(ENTRY), [])
    assert find_index(f"{spelled}#7")[2] == [7]


@pytest.mark.parametrize("spelled", ["nowhere", "nowhere#7", "#7", "x#seven"])
def test_what_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    """A folder without witnesses is a mistake of the call."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssayError) as refused:
        find_index(spelled)
    assert refused.value.code is Code.FILE_NOT_FOUND
