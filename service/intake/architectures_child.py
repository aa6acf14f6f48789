"""Architectures that a weights-only upload may name.

A safetensors file holds tensors and no program. Its upload names one of these architectures; the
child builds it from our own code, loads the tensors and exports the whole. Nothing of the upload
is executed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network that weights can be loaded into.

    Attributes:
        build: makes the module with fresh weights.
        input_shape: channels, rows and columns of one picture in [0,1] pixels.
        classes: number of logits.
    """

    build: Callable[[], nn.Module]
    input_shape: tuple[int, int, int]
    classes: int


def _cnn6() -> nn.Module:
    """Six 3x3 convolutions with batch norm and ReLU, the last map averaged, one linear layer."""
    widths = (3, 16, 32, 32, 64, 64, 64)
    strides = (1, 2, 1, 2, 1, 1)
    layers: list[nn.Module] = []
    for (wide_in, wide_out), stride in zip(pairwise(widths), strides, strict=True):
        layers += [
            nn.Conv2d(wide_in, wide_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(wide_out),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(widths[-1], 10))


ARCHITECTURES: Final[dict[str, Architecture]] = {
    "demo-cnn6": Architecture(build=_cnn6, input_shape=(3, 32, 32), classes=10),
}


def build(name: str) -> nn.Module:
    """Build the named architecture in evaluation mode; ``KeyError`` when there is none."""
    return ARCHITECTURES[name].build().eval()
