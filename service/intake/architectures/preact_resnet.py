"""ResNet with batch norm and ReLU before each convolution (He et al. 2016, identity mappings).

Published weights belong to four functions that differ in two places: whether the last maps are
normalised (``-bn``), and whether a convolved shortcut starts before the block's first batch norm
(``-raw``) or behind it. Tensors do not tell the second, so the name does.
"""

from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from service.intake.architectures.architecture import CIFAR, Architecture
from service.intake.architectures.layers import (
    averaged,
    chain,
    convolution,
    numbered,
    residual_convolutions,
    stages,
)

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
BOTTLENECKS = frozenset({50})
STEM = 64
WIDTHS = (64, 128, 256, 512)


class PreActBlock(nn.Module):
    """Batch norm, ReLU and convolution, two or three times; nothing after the sum."""

    def __init__(
        self, wide_in: int, wide_out: int, stride: int, *, bottleneck: bool, raw: bool
    ) -> None:
        super().__init__()
        width = wide_out // (4 if bottleneck else 1)
        steps = residual_convolutions(wide_in, width, stride, bottleneck=bottleneck)
        for at, step in enumerate(steps, 1):
            self.add_module(f"bn{at}", nn.BatchNorm2d(step.in_channels))
            self.add_module(f"conv{at}", step)
        self.count = len(steps)
        self.raw = raw
        self.changes = stride != 1 or wide_in != wide_out
        if self.changes:
            self.shortcut = nn.Sequential(convolution(wide_in, wide_out, 1, stride))

    def forward(self, maps: Tensor) -> Tensor:
        """A block that changes no shape carries its raw input past its convolutions."""
        first = self._step(1, maps)
        out = first
        for at in range(1, self.count + 1):
            out = self.get_submodule(f"conv{at}")(out if at == 1 else self._step(at, out))
        if not self.changes:
            return out + maps
        return out + self.shortcut(maps if self.raw else first)

    def _step(self, at: int, maps: Tensor) -> Tensor:
        return functional.relu(self.get_submodule(f"bn{at}")(maps))


def preact_resnet(classes: int, *, depth: int, norm: bool, raw: bool) -> nn.Module:
    """For 32x32: a 3x3 convolution and four stages."""
    bottleneck = depth in BOTTLENECKS
    wide = [width * (4 if bottleneck else 1) for width in WIDTHS]
    block = partial(PreActBlock, bottleneck=bottleneck, raw=raw)
    last = {"bn": nn.BatchNorm2d(wide[-1]), "relu": nn.ReLU()} if norm else {}
    return chain(
        conv1=convolution(3, STEM, 3),
        **numbered("layer", stages(block, STEM, wide, DEPTHS[depth])),
        **last,
        avgpool=averaged(),
        linear=nn.Linear(wide[-1], classes),
    )


def _cifar(depth: int, *, norm: bool, raw: bool) -> Architecture:
    build = partial(preact_resnet, depth=depth, norm=norm, raw=raw)
    return Architecture(build=build, input_shape=CIFAR, head="linear.weight")


FAMILY: Final[Mapping[str, Architecture]] = {
    f"preactresnet{depth}{'-bn' * norm}{'-raw' * raw}-cifar": _cifar(depth, norm=norm, raw=raw)
    for depth, norm, raw in product(DEPTHS, (False, True), (False, True))
}
