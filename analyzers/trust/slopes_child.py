"""Whether the slopes that the attack climbs are those of the model that judges.

Two looks. Along a whole path the slopes must add up to the difference of its ends (completeness:
Sundararajan, Taly and Yan, ICML 2017); from a point nearby they must foretell a small step.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.attacks.losses import targeted_margin
from analyzers.contract import FloatArray, LabelArray
from analyzers.trust.ground_child import NOBODY, Ground, best_other

Numbers = npt.NDArray[np.float64]

FAR: Final = 16
"""Midpoints of a path to another picture."""
NEAR: Final = 8
"""Of one inside the ball."""
TINY: Final = 0.05
"""A difference smaller than this part of the logits' spread is held against that instead."""
STEP: Final = 1 / 16
"""Of eps."""
SHORTEST: Final = 2.0**-12
"""Below it float32 sums are too coarse to see a step."""
LONGEST: Final = 2.0**-9
"""Beyond it an honest net that thresholds its pixels bends within one step."""
NO_STEP: Final = 1e-6
"""A change foretold that is less than this part of the spread is none."""
TOGETHER: Final = 1 << 22
"""Pixels that are held at once."""


def path_gaps(ground: Ground, strongest: FloatArray) -> Numbers:
    """How far sums of slopes miss, over the difference: the worse of two paths of each image.

    One leads to an image of another class, one to the strongest point of a climb: a model that
    is honest among pictures alone, or inside small balls alone, is so on one of them only.
    """
    partners = ground.partners()
    alone = partners == NOBODY
    far = np.where(alone.reshape(-1, 1, 1, 1), ground.noises("path"), ground.images[partners])
    return np.maximum(_gaps(ground, far, FAR), _gaps(ground, strongest, NEAR))


def step_ratios(ground: Ground) -> Numbers:
    """A small change of the margin over what the slope foretold, from random points in the ball."""
    points = ground.ball.at(ground.noises("near"))
    logits = ground.predict(points)
    about = np.stack([ground.labels, best_other(logits, ground.labels)], axis=1)
    slope = ground.step(points, about, targeted_margin).slope
    size = min(max(ground.eps * STEP, SHORTEST), LONGEST)
    leap = np.float32(size) * np.sign(slope)
    low, high = (np.clip(points + way, 0, 1).astype(np.float32) for way in (-leap, leap))
    foretold = _dot(slope, high.astype(np.float64) - low)
    actual = _margin(ground.predict(high), about) - _margin(ground.predict(low), about)
    seen = foretold > NO_STEP * _spread(logits)
    return np.divide(actual, foretold, out=np.zeros(len(ground)), where=seen)


def _gaps(ground: Ground, ends: FloatArray, midpoints: int) -> Numbers:
    """From each image to its end."""
    logits = ground.predict(ends)
    about = np.stack([ground.labels, best_other(logits, ground.labels)], axis=1)
    difference = _margin(logits, about) - _margin(ground.logits, about)
    spread = np.maximum(_spread(logits), _spread(ground.logits))
    scale = np.maximum(np.abs(difference), TINY * spread)
    missed = np.abs(_integral(ground, ends, about, midpoints) - difference)
    gaps = np.divide(missed, scale, out=np.zeros(len(ground)), where=scale > 0)
    return np.nan_to_num(gaps, nan=np.inf)


def _integral(ground: Ground, ends: FloatArray, about: LabelArray, midpoints: int) -> Numbers:
    """Mean slope at the midpoints times the way, a few midpoints at a time."""
    total = np.zeros(len(ground))
    way = ends.astype(np.float64) - ground.images
    together = max(1, TOGETHER // ground.images.size)
    shares = (np.arange(midpoints) + 0.5) / midpoints
    for low in range(0, midpoints, together):
        some = shares[low : low + together]
        points = np.concatenate([ground.images + one * way for one in some]).astype(np.float32)
        slope = ground.step(points, np.tile(about, (len(some), 1)), targeted_margin).slope
        total += sum(_dot(one, way) for one in np.split(slope, len(some)))
    return total / midpoints


def _dot(slope: FloatArray, way: Numbers) -> Numbers:
    return np.einsum("nchw,nchw->n", slope.astype(np.float64), way)


def _margin(logits: FloatArray, about: LabelArray) -> Numbers:
    own, target = np.take_along_axis(logits.astype(np.float64), about, axis=1).T
    return target - own


def _spread(logits: FloatArray) -> Numbers:
    exact = logits.astype(np.float64)
    return exact.max(axis=1) - exact.min(axis=1)
