"""Pieces that several families share."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

MakeBlock = Callable[[int, int, int], nn.Module]
"""From width, to width, stride."""


def chain(**layers: nn.Module) -> nn.Sequential:
    """Layers one after another, each under its own name."""
    return nn.Sequential(OrderedDict(layers))


def convolution(
    wide_in: int, wide_out: int, kernel: int, stride: int = 1, *, groups: int = 1
) -> nn.Conv2d:
    """A convolution without bias whose map keeps its size at stride 1."""
    return nn.Conv2d(
        wide_in, wide_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )


def averaged() -> nn.Sequential:
    """The mean of each map, as one row of features."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def residual_convolutions(
    wide_in: int, width: int, stride: int, *, bottleneck: bool, inner: int = 1
) -> list[nn.Conv2d]:
    """Two 3x3 convolutions; in a bottleneck a 3x3 between two 1x1, the last four times as wide.

    In both the 3x3 convolution that comes first has the stride.
    """
    if not bottleneck:
        return [convolution(wide_in, width, 3, stride), convolution(width, width, 3)]
    middle = width * inner
    return [
        convolution(wide_in, middle, 1),
        convolution(middle, middle, 3, stride),
        convolution(middle, width * 4, 1),
    ]


def stages(
    make: MakeBlock, wide_in: int, widths: Sequence[int], counts: Sequence[int]
) -> list[nn.Sequential]:
    """Stages of blocks; each but the first opens with stride 2."""
    made: list[nn.Sequential] = []
    for width, count in zip(widths, counts, strict=True):
        before = [wide_in] + [width] * (count - 1)
        strides = [2 if made else 1] + [1] * (count - 1)
        blocks = [make(wide, width, stride) for wide, stride in zip(before, strides, strict=True)]
        made.append(nn.Sequential(*blocks))
        wide_in = width
    return made


def numbered(name: str, made: Sequence[nn.Module]) -> dict[str, nn.Module]:
    """``name1``, ``name2`` and so on."""
    return {f"{name}{at}": one for at, one in enumerate(made, 1)}
