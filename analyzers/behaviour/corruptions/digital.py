"""Losses on the way of a file: contrast, and resolution. JPEG has a file of its own."""

import numpy as np
import numpy.typing as npt

from analyzers.behaviour.corruptions.chance import Chance
from analyzers.behaviour.corruptions.severities import Strength
from analyzers.contract import FloatArray


def contrast(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """Every channel drawn towards its mean, of whose distance a share is left."""
    del chance
    (left,) = strength
    mean = picture.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    return (picture - mean) * np.float32(left) + mean


def pixelate(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """Made smaller by a share and as large as before: each tile becomes its mean.

    A pixel belongs to the tile that its middle lies in, so tiles differ in size.
    """
    del chance
    (share,) = strength
    for axis in (1, 2):
        tiles = tiles_of(picture.shape[axis], share)
        _, starts, sizes = np.unique(tiles, return_index=True, return_counts=True)
        sums = np.add.reduceat(picture.astype(np.float64), starts, axis=axis)
        means = sums / (sizes[:, None] if axis == 1 else sizes)
        picture = means.take(tiles, axis=axis).astype(np.float32)
    return picture


def tiles_of(length: int, share: float) -> npt.NDArray[np.int64]:
    """The tile of each pixel along a side of which a share of the pixels is left."""
    count = max(1, int(length * share))
    return np.floor((np.arange(length) + 0.5) * count / length).astype(np.int64)
