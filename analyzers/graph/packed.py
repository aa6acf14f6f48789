"""A model whose weights lie in a second file, brought in one zip: made whole in memory.

Exporters write large weights beside the model. Nothing is ever read from the disk by a name that
a model gives: such a name finds a member of the same archive, or nothing.
"""

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

import onnx
from google.protobuf.message import DecodeError

from analyzers.contract import Refusal
from analyzers.graph.reading import tensors_of

_ZIP: Final = b"PK\x03\x04"
_MOST_BYTES: Final = 2 << 30
"""What one protobuf message can hold."""
_MOST_MEMBERS: Final = 4096
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError),
    *(OSError, EOFError, ValueError),
)
_FIX = "Put the ONNX file and the files of its weights, and nothing else, into one zip."


def whole(upload: bytes) -> bytes:
    """The upload as one ONNX file; what is no zip is handed back as it is."""
    if not upload.startswith(_ZIP):
        return upload
    try:
        members = _members(upload)
    except _UNREADABLE as error:
        raise _broken("The zip cannot be read.") from error
    names = [name for name in members if name.lower().endswith(".onnx")]
    if len(names) != 1:
        raise _broken(f"The zip holds {len(names)} ONNX files; exactly one is taken.")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(members[names[0]])
    except DecodeError as error:
        raise _broken("The file in the zip is no ONNX model.") from error
    folder = names[0].rpartition("/")[0]
    for tensor in tensors_of(model):
        _inline(tensor, members, f"{folder}/" if folder else "")
    return model.SerializeToString()


def _members(upload: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(upload)) as archive:
        listed = archive.infolist()
        if len(listed) > _MOST_MEMBERS or sum(one.file_size for one in listed) > _MOST_BYTES:
            raise _broken("The zip holds more than any model here may.")
        names = {one.filename.lower() for one in listed}
        if len(names) < len(listed):
            raise _broken("The zip holds two files of one name.")
        return dict(_read(archive, listed))


def _read(archive: zipfile.ZipFile, listed: list[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    for one in listed:
        if not one.is_dir():
            yield one.filename, archive.read(one)


def _inline(tensor: onnx.TensorProto, members: Mapping[str, bytes], folder: str) -> None:
    """Numbers that the tensor only points at become its own; paths begin at the model's folder."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return
    told = {one.key: one.value for one in tensor.external_data}
    name = folder + told.get("location", "")
    body = members.get(name)
    if body is None:
        raise _broken(f"The zip does not hold '{name[:60]}', where weights are said to lie.")
    try:
        offset = int(told.get("offset", 0))
        length = int(told.get("length", len(body) - offset))
    except ValueError as error:
        raise _broken(f"Where weights lie in '{name[:60]}' is not given in bytes.") from error
    if offset < 0 or length < 0 or offset + length > len(body):
        raise _broken(f"'{name[:60]}' is shorter than the model says.")
    tensor.raw_data = body[offset : offset + length]
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT


def _broken(sentence: str) -> Refusal:
    return Refusal("MODEL_BROKEN", sentence, _FIX)
