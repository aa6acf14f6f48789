"""PNG files of ours, read by somebody else's reader."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.report.png import Pixels, data_uri, png


def read(body: bytes) -> Pixels:
    """Pixels as Pillow sees them, after it has checked every chunk."""
    Image.open(BytesIO(body)).verify()
    picture = np.asarray(Image.open(BytesIO(body)))
    return picture if picture.ndim == 3 else picture[:, :, None]


@pytest.mark.parametrize("shape", [(1, 1, 1), (32, 32, 3), (7, 13, 3), (5, 64, 1), (64, 2, 1)])
@pytest.mark.parametrize("kind", ["noise", "ramp", "flat"])
def test_pixels_survive(shape: tuple[int, int, int], kind: str) -> None:
    """Pillow reads back exactly the pixels that were written, whatever filter was chosen."""
    count = int(np.prod(shape))
    flat = {
        "noise": np.random.default_rng(0).integers(0, 256, count),
        "ramp": np.arange(count) * 3 % 256,
        "flat": np.full(count, 200),
    }[kind]
    pixels = flat.astype(np.uint8).reshape(shape)
    assert np.array_equal(read(png(pixels)), pixels)


def test_filters_earn_their_keep() -> None:
    """A smooth picture takes far fewer bytes than its pixels do."""
    across = np.linspace(0, 255, 128).astype(np.uint8)
    smooth = np.broadcast_to(across[None, :, None], (128, 128, 3)).copy()
    assert len(png(smooth)) < smooth.nbytes / 50


def test_an_address_holds_the_file() -> None:
    """The data address decodes to the same file."""
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    head, _, body = data_uri(pixels).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == png(pixels)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2, 3), np.uint8)],
)
def test_what_is_no_picture_is_refused(pixels: Pixels) -> None:
    """Two axes, four channels and no rows are refused by name."""
    with pytest.raises(ValueError, match=r"pixels must be|is no picture"):
        png(pixels)


def test_floats_are_refused() -> None:
    """Pixels in [0,1] would come out black; they are refused."""
    with pytest.raises(ValueError, match="uint8"):
        png(np.zeros((2, 2, 3)))  # pyright: ignore[reportArgumentType]  # the mistake is the point
