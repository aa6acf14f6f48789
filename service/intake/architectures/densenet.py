"""DenseNet (Huang et al. 2017): each layer sees the maps of all layers before it in its block."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain as chain_of_pairs
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from service.intake.architectures.architecture import CIFAR, IMAGENET, Architecture
from service.intake.architectures.layers import averaged, chain, convolution, numbered

BOTTLENECK = 4
"""How many times the growth the 1x1 convolution of a layer puts out."""


class Size(NamedTuple):
    """Maps of the stem, maps that each layer adds, layers of each block."""

    stem: int
    growth: int
    counts: tuple[int, ...]


SIZES = {
    121: Size(64, 32, (6, 12, 24, 16)),
    161: Size(96, 48, (6, 12, 36, 24)),
    169: Size(64, 32, (6, 12, 32, 32)),
    201: Size(64, 32, (6, 12, 48, 32)),
}
OLDER = tuple((f".{kind}.{at}.", f".{kind}{at}.") for kind in ("norm", "conv") for at in (1, 2))
"""The files that are downloaded most date from before a layer's name could hold no dot."""


class DenseLayer(nn.Module):
    """A layer of the network for 224x224; its new maps stand behind the old ones."""

    def __init__(self, wide_in: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(wide_in)
        self.conv1 = convolution(wide_in, BOTTLENECK * growth, 1)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * growth)
        self.conv2 = convolution(BOTTLENECK * growth, growth, 3)

    def forward(self, maps: Tensor) -> Tensor:
        """Old maps, then new ones."""
        out = self.conv1(functional.relu(self.norm1(maps)))
        out = self.conv2(functional.relu(self.norm2(out)))
        return torch.cat([maps, out], 1)


class SmallDenseLayer(nn.Module):
    """A layer of the network for 32x32; its new maps stand before the old ones."""

    def __init__(self, wide_in: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(wide_in)
        self.conv1 = convolution(wide_in, BOTTLENECK * growth, 1)
        self.bn2 = nn.BatchNorm2d(BOTTLENECK * growth)
        self.conv2 = convolution(BOTTLENECK * growth, growth, 3)

    def forward(self, maps: Tensor) -> Tensor:
        """New maps, then old ones."""
        out = self.conv1(functional.relu(self.bn1(maps)))
        out = self.conv2(functional.relu(self.bn2(out)))
        return torch.cat([out, maps], 1)


MakeLayer = Callable[[int, int], nn.Module]
"""From maps so far, to maps added."""


class Body(NamedTuple):
    """Layers of each block, the halving of maps after each block but the last, and what is left."""

    blocks: list[list[nn.Module]]
    transitions: list[nn.Sequential]
    width: int


def _body(size: Size, layer: MakeLayer, norm: str) -> Body:
    body, wide = Body([], [], 0), size.stem
    for count in size.counts:
        if body.blocks:
            body.transitions.append(_halved(wide, norm))
            wide //= 2
        body.blocks.append([layer(wide + at * size.growth, size.growth) for at in range(count)])
        wide += count * size.growth
    return body._replace(width=wide)


def _halved(wide: int, norm: str) -> nn.Sequential:
    """Half of the maps at half of the size."""
    first = {norm: nn.BatchNorm2d(wide)}
    return chain(
        **first, relu=nn.ReLU(), conv=convolution(wide, wide // 2, 1), pool=nn.AvgPool2d(2)
    )


def _alternating(
    blocks: dict[str, nn.Module], transitions: dict[str, nn.Module]
) -> dict[str, nn.Module]:
    """Block, transition, block, transition, block."""
    first, *others = blocks.items()
    pairs = zip(transitions.items(), others, strict=True)
    return dict([first, *chain_of_pairs.from_iterable(pairs)])


def densenet(classes: int, *, size: Size) -> nn.Module:
    """For 224x224: a 7x7 convolution and max pooling before the four blocks."""
    body = _body(size, DenseLayer, "norm")
    blocks = [chain(**numbered("denselayer", layers)) for layers in body.blocks]
    features = chain(
        conv0=convolution(3, size.stem, 7, 2),
        norm0=nn.BatchNorm2d(size.stem),
        relu0=nn.ReLU(),
        pool0=nn.MaxPool2d(3, 2, padding=1),
        **_alternating(numbered("denseblock", blocks), numbered("transition", body.transitions)),
        norm5=nn.BatchNorm2d(body.width),
    )
    return chain(
        features=features,
        relu=nn.ReLU(),
        avgpool=averaged(),
        classifier=nn.Linear(body.width, classes),
    )


def cifar_densenet(classes: int, *, size: Size) -> nn.Module:
    """For 32x32: a 3x3 convolution without batch norm, and no pooling, before the four blocks."""
    body = _body(size, SmallDenseLayer, "bn")
    blocks = [nn.Sequential(*layers) for layers in body.blocks]
    return chain(
        conv1=convolution(3, size.stem, 3),
        **_alternating(numbered("dense", blocks), numbered("trans", body.transitions)),
        bn=nn.BatchNorm2d(body.width),
        relu=nn.ReLU(),
        avgpool=averaged(),
        linear=nn.Linear(body.width, classes),
    )


def _imagenet(size: Size) -> Architecture:
    return Architecture(
        build=partial(densenet, size=size),
        input_shape=IMAGENET,
        head="classifier.weight",
        classes=1000,
        older=OLDER,
    )


def _cifar(size: Size) -> Architecture:
    build = partial(cifar_densenet, size=size)
    return Architecture(build=build, input_shape=CIFAR, head="linear.weight")


FAMILY: Final[Mapping[str, Architecture]] = {
    **{f"densenet{depth}": _imagenet(size) for depth, size in SIZES.items()},
    **{f"densenet{depth}-cifar": _cifar(size) for depth, size in SIZES.items()},
}
