"""Nonlinearities, value by value or along the classes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, NoRule, Rule, one, two
from analyzers.engines.operators.clipping import clipped
from analyzers.engines.operators.variants import REFUSED

_ONE_AXIS = 13
"""From this opset on softmax and its kin take one axis; before, everything behind it was a row."""
_LINEAR_FROM = 40.0
"""Above it softplus is its argument to the last bit of a double."""


def _celu(call: Call) -> Tensor:
    return functional.celu(call.tensor(0), call.number("alpha", 1.0))


def _elu(call: Call) -> Tensor:
    return functional.elu(call.tensor(0), call.number("alpha", 1.0))


def _selu(call: Call) -> Tensor:
    alpha = call.number("alpha", 1.67326319217681884765625)
    return call.number("gamma", 1.05070102214813232421875) * functional.elu(call.tensor(0), alpha)


def _gelu(call: Call) -> Tensor:
    return functional.gelu(call.tensor(0), approximate=call.word("approximate", "none"))


def _hard_sigmoid(call: Call) -> Tensor:
    line = call.tensor(0) * call.number("alpha", 0.2) + call.number("beta", 0.5)
    return clipped(line, 0.0, 1.0)


def _hard_swish(values: Tensor) -> Tensor:
    return values * clipped(values / 6.0 + 0.5, 0.0, 1.0)


def _swish(call: Call) -> Tensor:
    values = call.tensor(0)
    return values * torch.sigmoid(call.number("alpha", 1.0) * values)


def _swiglu(call: Call) -> Tensor:
    return _swish(call) * call.tensor(1)


def _leaky_relu(call: Call) -> Tensor:
    return functional.leaky_relu(call.tensor(0), call.number("alpha", 0.01))


def _prelu(values: Tensor, slope: Tensor) -> Tensor:
    return torch.where(values < 0, slope * values, values)


def _thresholded_relu(call: Call) -> Tensor:
    values = call.tensor(0)
    return torch.where(values > call.number("alpha", 1.0), values, 0.0)


def _shrink(call: Call) -> Tensor:
    values, width, bias = call.tensor(0), call.number("lambd", 0.5), call.number("bias", 0.0)
    outside = torch.where(values > width, values - bias, torch.zeros_like(values))
    return torch.where(values < -width, values + bias, outside).to(values.dtype)


def _softplus(values: Tensor) -> Tensor:
    return functional.softplus(values, threshold=_LINEAR_FROM)


def _softmax(call: Call) -> Tensor:
    return _along_classes(call, torch.softmax)


def _log_softmax(call: Call) -> Tensor:
    return _along_classes(call, torch.log_softmax)


def _hardmax(call: Call) -> Tensor:
    return _along_classes(call, _highest)


def _highest(values: Tensor, axis: int) -> Tensor:
    best = values.argmax(axis, keepdim=True)
    return torch.zeros_like(values).scatter(axis, best, 1.0)


def _along_classes(call: Call, function: Callable[[Tensor, int], Tensor]) -> Tensor:
    values = call.tensor(0)
    if call.opset >= _ONE_AXIS:
        return function(values, call.count("axis", -1))
    axis = call.count("axis", 1)
    rows = values.flatten(axis % values.ndim if axis < values.ndim else axis)
    return function(rows, -1).reshape(values.shape)


def _dropout(call: Call) -> Tensor | tuple[Tensor, ...]:
    values, ratio, training = call.tensor(0), call.optional(1), call.optional(2)
    drops = ratio is None or bool(ratio != 0)
    if training is not None and bool(training) and drops:
        raise NoRule(REFUSED["Dropout"])
    if call.outputs == 1:
        return values
    return values, torch.ones_like(values, dtype=torch.bool)


RULES: Mapping[str, Rule] = {
    "Celu": _celu,
    "Dropout": _dropout,
    "Elu": _elu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": one(_hard_swish),
    "Hardmax": _hardmax,
    "LeakyRelu": _leaky_relu,
    "LogSoftmax": _log_softmax,
    "Mish": one(functional.mish),
    "PRelu": two(_prelu),
    "Relu": one(torch.relu),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": one(torch.sigmoid),
    "Softmax": _softmax,
    "Softplus": one(_softplus),
    "Softsign": one(functional.softsign),
    "SwiGLU": _swiglu,
    "Swish": _swish,
    "Tanh": one(torch.tanh),
    "ThresholdedRelu": _thresholded_relu,
}
