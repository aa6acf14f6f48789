"""Sliding windows: where they lie, and the convolutions."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, NoRule, Rule
from analyzers.engines.operators.variants import WINDOW_AXES

_MOST_AXES = 3


@dataclass(frozen=True)
class Window:
    """A sliding window with its padding settled."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    low: list[int]
    high: list[int]

    @classmethod
    def of(cls, call: Call, sizes: list[int], kernel: list[int]) -> "Window":
        """The window of a node over axes of these sizes."""
        axes = len(kernel)
        if not 1 <= axes <= _MOST_AXES or len(sizes) != axes:
            raise NoRule(WINDOW_AXES)
        strides = call.sizes("strides", [1] * axes)
        dilations = call.sizes("dilations", [1] * axes)
        pads = call.sizes("pads", [0] * (2 * axes))
        mode = call.word("auto_pad", "NOTSET")
        if mode == "VALID":
            pads = [0] * (2 * axes)
        elif mode != "NOTSET":
            pads = _same(sizes, kernel, strides, dilations=dilations, mode=mode)
        return cls(kernel, strides, dilations, pads[:axes], pads[axes:])

    @property
    def reach(self) -> list[int]:
        """What one window covers, holes included."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        return [(width - 1) * dilation + 1 for width, dilation in pairs]


def padded(values: Tensor, low: list[int], high: list[int], fill: float = 0.0) -> Tensor:
    """Widened, or cut where a number is negative, along the last axes."""
    ends = list(zip(low, high, strict=True))
    pairs = [size for pair in reversed(ends) for size in pair]
    return functional.pad(values, pairs, value=fill) if any(pairs) else values


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


def convolved(call: Call, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution that a node's attributes describe."""
    window = Window.of(call, list(values.shape[2:]), list(weight.shape[2:]))
    padding = window.low
    if window.low != window.high or min(window.low) < 0:
        values, padding = padded(values, window.low, window.high), [0] * len(window.kernel)
    kernels: dict[int, Callable[..., Tensor]] = {
        1: functional.conv1d,
        2: functional.conv2d,
        3: functional.conv3d,
    }
    return kernels[len(window.kernel)](
        values,
        weight,
        bias,
        window.strides,
        padding,
        window.dilations,
        call.count("group", 1),
    )


def _conv(call: Call) -> Tensor:
    return convolved(call, call.tensor(0), call.tensor(1), call.optional(2))


def _conv_transpose(call: Call) -> Tensor:
    """The whole transposed convolution, then cut (or widened) to the size asked for."""
    values, weight, bias = call.tensor(0), call.tensor(1), call.optional(2)
    kernel = list(weight.shape[2:])
    axes = len(kernel)
    if not 1 <= axes <= _MOST_AXES:
        raise NoRule(WINDOW_AXES)
    kernels: dict[int, Callable[..., Tensor]] = {
        1: functional.conv_transpose1d,
        2: functional.conv_transpose2d,
        3: functional.conv_transpose3d,
    }
    whole = kernels[axes](
        values,
        weight,
        None,
        call.sizes("strides", [1] * axes),
        groups=call.count("group", 1),
        dilation=call.sizes("dilations", [1] * axes),
    )
    added = call.sizes("output_padding", [0] * axes)
    low, high = _cuts(call, list(values.shape[2:]), list(whole.shape[2:]), added)
    high = [more - cut for more, cut in zip(added, high, strict=True)]
    found = padded(whole, [-cut for cut in low], high)
    return found if bias is None else found + bias.reshape(-1, *[1] * axes)


def _cuts(
    call: Call, sizes: list[int], whole: list[int], added: list[int]
) -> tuple[list[int], list[int]]:
    """What to take off at both ends of a transposed convolution."""
    axes = len(sizes)
    mode = call.word("auto_pad", "NOTSET")
    wanted = call.sizes("output_shape", [])[-axes:]
    if not wanted and mode in {"SAME_UPPER", "SAME_LOWER"}:
        strides = call.sizes("strides", [1] * axes)
        wanted = [size * stride for size, stride in zip(sizes, strides, strict=True)]
    if not wanted:
        pads = call.sizes("pads", [0] * (2 * axes)) if mode == "NOTSET" else [0] * (2 * axes)
        return pads[:axes], pads[axes:]
    totals = [have + more - want for have, more, want in zip(whole, added, wanted, strict=True)]
    less, more = [one // 2 for one in totals], [one - one // 2 for one in totals]
    return (less, more) if mode == "SAME_UPPER" else (more, less)


def unit_kernel(values: Tensor, kernel: list[int]) -> Tensor:
    """A kernel that sums."""
    return torch.ones(1, 1, *kernel, dtype=values.dtype, device=values.device)


RULES: Mapping[str, Rule] = {"Conv": _conv, "ConvTranspose": _conv_transpose}
