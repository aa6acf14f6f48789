"""Rounded values whose slope is that of the values before rounding.

The straight-through estimator of Bengio, Leonard and Courville (2013), "Estimating or propagating
gradients through stochastic neurons for conditional computation". A slope of this kind is a
stand-in: rounding itself has none.
"""

from typing import cast

import torch
from torch import Tensor

from analyzers.engines.operators.clipping import clipped
from analyzers.engines.operators.stored import HALVES


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, values: Tensor, replaced: Tensor) -> Tensor:
        return replaced.clone()

    @staticmethod
    def backward(ctx: object, *slopes: Tensor) -> tuple[Tensor, None]:
        return slopes[0], None


def straight_through(values: Tensor, replaced: Tensor) -> Tensor:
    """``replaced`` with the slope of ``values``."""
    if not values.requires_grad:
        return replaced
    return cast(Tensor, _StraightThrough.apply(values, replaced.detach()))  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


def rounded(values: Tensor) -> Tensor:
    """To the nearest whole number, ties to even."""
    return straight_through(values, torch.round(values.detach()))


def whole_within(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Rounded and clipped to what ``dtype`` holds; where it clips, the slope is zero."""
    limits = torch.iinfo(dtype)
    return clipped(rounded(values), limits.min, limits.max)


def halved(values: Tensor, element: int) -> Tensor:
    """As coarse as half precision, still in the type that carries it."""
    exact = values.detach()
    return straight_through(values, exact.to(HALVES[element]).to(values.dtype))
