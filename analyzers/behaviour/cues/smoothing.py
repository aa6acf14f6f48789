"""Texture out, shapes in: small structures go by their size, edges of large ones come back.

Rolling guidance (Zhang et al., ECCV 2014) with the guided filter (He et al., ECCV 2010) as its
step. A median or one bilateral pass would keep what this is there to remove: stripes of high
contrast, of which some are fixed points of a median.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.contract import FloatArray

BLURS: Final = 3
STEPS: Final = 2
"""Each step can multiply what the blurs left over; after two, a tenth of the starkest stripes."""
_OF_SIDE: Final = 16
"""A window reaches a sixteenth of the shorter side to each side: 5 x 5 pixels at 32."""
_FLAT: Final = 5e-3
"""Variance in a window well below which it counts as flat: that of a step of .14."""
_Values = npt.NDArray[np.float64]
_Places = npt.NDArray[np.int64]


def reach(shape: tuple[int, int, int]) -> int:
    """Pixels to each side over which texture is evened out."""
    return max(1, round(min(shape[1:]) / _OF_SIDE))


def without_texture(images: FloatArray) -> FloatArray:
    """The same pictures with their small structures evened out."""
    channels, height, width = images.shape[1:]
    around = reach((channels, height, width))
    pixels = images.astype(np.float64)
    guide = pixels
    for _ in range(BLURS):
        guide = _mean(guide, around)
    for _ in range(STEPS):
        guide = _guided(pixels, guide, around)
    return guide.clip(0, 1).astype(np.float32)


def _guided(pixels: _Values, guide: _Values, around: int) -> _Values:
    """Within each window the pictures as the best straight line of the guide."""
    middle, level = _mean(guide, around), _mean(pixels, around)
    varies = _mean(guide * guide, around) - middle * middle
    together = _mean(guide * pixels, around) - middle * level
    slope = together / (varies + _FLAT)
    offset = level - slope * middle
    return _mean(slope, around) * guide + _mean(offset, around)


def _mean(values: _Values, around: int) -> _Values:
    """The mean of the window about each pixel, cut off at the borders."""
    return _mean_along(_mean_along(values, around, -1), around, -2)


def _mean_along(values: _Values, around: int, axis: int) -> _Values:
    size = values.shape[axis]
    places: _Places = np.arange(size, dtype=np.int64)
    low, high = (places - around).clip(0, size), (places + around + 1).clip(0, size)
    ahead = [(0, 0)] * values.ndim
    ahead[axis] = (1, 0)
    before: _Values = np.cumsum(np.pad(values, ahead), axis=axis)
    sums: _Values = np.take(before, high, axis) - np.take(before, low, axis)
    counts = (high - low).astype(np.float64)
    return sums / (counts if axis == -1 else counts[:, None])
