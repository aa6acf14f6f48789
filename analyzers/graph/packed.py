"""A model whose weights lie in a second file, brought in one zip: made whole in memory.

Exporters write large weights beside the model. Nothing is ever read from the disk by a name that
a model gives: such a name finds a member of the same archive, or nothing.
"""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

import onnx
from google.protobuf.message import DecodeError, EncodeError

from analyzers.contract import Refusal
from analyzers.graph.archived import check_members
from analyzers.graph.precheck import Limits, outline
from analyzers.graph.precheck.external import is_external, location_of, unsafe
from analyzers.graph.precheck.limits import shown, too_large
from analyzers.graph.precheck.places import tensors_of
from analyzers.graph.precheck.sizes import needed_bytes

_ZIP: Final = b"PK\x03\x04"
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError),
    *(OSError, EOFError, ValueError, IndexError, struct.error),
)
_FIX = "Put the ONNX file and the files of its weights, and nothing else, into one zip."
_LIMITS = Limits()


def whole(upload: bytes, limits: Limits = _LIMITS) -> bytes:
    """The upload as one ONNX file; what is no zip is handed back as it is."""
    if not upload.startswith(_ZIP):
        return upload
    try:
        members = _members(upload, limits)
    except _UNREADABLE as error:
        raise _broken("The zip cannot be read.") from error
    names = [name for name in members if name.lower().endswith(".onnx")]
    if len(names) != 1:
        raise _broken(f"The zip holds {len(names)} ONNX files; exactly one is taken.")
    model = _model(members[names[0]], limits)
    folder = names[0].rpartition("/")[0]
    _Inlining(members, f"{folder}/" if folder else "", limits).all_of(model)
    try:
        return model.SerializeToString()
    except EncodeError as error:
        raise too_large("Model and weights together have", limits.file_bytes) from error


def _members(upload: bytes, limits: Limits) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(upload)) as archive:
        listed = archive.infolist()
        if sum(one.file_size for one in listed) > limits.file_bytes:
            raise too_large("The zip unpacks to", limits.file_bytes)
        names = {one.filename.lower() for one in listed}
        if len(names) < len(listed):
            raise _broken("The zip holds two files of one name.")
        check_members(upload, archive)
        return {one.filename: archive.read(one) for one in listed if not one.is_dir()}


def _model(raw: bytes, limits: Limits) -> onnx.ModelProto:
    try:
        outline(raw, limits)
        return onnx.ModelProto.FromString(raw)
    except DecodeError as error:
        raise _broken("The file in the zip is no ONNX model.") from error
    except Refusal as error:
        if error.code == "MODEL_NOT_RECOGNISED":
            raise _broken("The file in the zip is no ONNX model.") from error
        raise


class _Inlining:
    """Numbers that tensors only point at become their own; paths begin at the model's folder."""

    def __init__(self, members: Mapping[str, bytes], folder: str, limits: Limits) -> None:
        """Nothing is taken yet."""
        self._members, self._folder, self._limits = members, folder, limits
        self._taken: dict[str, set[tuple[int, int]]] = {}
        self._total = 0

    def all_of(self, model: onnx.ModelProto) -> None:
        """Bring every tensor's numbers home."""
        for tensor in tensors_of(model):
            if is_external(tensor):
                self._inline(tensor)
        for name, places in self._taken.items():
            _refuse_overlap(name, places)

    def _inline(self, tensor: onnx.TensorProto) -> None:
        name = self._folder + location_of(tensor)
        body = self._members.get(name)
        if body is None:
            raise unsafe(f"The zip does not hold '{shown(name)}', where weights are said to lie.")
        needed = needed_bytes(tensor)
        offset, length = _range(tensor, needed, name)
        if offset + length > len(body):
            raise _broken(f"'{shown(name)}' is shorter than the model says.")
        if length != needed:
            raise _broken(f"The weights of '{shown(tensor.name)}' do not have the size they need.")
        # One range may serve several tensors, so a small zip could become an endless model.
        self._total += length
        if self._total > self._limits.file_bytes:
            raise too_large("The weights together have", self._limits.file_bytes)
        self._taken.setdefault(name, set()).add((offset, offset + length))
        tensor.raw_data = body[offset : offset + length]
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT


def _range(tensor: onnx.TensorProto, needed: int, name: str) -> tuple[int, int]:
    """Where the numbers begin and how many bytes they are, as the model says."""
    told = {str(one.key): str(one.value) for one in tensor.external_data}
    texts = (told.get("offset", "0"), told.get("length", str(needed)))
    if len(told) < len(tensor.external_data) or not all(
        one.isascii() and one.isdigit() and len(one) <= 19  # noqa: PLR2004 - digits of 64 bits
        for one in texts
    ):
        raise _broken(f"Where weights lie in '{shown(name)}' is not given in bytes.")
    return int(texts[0]), int(texts[1])


def _refuse_overlap(name: str, places: set[tuple[int, int]]) -> None:
    """Tensors may share their numbers whole; a half of one is no half of another."""
    end = 0
    for begin, stop in sorted(places):
        if begin < end:
            raise unsafe(f"Two tensors claim parts of each other's weights in '{shown(name)}'.")
        end = stop


def _broken(sentence: str) -> Refusal:
    return Refusal("MODEL_BROKEN", sentence, _FIX)
