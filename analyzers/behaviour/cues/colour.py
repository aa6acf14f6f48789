"""Colour out: every pixel in the grey of its brightness."""

from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.contract import FloatArray

CHANNELS: Final = 3
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601, for red, green, blue."""


def coloured(images: FloatArray) -> npt.NDArray[np.bool_]:
    """Of each picture of three channels, whether any pixel is other than grey."""
    return (images != images[:, :1]).any(axis=(1, 2, 3))


def without_colour(images: FloatArray) -> FloatArray:
    """All three channels the brightness."""
    grey = np.einsum("nchw,c->nhw", images, _LUMA)[:, None]
    return np.broadcast_to(grey, images.shape).clip(0, 1).astype(np.float32)
