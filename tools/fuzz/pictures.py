"""A handful of honest pictures and labels, of which the data formats are made."""

import functools
import io
from typing import Any, Final

import numpy as np
from PIL import Image

from analyzers.contract import Array

COUNT: Final = 6
SIDE: Final = 8


@functools.cache
def images() -> Array:
    """NHWC pictures as bytes."""
    return np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE, 3)).astype(np.uint8)


@functools.cache
def labels() -> Array:
    """Two classes by turns."""
    return np.arange(COUNT) % 2


def encoded(pixels: Array, form: str, mode: str = "RGB", **told: Any) -> bytes:  # noqa: ANN401 - the encoder's own options
    """One picture as a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form, **told)
    return file.getvalue()


def in_folders(files: list[bytes], ending: str) -> dict[str, bytes]:
    """Pictures under the names that class folders give them."""
    return {f"{'ab'[at % 2]}/{at}.{ending}": one for at, one in enumerate(files)}
