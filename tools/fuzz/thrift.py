"""Thrift's compact protocol, read and written without knowing what a struct means (its spec)."""

from dataclasses import dataclass
from typing import Any, Final

from tools.fuzz.draws import Draw
from tools.fuzz.wire import varint

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_NUMBERS: Final = frozenset({_I16, _I32, _I64})


@dataclass
class Field:
    """A field of a struct: its number, its kind, and a value of that kind."""

    number: int
    kind: int
    value: Any
    """An int, bytes, a list of values under its kind, or a list of fields."""


@dataclass
class Items:
    """A list of values of one kind."""

    kind: int
    values: list[Any]


def read(raw: bytes, at: int) -> tuple[list[Field], int]:
    """A struct, and where it ends."""
    found: list[Field] = []
    number = 0
    while raw[at]:
        kind, step, at = raw[at] & 15, raw[at] >> 4, at + 1
        if step:
            number += step
        else:
            number, at = _zigzag(raw, at)
        value, at = _value(raw, at, kind)
        found.append(Field(number, kind, value))
    return found, at + 1


def _value(raw: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in {_TRUE, _FALSE}:
        return None, at
    if kind in _NUMBERS:
        return _zigzag(raw, at)
    if kind == _STRUCT:
        return read(raw, at)
    if kind == _BINARY:
        size, at = _unsigned(raw, at)
        return raw[at : at + size], at + size
    if kind in {_LIST, _SET}:
        return _items(raw, at)
    size = {_BYTE: 1, _DOUBLE: 8}[kind]
    return raw[at : at + size], at + size


def _items(raw: bytes, at: int) -> tuple[Items, int]:
    count, kind, at = raw[at] >> 4, raw[at] & 15, at + 1
    if count == 15:  # noqa: PLR2004 - the length follows
        count, at = _unsigned(raw, at)
    values: list[Any] = []
    for _ in range(count):
        if kind in {_TRUE, _FALSE}:
            value, at = raw[at : at + 1], at + 1
        else:
            value, at = _value(raw, at, kind)
        values.append(value)
    return Items(kind, values), at


def _unsigned(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (raw[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if raw[at - 1] < 0x80:  # noqa: PLR2004 - the last byte of a number
            return value, at


def _zigzag(raw: bytes, at: int) -> tuple[int, int]:
    value, at = _unsigned(raw, at)
    return value >> 1 ^ -(value & 1), at


def written(fields: list[Field]) -> bytes:
    """The struct, its field numbers in the long form so that any are possible."""
    parts: list[bytes] = []
    for one in fields:
        parts += [bytes((one.kind & 15,)), _signed(one.number), _body(one.kind, one.value)]
    return b"".join([*parts, b"\0"])


def _signed(number: int) -> bytes:
    return varint(number << 1 ^ number >> 63)


def _body(kind: int, value: Any) -> bytes:  # noqa: ANN401 - of the kind that was told
    if value is None:
        return b""
    if isinstance(value, int):
        return _signed(value)
    if isinstance(value, Items):
        inside = b"".join(_body(value.kind, one) for one in value.values)
        return bytes((0xF0 | value.kind & 15,)) + varint(len(value.values)) + inside
    if isinstance(value, bytes):
        return varint(len(value)) + value if kind == _BINARY else value
    return written(value)


# ---------------------------------------------------------------------------------------- lies


def lied(fields: list[Field], draw: Draw) -> None:
    """One lie somewhere in the struct."""
    if not fields:
        fields.append(Field(draw.below(20), _I32, draw.number()))
        return
    one = draw.pick(fields)
    how = draw.below(20)
    if how == 0:
        fields.remove(one)
    elif how == 1:
        fields.append(Field(one.number, one.kind, one.value))
    elif how == 2:  # noqa: PLR2004 - the third of twenty
        one.number = draw.pick((0, 1, one.number + 1, 99, -1, 32767))
    elif how == 3:  # noqa: PLR2004 - the fourth of twenty
        one.kind = draw.below(16)
    else:
        _value_lied(one, draw)


def _value_lied(one: Field, draw: Draw) -> None:
    value = one.value
    if value is None:
        one.kind = _TRUE + _FALSE - one.kind
    elif isinstance(value, int):
        one.value = draw.pick((value + 1, value - 1, -value, 0, draw.number()))
    elif isinstance(value, bytes):
        one.value = draw.pick((b"", b"\xff\xfe", value * 2, draw.name().encode(), value[:-1]))
    elif isinstance(value, Items):
        _items_lied(value, draw)
    else:
        lied(value, draw)


def _items_lied(items: Items, draw: Draw) -> None:
    values = items.values
    how = draw.below(8)
    if values and how < 5 and isinstance(values[0], list):  # noqa: PLR2004 - five times of eight
        lied(draw.pick(values), draw)
    elif values and how < 5 and isinstance(values[0], int):  # noqa: PLR2004 - as above
        values[draw.below(len(values))] = draw.number()
    elif values and how == 5:  # noqa: PLR2004 - the sixth of eight
        del values[draw.below(len(values))]
    elif values and how == 6:  # noqa: PLR2004 - the seventh of eight
        values.extend([draw.pick(values)] * draw.pick((1, 3, 300)))
    else:
        items.kind = draw.pick((items.kind, draw.below(16)))
