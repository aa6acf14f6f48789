"""Encoded pictures to pixels: PNG, JPEG and WebP, every claim bounded first. Runs in a child.

All pictures are looked at before one is decoded, so that their one size and their number of
channels are known when room is made for them.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Generator, Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import (
    Image,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from analyzers.contract import Array, Refusal
from service.intake.data.picture_head_child import claimed_size, is_deep
from service.intake.data.stored_child import check_total, shown

LOADED: Final = (
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
"""Decoders, and what they themselves import late (for EXIF, and for two pictures in one JPEG)."""
Image.preinit()

MOST_PIXELS: Final = 25_000_000
FORMATS: Final = ("PNG", "JPEG", "WEBP")
_GREY: Final = ("1", "L")
_COLOUR: Final = ("RGB", "P")
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = range(5, 9)
"""Orientations of EXIF that swap height and width."""
_AGAIN: Final = "Save it again as PNG or JPEG with 8 bits a channel, or leave it out."


class Picture(NamedTuple):
    """An encoded picture, fetched when it is needed."""

    name: str
    load: Callable[[], bytes]


class _Look(NamedTuple):
    """What a picture will be once it is decoded."""

    width: int
    height: int
    grey: bool


def decoded(pictures: Sequence[Picture]) -> Array:
    """All pictures as uint8 NCHW: one channel when every one is grey, else three."""
    looks = [_looked_at(picture) for picture in pictures]
    height, width = _one_size(pictures, looks)
    grey = all(look.grey for look in looks)
    shape = (len(pictures), 1 if grey else 3, height, width)
    check_total(int(np.prod(shape, dtype=object)))
    images = np.empty(shape, np.uint8)
    for row, picture in enumerate(pictures):
        pixels = _pixels(picture, grey=grey)
        images[row] = pixels if grey else pixels.transpose(2, 0, 1)
    return images


def _looked_at(picture: Picture) -> _Look:
    with _opened(picture) as image:
        _check_pixels(picture.name, image.size)
        _check_kind(picture.name, image)
        sideways = _orientation(image) in _SIDEWAYS
        width, height = image.size[::-1] if sideways else image.size
        return _Look(width, height, image.mode in _GREY)


def _pixels(picture: Picture, *, grey: bool) -> Array:
    with _opened(picture) as image:
        image.load()
        upright = image if _orientation(image) == 1 else ImageOps.exif_transpose(image)
        return np.asarray(upright.convert("L" if grey else "RGB"))


@contextlib.contextmanager
def _opened(picture: Picture) -> Generator[Image.Image]:
    """An open picture; whatever its decoder makes of it until it is closed ends in a code."""
    raw = picture.load()
    size = claimed_size(raw)
    if size is not None:
        _check_pixels(picture.name, size)
    if is_deep(raw):
        raise _unfit(picture.name, "has 16 bits a channel")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                yield image
    except (MemoryError, Refusal):
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(picture.name) from error
    except Exception as error:  # a decoder raises whatever its format's damage led it to
        raise _broken(picture.name) from error


def _orientation(image: Image.Image) -> int:
    """What EXIF says of the picture's upright; 1 where it says nothing.

    In a PNG it counts only in front of the pixels: looking for it behind them would decode them.
    """
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    told = image.getexif().get(_ORIENTATION)
    return told if isinstance(told, int) and told in range(1, 9) else 1


def _check_pixels(name: str, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise _too_large(name)


def _check_kind(name: str, image: Image.Image) -> None:
    if image.mode in {"LA", "RGBA", "PA", "La", "RGBa"} or "transparency" in image.info:
        raise Refusal(
            "DATA_DTYPE_UNSUPPORTED",
            f"'{shown(name, 80)}' is partly transparent, and what shines through is not told.",
            "Put it on the background that your training uses, and save it without alpha.",
        )
    if image.mode not in (*_GREY, *_COLOUR):
        raise _unfit(name, f"holds pixels of the kind {image.mode}")
    if image.format in {"PNG", "WEBP"} and getattr(image, "is_animated", False):
        raise _unfit(name, "is an animation")


def _one_size(pictures: Sequence[Picture], looks: Sequence[_Look]) -> tuple[int, int]:
    if not looks:
        raise Refusal("DATA_EMPTY", "The data holds no pictures.", "Use data that has some.")
    first = looks[0]
    for picture, look in zip(pictures, looks, strict=True):
        if look[:2] != first[:2]:
            raise Refusal(
                "DATA_SHAPE_INVALID",
                f"'{shown(pictures[0].name, 80)}' is {first.width} by {first.height} pixels and "
                f"'{shown(picture.name, 80)}' is {look.width} by {look.height}; all must have one "
                "size.",
                "Resize and crop them as the model's preprocessing does, and save them as PNG.",
            )
    return first.height, first.width


def _too_large(name: str) -> Refusal:
    return Refusal(
        "IMAGE_TOO_LARGE",
        f"'{shown(name, 80)}' has more than {MOST_PIXELS:,} pixels.",
        "Resize it as the model's preprocessing does, or leave it out.",
    )


def _broken(name: str) -> Refusal:
    return Refusal(
        "DATA_IMAGE_BROKEN",
        f"'{shown(name, 80)}' is damaged, or is none of PNG, JPEG and WebP.",
        _AGAIN,
    )


def _unfit(name: str, what: str) -> Refusal:
    return Refusal("DATA_DTYPE_UNSUPPORTED", f"'{shown(name, 80)}' {what}.", _AGAIN)
