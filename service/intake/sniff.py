"""What a file is, by its first bytes and never by its name or anybody's claim."""

import struct

from service.errors import AssayError, Code

ONNX = "onnx"
SAFETENSORS = "safetensors"
NPZ = "npz"
ONNX_ZIP = "onnx-zip"
HEAD = 512
"""How many leading bytes recognition looks at: enough for the first name in a zip."""

_ZIP = b"PK\x03\x04"
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_EXPORT = (
    "Export it to ONNX with torch.onnx.export(model, example, 'model.onnx', dynamo=True), or give "
    "safetensors weights with --arch."
)


def model_format(head: bytes, size: int) -> str:
    """A model's format; what is none of those taken here is refused with the way to export."""
    if size == 0:
        raise AssayError(Code.MODEL_EMPTY, "The model file is empty.", "Export the model again.")
    if head.startswith(_ZIP) and _first_member(head).endswith(b".onnx"):
        return ONNX_ZIP
    if head.startswith((_ZIP, *_PICKLES)):
        raise AssayError(
            Code.MODEL_NOT_RECOGNISED,
            "The model is a pickle or a zip archive, which can run code when it is opened.",
            _EXPORT,
        )
    if _is_safetensors(head, size):
        return SAFETENSORS
    if _may_be_onnx(head):
        return ONNX
    raise AssayError(
        Code.MODEL_NOT_RECOGNISED, "The file is neither an ONNX model nor safetensors.", _EXPORT
    )


def data_format(head: bytes, size: int) -> str:
    """``npz``; anything else is refused with the way to write one."""
    if size == 0:
        raise AssayError(Code.DATA_EMPTY, "The data file is empty.", "Write the npz file again.")
    if not head.startswith(_ZIP):
        raise AssayError(
            Code.DATA_NOT_RECOGNISED,
            "The data file is not an npz archive.",
            "Write it with numpy.savez('data.npz', images=images, labels=labels).",
        )
    return NPZ


def _first_member(head: bytes) -> bytes:
    """The name in the first local header of a zip (APPNOTE 4.3.7)."""
    length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + length]


def _is_safetensors(head: bytes, size: int) -> bool:
    if len(head) < 9:  # noqa: PLR2004 - the length of the header, and its first byte
        return False
    (length,) = struct.unpack("<Q", head[:8])
    return 0 < length <= size - 8 and head[8:9] == b"{"


def _may_be_onnx(head: bytes) -> bool:
    """A ModelProto begins with a field whose number and wire type the format knows."""
    return bool(head) and head[0] in {0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72, 0xA2}
