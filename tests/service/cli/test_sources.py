"""FILE, FILE[A:B] and --limit: which images are meant, and which mistakes are named."""

from pathlib import Path

import pytest

from service.cli.sources import data_source, model_source
from service.errors import AssayError, Code, Exit


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file that is there; its content is none of this module's business."""
    path = tmp_path / "data.npz"
    path.write_bytes(b"x")
    return path


@pytest.mark.parametrize(
    ("written", "limit", "rows"),
    [
        ("", None, None),
        ("[0:500]", None, (0, 500)),
        ("[:500]", None, (0, 500)),
        ("[ 20 : 60 ]", None, (20, 60)),
        ("", 40, (0, 40)),
        ("[100:300]", 50, (100, 150)),
        ("[100:120]", 50, (100, 120)),
    ],
)
def test_slice_and_limit_name_rows(
    data: Path, written: str, limit: int | None, rows: tuple[int, int] | None
) -> None:
    """A limit keeps the first images of the file, or of the slice, and never widens a slice."""
    found = data_source(f"{data}{written}", limit)
    assert (found.path, found.rows) == (data, rows)


@pytest.mark.parametrize("written", ["[5]", "[5:5]", "[9:3]", "[-4:5]", "[a:b]", "[]", "[3:]"])
def test_bad_slices_are_refused(data: Path, written: str) -> None:
    """What is no slice of rows is a usage error that shows how one is written."""
    with pytest.raises(AssayError) as caught:
        data_source(f"{data}{written}")
    assert caught.value.code is Code.DATA_SLICE_INVALID
    assert caught.value.exit is Exit.USAGE
    assert "[0:500]" in caught.value.remedy


def test_a_file_may_be_called_like_a_slice(tmp_path: Path) -> None:
    """A file that exists under the whole text is that file, not a slice of another."""
    path = tmp_path / "fold[0:5]"
    path.write_bytes(b"x")
    assert data_source(str(path)).rows is None
    assert data_source(f"{path}[1:2]").rows == (1, 2)


def test_missing_files_and_folders_have_their_own_codes(tmp_path: Path) -> None:
    """No file, a folder as model, a folder as data: three codes, all of them usage."""
    mistakes = {
        Code.FILE_NOT_FOUND: lambda: model_source(str(tmp_path / "none.onnx")),
        Code.MODEL_NOT_A_FILE: lambda: model_source(str(tmp_path)),
        Code.DATA_NOT_A_FILE: lambda: data_source(f"{tmp_path}[0:5]"),
    }
    for code, mistake in mistakes.items():
        with pytest.raises(AssayError) as caught:
            mistake()
        assert caught.value.code is code
        assert caught.value.exit is Exit.USAGE
