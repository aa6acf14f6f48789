"""Pictures as files: what is written is read back bit by bit, and nothing else is taken for it."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from analyzers.contract import Array
from analyzers.pictures import sample_id
from service.intake.data.samples_child import sample_ids
from service.witnesses.pictures import (
    NoPicture,
    most_bytes,
    packed,
    pixels_digest,
    unpacked,
)
from support.witnesses import picture

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG with its checksum."""
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


def png_of(width: int, height: int, lines: bytes, *, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG out of its parts."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return SIGNATURE + body


def pillow(pixels: Array) -> Array:
    """What another reader finds in our PNG."""
    return np.asarray(Image.open(io.BytesIO(packed(pixels)[1])))


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 7, 3), (3, 1, 1)])
def test_a_png_holds_the_codes_and_others_read_them(shape: tuple[int, int, int]) -> None:
    """Written and read back without a change, and Pillow reads the same numbers."""
    codes = picture(1, shape)
    ending, raw = packed(codes)
    assert ending == ".png"
    assert np.array_equal(unpacked("a.png", raw, shape, "uint8"), codes)
    assert np.array_equal(np.atleast_3d(pillow(codes)).transpose(2, 0, 1), codes)


def test_a_png_packed_by_others_is_the_same_picture() -> None:
    """Pillow picks filters of its own, Average and Paeth among them; the numbers stay."""
    smooth = (np.add.outer(np.arange(40), np.arange(50)) * 2 + picture(2, (3, 40, 50)) % 5) % 251
    codes = smooth.astype(np.uint8)
    whole = io.BytesIO()
    Image.fromarray(codes.transpose(1, 2, 0)).save(whole, "PNG", optimize=True)
    found = unpacked("a.png", whole.getvalue(), codes.shape, "uint8")
    assert pixels_digest(found) == pixels_digest(codes)


@pytest.mark.parametrize(
    ("kind", "first", "second"), [(0, 50, 30), (1, 50, 80), (2, 40, 42), (3, 45, 61), (4, 40, 80)]
)
def test_each_filter_of_the_specification(kind: int, first: int, second: int) -> None:
    """By hand: below 10 12 stands 50, then 30 more than what the filter guesses of its place."""
    lines = bytes([0, 10, 12, kind, first, 30])
    found = unpacked("a.png", png_of(2, 2, lines, colour=0), (1, 2, 2), "uint8")
    assert found[0].tolist() == [[10, 12], [50, second]]


@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 2, 2)])
def test_exact_numbers_are_kept_as_npy(shape: tuple[int, int, int]) -> None:
    """Float32 bit by bit; codes of four channels, which no PNG of ours holds, as well."""
    exact = np.nextafter(picture(3, shape).astype(np.float32) / 255, np.float32(1))
    ending, raw = packed(exact)
    assert ending == ".npy"
    assert unpacked("a.npy", raw, shape, "float32").tobytes() == exact.tobytes()
    if shape[0] == 4:
        codes = picture(4, shape)
        assert np.array_equal(unpacked("a.npy", packed(codes)[1], shape, "uint8"), codes)


def objects() -> bytes:
    """An array whose reading would run code."""
    whole = io.BytesIO()
    np.save(whole, np.array([[["x"]]], object), allow_pickle=True)
    return whole.getvalue()


def saved(values: Array) -> bytes:
    """As numpy saves it."""
    whole = io.BytesIO()
    np.save(whole, values)
    return whole.getvalue()


GOOD = png_of(2, 1, bytes([0, 1, 2, 3, 4, 5, 6]))
FLOATS = np.zeros((3, 1, 2), np.float32)
BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cut": ("a.png", lambda: GOOD[:-9]),
    "one bit": ("a.png", lambda: GOOD[:43] + bytes([GOOD[43] ^ 1]) + GOOD[44:]),
    "other size": ("a.png", lambda: png_of(1, 2, bytes(8))),
    "16 bits": ("a.png", lambda: png_of(2, 1, bytes(13), depth=16)),
    "palette": ("a.png", lambda: png_of(2, 1, bytes(3), colour=3)),
    "bomb": ("a.png", lambda: png_of(2, 1, bytes(1 << 24))),
    "too few": ("a.png", lambda: png_of(2, 1, bytes(6))),
    "filter": ("a.png", lambda: png_of(2, 1, bytes([9, 1, 2, 3, 4, 5, 6]))),
    "huge chunk": ("a.png", lambda: GOOD[:8] + b"\xff\xff\xff\xff" + GOOD[12:]),
    "jpeg": ("a.png", lambda: b"\xff\xd8\xff\xe0" + bytes(100)),
    "objects": ("a.npy", objects),
    "doubles": ("a.npy", lambda: saved(FLOATS.astype(np.float64))),
    "big-endian": ("a.npy", lambda: saved(FLOATS.astype(">f4"))),
    "shape": ("a.npy", lambda: saved(FLOATS[:1])),
    "fortran": ("a.npy", lambda: saved(np.asfortranarray(np.ones((3, 1, 2), np.float32)))),
    "longer": ("a.npy", lambda: saved(FLOATS) + b"\0"),
    "header": ("a.npy", lambda: b"\x93NUMPY\x01\x00\xff\xff{" + b"(" * 65534),
    "no npy": ("a.npy", lambda: GOOD),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_such_picture_is_refused(case: str) -> None:
    """Damage, other shapes and types, bombs and pickles end in one kind of refusal."""
    name, raw = BAD[case]
    with pytest.raises(NoPicture):
        unpacked(name, raw(), (3, 1, 2), "uint8" if name == "a.png" else "float32")


def test_the_good_ones_are_taken() -> None:
    """Control: the picture that the bad ones were made from, and the array, can be read."""
    assert unpacked("a.png", GOOD, (3, 1, 2), "uint8").ravel().tolist() == [1, 4, 2, 5, 3, 6]
    assert np.array_equal(unpacked("a.npy", saved(FLOATS), (3, 1, 2), "float32"), FLOATS)


def test_a_png_where_exact_numbers_belong_is_refused() -> None:
    """Eight bits cannot stand for float32: a rounded witness is another picture."""
    with pytest.raises(NoPicture, match="needs more"):
        unpacked("a.png", GOOD, (3, 1, 2), "float32")


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_picture_is_called_as_the_service_calls_it(dtype: str) -> None:
    """The id that intake gives, so that a clean picture can be checked without the service."""
    kept = picture(5) if dtype == "uint8" else picture(5).astype(np.float32) / 300
    [name] = sample_ids(kept[None], np.array([4]))
    assert sample_id(kept, 4) == bytes(name).hex()
    assert sample_id(kept, 5) != bytes(name).hex()


def test_what_is_written_stays_below_what_is_read() -> None:
    """The bound on file sizes never meets a file of ours, noise included."""
    for codes in (picture(6, (3, 224, 224)), picture(7, (1, 1, 1))):
        assert len(packed(codes)[1]) < most_bytes(codes.shape, "uint8")
        assert len(packed(codes.astype(np.float32))[1]) < most_bytes(codes.shape, "float32")
