"""Radii, masks and power in the plane of spatial frequencies.

A radius is told in cycles across the shorter side, so that on square pictures it is the distance
from the centre of the discrete Fourier transform; other pictures are measured by the same
frequency a pixel. Half the shorter side is the Nyquist frequency, corners lie beyond it.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array, FloatArray

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CUT_AT: Final = tuple(cycles / 16 for cycles in (2, 4, 6, 8, 12, 16))
"""Radii at which pictures are cut, as parts of the Nyquist frequency."""
LOW: Final = 0.5
"""What counts as low, as a part of the Nyquist frequency: 8 cycles at 32 pixels."""
_NOTHING: Final = 1e-12
"""Power below this part of the whole is rounding."""


def nyquist(height: int, width: int) -> float:
    """The finest wave along an axis, in cycles across the shorter side."""
    return min(height, width) / 2


def frequencies(height: int, width: int) -> tuple[Floats, Floats]:
    """Signed frequencies down and across, each in cycles across the shorter side."""
    side = min(height, width)
    down = np.asarray(np.fft.fftfreq(height) * side, np.float64)
    across = np.asarray(np.fft.fftfreq(width) * side, np.float64)
    return np.repeat(down[:, None], width, axis=1), np.repeat(across[None], height, axis=0)


def radii(height: int, width: int) -> Floats:
    """The radius of every coefficient of the transform."""
    return np.hypot(*frequencies(height, width))


def within(height: int, width: int, part: float) -> npt.NDArray[np.bool_]:
    """Which coefficients lie within a part of the Nyquist frequency, its edge included."""
    edge = part * nyquist(height, width)
    return radii(height, width) <= edge * (1 + 1e-12)


def area(height: int, width: int, part: float) -> tuple[int, int]:
    """How many coefficients lie within, and how many there are."""
    return int(within(height, width, part).sum()), height * width


def split(images: FloatArray, parts: Sequence[float]) -> Iterator[tuple[Floats, Floats]]:
    """For every part of Nyquist the coarse picture, and the rest on the mean of each channel.

    Ideal masks, 1 or 0. The mean belongs to the coarse picture and is added to the fine one, which
    would leave the range of pixels without it; nothing is cut to that range here.
    """
    height, width = images.shape[-2:]
    spectrum = np.fft.fft2(images.astype(np.float64))
    mean = images.mean(axis=(-2, -1), dtype=np.float64, keepdims=True)
    for part in parts:
        coarse = np.fft.ifft2(spectrum * within(height, width, part)).real
        yield coarse, images - coarse + mean


def power(pictures: Array) -> Floats:
    """Squared size of every coefficient, summed over channels; its sum is that of the pixels."""
    spectrum = np.fft.fft2(pictures.astype(np.float64), norm="ortho")
    return np.square(np.abs(spectrum)).sum(axis=1)


class Weighed(NamedTuple):
    """Of some pictures, one number each."""

    total: Floats
    moment: Floats
    """Power times radius; over ``total`` it is the centroid."""
    low: Floats
    """Power within ``LOW``."""


def weighed(spectrum: Floats) -> Weighed:
    """The sums that centroid and share are ratios of."""
    height, width = spectrum.shape[-2:]
    plane, inner = radii(height, width), within(height, width, LOW)
    axes = (-2, -1)
    return Weighed(
        spectrum.sum(axis=axes),
        (spectrum * plane).sum(axis=axes),
        spectrum.sum(axis=axes, where=inner),
    )


class Rings(NamedTuple):
    """Coefficients gathered by their rounded radius."""

    of: Ints
    """The ring of every coefficient, flat."""
    size: Floats
    """Coefficients in each ring; none is empty."""
    radius: Floats
    """Their mean radius."""


def rings(height: int, width: int) -> Rings:
    """Rings of one cycle, from the constant in the centre to the corner."""
    plane = radii(height, width).ravel()
    _, inverse, count = np.unique(np.rint(plane), return_inverse=True, return_counts=True)
    of, size = inverse.ravel(), count.astype(np.float64)
    return Rings(of, size, np.bincount(of, plane).astype(np.float64) / size)


def by_ring(spectrum: Floats) -> Floats:
    """Power summed over each ring, one row a picture."""
    found = rings(*spectrum.shape[-2:])
    flat = spectrum.reshape(len(spectrum), -1)
    return np.stack([np.bincount(found.of, one).astype(np.float64) for one in flat])


def relative(change: Floats, picture: Floats) -> Floats:
    """The power of a change over that of its own picture at the same radius.

    The picture's power is averaged over the ring first: a ratio of single coefficients has no
    finite mean, for some of a picture's are nearly nothing. Where a ring of the picture holds
    nothing, the ratio says nothing and is left at 0.
    """
    found = rings(*change.shape[-2:])
    mean = by_ring(picture) / found.size
    whole = picture.sum(axis=(-2, -1))[:, None] / picture[0].size
    held = mean > _NOTHING * whole
    scale = np.where(held, 1 / np.where(held, mean, 1.0), 0.0)
    return change * scale[:, found.of].reshape(change.shape)
