"""A naive attack by gradients, as a liar hopes for, and the pictures that break an honest model."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.attacks.ball import linf_ball
from analyzers.attacks.losses import LOSSES
from analyzers.contract import FloatArray, LabelArray, Subject
from service.demo.shapes import draw

_STEPS = 20
_STRIDE = 1 / 8
"""Of eps."""


class Pictures(NamedTuple):
    """A labelled set of pictures in [0, 1]."""

    images: FloatArray
    labels: LabelArray


class Climb(NamedTuple):
    """Where an attack went."""

    right: npt.NDArray[np.bool_]
    """Which pictures were answered rightly at every point of the way."""
    broken: FloatArray
    """The last point that was answered wrongly, else the last of all."""


def demo_pictures(count: int) -> Pictures:
    """Some of the test set of the demo nets."""
    drawn = draw(count, seed=2)
    images = drawn.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return Pictures(np.ascontiguousarray(images), drawn.labels)


def right(subject: Subject, pictures: Pictures) -> npt.NDArray[np.bool_]:
    """Which pictures a model names rightly."""
    return np.asarray(subject.predict(pictures.images).argmax(axis=1) == pictures.labels)


def climb(subject: Subject, pictures: Pictures, eps: str, loss: str = "cross-entropy") -> Climb:
    """Projected gradient ascent by signs from a random start (Madry et al., ICLR 2018)."""
    assert subject.gradient is not None
    ball = linf_ball(pictures.images, eps)
    stride = np.float32(Fraction(eps) * Fraction(_STRIDE))
    at = ball.at(np.random.default_rng(0).random(pictures.images.shape, np.float32))
    held = right(subject, pictures)
    broken = at
    for _ in range(_STEPS):
        slope = subject.gradient.step(at, pictures.labels, LOSSES[loss]).slope
        at = ball.clamp(at + stride * np.sign(slope))
        stands = right(subject, Pictures(at, pictures.labels))
        broken = np.where((stands & ~held).reshape(-1, 1, 1, 1), broken, at)
        held &= stands
    return Climb(held, broken)


def moved(pictures: Pictures, points: FloatArray) -> Pictures:
    """The same labels on other pictures."""
    return Pictures(points, pictures.labels)


def share(flags: npt.NDArray[np.bool_] | Sequence[bool]) -> float:
    """How many of them."""
    return float(np.mean(flags))
