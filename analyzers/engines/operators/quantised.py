"""Quantised operators as a straight-through twin.

A quantised value is a float that holds the whole number. Forward it is rounded and clipped as
the specification says; backward the slope passes where nothing was clipped. The sums of whole
numbers stay exact in float32 up to 2^24.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, NoRule, Rule
from analyzers.engines.operators.clipping import clipped
from analyzers.engines.operators.stored import torch_type
from analyzers.engines.operators.straight_through import rounded, whole_within
from analyzers.engines.operators.windows import convolved

_LEVELS = (torch.uint8, torch.int8, torch.uint16, torch.int16)


def _number(call: Call, at: int) -> Tensor:
    """An input as floats, where the first input is."""
    values = call.tensor(at).to(call.tensor(0).device)
    return values if values.is_floating_point() else values.float()


def _zero(call: Call, at: int, like: Tensor) -> Tensor:
    """A zero point, 0 when left out."""
    return like.new_zeros(()) if call.optional(at) is None else _number(call, at)


def _levels(call: Call, at: int) -> torch.dtype:
    """The type that a zero point gives to what is quantised with it."""
    dtype = call.dtype(at) or torch.uint8
    if "output_dtype" in call.attributes and call.count("output_dtype", 0):
        dtype = torch_type(call.count("output_dtype", 0))
    if dtype not in _LEVELS:
        message = f"quantisation to {str(dtype).removeprefix('torch.')}"
        raise NoRule(message)
    return dtype


def _spread(call: Call, part: Tensor, values: Tensor) -> Tensor:
    """Scale or zero point, of one number, a number an axis or one a block, against the values."""
    if part.numel() == 1:
        return part.reshape(())
    axis = call.count("axis", 1) % values.ndim
    block = call.count("block_size", 0)
    if block:
        return part.repeat_interleave(block, axis).narrow(axis, 0, values.shape[axis])
    sizes = [1] * values.ndim
    sizes[axis] = part.numel()
    return part.reshape(sizes)


def _quantize(call: Call) -> Tensor:
    values = _number(call, 0)
    scale = _spread(call, _number(call, 1), values)
    zero = _spread(call, _zero(call, 2, values), values)
    return _clipped(values / scale, zero, _levels(call, 2))


def _clipped(values: Tensor, zero: Tensor, dtype: torch.dtype) -> Tensor:
    """Rounded before the zero point is added, as the specification orders it."""
    limits = torch.iinfo(dtype)
    return clipped(rounded(values) + zero, limits.min, limits.max)


def _dequantize(call: Call) -> Tensor:
    values = _number(call, 0)
    scale = _spread(call, _number(call, 1), values)
    return (values - _spread(call, _zero(call, 2, values), values)) * scale


def _dynamic(call: Call) -> tuple[Tensor, ...]:
    values = call.tensor(0)
    low, high = values.amin().clamp(max=0.0), values.amax().clamp(min=0.0)
    scale = (high - low) / 255
    scale = torch.where(scale == 0, 1.0, scale)
    zero = whole_within(-low / scale, torch.uint8)
    return _clipped(values / scale, zero, torch.uint8), scale, zero


def _per_channel(part: Tensor, weight: Tensor) -> Tensor:
    return part.reshape(-1, *[1] * (weight.ndim - 1)) if part.numel() > 1 else part.reshape(())


def _conv_integer(call: Call) -> Tensor:
    values, weight = _number(call, 0), _number(call, 1)
    shift = _per_channel(_zero(call, 3, weight), weight)
    return convolved(call, values - _zero(call, 2, values), weight - shift, None)


def _qlinear_conv(call: Call) -> Tensor:
    values, weight = _number(call, 0), _number(call, 3)
    scales = _number(call, 4)
    bias = None if call.optional(8) is None else _number(call, 8)
    shift = _per_channel(_zero(call, 5, weight), weight)
    sums = convolved(call, values - _zero(call, 2, values), weight - shift, bias)
    factor = _number(call, 1) * scales / _number(call, 6)
    factor = _per_channel(factor, sums[0])
    return _clipped(sums * factor, _zero(call, 7, sums), _levels(call, 7))


def _row_wise(part: Tensor) -> Tensor:
    """One number a row of the left matrix."""
    return part.unsqueeze(-1) if part.ndim == 1 and part.numel() > 1 else part


def _matmul_integer(call: Call) -> Tensor:
    left, right = _number(call, 0), _number(call, 1)
    return (left - _row_wise(_zero(call, 2, left))) @ (right - _zero(call, 3, right))


def _qlinear_matmul(call: Call) -> Tensor:
    left, right = _number(call, 0), _number(call, 3)
    sums = (left - _row_wise(_zero(call, 2, left))) @ (right - _zero(call, 5, right))
    factor = _row_wise(_number(call, 1)) * _number(call, 4) / _number(call, 6)
    return _clipped(sums * factor, _zero(call, 7, sums), _levels(call, 7))


ROUNDING = frozenset({"DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QuantizeLinear"})
"""Those whose slope is a stand-in; the others of the family are linear in their inputs."""

RULES: Mapping[str, Rule] = {
    "ConvInteger": _conv_integer,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic,
    "MatMulInteger": _matmul_integer,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
    "QuantizeLinear": _quantize,
}
