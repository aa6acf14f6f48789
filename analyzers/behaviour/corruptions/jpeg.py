"""What a JPEG file loses: blocks of cosines rounded to multiples, colour at half the resolution.

ITU-T T.81 (1992) for the transform and the tables of its Annex K, JFIF for the colours, and the
scale of qualities that the Independent JPEG Group's library made common. The coding that follows
loses nothing and is left out.
"""

import numpy as np
import numpy.typing as npt

from analyzers.behaviour.corruptions.chance import Chance, Values
from analyzers.behaviour.corruptions.sampling import line, resampled
from analyzers.behaviour.corruptions.severities import Strength
from analyzers.contract import FloatArray

SIDE = 8
_COLOURS = 3
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Table K.1."""
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)
"""Table K.2."""
_TO_YCC = np.asarray(
    (
        (0.299, 0.587, 0.114),
        (-0.168735892, -0.331264108, 0.5),
        (0.5, -0.418687589, -0.081312411),
    )
)
_TO_RGB = np.asarray(((1, 0, 1.402), (1, -0.344136286, -0.714136286), (1, 1.772, 0)))
_GREY = 128

Blocks = npt.NDArray[np.float64]
"""[..., 8, 8]"""


def jpeg_compression(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """What is left of a picture of 8 bits after a file of a quality from 1 to 100."""
    del chance
    quality = int(strength[0])
    stored = np.rint(picture.astype(np.float64) * 255).clip(0, 255)
    coded = _colour(stored, quality) if len(stored) == _COLOURS else _coded(stored, quality)
    return (np.rint(coded).clip(0, 255) / 255).astype(np.float32)


def _colour(stored: Values, quality: int) -> Values:
    """Brightness in full, both colour differences from means of two by two pixels."""
    height, width = stored.shape[1:]
    ycc = np.rint(_mixed(_TO_YCC, stored) + _centre())
    light = _coded(ycc[:1], quality)
    colours = _coded(_halved(ycc[1:]), quality, colour=True)
    # Between the means as between pixels: three parts of the nearer, one of the further.
    rows, columns = ((line(side) + 0.5) / 2 - 0.5 for side in (height, width))
    return _mixed(_TO_RGB, np.concatenate([light, resampled(colours, rows, columns)]) - _centre())


def _centre() -> Values:
    return np.asarray((0, _GREY, _GREY), np.float64).reshape(_COLOURS, 1, 1)


def _mixed(matrix: Values, planes: Values) -> Values:
    """Channels of channels, by sums and not by a product of matrices."""
    return (matrix[:, :, None, None] * planes[None]).sum(axis=1)


def _halved(planes: Values) -> Values:
    """Means of two by two pixels; an odd border counts twice."""
    full = np.pad(planes, ((0, 0), (0, planes.shape[1] % 2), (0, planes.shape[2] % 2)), "edge")
    rows = full[:, ::2] + full[:, 1::2]
    return np.rint((rows[:, :, ::2] + rows[:, :, 1::2]) / 4)


def _coded(planes: Values, quality: int, *, colour: bool = False) -> Values:
    """Planes of 8 bits after their blocks were rounded to multiples of a table."""
    height, width = planes.shape[1:]
    beyond = [(0, -side % SIDE) for side in (height, width)]
    full = np.pad(planes, ((0, 0), *beyond), "edge")
    blocks = full.reshape(len(full), full.shape[1] // SIDE, SIDE, -1, SIDE).swapaxes(2, 3)
    steps = table(quality, colour=colour)
    kept = np.rint(transformed(blocks - _GREY) / steps) * steps
    back = np.rint(restored(kept) + _GREY).clip(0, 255)
    return back.swapaxes(2, 3).reshape(full.shape)[:, :height, :width]


def table(quality: int, *, colour: bool = False) -> Values:
    """The multiples at a quality: those of the standard at 50, smaller above."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality  # noqa: PLR2004 - of the scale
    steps = np.asarray(_CHROMINANCE if colour else _LUMINANCE, np.int64)
    return ((steps * scale + 50) // 100).clip(1, 255).astype(np.float64)


def _cosines() -> Values:
    """Rows are the eight cosines, each of length one."""
    wave, place = line(SIDE)[:, None], line(SIDE)
    rows = np.sqrt(2 / SIDE) * np.cos(np.pi * wave * (2 * place + 1) / (2 * SIDE))
    rows[0] = np.sqrt(1 / SIDE)
    return rows


_COSINES = _cosines()


def transformed(blocks: Blocks) -> Blocks:
    """The discrete cosine transform of every block (T.81, A.3.3)."""
    return _COSINES @ blocks @ _COSINES.T


def restored(waves: Blocks) -> Blocks:
    """Its inverse."""
    return _COSINES.T @ waves @ _COSINES
