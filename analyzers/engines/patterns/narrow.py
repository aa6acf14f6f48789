"""Convolutions into few channels, whose slope is itself a convolution with the turned kernel.

Torch's slope of such a convolution takes up to three times as long on a processor as the
convolution that says the same; with more channels out the two are alike.
"""

from dataclasses import replace
from typing import Any, Final, cast

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, Rule
from analyzers.engines.steps import Step
from analyzers.engines.workbench import Found, Workbench

_MOST: Final = 8
"""Channels out; counted on a processor with vectors of eight numbers."""
_PICTURE: Final = 4


def narrow(bench: Workbench, step: Step) -> Found | None:
    """A convolution of pictures with a constant kernel, one pixel a stride, in one group."""
    weight = bench.constant(step.inputs[1]) if step.operator == "Conv" else None
    if weight is None or weight.ndim != _PICTURE or len(weight) > _MOST:
        return None
    if bench.readers(step.inputs[1]) > 1:
        return None
    padding = _padding(step, list(weight.shape[2:]))
    if padding is None or not all(bench.constant(name) is not None for name in step.inputs[2:]):
        return None
    around = [size - 1 - pad for size, pad in zip(weight.shape[2:], padding, strict=True)]
    turned = weight.flip(2, 3).transpose(0, 1).contiguous()
    inputs = [*step.inputs, bench.keep(f"{step.inputs[1]} turned", turned)]
    return Found(replace(step, rule=_rule(padding, around), inputs=inputs), [])


def _padding(step: Step, kernel: list[int]) -> list[int] | None:
    """How much is added at both ends of each axis, where that is all there is to say."""
    told = step.attributes
    every = [*told.get("strides", (1,)), *told.get("dilations", (1,)), told.get("group", 1)]
    pads = list(told.get("pads", (0, 0, 0, 0)))
    plain = all(one == 1 for one in every) and told.get("auto_pad", b"NOTSET") == b"NOTSET"
    low, high = pads[:2], pads[2:]
    within = all(0 <= pad < size for pad, size in zip(low, kernel, strict=True))
    return low if plain and low == high and within else None


def _rule(padding: list[int], around: list[int]) -> Rule:
    def rule(call: Call) -> Tensor:
        values, weight, *others = call.present()
        bias, turned = others if len(others) > 1 else (None, *others)
        told = (values, weight, bias, turned, padding, around)
        return cast(Tensor, _Turned.apply(*told))  # pyright: ignore[reportUnknownMemberType]  # untyped in torch

    return rule


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *told: Any) -> Tensor:  # noqa: ANN401 - torch gives both no type
        values, weight, bias, turned, padding, around = told
        ctx.save_for_backward(turned)
        ctx.around, ctx.dtype = around, values.dtype
        return functional.conv2d(values, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as above
        (turned,) = ctx.saved_tensors
        slope = functional.conv2d(slopes[0].to(turned.dtype), turned, padding=ctx.around)
        return slope.to(ctx.dtype), None, None, None, None, None
