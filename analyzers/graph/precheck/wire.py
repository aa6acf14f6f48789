"""The bytes of a file before a parser sees them: how many messages they hold, and how deep.

Two bytes can make the parser allocate a message of 150, and it copies bytes to tell their length.
This walk allocates nothing, skips weights unread, and is strict where readers differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import onnx

from analyzers.graph.precheck.limits import Limits, broken, not_recognised, too_complex, too_large

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_LONGEST_VARINT = 10
_RAW_DATA: Final = onnx.TensorProto.RAW_DATA_FIELD_NUMBER << 3 | _BYTES
_OWN_WEIGHTS_DEPTH = 3
"""Model, graph, initializer; those of training graphs lie deeper."""


@dataclass(frozen=True)
class Outline:
    """What the walk found."""

    nodes: int
    attributes: int
    fields: int
    raw_lengths: tuple[int, ...]
    """Bytes of raw data of the model's own initializers, in order."""


class _Part(NamedTuple):
    """A field that holds a message again."""

    name: str
    kind: str
    repeated: bool


class _Kind(NamedTuple):
    """A message type, and those of its fields that hold messages."""

    name: str
    inside: Mapping[int, _Part]


@cache
def _kind(name: str) -> _Kind:
    found = onnx.ModelProto.DESCRIPTOR.file.pool.FindMessageTypeByName(name)
    parts = {
        field.number: _Part(field.name, field.message_type.full_name, field.is_repeated)
        for field in found.fields
        if field.message_type is not None
    }
    return _Kind(found.name, parts)


def outline(raw: bytes, limits: Limits) -> Outline:
    """Count a file's messages; more or deeper ones than allowed are refused."""
    if len(raw) > limits.file_bytes:
        raise too_large("The model file has", limits.file_bytes)
    walk = _Walk(raw, limits)
    try:
        walk.message(0, len(raw), _kind("onnx.ModelProto"))
    except IndexError as error:
        raise not_recognised() from error
    counts = walk.counts
    return Outline(
        counts["NodeProto"], counts["AttributeProto"], walk.fields, tuple(walk.raw_lengths)
    )


class _Walk:
    def __init__(self, raw: bytes, limits: Limits) -> None:
        """Begin with nothing counted."""
        self._raw, self._limits = raw, limits
        self._most = {
            "NodeProto": (limits.nodes, "operators"),
            "AttributeProto": (limits.attributes, "attributes"),
            "FunctionProto": (limits.functions, "functions of its own"),
        }
        self.counts = dict.fromkeys(self._most, 0)
        self.fields = 0
        self.raw_lengths: list[int] = []
        self._depth = self._graphs = self._raw_length = 0

    def message(self, at: int, end: int, kind: _Kind) -> None:
        """Walk one message; ``at`` ends exactly where it says that it ends."""
        raw, inside, seen = self._raw, kind.inside, set[int]()
        self._depth += 1
        left = self._limits.fields - self.fields
        while at < end and left > 0:
            left -= 1
            tag, at = raw[at], at + 1
            if tag > 127:  # noqa: PLR2004 - a byte that goes on
                tag, at = self._varint(at - 1)
            if tag & 7 != _BYTES:
                at = at + 1 if not tag & 7 and raw[at] < 128 else self._past(tag, at)  # noqa: PLR2004 - a short varint
                continue
            size, at = raw[at], at + 1
            if size > 127:  # noqa: PLR2004 - a byte that goes on
                size, at = self._varint(at - 1)
            if tag >> 3 in inside and at + size <= end:
                self.fields = self._limits.fields - left
                self._enter(at, at + size, kind=kind, number=tag >> 3, seen=seen)
                left = self._limits.fields - self.fields
            elif tag == _RAW_DATA:
                self._raw_length = size
            at += size
        self._ended(at, end, left)

    def _ended(self, at: int, end: int, left: int) -> None:
        self.fields = self._limits.fields - left
        self._depth -= 1
        if at < end:
            raise too_complex(f"The model has more than {self._limits.fields} entries.")
        if at > end:
            raise not_recognised()

    def _enter(self, at: int, end: int, *, kind: _Kind, number: int, seen: set[int]) -> None:
        field = kind.inside[number]
        if number in seen and not field.repeated:
            raise broken(f"The model gives the part '{field.name}' twice where it may have one.")
        seen.add(number)
        child = _kind(field.kind)
        self._count(child.name)
        if child.name == "TensorProto":
            self._raw_length = 0
        is_graph = child.name == "GraphProto"
        self._graphs += is_graph
        if self._graphs > self._limits.graph_depth + 1:
            raise too_complex(f"Graphs lie more than {self._limits.graph_depth} deep in the model.")
        if self._depth >= self._limits.nesting:
            raise too_complex(f"Parts lie more than {self._limits.nesting} deep in the model.")
        self.message(at, end, child)
        self._graphs -= is_graph
        if kind.name == "GraphProto" and field.name == "initializer":
            self._weights()

    def _count(self, name: str) -> None:
        if name in self._most:
            most, words = self._most[name]
            self.counts[name] += 1
            if self.counts[name] > most:
                raise too_complex(f"The model has more than {most} {words}.")

    def _weights(self) -> None:
        if self._depth == _OWN_WEIGHTS_DEPTH - 1:
            self.raw_lengths.append(self._raw_length)
        if len(self.raw_lengths) > self._limits.initializers:
            raise too_complex(
                f"The model has more than {self._limits.initializers} stored tensors."
            )

    def _varint(self, at: int) -> tuple[int, int]:
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self._raw[at + place]
            value |= (byte & 127) << 7 * place
            if byte < 128:  # noqa: PLR2004 - the last byte
                return value, at + place + 1
        raise not_recognised()

    def _past(self, tag: int, at: int) -> int:
        """Where a number ends; groups, which ONNX never had, are not walked."""
        wire = tag & 7
        if wire == _VARINT:
            return self._varint(at)[1]
        if wire == _EIGHT:
            return at + 8
        if wire == _FOUR:
            return at + 4
        raise not_recognised()
