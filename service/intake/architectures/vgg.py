"""VGG (Simonyan and Zisserman 2015), plain and with batch norm."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from torch import nn

from service.intake.architectures.architecture import CIFAR, IMAGENET, Architecture
from service.intake.architectures.layers import chain

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def _features(depth: int, *, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    wide_in = 3
    for width, count in zip(WIDTHS, DEPTHS[depth], strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(wide_in, width, 3, padding=1))
            layers += [nn.BatchNorm2d(width)] if norm else []
            layers.append(nn.ReLU())
            wide_in = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def vgg(classes: int, *, depth: int, norm: bool) -> nn.Module:
    """Five stages of 3x3 convolutions, and three linear layers on the last 7x7 maps."""
    classifier = nn.Sequential(
        nn.Linear(WIDTHS[-1] * 7 * 7, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, classes),
    )
    features = _features(depth, norm=norm)
    return chain(features=features, flatten=nn.Flatten(), classifier=classifier)


def small_vgg(classes: int, *, depth: int) -> nn.Module:
    """The same stages for 32x32 pictures: 512 features are left for one linear layer."""
    return chain(
        features=_features(depth, norm=True),
        flatten=nn.Flatten(),
        classifier=nn.Linear(WIDTHS[-1], classes),
    )


def _imagenet(depth: int, *, norm: bool) -> Architecture:
    build = partial(vgg, depth=depth, norm=norm)
    return Architecture(build=build, input_shape=IMAGENET, head="classifier.6.weight", classes=1000)


def _cifar(depth: int) -> Architecture:
    build = partial(small_vgg, depth=depth)
    return Architecture(build=build, input_shape=CIFAR, head="classifier.weight")


FAMILY: Final[Mapping[str, Architecture]] = {
    **{f"vgg{depth}": _imagenet(depth, norm=False) for depth in DEPTHS},
    **{f"vgg{depth}-bn": _imagenet(depth, norm=True) for depth in DEPTHS},
    **{f"vgg{depth}-bn-cifar": _cifar(depth) for depth in DEPTHS},
}
