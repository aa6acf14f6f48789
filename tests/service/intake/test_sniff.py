"""A file is what its bytes say, whatever its name claims."""

import struct

import pytest

from service.errors import AssayError, Code
from service.intake.sniff import data_format, model_format

SAFE = struct.pack("<Q", 20) + b'{"a":1} '
ONNX = b"\x08\x0a\x12\x07pytorch...."


def test_formats_are_recognised() -> None:
    """The two model formats and the one data format of this level."""
    assert model_format(ONNX, 1000) == "onnx"
    assert model_format(SAFE, 1000) == "safetensors"
    assert data_format(b"PK\x03\x04" + b"\0" * 12, 1000) == "npz"


@pytest.mark.parametrize(
    ("head", "size", "code"),
    [
        (b"", 0, Code.MODEL_EMPTY),
        (b"\x80\x04\x95abcdefgh", 400, Code.MODEL_NOT_RECOGNISED),
        (b"PK\x03\x04abcdefghijkl", 400, Code.MODEL_NOT_RECOGNISED),
        (b"hello world, this", 400, Code.MODEL_NOT_RECOGNISED),
        (b"<html>", 6, Code.MODEL_NOT_RECOGNISED),
    ],
)
def test_other_models_are_refused_with_the_way_out(head: bytes, size: int, code: Code) -> None:
    """What could run code, or is no model, is refused and told how to export."""
    with pytest.raises(AssayError) as caught:
        model_format(head, size)
    assert caught.value.code is code
    assert "xport" in caught.value.remedy


def test_safetensors_header_must_fit_the_file() -> None:
    """A header longer than the file is no safetensors."""
    with pytest.raises(AssayError):
        model_format(struct.pack("<Q", 5000) + b"{" + b" " * 7, 100)


@pytest.mark.parametrize(("head", "size"), [(b"", 0), (b"\x93NUMPY", 80)])
def test_other_data_is_refused(head: bytes, size: int) -> None:
    """An empty file and a lone npy file are refused with the way to write an npz."""
    with pytest.raises(AssayError) as caught:
        data_format(head, size)
    assert caught.value.code in (Code.DATA_EMPTY, Code.DATA_NOT_RECOGNISED)
