"""What is known of a network before its weights are."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

IMAGENET = (3, 224, 224)
CIFAR = (3, 32, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network that weights can be loaded into.

    Attributes:
        build: makes the module for a number of classes, with fresh weights.
        input_shape: channels, rows and columns of one picture.
        head: the tensor whose first axis is the number of classes.
        classes: how many there are when nobody says.
        unused: beginnings of names that published code keeps in its weights and never runs.
        older: parts of names as older files spell them, and as the network does.
    """

    build: Callable[[int], nn.Module]
    input_shape: tuple[int, int, int]
    head: str
    classes: int = 10
    unused: tuple[str, ...] = ()
    older: tuple[tuple[str, str], ...] = ()
