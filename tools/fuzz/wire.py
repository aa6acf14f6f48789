"""Lies in the wire format of protobuf: tags, lengths, varints, groups (encoding by its spec)."""

from collections.abc import Callable
from typing import Final, NamedTuple

from tools.fuzz.draws import Draw

_VARINT, _EIGHT, _BLOCK, _OPEN, _CLOSE, _FOUR = range(6)
_DEEPEST = 8


class Field(NamedTuple):
    """A field as it lies in the file."""

    number: int
    wire: int
    body: bytes
    """For a block without its length, else as encoded."""


def varint(number: int) -> bytes:
    """The shortest encoding."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def fields(raw: bytes) -> list[Field] | None:
    """The fields of a message; None where these bytes are none."""
    found: list[Field] = []
    at = 0
    while at < len(raw):
        tag, at = _number(raw, at)
        wire, start = tag & 7, at
        if wire == _VARINT:
            _, at = _number(raw, at)
        elif wire == _BLOCK:
            size, start = _number(raw, at)
            at = start + size
        elif wire in {_EIGHT, _FOUR}:
            at += 8 if wire == _EIGHT else 4
        else:
            return None
        if tag < 8 or at > len(raw):  # noqa: PLR2004 - field numbers begin at one
            return None
        found.append(Field(tag >> 3, wire, raw[start:at]))
    return found


def _number(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw):
        value |= (raw[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if raw[at - 1] < 0x80:  # noqa: PLR2004 - the last byte of a number
            return value, at
    return value, len(raw) + 1


def written(field: Field) -> bytes:
    """A field as it is meant to be written."""
    length = varint(len(field.body)) if field.wire == _BLOCK else b""
    return varint(field.number << 3 | field.wire) + length + field.body


def lied(raw: bytes, draw: Draw, depth: int = 0) -> bytes:
    """The message with one lie somewhere in it; what lies around it is written truly."""
    held = fields(raw) or []
    inner = [at for at, one in enumerate(held) if one.wire == _BLOCK and fields(one.body)]
    parts = [written(one) for one in held]
    if inner and depth < _DEEPEST and draw.chance(0.75):
        at = draw.pick(inner)
        parts[at] = written(held[at]._replace(body=lied(held[at].body, draw, depth + 1)))
    elif held:
        at = draw.below(len(held))
        parts[at] = draw.pick(_LIES)(held[at], draw)
    else:
        parts = [raw, draw.bytes(4)]
    return b"".join(parts)


def _dropped(field: Field, draw: Draw) -> bytes:
    del field, draw
    return b""


def _repeated(field: Field, draw: Draw) -> bytes:
    return written(field) * draw.pick((2, 3, 50))


def _other_number(field: Field, draw: Draw) -> bytes:
    number = draw.pick((0, 1, 2, 3, 5, 7, 8, 20, 999, 18999, (1 << 29) - 1, 1 << 29))
    return written(field._replace(number=number))


def _other_wire(field: Field, draw: Draw) -> bytes:
    return varint(field.number << 3 | draw.below(8)) + field.body


def _other_length(field: Field, draw: Draw) -> bytes:
    length = draw.pick((len(field.body) + 1, max(0, len(field.body) - 1), draw.number()))
    return varint(field.number << 3 | _BLOCK) + varint(length) + field.body


def _other_value(field: Field, draw: Draw) -> bytes:
    body = varint(draw.number()) if field.wire == _VARINT else draw.bytes(len(field.body))
    return written(field._replace(body=body))


def _long_varint(field: Field, draw: Draw) -> bytes:
    tag = varint(field.number << 3 | _VARINT)
    return (
        tag + b"\x80" * draw.pick((1, 8, 9, 10, 11, 40)) + draw.pick((b"\0", b"\1", b"\x7f", b""))
    )


def _long_tag(field: Field, draw: Draw) -> bytes:
    tag = field.number << 3 | field.wire
    return bytes([tag & 0x7F | 0x80, 0x80, 0x80, draw.pick((0, 0x80, 0x7F))]) + field.body


def _grouped(field: Field, draw: Draw) -> bytes:
    depth = draw.pick((1, 2, 40, 120, 5000))
    begin, end = (varint(field.number << 3 | wire) for wire in (_OPEN, _CLOSE))
    return begin * depth + written(field) + end * draw.pick((depth, depth - 1, 0, depth + 1))


def _nested(field: Field, draw: Draw) -> bytes:
    body = field.body
    for _ in range(draw.pick((2, 30, 101, 400))):
        body = written(Field(field.number, _BLOCK, body))
    return written(Field(field.number, _BLOCK, body))


def _bad_text(field: Field, draw: Draw) -> bytes:
    body = draw.pick((b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"a\0b", b"\xf4\x90\x80\x80"))
    return written(field._replace(wire=_BLOCK, body=body))


_LIES: Final[tuple[Callable[[Field, Draw], bytes], ...]] = (
    *(_dropped, _repeated, _other_number, _other_wire, _other_length, _other_value),
    *(_long_varint, _long_tag, _grouped, _nested, _bad_text),
)
