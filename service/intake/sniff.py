"""What a file is, by its first bytes and never by its name or anybody's claim."""

import struct
from typing import Final

from service.errors import AssayError, Code
from service.intake.formats import ONNX, SAFETENSORS

NPZ: Final = "npz"
CLASS_FOLDERS: Final = "class-folders"
PARQUET: Final = "parquet"
CONTAINER: Final = "container"
"""A zip or a pickle given as a model: what lies in it is looked at in a child."""

HEAD: Final = 512
"""How many leading bytes recognition looks at: enough for the first name in a zip."""

EXPORT: Final = (
    "Export it with `assay export module:factory --input 1x3x224x224 -o model.onnx`, or with "
    "torch.onnx.export(model, example, 'model.onnx', dynamo=True)."
)
_SAVE: Final = "Write it with numpy.savez('data.npz', images=images, labels=labels)."
_ZIP: Final = b"PK\x03\x04"
_PICKLES: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_ONNX_FIELDS: Final = frozenset({0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72, 0xA2})
"""First bytes of a ModelProto: fields whose number and wire type the format knows."""

_FOREIGN: Final = (
    (b"\x89HDF\r\n\x1a\n", "a Keras HDF5 file, which may hold code"),
    (b"\x1f\x8b", "a gzip archive, such as a TorchServe archive not in the default format"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x7fELF", "a native library or program"),
    (b"MZ", "a Windows program"),
    (b"GGUF", "a GGUF language model"),
    (b"#!", "a script"),
    (b"<", "a page of text, perhaps the error page of a download"),
    (b"version https://git-lfs", "a pointer to a file in Git LFS, not the file itself"),
)
_EXECUTABLE: Final = frozenset({b"\x89HDF\r\n\x1a\n", b"\x7fELF", b"MZ", b"#!"})


def model_head(head: bytes, size: int) -> str:
    """``onnx``, ``safetensors`` or ``container``; anything else is refused by what it is."""
    if size == 0:
        raise AssayError(Code.MODEL_EMPTY, "The model file is empty.", "Export the model again.")
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            executable = magic in _EXECUTABLE
            code = Code.FORMAT_EXECUTABLE if executable else Code.MODEL_NOT_RECOGNISED
            raise AssayError(code, f"The model file is {what}.", EXPORT)
    if head.startswith((_ZIP, *_PICKLES)):
        return CONTAINER
    if _is_safetensors(head, size):
        return SAFETENSORS
    if head[0] in _ONNX_FIELDS:
        return ONNX
    raise AssayError(
        Code.MODEL_NOT_RECOGNISED, "The file is no model of a kind that is taken here.", EXPORT
    )


def data_format(head: bytes, size: int) -> str:
    """A data file's format; anything else is refused with the way to write one.

    Which of the two zips it is shows in its directory, so ``npz`` here is only what begins as one.
    """
    if size == 0:
        raise AssayError(Code.DATA_EMPTY, "The data file is empty.", "Write the npz file again.")
    if head.startswith(_ZIP):
        return NPZ if _first_member(head).endswith(b".npy") else CLASS_FOLDERS
    if head.startswith(b"PAR1"):
        return PARQUET
    if _is_safetensors(head, size):
        return SAFETENSORS
    raise AssayError(Code.DATA_NOT_RECOGNISED, *_no_data(head))


def _no_data(head: bytes) -> tuple[str, str]:
    """What the file is instead, where that is plain, and what to do."""
    if head.startswith(b"\x93NUMPY"):
        return "The data file is one numpy array, and labels are needed too.", _SAVE
    if head.startswith(_PICKLES):
        return "The data file is a pickle, which can run code when it is opened.", _SAVE
    return (
        "The data file is none of npz, a zip of class folders, Parquet and safetensors.",
        _SAVE,
    )


def _first_member(head: bytes) -> bytes:
    """The name in the first local header of a zip (APPNOTE 4.3.7)."""
    length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + length]


def _is_safetensors(head: bytes, size: int) -> bool:
    if len(head) < 9:  # noqa: PLR2004 - the length of the header, and its first byte
        return False
    (length,) = struct.unpack("<Q", head[:8])
    return 0 < length <= size - 8 and head[8:9] == b"{"
