"""Pictures as files and back: PNG where 8 bits hold them, else the exact numbers as ``.npy``.

Reading is strict and bounded. It takes what is written here, however it was packed since, and
parses nothing else: a witness folder may come from anywhere.
"""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array, Digest
from service.report.png import png

PNG, NPY = ".png", ".npy"
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES: Final = {1: 0, 3: 2}
_ROOM: Final = 1 << 16
"""Bytes that a file may have beside its numbers."""
_BYTE: Final = 256

Line = npt.NDArray[np.uint8]


class NoPicture(ValueError):  # noqa: N818 - reads as what it says
    """A file that is not the picture that it should be; the text says why."""


def packed(picture: Array) -> tuple[str, bytes]:
    """The ending and the bytes of a file for a picture (CHW)."""
    if picture.dtype == np.uint8 and len(picture) in _COLOUR_TYPES:
        return PNG, png(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    whole = io.BytesIO()
    np.save(whole, np.ascontiguousarray(picture), allow_pickle=False)
    return NPY, whole.getvalue()


def unpacked(name: str, raw: bytes, shape: Sequence[int], dtype: str) -> Array:
    """The picture in a file whose shape (CHW) and type are known."""
    read = _from_png if name.endswith(PNG) else _from_npy
    return read(raw, (shape[0], shape[1], shape[2]), np.dtype(dtype))


def most_bytes(shape: Sequence[int], dtype: str) -> int:
    """No file with a picture of this shape needs more."""
    return 2 * int(np.prod(shape)) * np.dtype(dtype).itemsize + _ROOM


def pixels_digest(picture: Array) -> Digest:
    """SHA-256 over the numbers of a picture, little-endian, CHW."""
    little = np.ascontiguousarray(picture, picture.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


# ---------------------------------------------------------------------------------------- npy


def _from_npy(raw: bytes, shape: tuple[int, int, int], dtype: np.dtype[np.generic]) -> Array:
    stream = io.BytesIO(raw)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise NoPicture("it is an npy file of another version")  # noqa: TRY301 - one way out
        told, fortran, kind = np.lib.format.read_array_header_1_0(stream)
    except NoPicture:
        raise
    except Exception as error:  # the reader of the header is Python's own and raises many kinds
        raise NoPicture("it is no npy file") from error
    if told != shape or fortran or kind != dtype.newbyteorder("<"):
        raise NoPicture(f"it holds {kind} {told}, not {dtype} {shape}")
    body = raw[stream.tell() :]
    if len(body) != int(np.prod(shape)) * dtype.itemsize:
        raise NoPicture("it is longer or shorter than its header says")
    return np.frombuffer(body, dtype.newbyteorder("<")).reshape(shape)


# ---------------------------------------------------------------------------------------- png


def _from_png(raw: bytes, shape: tuple[int, int, int], dtype: np.dtype[np.generic]) -> Array:
    channels, height, width = shape
    if dtype != np.uint8:
        raise NoPicture("a PNG holds 8 bits, and this picture needs more")
    head, body = b"", b""
    for kind, data in _chunks(raw):
        head = data if kind == b"IHDR" else head
        body += data if kind == b"IDAT" else b""
    if head != struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES.get(channels, -1), 0, 0, 0):
        raise NoPicture(f"it is no PNG of 8 bits, {width} x {height}, {channels} channels")
    lines = _inflated(body, height * (1 + width * channels)).reshape(height, -1)
    rows = np.empty((height, width * channels), np.uint8)
    above = np.zeros(width * channels, np.uint8)
    for at, line in enumerate(lines):
        rows[at] = above = _unfiltered(int(line[0]), line[1:], above, channels)
    return rows.reshape(height, width, channels).transpose(2, 0, 1).copy()


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not raw.startswith(_SIGNATURE):
        raise NoPicture("it is no PNG")
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        if len(raw) < at + 12:
            raise NoPicture("the PNG is cut off")
        (length,), kind = struct.unpack(">I", raw[at : at + 4]), raw[at + 4 : at + 8]
        data, check = raw[at + 8 : at + 8 + length], raw[at + 8 + length : at + 12 + length]
        if check != struct.pack(">I", zlib.crc32(kind + data)):
            raise NoPicture("a checksum in the PNG does not hold")
        yield kind, data
        at += 12 + length


def _inflated(body: bytes, size: int) -> Line:
    """Exactly so many bytes; a stream that holds more is stopped there."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(body, size + 1)
    except zlib.error as error:
        raise NoPicture("the numbers in the PNG are damaged") from error
    if len(found) != size:
        raise NoPicture("the PNG holds another number of pixels than it says")
    return np.frombuffer(found, np.uint8)


def _unfiltered(kind: int, line: Line, above: Line, step: int) -> Line:
    """A row of pixels from its differences (PNG specification, clause 9)."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line.reshape(-1, step), axis=0, dtype=np.uint8).reshape(-1)
    if kind == 2:  # noqa: PLR2004 - the number that the specification gives to Up
        return line + above
    guess = {3: _average, 4: _paeth}.get(kind)
    if guess is None:
        raise NoPicture("a row of the PNG has an unknown filter")
    up, row = above.tolist(), line.tolist()
    for at, value in enumerate(row):
        near = at >= step
        left, corner = (row[at - step], up[at - step]) if near else (0, 0)
        row[at] = (value + guess(left, up[at], corner)) % _BYTE
    return np.array(row, np.uint8)


def _average(left: int, up: int, corner: int) -> int:
    del corner
    return (left + up) // 2


def _paeth(left: int, up: int, corner: int) -> int:
    middle = left + up - corner
    return min((left, up, corner), key=lambda one: abs(middle - one))
