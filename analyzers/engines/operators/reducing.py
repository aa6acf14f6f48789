"""Sums, means, extremes and norms along axes, and what runs along one."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, Rule, whole_numbers
from analyzers.engines.operators.pooling import root

_Reduction = Callable[[Tensor, list[int]], Tensor]
"""Reduces axes and keeps them with one entry."""


def _reduced(function: _Reduction) -> Rule:
    def rule(call: Call) -> Tensor:
        values, axes = call.tensor(0), call.whole("axes", 1) or []
        if not axes:
            if call.count("noop_with_empty_axes", 0):
                return values
            axes = list(range(values.ndim))
        axes = [axis % values.ndim for axis in axes]
        exact = values if values.is_floating_point() else values.double()
        found = function(exact, axes) if axes else exact
        found = found > 0 if values.dtype == torch.bool else found.to(values.dtype)
        return found if call.count("keepdims", 1) or not axes else found.squeeze(tuple(axes))

    return rule


def _sum(values: Tensor, axes: list[int]) -> Tensor:
    return values.sum(axes, keepdim=True)


def _mean(values: Tensor, axes: list[int]) -> Tensor:
    return values.mean(axes, keepdim=True)


def _product(values: Tensor, axes: list[int]) -> Tensor:
    for axis in axes:
        values = values.prod(axis, keepdim=True)
    return values


def _most(values: Tensor, axes: list[int]) -> Tensor:
    return _of_none(values, axes, -math.inf) if _empty(values, axes) else values.amax(axes, True)


def _least(values: Tensor, axes: list[int]) -> Tensor:
    return _of_none(values, axes, math.inf) if _empty(values, axes) else values.amin(axes, True)


def _empty(values: Tensor, axes: list[int]) -> bool:
    return any(values.shape[axis] == 0 for axis in axes)


def _of_none(values: Tensor, axes: list[int], fill: float) -> Tensor:
    sizes = [1 if axis in axes else size for axis, size in enumerate(values.shape)]
    return values.new_full(sizes, fill)


def _sum_of_sizes(values: Tensor, axes: list[int]) -> Tensor:
    return values.abs().sum(axes, keepdim=True)


def _sum_of_squares(values: Tensor, axes: list[int]) -> Tensor:
    return values.square().sum(axes, keepdim=True)


def _length(values: Tensor, axes: list[int]) -> Tensor:
    return root(_sum_of_squares(values, axes), 2.0)


def _log_sum(values: Tensor, axes: list[int]) -> Tensor:
    return values.sum(axes, keepdim=True).log()


def _log_sum_exp(values: Tensor, axes: list[int]) -> Tensor:
    return torch.logsumexp(values, axes, keepdim=True)


def _best(function: Callable[..., Tensor]) -> Rule:
    def rule(call: Call) -> Tensor:
        values, axis = call.tensor(0), call.count("axis", 0)
        last = bool(call.count("select_last_index", 0))
        found = function(
            values.flip(axis) if last else values, axis, bool(call.count("keepdims", 1))
        )
        return values.shape[axis] - 1 - found if last else found

    return rule


def _running(function: Callable[[Tensor, int], Tensor], start: float) -> Rule:
    def rule(call: Call) -> Tensor:
        values, axis = call.tensor(0), whole_numbers(call.tensor(1))[0]
        backwards = bool(call.count("reverse", 0))
        values = values.flip(axis) if backwards else values
        if call.count("exclusive", 0):
            first = torch.full_like(values.narrow(axis, 0, 1), start)
            values = torch.cat([first, values.narrow(axis, 0, values.shape[axis] - 1)], axis)
        found = function(values, axis).to(values.dtype)
        return found.flip(axis) if backwards else found

    return rule


RULES: Mapping[str, Rule] = {
    "ArgMax": _best(torch.argmax),
    "ArgMin": _best(torch.argmin),
    "CumProd": _running(torch.cumprod, 1.0),
    "CumSum": _running(torch.cumsum, 0.0),
    "ReduceL1": _reduced(_sum_of_sizes),
    "ReduceL2": _reduced(_length),
    "ReduceLogSum": _reduced(_log_sum),
    "ReduceLogSumExp": _reduced(_log_sum_exp),
    "ReduceMax": _reduced(_most),
    "ReduceMean": _reduced(_mean),
    "ReduceMin": _reduced(_least),
    "ReduceProd": _reduced(_product),
    "ReduceSum": _reduced(_sum),
    "ReduceSumSquare": _reduced(_sum_of_squares),
}
