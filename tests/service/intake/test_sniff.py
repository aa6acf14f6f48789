"""A file is what its bytes say, whatever its name claims."""

import struct

import pytest

from service.errors import AssayError, Code
from service.intake.sniff import CONTAINER, data_format, model_head

SAFE = struct.pack("<Q", 20) + b'{"a":1} '
ONNX = b"\x08\x0a\x12\x07pytorch...."


def test_formats_are_recognised() -> None:
    """Models and data are known by how they begin."""
    assert model_head(ONNX, 1000) == "onnx"
    assert model_head(SAFE, 1000) == "safetensors"
    assert model_head(b"PK\x03\x04abcdefghijkl", 400) == CONTAINER
    assert model_head(b"\x80\x04\x95abcdefgh", 400) == CONTAINER
    zipped = b"PK\x03\x04" + b"\0" * 22 + b"\x0a\0\0\0"
    assert data_format(zipped + b"images.npy", 1000) == "npz"
    assert data_format(zipped + b"cat/01.png", 1000) == "class-folders"
    assert data_format(b"PAR1" + b"\0" * 12, 1000) == "parquet"
    assert data_format(SAFE, 1000) == "safetensors"


@pytest.mark.parametrize(
    ("head", "size", "code"),
    [
        (b"", 0, Code.MODEL_EMPTY),
        (b"\x89HDF\r\n\x1a\n", 400, Code.FORMAT_EXECUTABLE),
        (b"\x7fELF\x02\x01", 400, Code.FORMAT_EXECUTABLE),
        (b"\x1f\x8b\x08\0", 400, Code.MODEL_NOT_RECOGNISED),
        (b"hello world, this", 400, Code.MODEL_NOT_RECOGNISED),
        (b"<html>", 6, Code.MODEL_NOT_RECOGNISED),
    ],
)
def test_other_models_are_refused_with_the_way_out(head: bytes, size: int, code: Code) -> None:
    """What could run code, or is no model, is refused and told how to export."""
    with pytest.raises(AssayError) as caught:
        model_head(head, size)
    assert caught.value.code is code
    assert "xport" in caught.value.remedy


def test_safetensors_header_must_fit_the_file() -> None:
    """A header longer than the file is no safetensors."""
    with pytest.raises(AssayError):
        model_head(struct.pack("<Q", 5000) + b"{" + b" " * 7, 100)


@pytest.mark.parametrize(
    ("head", "size", "code", "told"),
    [
        (b"", 0, Code.DATA_EMPTY, "empty"),
        (b"\x93NUMPY\x01\x00", 80, Code.DATA_NOT_RECOGNISED, "labels are needed too"),
        (b"\x80\x02ctorch", 80, Code.DATA_NOT_RECOGNISED, "run code"),
        (b"\x89PNG\r\n\x1a\n", 80, Code.DATA_NOT_RECOGNISED, "none of"),
        (struct.pack("<Q", 5000) + b"{" + b" " * 7, 100, Code.DATA_NOT_RECOGNISED, "none of"),
    ],
)
def test_other_data_is_refused(head: bytes, size: int, code: Code, told: str) -> None:
    """What is no data is refused with what it seems to be and the way to write an npz."""
    with pytest.raises(AssayError) as caught:
        data_format(head, size)
    assert caught.value.code is code
    assert told in caught.value.sentence
    assert "npz" in caught.value.remedy
