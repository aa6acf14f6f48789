"""Pictures read between their pixels and summed over neighbours; a picture is [channel, y, x].

Everything is a sum of shifted copies, never a product of matrices, so that no library's way of
splitting one changes a bit.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array, FloatArray

Positions = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Edge = Literal["clamp", "mirror"]
"""Beyond the border: its pixel again, or the picture mirrored there."""


def gaussian_taps(sigma: float, truncate: float) -> Positions:
    """Weights of a sampled bell that sum to one; a width of 0 leaves the middle alone."""
    reach = int(truncate * sigma + 0.5)
    if not reach:
        return np.ones(1)
    weights = np.exp(-0.5 * np.square((line(2 * reach + 1) - reach) / sigma))
    return weights / weights.sum()


def blurred(planes: Array, sigma: float, *, truncate: float = 4.0, edge: Edge = "clamp") -> Array:
    """Gaussian blur along the last two axes."""
    weights = gaussian_taps(sigma, truncate)
    for axis in (-2, -1):
        planes = _along(planes, weights, axis, edge)
    return planes


def _along(planes: Array, weights: Positions, axis: int, edge: Edge) -> Array:
    length, reach = planes.shape[axis], len(weights) // 2
    steps = line(length)
    total = np.zeros_like(planes)
    for place, weight in enumerate(weights):
        # Half a pixel beyond the border, so that a mirrored blur keeps the mean of a picture.
        picked = _half_mirrored(steps + place - reach, length, edge)
        total += planes.dtype.type(weight) * planes.take(picked, axis=axis)
    return total


def _half_mirrored(places: Indices, length: int, edge: Edge) -> Indices:
    if edge == "clamp":
        return places.clip(0, length - 1)
    folded = places % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)


def line(length: int) -> Indices:
    """The places along a side."""
    return np.arange(length, dtype=np.int64)


def folded(places: Indices, length: int, edge: Edge) -> Indices:
    """Places inside a length; a mirror stands on the border's own pixel."""
    if edge == "clamp" or length == 1:
        return places.clip(0, length - 1)
    turned = np.abs(places) % (2 * (length - 1))
    return np.minimum(turned, 2 * (length - 1) - turned)


def beside(picture: FloatArray, down: int, right: int, edge: Edge = "clamp") -> FloatArray:
    """What stands so many whole pixels below and to the right of each pixel."""
    height, width = picture.shape[-2:]
    rows = folded(line(height) + down, height, edge)
    columns = folded(line(width) + right, width, edge)
    return picture.take(rows, axis=-2).take(columns, axis=-1)


def convolved(picture: FloatArray, kernel: Positions) -> FloatArray:
    """A picture under a kernel of odd sides, mirrored beyond its border."""
    total = np.zeros_like(picture)
    middle_y, middle_x = (side // 2 for side in kernel.shape)
    for y, x in np.argwhere(kernel).tolist():
        total += np.float32(kernel[y, x]) * beside(picture, y - middle_y, x - middle_x, "mirror")
    return total


def resampled(planes: Array, rows: Positions, columns: Positions) -> Array:
    """A picture read at rows and columns between its own, clamped to its border."""
    for axis, places in ((-2, rows), (-1, columns)):
        low = np.floor(places).astype(np.int64)
        share = (places - low).astype(planes.dtype)
        share = share[:, None] if axis == -2 else share  # noqa: PLR2004 - the axis of rows
        near, far = (
            planes.take(folded(one, planes.shape[axis], "clamp"), axis=axis)
            for one in (low, low + 1)
        )
        planes = near + share * (far - near)
    return planes


def zoomed(planes: Array, factor: float) -> Array:
    """The middle of a picture, enlarged to its size."""
    rows, columns = (
        (line(side) - (side - 1) / 2) / factor + (side - 1) / 2 for side in planes.shape[-2:]
    )
    return resampled(planes, rows, columns)


def read_at(picture: FloatArray, rows: Positions, columns: Positions, edge: Edge) -> FloatArray:
    """A picture read at one place for each pixel, between the four around it."""
    height, width = picture.shape[-2:]
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    above, below = (folded(one, height, edge) for one in (top, top + 1))
    before, behind = (folded(one, width, edge) for one in (left, left + 1))
    first = (1 - right) * picture[:, above, before] + right * picture[:, above, behind]
    second = (1 - right) * picture[:, below, before] + right * picture[:, below, behind]
    return ((1 - down) * first + down * second).astype(np.float32)


def grid(height: int, width: int) -> tuple[Positions, Positions]:
    """Row and column of every pixel."""
    rows, columns = np.meshgrid(line(height), line(width), indexing="ij")
    return rows.astype(np.float64), columns.astype(np.float64)
