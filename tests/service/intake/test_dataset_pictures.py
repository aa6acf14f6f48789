"""Encoded pictures become the pixels that people saw, or are refused by name."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analyzers.contract import Array, Refusal
from support.pictures import encoded, read_bytes, zipped

COLOUR = np.random.default_rng(3).integers(0, 256, (2, 8, 6, 3)).astype(np.uint8)
GREY = np.random.default_rng(4).integers(0, 256, (2, 8, 6)).astype(np.uint8)


def saved(image: Image.Image, form: str = "PNG", **told: Any) -> bytes:  # noqa: ANN401 - the encoder's own options
    """A picture as a file."""
    out = io.BytesIO()
    image.save(out, form, **told)
    return out.getvalue()


def taken(one: bytes, other: bytes) -> Array:
    """Two pictures of two classes, read."""
    return read_bytes(zipped({"a/1.png": one, "b/1.png": other}))[1]["images"]


def refusal(one: bytes) -> Refusal:
    """The refusal that one odd picture beside an ordinary one earns."""
    with pytest.raises(Refusal) as caught:
        taken(encoded(COLOUR[0]), one)
    return caught.value


def test_grey_stays_one_channel_when_all_are_grey() -> None:
    """Grey and black-and-white pictures have one channel."""
    bits = Image.fromarray(GREY[1] > 127)
    found = taken(encoded(GREY[0]), saved(bits))
    assert found.shape == (2, 1, 8, 6)
    assert np.array_equal(found[0, 0], GREY[0])
    assert sorted({int(one) for one in found[1].ravel()}) == [0, 255]


def test_grey_among_colours_has_three_equal_channels() -> None:
    """One picture in colour makes three channels of all."""
    found = taken(encoded(GREY[0]), encoded(COLOUR[1]))
    assert found.shape == (2, 3, 8, 6)
    assert all(np.array_equal(found[0, channel], GREY[0]) for channel in range(3))
    assert np.array_equal(found[1], COLOUR[1].transpose(2, 0, 1))


def test_palettes_are_looked_up() -> None:
    """A picture of indices becomes the colours that they mean."""
    few = (COLOUR[0] // 128) * 128
    indexed = Image.fromarray(few).quantize(8)
    assert indexed.mode == "P"
    found = taken(saved(indexed), encoded(COLOUR[1]))
    assert np.array_equal(found[0], np.asarray(indexed.convert("RGB")).transpose(2, 0, 1))


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_the_content_decides_and_not_the_name(form: str) -> None:
    """A JPEG or WebP called .png is read as what it is."""
    raw = encoded(COLOUR[0], form)
    found = taken(raw, encoded(COLOUR[1]))
    seen = np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))
    assert np.array_equal(found[0], seen.transpose(2, 0, 1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_exif_says(orientation: int) -> None:
    """Every orientation is undone before sizes are compared; without EXIF nothing turns."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = COLOUR[0]
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    raw = encoded(np.ascontiguousarray(stored), "PNG", exif=exif)
    found = taken(raw, encoded(COLOUR[1]))
    assert np.array_equal(found[0], upright.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["RGBA", "LA"])
def test_transparency_is_refused_with_a_hint(kind: str) -> None:
    """What shines through is not known, so pictures with alpha are refused."""
    found = refusal(saved(Image.fromarray(COLOUR[0]).convert(kind)))
    assert found.code == "DATA_DTYPE_UNSUPPORTED"
    assert "background" in found.remedy


def test_a_transparent_colour_is_transparency() -> None:
    """A palette with a colour that means nothing is refused too."""
    found = refusal(saved(Image.fromarray(COLOUR[0]).quantize(8), transparency=0))
    assert found.code == "DATA_DTYPE_UNSUPPORTED"


def animation() -> bytes:
    """A PNG of two pictures."""
    first, second = (Image.fromarray(one) for one in COLOUR)
    return saved(first, save_all=True, append_images=[second])


UNFIT = {
    "16 bits of grey": saved(Image.fromarray(GREY[0].astype(np.uint16) * 257)),
    "ink": saved(Image.fromarray(COLOUR[0]).convert("CMYK"), "JPEG"),
    "two pictures": animation(),
}


@pytest.mark.parametrize("raw", UNFIT.values(), ids=UNFIT.keys())
def test_kinds_that_would_lose_something_are_refused(raw: bytes) -> None:
    """16 bits, CMYK and animations are not silently made into something else."""
    assert refusal(raw).code == "DATA_DTYPE_UNSUPPORTED"


def test_sixteen_bits_of_colour_are_refused() -> None:
    """A decoder would drop the lower half; the control shows that it does."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        sealed = struct.pack(">I", len(body)) + kind + body
        return sealed + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + bytes(range(36)) for _ in range(8))
    head = struct.pack(">2I5B", 6, 8, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    raw = b"\x89PNG\r\n\x1a\n" + parts
    assert Image.open(io.BytesIO(raw)).mode == "RGB"
    assert refusal(raw).code == "DATA_DTYPE_UNSUPPORTED"


def test_two_sizes_are_told_with_the_pictures_that_have_them() -> None:
    """All pictures must have one size; the refusal names both and how to mend it."""
    found = refusal(encoded(COLOUR[0][:, :5]))
    assert found.code == "DATA_SHAPE_INVALID"
    assert "'a/1.png' is 6 by 8" in found.sentence
    assert "'b/1.png' is 5 by 8" in found.sentence
    assert "esize" in found.remedy


def test_other_formats_are_refused_by_name() -> None:
    """A GIF under the name of a PNG is none of the formats that are opened."""
    found = refusal(saved(Image.fromarray(COLOUR[0]).quantize(8), "GIF"))
    assert found.code == "DATA_IMAGE_BROKEN"
    assert "'b/1.png'" in found.sentence
