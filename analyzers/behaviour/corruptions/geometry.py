"""The picture elsewhere: moved, turned, warped. What comes into sight repeats what was there."""

import numpy as np

from analyzers.behaviour.corruptions.chance import Chance
from analyzers.behaviour.corruptions.sampling import Positions, beside, blurred, grid, read_at
from analyzers.behaviour.corruptions.severities import Strength
from analyzers.contract import FloatArray

_SMOOTHED_OVER = 3.0
"""Widths of the bell after which it is cut off where a field of shifts is smoothed."""


def translation(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """Moved by a share of its side, in whole pixels, in one of four directions."""
    (share,) = strength
    down, right = ((0, 1), (1, 0), (0, -1), (-1, 0))[int(chance.whole(0, 4, 1)[0])]
    side = picture.shape[1] if down else picture.shape[2]
    pixels = max(1, round(share * side)) if share else 0
    return shifted(picture, down * pixels, right * pixels)


def shifted(picture: FloatArray, down: int, right: int) -> FloatArray:
    """Moved by whole pixels; the border's pixels fill what comes into sight."""
    return beside(picture, -down, -right)


def rotation(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """Turned by so many degrees to either side."""
    (degrees,) = strength
    return turned(picture, degrees if chance.between(0, 1) < 0.5 else -degrees)  # noqa: PLR2004 - a coin


def turned(picture: FloatArray, degrees: float) -> FloatArray:
    """Turned about its middle, against the clock for positive degrees."""
    rows, columns = grid(*picture.shape[-2:])
    middle_y, middle_x = (picture.shape[1] - 1) / 2, (picture.shape[2] - 1) / 2
    y, x = rows - middle_y, columns - middle_x
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return read_at(
        picture, middle_y + cosine * y + sine * x, middle_x + cosine * x - sine * y, "clamp"
    )


def elastic_transform(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """A random affine map and smooth random shifts, in one reading of the picture.

    ``strength``, in shares of the shorter side: how far shifts go before they are smoothed, the
    width of the bell that smooths them, how far each corner of a triangle around the middle moves.
    """
    side = min(picture.shape[1:])
    reach, smooth, corner = (one * side for one in strength)
    rows, columns = grid(*picture.shape[-2:])
    rows, columns = _affine(rows, columns, corner, chance)
    drawn = 2 * chance.uniform(2, *picture.shape[1:]).astype(np.float64) - 1
    down, right = reach * blurred(drawn, smooth, truncate=_SMOOTHED_OVER, edge="mirror")
    return read_at(picture, rows + down, columns + right, "mirror")


def _affine(
    rows: Positions, columns: Positions, corner: float, chance: Chance
) -> tuple[Positions, Positions]:
    """The affine map that moves three corners of a square around the middle by up to a length."""
    height, width = rows.shape
    middle = np.asarray(((height - 1) / 2, (width - 1) / 2))
    third = min(height, width) / 3
    moved = (2 * chance.uniform(3, 2).astype(np.float64) - 1) * corner
    y, x = (rows - middle[0]) / third, (columns - middle[1]) / third
    # Corners (1, 1), (1, -1), (-1, -1) in thirds: these weights are 1 at one and 0 at the others.
    weights = ((x + 1) / 2, (y - x) / 2, (1 - y) / 2)
    down, right = (
        sum(weight * shift for weight, shift in zip(weights, moved[:, axis], strict=True))
        for axis in (0, 1)
    )
    return rows + down, columns + right
