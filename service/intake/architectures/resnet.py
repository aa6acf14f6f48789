"""ResNet (He et al. 2016): four stages for ImageNet and CIFAR sizes, three stages for CIFAR."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from service.intake.architectures.architecture import CIFAR, IMAGENET, Architecture
from service.intake.architectures.layers import (
    MakeBlock,
    averaged,
    chain,
    convolution,
    numbered,
    residual_convolutions,
    stages,
)

DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
BOTTLENECKS = frozenset({50, 101, 152})
STEM = 64
WIDTHS = (64, 128, 256, 512)
SMALL_DEPTHS = (20, 32, 44, 56, 110)
SMALL_STEM = 16
SMALL_WIDTHS = (16, 32, 64)


class Padded(nn.Module):
    """A shortcut without weights (option A): every second pixel, new maps filled with zeros."""

    def __init__(self, wide_in: int, wide_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.side = (wide_out - wide_in) // 2

    def forward(self, maps: Tensor) -> Tensor:
        """Half of the new maps before the old ones, half behind."""
        kept = maps[:, :, :: self.stride, :: self.stride]
        return functional.pad(kept, (0, 0, 0, 0, self.side, self.side))


def projected(wide_in: int, wide_out: int, stride: int) -> nn.Module:
    """A shortcut that learns (option B): a 1x1 convolution with batch norm."""
    return nn.Sequential(convolution(wide_in, wide_out, 1, stride), nn.BatchNorm2d(wide_out))


@dataclass(frozen=True, slots=True)
class Style:
    """What differs between implementations: the shape of a block and the names in it."""

    bottleneck: bool = False
    inner: int = 1
    """How much wider the middle of a bottleneck is."""
    shortcut: MakeBlock = projected
    called: str = "shortcut"
    """The name of the shortcut."""

    @property
    def expansion(self) -> int:
        """How many times its width a block puts out."""
        return 4 if self.bottleneck else 1


class Block(nn.Module):
    """Convolutions with batch norm around which a shortcut leads; ReLU after the sum."""

    def __init__(self, wide_in: int, wide_out: int, stride: int, style: Style) -> None:
        super().__init__()
        width = wide_out // style.expansion
        steps = residual_convolutions(
            wide_in, width, stride, bottleneck=style.bottleneck, inner=style.inner
        )
        for at, step in enumerate(steps, 1):
            self.add_module(f"conv{at}", step)
            self.add_module(f"bn{at}", nn.BatchNorm2d(step.out_channels))
        self.count = len(steps)
        self.called = style.called
        changes = stride != 1 or wide_in != wide_out
        shortcut = style.shortcut(wide_in, wide_out, stride) if changes else nn.Identity()
        self.add_module(style.called, shortcut)

    def forward(self, maps: Tensor) -> Tensor:
        """ReLU between the convolutions and after the sum."""
        out = maps
        for at in range(1, self.count + 1):
            out = functional.relu(out) if at > 1 else out
            out = self.get_submodule(f"bn{at}")(self.get_submodule(f"conv{at}")(out))
        return functional.relu(out + self.get_submodule(self.called)(maps))


def _body(
    stem: int, widths: Sequence[int], counts: Sequence[int], style: Style
) -> dict[str, nn.Module]:
    wide = [width * style.expansion for width in widths]
    return numbered("layer", stages(partial(Block, style=style), stem, wide, counts))


def resnet(classes: int, *, depth: int, inner: int = 1) -> nn.Module:
    """For 224x224: a 7x7 convolution and max pooling before the four stages."""
    style = Style(bottleneck=depth in BOTTLENECKS, inner=inner, called="downsample")
    return chain(
        conv1=convolution(3, STEM, 7, 2),
        bn1=nn.BatchNorm2d(STEM),
        relu=nn.ReLU(),
        maxpool=nn.MaxPool2d(3, 2, padding=1),
        **_body(STEM, WIDTHS, DEPTHS[depth], style),
        avgpool=averaged(),
        fc=nn.Linear(WIDTHS[-1] * style.expansion, classes),
    )


def cifar_resnet(classes: int, *, depth: int) -> nn.Module:
    """For 32x32: a 3x3 convolution and no pooling before the four stages."""
    style = Style(bottleneck=depth in BOTTLENECKS)
    return chain(
        conv1=convolution(3, STEM, 3),
        bn1=nn.BatchNorm2d(STEM),
        relu=nn.ReLU(),
        **_body(STEM, WIDTHS, DEPTHS[depth], style),
        avgpool=averaged(),
        linear=nn.Linear(WIDTHS[-1] * style.expansion, classes),
    )


def small_resnet(classes: int, *, depth: int, style: Style, head: str) -> nn.Module:
    """For 32x32: three stages of 16, 32 and 64 maps."""
    counts = ((depth - 2) // 6,) * len(SMALL_WIDTHS)
    last = {head: nn.Linear(SMALL_WIDTHS[-1], classes)}
    return chain(
        conv1=convolution(3, SMALL_STEM, 3),
        bn1=nn.BatchNorm2d(SMALL_STEM),
        relu=nn.ReLU(),
        **_body(SMALL_STEM, SMALL_WIDTHS, counts, style),
        avgpool=averaged(),
        **last,
    )


def _imagenet(depth: int, inner: int = 1) -> Architecture:
    build = partial(resnet, depth=depth, inner=inner)
    return Architecture(build=build, input_shape=IMAGENET, head="fc.weight", classes=1000)


def _cifar(build: Callable[[int], nn.Module], head: str = "linear") -> Architecture:
    return Architecture(build=build, input_shape=CIFAR, head=f"{head}.weight")


def _small(depth: int, style: Style, head: str) -> Architecture:
    return _cifar(partial(small_resnet, depth=depth, style=style, head=head), head)


FAMILY: Final[Mapping[str, Architecture]] = {
    **{f"resnet{depth}": _imagenet(depth) for depth in DEPTHS},
    "wide-resnet50-2": _imagenet(50, inner=2),
    **{f"resnet{depth}-cifar": _cifar(partial(cifar_resnet, depth=depth)) for depth in DEPTHS},
    **{
        f"resnet{depth}-cifar": _small(depth, Style(shortcut=Padded), "linear")
        for depth in SMALL_DEPTHS
    },
    **{
        f"resnet{depth}-b-cifar": _small(depth, Style(called="downsample"), "fc")
        for depth in SMALL_DEPTHS
    },
}
