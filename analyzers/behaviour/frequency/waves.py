"""Waves: real Fourier basis pictures of unit norm, and the cells of a polar map over them.

Yin et al. 2019 (arXiv:1906.08988) add one such wave to every picture, with a sign drawn for each
channel. A common implementation forgets the norm once signs are drawn; here it applies always.
Its wave has one phase, and a model tuned to the other answers nothing: both are needed.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.behaviour.frequency.spectra import Floats, Ints, frequencies, nyquist
from analyzers.contract import FloatArray

EPS: Final = 4.0
"""Norm of the wave in each channel of a picture of 32 pixels a side."""
_SIDE: Final = 32
BANDS: Final = (0, 3 / 16, 6 / 16, 9 / 16, 12 / 16, 1.0, math.inf)
"""Edges of the rings of the map, as parts of the Nyquist frequency; the last holds the corners."""
LOWEST: Final = (0,)
MIDDLE: Final = (2, 3)
"""Rings that the lowest one is held against."""


class Cell(NamedTuple):
    """Waves of about one radius and one orientation."""

    band: int
    turn: int
    """0 varies across, half of the turns varies down."""
    members: Ints
    """[waves, 2]: their places in the transform, down and across."""


def norm_of(height: int, width: int) -> float:
    """The norm that changes a pixel as much as ``EPS`` does at 32 pixels a side."""
    return EPS * math.sqrt(height * width) / _SIDE


def half_plane(height: int, width: int) -> Ints:
    """One place of every pair of conjugates, and those that are their own conjugate."""
    down, across = np.divmod(np.arange(height * width), width)
    mirrored = (-down % height) * width + (-across % width)
    kept = np.arange(height * width) <= mirrored
    return np.stack([down[kept], across[kept]], axis=1)


def own_conjugate(places: Ints, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Whether a wave is constant or alternates from pixel to pixel: it has one phase only."""
    return np.all(2 * places % np.array([height, width]) == 0, axis=-1)


def waves(places: Ints, quarter: npt.NDArray[np.bool_], height: int, width: int) -> FloatArray:
    """A wave of unit norm for every place; ``quarter`` shifts it by a quarter of its length."""
    down = places[:, :1] * np.arange(height) % height / height
    across = places[:, 1:] * np.arange(width) % width / width
    single = own_conjugate(places, height, width)
    shift = np.where(quarter & ~single, 0.25, 0.0)
    turns = down[:, :, None] + across[:, None, :] + shift[:, None, None]
    peak = np.sqrt(np.where(single, 1.0, 2.0) / (height * width))
    return (peak[:, None, None] * np.cos(2 * np.pi * turns)).astype(np.float32)


def added(
    images: FloatArray, wave: FloatArray, signs: FloatArray, norm: float
) -> tuple[FloatArray, Floats]:
    """Pictures with their waves on them, cut to the range of pixels, and the share that was cut.

    ``signs`` has one number a picture and channel; the norm is that of the wave in one channel.
    """
    scaled = np.float32(norm) * signs[:, :, None, None] * wave[:, None]
    moved = (images + scaled).astype(np.float32, copy=False)
    outside = ((moved < 0) | (moved > 1)).mean(axis=(1, 2, 3), dtype=np.float64)
    return np.clip(moved, 0, 1), outside


def cells(height: int, width: int, turns: int) -> list[Cell]:
    """Ring by ring, orientation by orientation; cells without a wave of two phases are left out."""
    places = half_plane(height, width)
    places = places[~own_conjugate(places, height, width)]
    down, across = (one[places[:, 0], places[:, 1]] for one in frequencies(height, width))
    part = np.hypot(down, across) / nyquist(height, width)
    band = np.searchsorted(BANDS, part * (1 + 1e-12), side="right") - 1
    turn = np.rint(np.arctan2(down, across) / (np.pi / turns)).astype(np.int64) % turns
    found: list[Cell] = []
    for ring in range(len(BANDS) - 1):
        for way in range(turns):
            members = places[(band == ring) & (turn == way)]
            if len(members):
                found.append(Cell(ring, way, members))
    return found
