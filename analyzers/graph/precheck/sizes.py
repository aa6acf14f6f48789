"""Whether a tensor holds what its shape announces, and a declared shape is one at all."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import onnx
from onnx import TensorProto

from analyzers.contract import Refusal
from analyzers.graph.precheck.limits import MOST_AXES, Limits, broken, shown, too_complex

_BITS: Final[Mapping[int, int]] = {
    **dict.fromkeys(
        (TensorProto.COMPLEX128,),
        128,
    ),
    **dict.fromkeys(
        (TensorProto.DOUBLE, TensorProto.INT64, TensorProto.UINT64, TensorProto.COMPLEX64), 64
    ),
    **dict.fromkeys((TensorProto.FLOAT, TensorProto.INT32, TensorProto.UINT32), 32),
    **dict.fromkeys(
        (TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.INT16, TensorProto.UINT16), 16
    ),
    **dict.fromkeys(
        (
            *(TensorProto.INT8, TensorProto.UINT8, TensorProto.BOOL, TensorProto.FLOAT8E8M0),
            *(TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E4M3FNUZ),
            *(TensorProto.FLOAT8E5M2, TensorProto.FLOAT8E5M2FNUZ),
        ),
        8,
    ),
    **dict.fromkeys((TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT4E2M1), 4),
    **dict.fromkeys((TensorProto.INT2, TensorProto.UINT2), 2),
}
_PAIRS: Final = frozenset({TensorProto.COMPLEX64, TensorProto.COMPLEX128})
_FIELDS: Final[Mapping[str, frozenset[int]]] = {
    "float_data": frozenset({TensorProto.FLOAT, TensorProto.COMPLEX64}),
    "double_data": frozenset({TensorProto.DOUBLE, TensorProto.COMPLEX128}),
    "int64_data": frozenset({TensorProto.INT64}),
    "uint64_data": frozenset({TensorProto.UINT32, TensorProto.UINT64}),
    "string_data": frozenset({TensorProto.STRING}),
}
_NARROW = "int32_data"
"""Where every type that has no field of its own is spelt out."""


def needed_bytes(tensor: TensorProto) -> int:
    """Bytes of raw data that a tensor's shape and type ask for; impossible ones are refused."""
    bits = _BITS.get(tensor.data_type)
    if bits is None:
        raise broken(f"The stored tensor '{shown(tensor.name)}' is of no type that can be read.")
    return -(-elements(tensor.dims, tensor.name) * bits // 8)


def check_tensor(tensor: TensorProto, limits: Limits, raw_length: int | None = None) -> None:
    """Refuse a tensor that lies; ``raw_length`` spares the copy that asking for it makes."""
    name = tensor.name
    if tensor.HasField("segment"):
        raise broken(f"The stored tensor '{shown(name)}' comes in pieces.")
    spelt = [field for field in (*_FIELDS, _NARROW) if len(getattr(tensor, field))]
    length = len(tensor.raw_data) if raw_length is None else raw_length
    if len(spelt) + bool(length) > 1:
        raise broken(f"The stored tensor '{shown(name)}' gives its numbers twice.")
    if not spelt and tensor.data_type != TensorProto.STRING:
        fits = length == needed_bytes(tensor)
    else:
        field = spelt[0] if spelt else "string_data"
        entries = _entries(tensor.data_type, field, elements(tensor.dims, name))
        fits = not length and len(getattr(tensor, field)) == entries
    if not fits:
        raise broken(
            f"The stored tensor '{shown(name)}' does not hold the numbers that it announces."
        )
    _bound(tensor.dims, name, limits)  # last: what announces more than it holds is a lie first


def _entries(kind: int, field: str, count: int) -> int:
    """How many entries of a typed field so many numbers take; -1 for a type that is not there."""
    if field == _NARROW:
        bits = _BITS.get(kind, 64)
        if bits < 8:  # noqa: PLR2004 - several in one byte
            return -(-count * bits // 8)
        elsewhere = any(kind in kinds for kinds in _FIELDS.values())
        return -1 if elsewhere or kind not in _BITS else count
    if kind not in _FIELDS[field]:
        return -1
    return count * 2 if kind in _PAIRS else count


def elements(dims: Sequence[int], name: str) -> int:
    """How many numbers a shape means; the axes are counted before anything is multiplied."""
    if len(dims) > MOST_AXES:
        raise too_complex(f"The tensor '{shown(name)}' has more than {MOST_AXES} axes.")
    if dims and min(dims) < 0:
        raise broken(f"The tensor '{shown(name)}' has an axis of negative length.")
    return math.prod(dims)


def _bound(dims: Sequence[int], name: str, limits: Limits) -> None:
    """Also where an empty axis hides how long the others are."""
    if elements([one for one in dims if one], name) > limits.elements:
        raise too_complex(
            f"The tensor '{shown(name)}' announces more than {limits.elements} numbers."
        )


def check_declared(value: onnx.ValueInfoProto, limits: Limits) -> None:
    """Refuse a shape that no value can have."""
    axes = known_axes(value)
    elements(axes, value.name)
    _bound(axes, value.name, limits)


def check_image(value: onnx.ValueInfoProto, limits: Limits) -> None:
    """The same for an input, told as what the user knows: the size of an image."""
    try:
        check_declared(value, limits)
    except Refusal as error:
        raise Refusal(
            "MODEL_INPUT_UNSUPPORTED",
            f"No image has the size that the input '{shown(value.name)}' declares.",
            "Export the model with one float32 input [batch, channels, height, width].",
        ) from error


def known_axes(value: onnx.ValueInfoProto) -> list[int]:
    """Lengths of the axes that a declaration fixes; -1 in front is how some say ``open``."""
    axes = [axis.dim_value for axis in value.type.tensor_type.shape.dim if axis.dim_value]
    return axes[1:] if axes[:1] == [-1] else axes
