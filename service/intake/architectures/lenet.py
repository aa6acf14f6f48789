"""LeNet-5 (LeCun et al. 1998) as it is trained today: ReLU and max pooling."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from torch import nn

from service.intake.architectures.architecture import CIFAR, Architecture
from service.intake.architectures.layers import chain


def lenet(classes: int, *, channels: int, padding: int) -> nn.Module:
    """Two 5x5 convolutions, each pooled, and three linear layers on 16 maps of 5x5."""
    return chain(
        conv1=nn.Conv2d(channels, 6, 5, padding=padding),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(6, 16, 5),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(16 * 5 * 5, 120),
        relu3=nn.ReLU(),
        fc2=nn.Linear(120, 84),
        relu4=nn.ReLU(),
        fc3=nn.Linear(84, classes),
    )


FAMILY: Final[Mapping[str, Architecture]] = {
    "lenet5": Architecture(
        build=partial(lenet, channels=1, padding=2), input_shape=(1, 28, 28), head="fc3.weight"
    ),
    "lenet5-cifar": Architecture(
        build=partial(lenet, channels=3, padding=0), input_shape=CIFAR, head="fc3.weight"
    ),
}
