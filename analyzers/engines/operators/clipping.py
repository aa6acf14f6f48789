"""Clipping between two numbers, whose slope is one pass over the values.

Torch's own slope of ``clamp`` makes two masks, joins them and chooses: five times as long, and in
a net with a clip behind every convolution as long as the convolutions.
"""

import functools
import math
from typing import Any, Final, cast

import torch
from torch import Tensor

_EXACT: Final = (torch.float32, torch.float64)


class _Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *told: Any) -> Tensor:  # noqa: ANN401 - torch gives both no type
        values, low, high = told
        ctx.save_for_backward(values)
        # the slope of hardtanh is zero on its limits, so they are those just outside
        ctx.limits = _outside(low, high, values.dtype)
        return torch.clamp(values, low, high)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401 - as above
        (values,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(slopes[0], values, *ctx.limits), None, None


@functools.lru_cache(maxsize=64)
def _outside(low: float, high: float, dtype: torch.dtype) -> tuple[float, float]:
    """The numbers of a type that come before and behind a range."""
    ends = torch.tensor([low, high], dtype=dtype)
    outwards = torch.tensor([-math.inf, math.inf], dtype=dtype)
    before, behind = torch.nextafter(ends, outwards)
    return float(before), float(behind)


def clipped(values: Tensor, low: float, high: float) -> Tensor:
    """As ``torch.clamp``: on a limit itself the slope passes."""
    if not values.requires_grad or values.dtype not in _EXACT:
        return torch.clamp(values, low, high)
    return cast(Tensor, _Clipped.apply(values, low, high))  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
