"""The Linf ball around each image, cut to [0, 1], so that every point of it is inside exactly."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from analyzers.contract import FloatArray


class Ball(NamedTuple):
    """Lowest and highest value of every pixel."""

    low: FloatArray
    high: FloatArray

    def clamp(self, points: FloatArray) -> FloatArray:
        """The nearest points inside; always the last thing done to a point."""
        return np.clip(points, self.low, self.high)

    def at(self, unit: FloatArray) -> FloatArray:
        """The points at these fractions of the way from lowest to highest."""
        return self.clamp(np.asarray(self.low + unit * (self.high - self.low), np.float32))

    def rows(self, picked: np.ndarray[tuple[int], np.dtype[np.int64]]) -> "Ball":
        """The balls around some of the images."""
        return Ball(self.low[picked], self.high[picked])


def linf_ball(images: FloatArray, eps: str) -> Ball:
    """Float32 bounds of ``|moved - image| <= eps`` and ``0 <= moved <= 1`` in exact arithmetic.

    ``eps`` is an exact fraction. A bound that rounding moved outward goes inward to the next
    float32; nudging a float32 difference would not do, since near zero its error is many units
    in the last place of the result.
    """
    size = _rounded_down(Fraction(eps))
    lowest = _inward(images, -size)
    highest = _inward(images, size)
    return Ball(np.maximum(lowest, np.float32(0)), np.minimum(highest, np.float32(1)))


def _rounded_down(eps: Fraction) -> float:
    size = float(eps)
    return float(np.nextafter(size, 0.0)) if Fraction(size) > eps else size


def _inward(images: FloatArray, offset: float) -> FloatArray:
    """Float32 values between each image and image + offset, as near to the latter as they get."""
    exact = images.astype(np.float64)
    moved = exact + offset
    error = _rounding_error(exact, offset, moved)
    bound = moved.astype(np.float32)
    sign = np.sign(offset)
    for _ in range(2):  # onto the double that was rounded, then past its own rounding error
        beyond = sign * (bound - moved)
        outside = (beyond > 0) | ((beyond == 0) & (sign * error < 0))
        bound = np.where(outside, np.nextafter(bound, images), bound)
    return bound


def _rounding_error(
    left: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    right: float,
    total: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What ``total = left + right`` lost, exactly (two-sum: Knuth, TAOCP 4.2.2)."""
    share = total - left
    return (left - (total - share)) + (right - share)
