"""Wide ResNet (Zagoruyko and Komodakis 2016), the usual network of adversarial training."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from service.intake.architectures.architecture import CIFAR, Architecture
from service.intake.architectures.layers import averaged, chain, convolution, numbered, stages

SIZES = ((16, 4), (16, 8), (28, 4), (28, 10), (34, 10), (34, 15), (34, 20), (40, 2))
STEM = 16
WIDTHS = (16, 32, 64)


class WideBlock(nn.Module):
    """Batch norm, ReLU and convolution, twice; a shortcut that widens starts behind the ReLU."""

    def __init__(self, wide_in: int, wide_out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(wide_in)
        self.conv1 = convolution(wide_in, wide_out, 3, stride)
        self.bn2 = nn.BatchNorm2d(wide_out)
        self.conv2 = convolution(wide_out, wide_out, 3)
        widens = wide_in != wide_out
        self.convShortcut = convolution(wide_in, wide_out, 1, stride) if widens else None

    def forward(self, maps: Tensor) -> Tensor:
        """A block that keeps its width carries its raw input past its convolutions."""
        first = functional.relu(self.bn1(maps))
        out = self.conv2(functional.relu(self.bn2(self.conv1(first))))
        return out + (maps if self.convShortcut is None else self.convShortcut(first))


def wide_resnet(classes: int, *, depth: int, widen: int) -> nn.Module:
    """For 32x32: a 3x3 convolution and three stages."""
    wide = [width * widen for width in WIDTHS]
    counts = ((depth - 4) // 6,) * len(WIDTHS)
    groups = [chain(layer=one) for one in stages(WideBlock, STEM, wide, counts)]
    return chain(
        conv1=convolution(3, STEM, 3),
        **numbered("block", groups),
        bn1=nn.BatchNorm2d(wide[-1]),
        relu=nn.ReLU(),
        avgpool=averaged(),
        fc=nn.Linear(wide[-1], classes),
    )


def _cifar(depth: int, widen: int) -> Architecture:
    return Architecture(
        build=partial(wide_resnet, depth=depth, widen=widen),
        input_shape=CIFAR,
        head="fc.weight",
        unused=("sub_block1.",),  # much published code builds it and leads nothing through it
    )


FAMILY: Final[Mapping[str, Architecture]] = {
    f"wideresnet-{depth}-{widen}-cifar": _cifar(depth, widen) for depth, widen in SIZES
}
