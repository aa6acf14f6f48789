"""Class folders on disk become one file that is always the same, and hold no surprises."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from analyzers.contract import Array
from service.cli.folders import class_folders, opened
from service.cli.packing import packed_data
from service.cli.sources import data_source
from service.errors import AssayError, Code, Exit
from support.pictures import encoded, read_bytes

PIXELS = np.random.default_rng(9).integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two pictures, a note and a hidden file."""
    root = tmp_path / "set"
    for row, name in enumerate(("dog/b.png", "cat/a.PNG", "dog/a.png", "cat/b.png")):
        _write(root / name, PIXELS[row])
    (root / "notes.txt").write_text("about it")
    (root / "cat" / ".hidden.png").write_bytes(b"x")
    return root


def _write(path: Path, pixels: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(pixels))


def _unheard(line: str) -> None:
    del line


def test_the_same_folder_is_the_same_file(folder: Path) -> None:
    """Neither dates nor the order of making change the zip; the service reads it as it is."""
    made: list[bytes] = []
    for moment in (1_000_000_000, 1_700_000_000):
        for path in folder.rglob("*.png"):
            os.utime(path, (moment, moment))
        with packed_data(folder, _unheard) as found:
            made.append(found.read_bytes())
            with zipfile.ZipFile(found) as archive:
                held = archive.namelist()
        assert not found.exists()
    assert made[0] == made[1]
    assert held == ["cat/a.PNG", "cat/b.png", "dog/a.png", "dog/b.png"]
    facts, blobs = read_bytes(made[0])
    assert facts["class_names"] == ["cat", "dog"]
    assert np.array_equal(blobs["images"], PIXELS[[1, 2, 3, 0]].transpose(0, 3, 1, 2))


def test_classes_and_what_is_left_out_are_told(folder: Path) -> None:
    """The numbers of the classes are said, and how many files were left out."""
    heard: list[str] = []
    with packed_data(folder, heard.append):
        pass
    assert "0 cat, 1 dog" in heard[0]
    assert "Left out: 1 " in heard[1]


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    """Nothing is packed where there is nothing to pack."""
    data = tmp_path / "data.npz"
    data.write_bytes(b"x")
    with packed_data(data, _unheard) as found:
        assert found == data


def test_a_folder_and_a_slice_of_it_can_be_named(folder: Path) -> None:
    """A folder stands where a file may, with a slice or without."""
    assert data_source(str(folder)).path == folder
    assert data_source(f"{folder}[0:3]").rows == (0, 3)


@pytest.mark.parametrize("name", ["cat/c.png", "eel"])
def test_links_are_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    """A link to a file or folder outside is refused; the control shows what it would send."""
    secret = tmp_path / "secret"
    _write(secret / "1.png", PIXELS[0])
    target = secret if name == "eel" else secret / "1.png"
    (folder / name).symlink_to(target)
    assert (folder / name).resolve() == target
    with pytest.raises(AssayError) as caught:
        data_source(str(folder))
    assert caught.value.code is Code.DATA_NOT_A_FILE
    assert caught.value.exit is Exit.USAGE


def test_a_link_that_takes_a_pictures_place_is_not_opened(folder: Path, tmp_path: Path) -> None:
    """Between listing and reading a file may become a link; the control follows it."""
    found = class_folders(folder).pictures[0]
    (tmp_path / "secret").write_bytes(b"secret")
    found.unlink()
    found.symlink_to(tmp_path / "secret")
    assert found.read_bytes() == b"secret"
    with pytest.raises(OSError, match=r"[Ss]ymbolic"):
        opened(found)


@pytest.mark.parametrize("above", ["parent", "class"])
def test_the_wrong_level_is_told(folder: Path, above: str) -> None:
    """The folder above, or a class folder itself, is refused with the right level."""
    with pytest.raises(AssayError) as caught:
        data_source(str(folder.parent if above == "parent" else folder / "cat"))
    assert caught.value.code is Code.DATA_NOT_A_FILE
    assert "right above the class folders" in caught.value.remedy


def test_too_many_pictures_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing ends at a bound that is told."""
    monkeypatch.setattr("service.cli.folders._MOST_PICTURES", 3)
    with pytest.raises(AssayError) as caught:
        class_folders(folder)
    assert caught.value.code is Code.DATA_TOO_LARGE
