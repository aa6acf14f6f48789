"""Stored pictures in their one form: NCHW, red first, uint8 or [0,1] float32. Runs in a child."""

from typing import Final

import numpy as np

from analyzers.contract import Array, Refusal
from service.intake.data.stored_child import Stored, unsupported
from service.intake.reading import DataLayout, Pixels, Reading

_CHANNELS: Final = (1, 3, 4)
_COLOURS, _WITH_ALPHA = 3, 4
_FLOATS: Final = ("float16", "float32", "float64")


def in_one_form(stored: Stored, reading: Reading) -> Array:
    """The pictures as the file means them, or as it was declared to mean them."""
    images, layout = stored.images, stored.layout
    if images.dtype.name not in {"uint8", *_FLOATS}:
        raise unsupported(images.dtype.name)
    images = _channels_first(images, reading.layout if layout == "auto" else layout)
    if reading.channels == "bgr":
        images = _red_first(images)
    return np.ascontiguousarray(_in_range(images, reading.pixels))


def _channels_first(images: Array, layout: DataLayout) -> Array:
    first, last = images.shape[1] in _CHANNELS, images.shape[3] in _CHANNELS
    if layout == "auto" and first and last:
        raise Refusal(
            "DATA_SHAPE_INVALID",
            f"Which axis of the shape {list(images.shape)} holds the channels is not clear.",
            "Say it with --data-layout nhwc (channels last) or --data-layout nchw.",
        )
    fits = {"auto": first or last, "nchw": first, "nhwc": last}[layout]
    if not fits:
        declared = "" if layout == "auto" else f" as --data-layout {layout} says"
        raise Refusal(
            "DATA_SHAPE_INVALID",
            f"The shape {list(images.shape)} has no axis of channels{declared}.",
            "Give 1, 3 or 4 channels, in the second or in the last axis.",
        )
    turned = layout == "nhwc" or (layout == "auto" and last)
    return images.transpose(0, 3, 1, 2) if turned else images


def _red_first(images: Array) -> Array:
    if images.shape[1] == _WITH_ALPHA:
        raise Refusal(
            "DATA_SHAPE_INVALID",
            "The images have four channels, and where blue lies in those is not clear.",
            "Drop the alpha channel, or leave --channels bgr out.",
        )
    return images[:, ::-1] if images.shape[1] == _COLOURS else images


def _in_range(images: Array, pixels: Pixels) -> Array:
    if images.dtype == np.uint8:
        if pixels == "0-1":
            raise Refusal(
                "DATA_RANGE_INVALID",
                "The pixels are bytes from 0 to 255, and --pixels 0-1 was given.",
                "Leave --pixels out, or give --pixels 0-255.",
            )
        return images
    low, high = float(images.min()), float(images.max())  # NaN when one of them is
    if pixels == "0-255":
        if not (low >= 0 and high <= 255):  # noqa: PLR2004 - the range that was declared
            raise _outside("0 to 255", "Give --pixels 0-1, or leave --pixels out.")
        return _from_bytes(images)
    if not (low >= 0 and high <= 1):
        bytes_like = low >= 0 and high <= 255  # noqa: PLR2004 - the other usual range
        raise _outside("0 to 1", _AS_BYTES if bytes_like else _BEFORE)
    return images.astype(np.float32, copy=False)


_AS_BYTES: Final = "If they run from 0 to 255, give --pixels 0-255; otherwise clip them to 0 to 1."
_BEFORE: Final = "Give pixels from 0 to 1 before any normalisation, and name that with --normalize."


def _outside(bounds: str, remedy: str) -> Refusal:
    sentence = f"Some pixels lie outside {bounds} or are not numbers."
    return Refusal("DATA_RANGE_INVALID", sentence, remedy)


def _from_bytes(images: Array) -> Array:
    """Whole numbers are the bytes that they were; others are divided, and rounded once."""
    if all((image == np.rint(image)).all() for image in images):
        return images.astype(np.uint8)
    wide = images if images.dtype.itemsize > 4 else images.astype(np.float32)  # noqa: PLR2004 - bytes of a float32
    return (wide / wide.dtype.type(255)).astype(np.float32)
