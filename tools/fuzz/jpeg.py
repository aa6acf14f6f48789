"""JPEG files changed segment by segment (ITU-T T.81)."""

import functools
import struct
from collections.abc import Callable
from typing import Any, Final

from tools.fuzz import pictures
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw

_LONE: Final = frozenset({0x01, 0xD8, 0xD9, *range(0xD0, 0xD8)})
_SCAN: Final = 0xDA
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_TABLES: Final = frozenset({0xC4, 0xDB})
Segments = list[tuple[int, bytes]]
"""Marker and body; what follows a scan belongs to its body."""


@functools.cache
def _seeds() -> tuple[bytes, ...]:
    pixels = pictures.images()[0]
    made = [pictures.encoded(pixels, "JPEG", mode) for mode in ("RGB", "L", "CMYK")]
    told: tuple[dict[str, Any], ...] = (
        {"progressive": True},
        {"subsampling": 2, "quality": 20},
        {"restart_marker_rows": 1},
    )
    made += [pictures.encoded(pixels, "JPEG", **one) for one in told]
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    return (*made, pictures.encoded(pixels, "JPEG", exif=exif))


def changed(draw: Draw) -> bytes:
    """One picture with one to three segments changed."""
    raw = draw.pick(_seeds())
    if draw.chance(0.08):
        return damaged(raw, draw)
    held = _segments(raw)
    for _ in range(1 + draw.below(3)):
        draw.pick(_CHANGES)(held, draw)
    return _written(held, draw)


def _segments(raw: bytes) -> Segments:
    found: Segments = []
    at = 0
    while at + 1 < len(raw):
        marker, at = raw[at + 1], at + 2
        end = at if marker in _LONE else at + int.from_bytes(raw[at : at + 2], "big")
        start = at if marker in _LONE else at + 2
        if marker == _SCAN:
            end = _end_of_scan(raw, end)
        found.append((marker, raw[start:end]))
        at = end
    return found


def _end_of_scan(raw: bytes, at: int) -> int:
    while at + 1 < len(raw) and (raw[at] != 0xFF or raw[at + 1] in {0, *range(0xD0, 0xD8)}):  # noqa: PLR2004 - a marker's first byte
        at += 1
    return at


def _written(held: Segments, draw: Draw) -> bytes:
    lying = draw.below(len(held)) if held and draw.chance(0.2) else -1
    raw = b""
    for at, (marker, body) in enumerate(held):
        raw += bytes((0xFF, marker))
        if marker not in _LONE:
            length = _length(marker, body)
            raw += struct.pack(">H", draw.unsigned(2) if at == lying else length & 0xFFFF)
        raw += body
    return raw


def _length(marker: int, body: bytes) -> int:
    """A scan's head is as long as its number of components says."""
    return 6 + 2 * body[0] if marker == _SCAN and body else len(body) + 2


def _frame(held: Segments, draw: Draw) -> None:
    """Other dimensions, precision, components or sampling, or another process."""
    for at, (marker, body) in enumerate(held):
        if marker in _FRAMES and len(body) > 8:  # noqa: PLR2004 - the head and one component
            if draw.chance(0.25):
                held[at] = (draw.pick((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB)), body)
                continue
            changed_body = bytearray(body)
            place = draw.below(len(body))
            changed_body[place] = draw.pick((0, 1, 2, 4, 8, 12, 16, 0x11, 0x22, 0x44, 0xF1, 255))
            if draw.chance(0.3):
                size = draw.pick((0, 1, 5000, 65500, 65535))
                changed_body[1:5] = struct.pack(">2H", size, draw.pick((size, 8)))
            held[at] = (marker, bytes(changed_body))


def _table(held: Segments, draw: Draw) -> None:
    at = [place for place, (marker, _) in enumerate(held) if marker in _TABLES]
    if at:
        place = draw.pick(at)
        held[place] = (held[place][0], damaged(held[place][1] or b"\0", draw))


def _scan(held: Segments, draw: Draw) -> None:
    at = [place for place, (marker, _) in enumerate(held) if marker == _SCAN]
    if at:
        place = draw.pick(at)
        held[place] = (_SCAN, damaged(held[place][1] or b"\0", draw))


def _scans(held: Segments, draw: Draw) -> None:
    """Many scans, each of which a decoder goes over the whole picture for."""
    at = [place for place, (marker, _) in enumerate(held) if marker == _SCAN]
    if at:
        place = draw.pick(at)
        held[place:place] = [held[place]] * draw.pick((1, 20, 400))


def _dropped(held: Segments, draw: Draw) -> None:
    if held:
        del held[draw.below(len(held))]


def _doubled(held: Segments, draw: Draw) -> None:
    if held:
        held.insert(draw.below(len(held)), draw.pick(held))


def _added(held: Segments, draw: Draw) -> None:
    exif = b"Exif\0\0"
    turned = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1" + draw.bytes(2) + bytes(6)
    odd = (
        (0xE1, exif + turned),
        (0xE1, exif + b"II*\0" + struct.pack("<L", draw.unsigned(4)) + draw.bytes(40)),
        (0xE1, exif + b"MM\0*\0\0\0\x08\xff\xff" + draw.bytes(300)),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<x>" * 900),
        (0xE2, b"ICC_PROFILE\0\1\xff" + draw.bytes(40)),
        (0xE2, b"MPF\0II*\0" + draw.bytes(60)),
        (0xED, b"Photoshop 3.0\x008BIM\x04\x04" + draw.bytes(30)),
        (0xEE, b"Adobe\0\x64\0\0\0\0" + bytes((draw.below(4),))),
        (0xE0, b"JFIF\0\1\2\1" + draw.bytes(6)),
        (0xDD, struct.pack(">H", draw.unsigned(2))),
        (0xDC, struct.pack(">H", draw.unsigned(2))),
        (0xFE, draw.bytes(2000)),
        (0xD8, b""),
        (0xD9, b""),
        (0xF7, draw.bytes(12)),
    )
    held.insert(draw.pick((0, 1, 1, len(held))), draw.pick(odd))


_CHANGES: Final[tuple[Callable[[Segments, Draw], None], ...]] = (
    *(_frame, _frame, _frame, _table, _scan, _scans, _dropped, _doubled, _added, _added),
)
