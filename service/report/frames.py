"""The four pictures of a counterexample: clean, adversarial, what was changed, its spectrum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array
from service.report.png import Pixels, data_uri

Floats = npt.NDArray[np.float64]

_DECADES = 3
"""Powers of ten between the darkest and the lightest of a spectrum; the legend says a thousand."""
_COLOURS = 3


def floats(images: Array) -> Floats:
    """Pictures in [0,1], whatever they are stored as; what is no number is black."""
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    values = np.asarray(images, dtype=np.float64) / scale
    return np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)


def factor(difference: Floats) -> int:
    """How often a difference fits between mid-grey and the end of the scale."""
    largest = float(np.abs(difference).max())
    return max(1, min(255, int(0.5 / largest))) if largest > 0 else 1


def frames(
    key: str, clean: Floats, adversarial: Floats, amplified: int, side: int
) -> dict[str, str]:
    """The pictures of one example (CHW) as addresses, ``side`` pixels along a side at most."""
    difference = adversarial - clean
    return {
        f"{key}/clean": data_uri(_pixels(clean, side)),
        f"{key}/adversarial": data_uri(_pixels(adversarial, side)),
        f"{key}/difference": data_uri(_pixels(difference * amplified + 0.5, side)),
        f"{key}/spectrum": data_uri(_spectrum(difference, side)),
    }


def thinning(side: int, most: int) -> int:
    """Of how many pixels along a side one is shown."""
    return -(-side // most)


def _pixels(image: Floats, side: int) -> Pixels:
    """CHW in [0,1] as a picture of one or three channels."""
    kept = image[:_COLOURS] if image.shape[0] >= _COLOURS else image[:1]
    step = thinning(max(kept.shape[1:]), side)
    eight_bit = np.rint(np.clip(kept[:, ::step, ::step], 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(eight_bit.transpose(1, 2, 0))


def _spectrum(difference: Floats, side: int) -> Pixels:
    """The logarithm of the sizes of the 2-D Fourier transform, slow changes in the middle.

    Channels are averaged; of the cells that share a pixel the largest is shown.
    """
    sizes = np.abs(np.fft.fft2(difference)).mean(axis=0)
    sizes = _largest(np.fft.fftshift(sizes), thinning(max(sizes.shape), side))
    top = float(sizes.max())
    if top == 0.0:
        return np.zeros((*sizes.shape, 1), np.uint8)
    share = 1.0 + np.log10(np.maximum(sizes / top, 10.0**-_DECADES)) / _DECADES
    return np.rint(share * 255.0).astype(np.uint8)[..., None]


def _largest(sizes: Floats, step: int) -> Floats:
    """The largest of every step by step cells."""
    height, width = (-(-length // step) for length in sizes.shape)
    padded = np.zeros((height * step, width * step))
    padded[: sizes.shape[0], : sizes.shape[1]] = sizes
    return padded.reshape(height, step, width, step).max(axis=(1, 3))


def weight(pictures: Mapping[str, str]) -> int:
    """Characters that pictures take."""
    return sum(map(len, pictures.values()))
