"""What every reader hands on: pictures and labels as they were stored. Runs in a child."""

import mmap
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from analyzers.contract import Array, Refusal
from service.intake.reading import DataLayout

Raw = bytes | mmap.mmap
"""A whole upload, mapped and not copied."""
Rows = Sequence[int] | None
"""The first row and the one behind the last; None means all."""

MOST_BYTES: Final = 4 << 30
"""Pixels of one set, as they are stored here."""
_RATIO: Final = 200
_SMALL: Final = 64 << 20
SAVE: Final = "Write the file with numpy.savez('data.npz', images=images, labels=labels)."
SAVE_CUES: Final = (
    "Write numpy.savez('cues.npz', images=images, shape=shape, texture=texture), with the model's "
    "class numbers of both."
)


class Stored(NamedTuple):
    """Images of four axes and their labels, of the rows that were asked for."""

    images: Array
    labels: Array
    layout: DataLayout = "auto"
    """``nchw`` where the reader itself has laid the axes out."""
    class_names: tuple[str, ...] = ()
    """Where the form of the file names its classes."""
    left_out: int = 0
    """Files beside the pictures that are none."""
    textures: Array | None = None
    """The second labels of pictures with cues in conflict; ``labels`` are those of the shape."""


def span(rows: Rows, count: int) -> tuple[int, int]:
    """The rows that are meant, which must lie within those of the file."""
    if rows is None:
        return 0, count
    low, high = int(rows[0]), int(rows[1])
    if not 0 <= low < high <= count:
        raise Refusal(
            "DATA_SLICE_INVALID",
            f"The slice [{low}:{high}] does not lie within the {count} images of the file.",
            "Ask for a slice of the images that are there.",
        )
    return low, high


def check_total(size: int) -> None:
    """Refuse more pixels than a set may have, before anything is made of them."""
    if size > MOST_BYTES:
        raise Refusal(
            "DATA_TOO_LARGE",
            f"The images have {size:,} bytes of pixels; at most {MOST_BYTES:,} are taken.",
            "Use fewer of them, for example with --limit 1000.",
        )


def most_unpacked(size: int) -> int:
    """To how many bytes a file of a size may unpack.

    Sorted labels alone pack a thousandfold, so it is asked of a whole file, and of large ones.
    """
    return min(MOST_BYTES + _SMALL, max(_SMALL, _RATIO * size))


def shown(name: str, most: int = 40) -> str:
    """The beginning of a foreign name, without what would not print."""
    return "".join(sign for sign in name[:most] if sign.isprintable())


def no_cues(form: str) -> Refusal:
    """The refusal of a form that has no room for a second label."""
    return Refusal(
        "DATA_ARRAY_MISSING",
        f"Pictures with cues in conflict have two labels each, and {form} hold one.",
        SAVE_CUES,
    )


def missing(name: str, held: Sequence[str], remedy: str = "") -> Refusal:
    """The refusal of a file that lacks an array."""
    listed = ", ".join(shown(one) for one in sorted(held)[:8]) or "nothing"
    return Refusal(
        "DATA_ARRAY_MISSING",
        f"The data file has no array named '{name}'; it holds {listed}.",
        remedy or "Name the two arrays 'images' and 'labels'.",
    )


def unsupported(dtype: str) -> Refusal:
    """The refusal of pixels of a type that means nothing."""
    return Refusal(
        "DATA_DTYPE_UNSUPPORTED",
        f"The images are {shown(dtype)}; only uint8 and floating-point images are taken.",
        "Convert them: images.astype('float32') with values from 0 to 1, or uint8 from 0 to 255.",
    )


def sliced(images: Array, labels: Array, rows: Rows, textures: Array | None = None) -> Stored:
    """The rows asked for, of images of four axes and as many labels."""
    if images.ndim != 4 or 0 in images.shape:  # noqa: PLR2004 - images, and three axes each
        raise Refusal(
            "DATA_SHAPE_INVALID",
            f"The images have the shape {list(images.shape)}; four axes are needed: images, and "
            "height, width and channels in either order.",
            "Add the missing axis, for example images[..., None] for grey pictures.",
        )
    labels = _as_many(labels, images, "labels" if textures is None else "labels of the shape")
    if textures is not None:
        textures = _as_many(textures, images, "labels of the texture")
    low, high = span(rows, len(images))
    part = images[low:high]
    check_total(part.nbytes)
    return Stored(part, labels[low:high], textures=None if textures is None else textures[low:high])


def _as_many(labels: Array, images: Array, what: str) -> Array:
    labels = np.atleast_1d(labels)
    if len(labels) != len(images):
        raise Refusal(
            "DATA_COUNT_MISMATCH",
            f"There are {len(images)} images and {len(labels)} {what}.",
            "Give exactly one label an image, in the same order.",
        )
    return labels
