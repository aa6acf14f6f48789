"""Damage that any file may take on its way, whatever it is."""

from collections.abc import Callable
from typing import Final

from tools.fuzz.draws import Draw

Bytes = Callable[[bytes, Draw], bytes]


def damaged(raw: bytes, draw: Draw) -> bytes:
    """The file with one piece of damage."""
    return draw.pick(_DAMAGE)(raw, draw)


def _cut(raw: bytes, draw: Draw) -> bytes:
    return raw[: draw.below(len(raw))]


def _cut_a_little(raw: bytes, draw: Draw) -> bytes:
    return raw[: max(0, len(raw) - 1 - draw.below(40))]


def _headless(raw: bytes, draw: Draw) -> bytes:
    return raw[1 + draw.below(64) :]


def _flipped(raw: bytes, draw: Draw) -> bytes:
    changed = bytearray(raw)
    for _ in range(1 + draw.below(8)):
        if changed:
            changed[draw.below(len(changed))] ^= 1 << draw.below(8)
    return bytes(changed)


def _noisy(raw: bytes, draw: Draw) -> bytes:
    at, size = draw.below(len(raw)), 1 + draw.below(64)
    return raw[:at] + draw.bytes(size) + raw[at + size :]


def _numbered(raw: bytes, draw: Draw) -> bytes:
    size = draw.pick((1, 2, 4, 8))
    at = draw.below(len(raw) - size)
    told = draw.unsigned(size).to_bytes(size, draw.pick(("little", "big")))
    return raw[:at] + told + raw[at + size :]


def _moved(raw: bytes, draw: Draw) -> bytes:
    size = 1 + draw.below(256)
    source, target = draw.below(len(raw) - size), draw.below(len(raw) - size)
    return raw[:target] + raw[source : source + size] + raw[target + size :]


def _grown(raw: bytes, draw: Draw) -> bytes:
    at = draw.below(len(raw))
    return raw[:at] + draw.bytes(1 + draw.below(32)) + raw[at:]


def _shrunk(raw: bytes, draw: Draw) -> bytes:
    at = draw.below(len(raw))
    return raw[:at] + raw[at + 1 + draw.below(32) :]


def _prefixed(raw: bytes, draw: Draw) -> bytes:
    return draw.pick((b"\0", b"PK\x03\x04", b"\xef\xbb\xbf", b"#!/bin/sh\n", draw.bytes(64))) + raw


def _continued(raw: bytes, draw: Draw) -> bytes:
    return raw + draw.pick((b"\0", b"PK\x05\x06" + bytes(18), b"</html>", draw.bytes(64), raw))


_DAMAGE: Final[tuple[Bytes, ...]] = (
    *(_cut, _cut_a_little, _headless, _flipped, _noisy, _numbered),
    *(_moved, _grown, _shrunk, _prefixed, _continued),
)
