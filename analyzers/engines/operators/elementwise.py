"""Arithmetic, comparison and logic, value by value.

Rounding, signs and comparisons are steps: their slope is zero wherever there is one, and zero is
what they have here.
"""

import functools
import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, NoRule, Rule, one, two
from analyzers.engines.operators.clipping import clipped
from analyzers.engines.operators.variants import REFUSED


def _divide(over: Tensor, under: Tensor) -> Tensor:
    exact = over.is_floating_point() or under.is_floating_point()
    return torch.div(over, under, rounding_mode=None if exact else "trunc")


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    return torch.pow(base, exponent).to(base.dtype)


def _modulo(call: Call) -> Tensor:
    left, right = call.present()
    return torch.fmod(left, right) if call.count("fmod", 0) else torch.remainder(left, right)


def _clip(call: Call) -> Tensor:
    low = call.attributes.get("min", call.optional(1))
    high = call.attributes.get("max", call.optional(2))
    values = call.tensor(0)
    if low is None and high is None:
        return values
    limits = [one for one in (low, high) if isinstance(one, Tensor)]
    if all(_is_number(one) for one in limits):  # torch is much faster with plain numbers
        low, high = (one.item() if isinstance(one, Tensor) else one for one in (low, high))
        if low is not None and high is not None and values.is_floating_point():
            return clipped(values, float(low), float(high))
    return torch.clamp(values, min=low, max=high)


def _is_number(limit: Tensor) -> bool:
    """Whether it can be read at once, and has no slope of its own."""
    return limit.numel() == 1 and not limit.requires_grad and limit.device.type == "cpu"


def _folded(function: Callable[[Tensor, Tensor], Tensor]) -> Rule:
    return lambda call: functools.reduce(function, call.present())


def _mean(call: Call) -> Tensor:
    values = call.present()
    return functools.reduce(torch.add, values) / len(values)


def _where(call: Call) -> Tensor:
    condition, yes, no = call.present()
    return torch.where(condition.bool(), yes, no)


def _is_infinite(call: Call) -> Tensor:
    values = call.tensor(0)
    found = torch.zeros_like(values, dtype=torch.bool)
    if call.count("detect_positive", 1):
        found |= values == math.inf
    if call.count("detect_negative", 1):
        found |= values == -math.inf
    return found


def _shift(call: Call) -> Tensor:
    if call.dtype(0) in _WIDE:
        raise NoRule(REFUSED["BitShift"])
    left = call.word("direction", "") == "LEFT"
    shifted = torch.bitwise_left_shift if left else torch.bitwise_right_shift
    return shifted(call.tensor(0), call.tensor(1))


def _inverted(call: Call) -> Tensor:
    if call.dtype(0) in _WIDE:
        raise NoRule(REFUSED["BitwiseNot"])
    return torch.bitwise_not(call.tensor(0))


_WIDE = frozenset({torch.uint16, torch.uint32, torch.uint64})
"""Carried in a signed type, whose bits mean something else."""

RULES: Mapping[str, Rule] = {
    "Abs": one(torch.abs),
    "Acos": one(torch.acos),
    "Acosh": one(torch.acosh),
    "Add": two(torch.add),
    "And": two(torch.logical_and),
    "Asin": one(torch.asin),
    "Asinh": one(torch.asinh),
    "Atan": one(torch.atan),
    "Atanh": one(torch.atanh),
    "BitShift": _shift,
    "BitwiseAnd": two(torch.bitwise_and),
    "BitwiseNot": _inverted,
    "BitwiseOr": two(torch.bitwise_or),
    "BitwiseXor": two(torch.bitwise_xor),
    "Ceil": one(torch.ceil),
    "Clip": _clip,
    "Cos": one(torch.cos),
    "Cosh": one(torch.cosh),
    "Div": two(_divide),
    "Equal": two(torch.eq),
    "Erf": one(torch.erf),
    "Exp": one(torch.exp),
    "Floor": one(torch.floor),
    "Greater": two(torch.gt),
    "GreaterOrEqual": two(torch.ge),
    "IsInf": _is_infinite,
    "IsNaN": one(torch.isnan),
    "Less": two(torch.lt),
    "LessOrEqual": two(torch.le),
    "Log": one(torch.log),
    "Max": _folded(torch.maximum),
    "Mean": _mean,
    "Min": _folded(torch.minimum),
    "Mod": _modulo,
    "Mul": two(torch.mul),
    "Neg": one(torch.neg),
    "Not": one(torch.logical_not),
    "Or": two(torch.logical_or),
    "Pow": two(_power),
    "Reciprocal": one(torch.reciprocal),
    "Round": one(torch.round),
    "Sign": one(torch.sign),
    "Sin": one(torch.sin),
    "Sinh": one(torch.sinh),
    "Sqrt": one(torch.sqrt),
    "Sub": two(torch.sub),
    "Sum": _folded(torch.add),
    "Tan": one(torch.tan),
    "Where": _where,
    "Xor": two(torch.logical_xor),
}
