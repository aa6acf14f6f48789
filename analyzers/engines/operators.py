"""What each ONNX operator is in torch. Forward rules only: autograd does the rest.

Semantics follow the operator's page in the ONNX specification for opset 7 and later; each one is
held against onnxruntime by a test. A variant without a rule raises ``NoRule`` rather than guess.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

Rule = Callable[["Call"], Tensor]


class NoRule(Exception):  # noqa: N818 - says what is missing, like the refusal it becomes
    """This variant of an operator is not covered."""


@dataclass(frozen=True)
class Call:
    """One node with its inputs evaluated."""

    inputs: Sequence[Tensor | None]
    attributes: Mapping[str, Any]
    opset: int

    def tensor(self, at: int) -> Tensor:
        """An input that must be there."""
        value = self.inputs[at]
        if value is None:
            message = f"input {at} is absent"
            raise NoRule(message)
        return value

    def optional(self, at: int) -> Tensor | None:
        """An input that may be left out."""
        return self.inputs[at] if at < len(self.inputs) else None

    def number(self, name: str, otherwise: float) -> float:
        """A number attribute or its default."""
        return float(self.attributes.get(name, otherwise))

    def count(self, name: str, otherwise: int) -> int:
        """A whole-number attribute or its default; switches are 0 or 1."""
        return int(self.attributes.get(name, otherwise))

    def sizes(self, name: str, otherwise: list[int]) -> list[int]:
        """A list attribute or its default."""
        return list(self.attributes.get(name, otherwise))

    def word(self, name: str, otherwise: str) -> str:
        """A text attribute or its default."""
        return self.attributes.get(name, otherwise.encode()).decode()

    def whole(self, name: str, at: int) -> list[int] | None:
        """Whole numbers that older opsets give as an attribute and newer ones as an input."""
        if name in self.attributes:
            return list(self.attributes[name])
        value = self.optional(at)
        return None if value is None else _whole(value)


def _whole(values: Tensor) -> list[int]:
    return [int(one) for one in values.reshape(-1).numpy()]


# ------------------------------------------------------------------- convolution and pooling


def _conv(call: Call) -> Tensor:
    values, weight = call.tensor(0), call.tensor(1)
    window = _Window.of(call, values, list(weight.shape[2:]))
    padding = window.low
    if window.low != window.high:
        values, padding = functional.pad(values, window.pairs), [0] * len(window.kernel)
    kernels: dict[int, Callable[..., Tensor]] = {
        1: functional.conv1d,
        2: functional.conv2d,
        3: functional.conv3d,
    }
    return kernels[len(window.kernel)](
        values,
        weight,
        call.optional(2),
        window.strides,
        padding,
        window.dilations,
        call.count("group", 1),
    )


@dataclass(frozen=True)
class _Window:
    """A sliding window with its padding settled."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    low: list[int]
    high: list[int]

    @classmethod
    def of(cls, call: Call, values: Tensor, kernel: list[int]) -> "_Window":
        axes = len(kernel)
        strides = call.sizes("strides", [1] * axes)
        dilations = call.sizes("dilations", [1] * axes)
        pads = call.sizes("pads", [0] * (2 * axes))
        mode = call.word("auto_pad", "NOTSET")
        if mode == "VALID":
            pads = [0] * (2 * axes)
        elif mode != "NOTSET":
            pads = _same(list(values.shape[2:]), kernel, strides, dilations=dilations, mode=mode)
        return cls(kernel, strides, dilations, pads[:axes], pads[axes:])

    @property
    def pairs(self) -> list[int]:
        """Padding as torch lists it: the last axis first."""
        ends = list(zip(self.low, self.high, strict=True))
        return [size for pair in reversed(ends) for size in pair]


def _same(
    sizes: list[int], kernel: list[int], strides: list[int], *, dilations: list[int], mode: str
) -> list[int]:
    """Padding that makes the output as long as the input over the stride, rounded up."""
    low: list[int] = []
    high: list[int] = []
    for size, width, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        reach = (math.ceil(size / stride) - 1) * stride + (width - 1) * dilation + 1
        missing = max(0, reach - size)
        less, more = missing // 2, missing - missing // 2
        low.append(less if mode == "SAME_UPPER" else more)
        high.append(more if mode == "SAME_UPPER" else less)
    return [*low, *high]


def _pool_window(call: Call) -> _Window:
    kernel = call.sizes("kernel_shape", [])
    window = _Window.of(call, call.tensor(0), kernel)
    if len(kernel) != 2:  # noqa: PLR2004 - pictures have two axes
        message = "pooling over other than two axes"
        raise NoRule(message)
    if call.count("ceil_mode", 0) and any(window.pairs):
        message = "ceil_mode with padding"
        raise NoRule(message)
    return window


def _max_pool(call: Call) -> Tensor:
    window = _pool_window(call)
    values = functional.pad(call.tensor(0), window.pairs, value=-math.inf)
    return functional.max_pool2d(
        values,
        window.kernel,
        window.strides,
        dilation=window.dilations,
        ceil_mode=bool(call.count("ceil_mode", 0)),
    )


def _average_pool(call: Call) -> Tensor:
    window, values = _pool_window(call), call.tensor(0)
    if any(one != 1 for one in window.dilations):
        message = "dilated average pooling"
        raise NoRule(message)

    def mean(rows: Tensor) -> Tensor:
        ceil = bool(call.count("ceil_mode", 0))
        padded = functional.pad(rows, window.pairs)
        return functional.avg_pool2d(padded, window.kernel, window.strides, ceil_mode=ceil)

    if call.count("count_include_pad", 0) or not any(window.pairs):
        return mean(values)
    return mean(values) / mean(torch.ones_like(values[:1, :1]))


def _global_average_pool(call: Call) -> Tensor:
    values = call.tensor(0)
    return values.mean(dim=list(range(2, values.ndim)), keepdim=True)


def _global_max_pool(call: Call) -> Tensor:
    values = call.tensor(0)
    return values.amax(dim=list(range(2, values.ndim)), keepdim=True)


# --------------------------------------------------------------------- linear and normalising


def _batch_normalization(call: Call) -> Tensor:
    if call.count("training_mode", 0) or not call.count("spatial", 1):
        message = "batch normalisation that is not per channel at inference"
        raise NoRule(message)
    scale, bias, mean, variance = (call.tensor(at) for at in range(1, 5))
    return functional.batch_norm(
        call.tensor(0),
        mean,
        variance,
        scale,
        bias,
        training=False,
        eps=call.number("epsilon", 1e-5),
    )


def _gemm(call: Call) -> Tensor:
    left, right, added = call.tensor(0), call.tensor(1), call.optional(2)
    if call.count("transA", 0):
        left = left.T
    if call.count("transB", 0):
        right = right.T
    product = left @ right
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    product = product if alpha == 1.0 else product * alpha
    if added is None:
        return product
    return product + (added if beta == 1.0 else added * beta)


def _softmax(call: Call) -> Tensor:
    return _along_classes(call, torch.softmax)


def _log_softmax(call: Call) -> Tensor:
    return _along_classes(call, torch.log_softmax)


def _along_classes(call: Call, function: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Before opset 13 everything from ``axis`` on was one row."""
    values = call.tensor(0)
    if call.opset >= 13:  # noqa: PLR2004 - an opset
        return function(values, call.count("axis", -1))
    rows = values.flatten(call.count("axis", 1) % values.ndim)
    return function(rows, -1).reshape(values.shape)


# --------------------------------------------------------------------------------- elementwise


def _divide(call: Call) -> Tensor:
    over, under = call.tensor(0), call.tensor(1)
    exact = over.is_floating_point()
    return torch.div(over, under, rounding_mode=None if exact else "trunc")


def _clip(call: Call) -> Tensor:
    low = call.attributes.get("min", call.optional(1))
    high = call.attributes.get("max", call.optional(2))
    values = call.tensor(0)
    if low is None and high is None:
        return values
    return torch.clamp(values, min=low, max=high)


def _leaky_relu(call: Call) -> Tensor:
    return functional.leaky_relu(call.tensor(0), call.number("alpha", 0.01))


def _dropout(call: Call) -> Tensor:
    training = call.optional(2)
    if training is not None and bool(training):
        message = "dropout in training mode"
        raise NoRule(message)
    return call.tensor(0)


def _cast(call: Call) -> Tensor:
    dtype = _TORCH_TYPES.get(call.attributes["to"])
    if dtype is None:
        message = f"a cast to {onnx.TensorProto.DataType.Name(call.attributes['to'])}"
        raise NoRule(message)
    return call.tensor(0).to(dtype)


_TORCH_TYPES: Mapping[int, torch.dtype] = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.DOUBLE: torch.float64,
    onnx.TensorProto.INT32: torch.int32,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.BOOL: torch.bool,
}


# ------------------------------------------------------------------------------ shapes and axes


def _constant(call: Call) -> Tensor:
    for name in ("value_float", "value_floats"):
        if name in call.attributes:
            return torch.tensor(call.attributes[name], dtype=torch.float32)
    for name in ("value_int", "value_ints"):
        if name in call.attributes:
            return torch.tensor(call.attributes[name], dtype=torch.int64)
    if "value" not in call.attributes:
        message = "a constant that is neither a tensor nor numbers"
        raise NoRule(message)
    return tensor_of(call.attributes["value"])


def tensor_of(stored: onnx.TensorProto) -> Tensor:
    """A stored tensor in torch."""
    return torch.from_numpy(np.array(numpy_helper.to_array(stored)))  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


def _flatten(call: Call) -> Tensor:
    values = call.tensor(0)
    axis = call.count("axis", 1)
    first = math.prod(values.shape[: axis if axis >= 0 else values.ndim + axis])
    return values.reshape(first, -1)


def _reshape(call: Call) -> Tensor:
    values = call.tensor(0)
    sizes = _whole(call.tensor(1))
    if not call.count("allowzero", 0):
        sizes = [values.shape[at] if size == 0 else size for at, size in enumerate(sizes)]
    return values.reshape(sizes)


def _transpose(call: Call) -> Tensor:
    values = call.tensor(0)
    return values.permute(call.sizes("perm", list(range(values.ndim))[::-1]))


def _squeeze(call: Call) -> Tensor:
    values, axes = call.tensor(0), call.whole("axes", 1)
    return values.squeeze() if axes is None else values.squeeze(tuple(axes))


def _unsqueeze(call: Call) -> Tensor:
    values, axes = call.tensor(0), call.whole("axes", 1) or []
    rank = values.ndim + len(axes)
    for axis in sorted(one % rank for one in axes):
        values = values.unsqueeze(axis)
    return values


def _concat(call: Call) -> Tensor:
    return torch.cat([call.tensor(at) for at in range(len(call.inputs))], call.attributes["axis"])


def _shape(call: Call) -> Tensor:
    sizes = list(call.tensor(0).shape)
    return torch.tensor(sizes[call.count("start", 0) : call.count("end", len(sizes))])


def _gather(call: Call) -> Tensor:
    values, picked = call.tensor(0), call.tensor(1)
    axis = call.count("axis", 0) % values.ndim
    flat = picked.reshape(-1)
    flat = torch.where(torch.lt(flat, 0), flat + values.shape[axis], flat)
    sizes = [*values.shape[:axis], *picked.shape, *values.shape[axis + 1 :]]
    return values.index_select(axis, flat).reshape(sizes)


def _slice(call: Call) -> Tensor:
    values = call.tensor(0)
    starts, ends = call.whole("starts", 1) or [], call.whole("ends", 2) or []
    axes = call.whole("axes", 3) or list(range(len(starts)))
    steps = call.whole("steps", 4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        picked = range(values.shape[axis])[start:end:step]
        values = values.index_select(axis, torch.tensor(picked, dtype=torch.int64))
    return values


def _pad(call: Call) -> Tensor:
    values = call.tensor(0)
    pads = call.whole("pads", 1) or []
    axes = call.whole("axes", 3) or list(range(values.ndim))
    ends = {axis % values.ndim: at for at, axis in enumerate(axes)}
    pairs: list[int] = []
    for axis in reversed(range(values.ndim)):
        at = ends.get(axis)
        pairs += [0, 0] if at is None else [pads[at], pads[at + len(axes)]]
    while pairs and pairs[-2:] == [0, 0]:
        pairs = pairs[:-2]
    mode = call.word("mode", "constant")
    if mode == "constant":
        fill = call.attributes.get("value", call.optional(2))
        return functional.pad(values, pairs, value=0.0 if fill is None else float(fill))
    if mode not in _PADDING or len(pairs) > 2 * (values.ndim - 2):
        message = f"padding by '{mode}'"
        raise NoRule(message)
    pairs += [0] * (2 * (values.ndim - 2) - len(pairs))
    return functional.pad(values, pairs, mode=_PADDING[mode])


_PADDING = {"reflect": "reflect", "edge": "replicate"}


def _reduced_axes(call: Call) -> list[int] | None:
    """The axes to reduce; None leaves the values as they are."""
    axes = call.whole("axes", 1)
    if axes:
        return axes
    return None if call.count("noop_with_empty_axes", 0) else list(range(call.tensor(0).ndim))


def _reduce_mean(call: Call) -> Tensor:
    axes, values = _reduced_axes(call), call.tensor(0)
    return values if axes is None else values.mean(axes, keepdim=bool(call.count("keepdims", 1)))


def _reduce_sum(call: Call) -> Tensor:
    axes, values = _reduced_axes(call), call.tensor(0)
    return values if axes is None else values.sum(axes, keepdim=bool(call.count("keepdims", 1)))


def _one(function: Callable[[Tensor], Tensor]) -> Rule:
    return lambda call: function(call.tensor(0))


def _two(function: Callable[[Tensor, Tensor], Tensor]) -> Rule:
    return lambda call: function(call.tensor(0), call.tensor(1))


def _same_value(values: Tensor) -> Tensor:
    return values


RULES: Mapping[str, Rule] = {
    "Abs": _one(torch.abs),
    "Add": _two(torch.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Constant": _constant,
    "Conv": _conv,
    "Div": _divide,
    "Dropout": _dropout,
    "Erf": _one(torch.erf),
    "Exp": _one(torch.exp),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "Identity": _one(_same_value),
    "LeakyRelu": _leaky_relu,
    "Log": _one(torch.log),
    "LogSoftmax": _log_softmax,
    "MatMul": _two(torch.matmul),
    "MaxPool": _max_pool,
    "Mul": _two(torch.mul),
    "Neg": _one(torch.neg),
    "Pad": _pad,
    "Pow": _two(torch.pow),
    "ReduceMean": _reduce_mean,
    "ReduceSum": _reduce_sum,
    "Relu": _one(torch.relu),
    "Reshape": _reshape,
    "Round": _one(torch.round),
    "Shape": _shape,
    "Sigmoid": _one(torch.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax,
    "Sqrt": _one(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _two(torch.sub),
    "Tanh": _one(torch.tanh),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}

SUPPORTED = frozenset(RULES)
"""Operators with a gradient here."""
