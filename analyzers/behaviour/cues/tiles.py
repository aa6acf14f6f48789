"""Patch shuffle: the tiles of an image change places, so shapes break and patches stay.

Luo et al. 2019 (arXiv:1911.08432) compare models by it. All channels move together. Sides that
do not divide evenly keep their outer rows and columns where they are, since the size of the
picture is the model's; only the centred part is shuffled.
"""

import itertools
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.attacks.draws import words
from analyzers.contract import FloatArray

LEAST: Final = 4
"""Pixels a side of the smallest tile; of smaller ones only the borders are left."""
Order = npt.NDArray[np.int64]


class Tiling(NamedTuple):
    """So many tiles a side, all of one size, around the centre of a picture."""

    a_side: int
    height: int
    width: int
    top: int
    left: int
    whole: bool
    """Whether the tiles cover the picture."""


def tiling(count: int, shape: tuple[int, int, int]) -> Tiling | None:
    """The tiles of a picture (channels, height, width); None where they would be too small."""
    _, height, width = shape
    tall, wide = height // count, width // count
    if min(tall, wide) < LEAST:
        return None
    below, beside = height - tall * count, width - wide * count
    return Tiling(count, tall, wide, below // 2, beside // 2, whole=not below and not beside)


def drawn_order(count: int, *, seed: int, sample: str) -> Order:
    """Where each tile comes from: even over all orders of the tiles but the one that is there.

    Of the 24 orders of four tiles one moves nothing, and would be taken for a model that keeps
    its answer.
    """
    for attempt in itertools.count():
        raw = words(
            count * count,
            seed=seed,
            sample=sample,
            stage="texture.shuffle",
            iteration=attempt,
            draw=count,
        )
        found = np.argsort(raw, kind="stable").astype(np.int64)
        if (found != np.arange(len(found))).any():
            return found
    raise AssertionError  # the loop has no end of its own


def shuffled(image: FloatArray, tiles: Tiling, order: Order) -> FloatArray:
    """One picture whose tiles, counted row by row, lie in another order."""
    count, tall, wide, top, left, _ = tiles
    rows, columns = slice(top, top + count * tall), slice(left, left + count * wide)
    cut = image[:, rows, columns].reshape(-1, count, tall, count, wide)
    laid = cut.transpose(1, 3, 0, 2, 4).reshape(count * count, -1, tall, wide)[order]
    back = laid.reshape(count, count, -1, tall, wide).transpose(2, 0, 3, 1, 4)
    found = image.copy()
    found[:, rows, columns] = back.reshape(-1, count * tall, count * wide)
    return found
