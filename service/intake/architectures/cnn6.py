"""The small network of the demo."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from torch import nn

from service.intake.architectures.architecture import CIFAR, Architecture

WIDTHS = (3, 16, 32, 32, 64, 64, 64)
STRIDES = (1, 2, 1, 2, 1, 1)


def cnn6(classes: int) -> nn.Module:
    """Six 3x3 convolutions with batch norm and ReLU, the last map averaged, one linear layer."""
    layers: list[nn.Module] = []
    for (wide_in, wide_out), stride in zip(pairwise(WIDTHS), STRIDES, strict=True):
        layers += [
            nn.Conv2d(wide_in, wide_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(wide_out),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(WIDTHS[-1], classes))


FAMILY: Final[Mapping[str, Architecture]] = {
    "demo-cnn6": Architecture(build=cnn6, input_shape=CIFAR, head="20.weight"),
}
