"""Numbers that a graph stores, also behind the nodes that exporters put between them and use."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import numpy as np
import onnx
from onnx import numpy_helper

from analyzers.contract import Array

_DEEPEST = 32
"""Nodes between a stored tensor and its use; an honest file has three or four."""
_FLOAT32_BYTES = 4
T = TypeVar("T")


class Constants:
    """The stored tensors of one graph, read through whatever only rearranges or rescales them."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Look nothing up yet."""
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self._producers = {name: node for node in model.graph.node for name in node.output if name}

    def find(self, name: str, *, depth: int = 0) -> Array | None:
        """The numbers of a tensor, or None where they are computed when the model runs."""
        if name in self._stored:
            return numpy_helper.to_array(self._stored[name])
        node = self._producers.get(name)
        if node is None or depth == _DEEPEST:
            return None
        if node.op_type == "Constant":
            return _constant(node)
        if node.op_type not in _RULES:
            return None
        given = [self.find(one, depth=depth + 1) if one else None for one in node.input]
        known = [one for one in given if one is not None]
        if len(known) != sum(bool(one) for one in node.input):
            return None
        return _RULES[node.op_type](node, given)

    def obstacle(self, name: str) -> str:
        """The first operator behind a tensor that this does not read through; empty for none."""
        for _ in range(_DEEPEST):
            node = self._producers.get(name)
            if node is None:
                return ""
            if node.op_type not in _RULES:
                return node.op_type
            blocked = (one for one in node.input if one and self.find(one) is None)
            name = next(blocked, "")
        return ""


def as_float(value: Array) -> Array:
    """Half precision widened, so that sums over weights are exact enough."""
    wide = value.dtype.kind == "f" and value.dtype.itemsize >= _FLOAT32_BYTES
    return value if wide else value.astype(np.float32)


def attribute(node: onnx.NodeProto, name: str, default: T) -> T:
    """A node's attribute, or the default where the file leaves it out."""
    found = next((one for one in node.attribute if one.name == name), None)
    return default if found is None else onnx.helper.get_attribute_value(found)


def dequantized(
    value: Array, scale: Array, zero: Array | None, *, axis: int, block: int = 0
) -> Array:
    """What whole numbers stand for: per tensor, per slice of an axis, or per block of one."""
    wide = value.astype(np.float32)
    if zero is not None:
        wide = wide - _along(zero.astype(np.float32), value.ndim, axis=axis, block=block)
    return wide * _along(as_float(scale), value.ndim, axis=axis, block=block)


def _along(value: Array, axes: int, *, axis: int, block: int) -> Array:
    if block:
        return np.repeat(value, block, axis=axis)
    if value.size == 1:
        return value.reshape(())
    shape = [1] * axes
    shape[axis] = -1
    return value.reshape(shape)


def _constant(node: onnx.NodeProto) -> Array | None:
    value = next((one for one in node.attribute if one.name == "value"), None)
    return None if value is None else numpy_helper.to_array(value.t)


def _same(node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
    del node
    return given[0]


def _cast(node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
    (value,) = given
    wanted = onnx.helper.tensor_dtype_to_np_dtype(attribute(node, "to", onnx.TensorProto.FLOAT))
    return None if value is None else value.astype(wanted)


def _cast_like(node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
    del node
    value, like = given
    return None if value is None or like is None else value.astype(like.dtype)


def _transpose(node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
    (value,) = given
    return None if value is None else value.transpose(attribute(node, "perm", None))


def _dequantize(node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
    value, scale, *zero = given
    if value is None or scale is None:
        return None
    axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
    return dequantized(value, scale, zero[0] if zero else None, axis=axis, block=block)


def _quantize(node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
    """Weights that a file rounds while it runs, as they come out of the rounding."""
    value, scale, *rest = given
    if value is None or scale is None or attribute(node, "block_size", 0):
        return None
    zero = rest[0] if rest else None
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    if kind.kind not in "iu":
        return None
    axis, limits = attribute(node, "axis", 1), np.iinfo(kind)
    steps = np.rint(as_float(value) / _along(as_float(scale), value.ndim, axis=axis, block=0))
    if zero is not None:
        steps = steps + _along(zero.astype(np.float32), value.ndim, axis=axis, block=0)
    return steps.clip(limits.min, limits.max).astype(kind)


_Rule = Callable[[onnx.NodeProto, Sequence[Array | None]], Array | None]
_RULES: Final[Mapping[str, _Rule]] = {
    "Identity": _same,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Transpose": _transpose,
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}
