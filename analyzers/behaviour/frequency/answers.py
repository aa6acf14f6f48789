"""What a model answers to some images, without holes, and images so many at a time."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from analyzers.behaviour.frequency.spectra import Floats
from analyzers.contract import Array, FloatArray, LabelArray

_VALUES: Final = 2_000_000
"""Pixels that are held at a time."""
_STEP: Final = 16
"""Images are taken in multiples of it, as the engines do."""


class Answers(NamedTuple):
    """Answers, one row an image."""

    right: Array
    logits: Floats
    """Less their mean: what is added to all classes alike changes nothing."""
    fit: Array
    """Whether the answer is a number; one that is none is wrong."""


def answers(logits: FloatArray, labels: LabelArray) -> Answers:
    """Rightness and centred logits."""
    fit: Array = np.asarray(np.isfinite(logits).all(axis=1))
    whole = np.where(fit[:, None], logits, 0).astype(np.float64)
    right = fit & (logits.argmax(axis=1) == labels)
    return Answers(right, whole - whole.mean(axis=1, keepdims=True), fit)


def some(images: FloatArray, most: int = 1 << 20) -> Iterator[slice]:
    """Slices of images that are small enough to be worked on, ``most`` at a time."""
    held = _VALUES // max(1, int(np.prod(images.shape[1:])))
    step = max(_STEP, min(most, held) // _STEP * _STEP)
    for first in range(0, len(images), step):
        yield slice(first, first + step)
