"""Images and labels as two tensors of a safetensors file. Runs in a child.

A length of eight bytes, a JSON object that places every tensor, and the tensors' bytes, which
must fill the rest without gap or overlap. The reader is strict: what two readers could take for
different files is refused.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from analyzers.contract import Array, Refusal
from service.intake.data.stored_child import Raw, Rows, Stored, missing, sliced, unsupported

_LONGEST: Final = 1 << 20
"""Bytes of a header; a set of pictures needs two lines."""
_MOST_AXES: Final = 16
_SAVE: Final = (
    "Write it with safetensors.numpy.save_file({'images': images, 'labels': labels}, 'data')."
)
_DTYPES: Final = {
    **{"U8": "|u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"},
    **{"I8": "|i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"},
    **{"F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "|b1"},
}


class _Place(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(raw: Raw, rows: Rows) -> Stored:
    """The two tensors, or the rows asked for of them."""
    places, start = _header(raw)
    for name in ("images", "labels"):
        if name not in places:
            raise missing(name, list(places))
    images, labels = (_array(raw, start, places[name]) for name in ("images", "labels"))
    return sliced(images, labels, rows)


def _array(raw: Raw, start: int, place: _Place) -> Array:
    if place.dtype not in _DTYPES:
        raise unsupported(f"of the type {place.dtype}")
    dtype, count = np.dtype(_DTYPES[place.dtype]), math.prod(place.shape)
    if count * dtype.itemsize != place.end - place.begin:
        raise _broken(f"a tensor of the shape {list(place.shape)[:8]} has another number of bytes")
    if count == 0:
        raise Refusal("DATA_SHAPE_INVALID", "A tensor of the data file is empty.", _SAVE)
    return np.frombuffer(raw, dtype, count, start + place.begin).reshape(place.shape)


def _header(raw: Raw) -> tuple[dict[str, _Place], int]:
    """Every tensor's place, and where the tensors begin."""
    length = int.from_bytes(raw[:8], "little")
    if not 2 <= length <= min(_LONGEST, len(raw) - 8):  # noqa: PLR2004 - an empty object
        raise _broken("its header is longer than it may be")
    try:
        told: Any = json.loads(raw[8 : 8 + length].decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _broken("its header is not JSON, or names something twice") from error
    if not isinstance(told, dict):
        raise _broken("its header is no object")
    named: dict[str, Any] = told  # pyright: ignore[reportUnknownVariableType]  # JSON object
    named.pop("__metadata__", None)
    places = {name: _place(one) for name, one in named.items()}
    _check_cover(list(places.values()), len(raw) - 8 - length)
    return places, 8 + length


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name twice"
        raise ValueError(message)
    return found


def _place(told: Any) -> _Place:  # noqa: ANN401 - whatever the JSON holds
    match told:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end]}:
            numbers = [*shape, begin, end]
            whole = all(type(one) is int and 0 <= one < 1 << 48 for one in numbers)
            if len(told) == 3 and whole and len(shape) <= _MOST_AXES and begin <= end:  # noqa: PLR2004 - the three entries  # pyright: ignore[reportUnknownArgumentType]  # JSON object
                return _Place(dtype, tuple(shape), begin, end)
        case _:
            pass
    raise _broken("a tensor is not described by a type, a shape and two offsets")


def _check_cover(places: Sequence[_Place], size: int) -> None:
    at = 0
    for place in sorted(places, key=lambda one: (one.begin, one.end)):
        if place.begin != at:
            raise _broken("its tensors overlap or leave a gap")
        at = place.end
    if at != size:
        raise _broken("its tensors do not fill the file")


def _broken(what: str) -> Refusal:
    return Refusal(
        "DATA_NOT_RECOGNISED",
        f"The data file could not be read as safetensors: {what}.",
        _SAVE,
    )
