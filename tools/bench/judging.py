"""Our own verdict on pictures that somebody says fool a network: ball, box and label.

Labels are what the native module answers in float32, in batches of another size than any attack
uses. Peers project in float32, which in exact terms may leave the ball by a rounding; that much
is granted to everyone.
"""

from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from analyzers.contract import FloatArray, LabelArray
from tools.bench.native import tensor

Flags = npt.NDArray[np.bool_]
SLACK: Final = 1e-7
_BATCH: Final = 97


class Judged(NamedTuple):
    """What holds, one truth value a picture."""

    robust: Flags
    """Right as it is, and not fooled by what was handed in."""
    fooled: Flags
    """Right as it is, and fooled within ball and box."""
    outside: int
    """Pictures beyond ball or box, which count for nothing."""


def judged(
    module: nn.Module,
    images: FloatArray,
    labels: LabelArray,
    *,
    moved: FloatArray,
    eps: Fraction,
) -> Judged:
    """Judge one picture for each image; an image itself where nothing was found."""
    clean = answers(module, images) == labels
    other = answers(module, moved) != labels
    within = _within(images, moved, eps)
    fooled = clean & other & within
    return Judged(clean & ~fooled, fooled, int((~within).sum()))


def answers(module: nn.Module, images: FloatArray) -> LabelArray:
    """The classes that the module names."""
    with torch.inference_mode():
        parts = [
            module(tensor(images[low : low + _BATCH])).argmax(1)
            for low in range(0, len(images), _BATCH)
        ]
        return torch.cat(parts).numpy()


def _within(images: FloatArray, moved: FloatArray, eps: Fraction) -> Flags:
    apart = np.abs(moved.astype(np.float64) - images.astype(np.float64))
    good = np.isfinite(moved) & (moved >= 0) & (moved <= 1) & (apart <= float(eps) + SLACK)
    return np.asarray(good.reshape(len(moved), -1).all(axis=1))
