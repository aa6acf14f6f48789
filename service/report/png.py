"""A small PNG writer: eight bits, grey or colour, nothing but numpy and zlib."""

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.uint8]
"""A picture as the file has it: every row with the number of its filter before it."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2}
_AXES = 3
_FILTERS = (0, 1, 2)
"""None, Sub and Up of the PNG specification, clause 9."""


def png(pixels: Pixels) -> bytes:
    """A PNG file of height x width x (1 or 3) pixels."""
    if pixels.dtype != np.uint8 or pixels.ndim != _AXES:
        message = f"pixels must be uint8 with three axes, not {pixels.dtype} {pixels.shape}"
        raise ValueError(message)
    height, width, channels = pixels.shape
    if channels not in _COLOUR_TYPES or not height or not width:
        message = f"{pixels.shape} is no picture of one or three channels"
        raise ValueError(message)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = min((_filtered(pixels, kind) for kind in _FILTERS), key=_unevenness)
    body = zlib.compress(rows.tobytes(), 9)
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", body), _chunk(b"IEND", b"")
    return _SIGNATURE + b"".join(chunks)


def data_uri(pixels: Pixels) -> str:
    """The picture as an address that needs no second file."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")


def _filtered(pixels: Pixels, kind: int) -> Rows:
    """Every row under one filter: differences modulo 256 often compress better."""
    filtered = pixels.copy()
    if kind == 1:
        filtered[:, 1:] -= pixels[:, :-1]
    elif kind == 2:  # noqa: PLR2004 - the number that the specification gives to Up
        filtered[1:] -= pixels[:-1]
    height = pixels.shape[0]
    rows = np.empty((height, 1 + pixels.shape[1] * pixels.shape[2]), np.uint8)
    rows[:, 0] = kind
    rows[:, 1:] = filtered.reshape(height, -1)
    return rows


def _unevenness(rows: Rows) -> int:
    """The specification's own guess at what compresses worst: sizes of the signed differences."""
    return int(np.abs(rows[:, 1:].view(np.int8).astype(np.int64)).sum())


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)
