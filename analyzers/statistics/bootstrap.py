"""Intervals by resampling images, for numbers that are no plain share (Efron, 1979).

The draws are fixed, so the same values give the same interval wherever they are looked at.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

DRAWS: Final = 2000
_SEED: Final = 0
_AT_ONCE: Final = 1 << 22
"""Resampled values held at one time."""

Values = npt.NDArray[np.float64]


class Spread(NamedTuple):
    """A number over n images with the interval that resampling them gives."""

    value: float
    low: float
    high: float
    n: int


def mean_spread(values: npt.ArrayLike, level: float = 0.95) -> Spread:
    """The mean of one value an image."""
    return spread(np.asarray(values, np.float64), lambda drawn: drawn.mean(axis=1), level)


def spread(values: Values, statistic: Callable[[Values], Values], level: float = 0.95) -> Spread:
    """A statistic of rows of values, each row one image, by the percentiles of its resamples.

    ``statistic`` maps [draws, images, ...] to [draws]. Draws in which it has no finite value are
    left out; with fewer than two images nothing was resampled and the interval is the value.
    """
    n = len(values)
    if n == 0:
        message = "no image, so nothing to resample"
        raise ValueError(message)
    value = float(statistic(values[None])[0])
    if n == 1:
        return Spread(value, value, value, n)
    generator = np.random.Generator(np.random.Philox(_SEED))
    step = max(1, _AT_ONCE // max(1, values.size))
    found = [
        statistic(values[generator.integers(0, n, (min(step, DRAWS - begun), n))])
        for begun in range(0, DRAWS, step)
    ]
    drawn = np.concatenate(found)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Spread(value, value, value, n)
    low, high = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2))
    return Spread(value, float(low), float(high), n)
