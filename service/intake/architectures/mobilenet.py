"""MobileNetV2 (Sandler et al. 2018): blocks that widen, filter each map alone, and narrow."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from service.intake.architectures.architecture import CIFAR, IMAGENET, Architecture
from service.intake.architectures.layers import averaged, chain, convolution

STEM = 32
LAST = 1280
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, width, number of blocks, stride of the first: table 2 of the paper."""
SMALL_STAGES = (STAGES[0], (6, 24, 2, 1), *STAGES[2:])


class Plan(NamedTuple):
    """One block."""

    wide_in: int
    wide_out: int
    stride: int
    expansion: int

    @property
    def middle(self) -> int:
        """Maps between its 1x1 convolutions."""
        return self.wide_in * self.expansion


def _plans(stages: tuple[tuple[int, int, int, int], ...]) -> Iterator[Plan]:
    wide_in = STEM
    for expansion, width, count, stride in stages:
        for place in range(count):
            yield Plan(wide_in, width, 1 if place else stride, expansion)
            wide_in = width


def _clipped(layer: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU6())


class Inverted(nn.Module):
    """A block of the network for 224x224, with a shortcut where no shape changes."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        widen = [_clipped(convolution(plan.wide_in, plan.middle, 1))]
        self.conv = nn.Sequential(
            *(widen if plan.expansion > 1 else []),
            _clipped(convolution(plan.middle, plan.middle, 3, plan.stride, groups=plan.middle)),
            convolution(plan.middle, plan.wide_out, 1),
            nn.BatchNorm2d(plan.wide_out),
        )
        self.shortcut = plan.stride == 1 and plan.wide_in == plan.wide_out

    def forward(self, maps: Tensor) -> Tensor:
        """No ReLU after the sum."""
        return maps + self.conv(maps) if self.shortcut else self.conv(maps)


class SmallInverted(nn.Module):
    """A block of the network for 32x32: a shortcut at every stride 1, convolved if it must be."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.conv1 = convolution(plan.wide_in, plan.middle, 1)
        self.bn1 = nn.BatchNorm2d(plan.middle)
        self.conv2 = convolution(plan.middle, plan.middle, 3, plan.stride, groups=plan.middle)
        self.bn2 = nn.BatchNorm2d(plan.middle)
        self.conv3 = convolution(plan.middle, plan.wide_out, 1)
        self.bn3 = nn.BatchNorm2d(plan.wide_out)
        self.strides = plan.stride > 1
        self.shortcut = nn.Sequential()
        if not self.strides and plan.wide_in != plan.wide_out:
            self.shortcut.append(convolution(plan.wide_in, plan.wide_out, 1))
            self.shortcut.append(nn.BatchNorm2d(plan.wide_out))

    def forward(self, maps: Tensor) -> Tensor:
        """No ReLU after the sum."""
        out = functional.relu(self.bn1(self.conv1(maps)))
        out = functional.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return out if self.strides else out + self.shortcut(maps)


def mobilenet(classes: int) -> nn.Module:
    """For 224x224; every ReLU ends at 6."""
    return chain(
        features=nn.Sequential(
            _clipped(convolution(3, STEM, 3, 2)),
            *(Inverted(plan) for plan in _plans(STAGES)),
            _clipped(convolution(STAGES[-1][1], LAST, 1)),
        ),
        avgpool=averaged(),
        classifier=nn.Sequential(nn.Dropout(0.2), nn.Linear(LAST, classes)),
    )


def cifar_mobilenet(classes: int) -> nn.Module:
    """For 32x32: two strides fewer, plain ReLU."""
    return chain(
        conv1=convolution(3, STEM, 3),
        bn1=nn.BatchNorm2d(STEM),
        relu1=nn.ReLU(),
        layers=nn.Sequential(*(SmallInverted(plan) for plan in _plans(SMALL_STAGES))),
        conv2=convolution(STAGES[-1][1], LAST, 1),
        bn2=nn.BatchNorm2d(LAST),
        relu2=nn.ReLU(),
        avgpool=averaged(),
        linear=nn.Linear(LAST, classes),
    )


FAMILY: Final[Mapping[str, Architecture]] = {
    "mobilenetv2": Architecture(
        build=mobilenet, input_shape=IMAGENET, head="classifier.1.weight", classes=1000
    ),
    "mobilenetv2-cifar": Architecture(
        build=cifar_mobilenet, input_shape=CIFAR, head="linear.weight"
    ),
}
