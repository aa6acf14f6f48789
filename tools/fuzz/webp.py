"""WebP files changed chunk by chunk (RFC 9649)."""

import functools
import struct
from collections.abc import Callable
from typing import Final

from tools.fuzz import pictures
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw

Chunks = list[tuple[bytes, bytes]]


@functools.cache
def _seeds() -> tuple[bytes, ...]:
    pixels = pictures.images()[0]
    plain = pictures.encoded(pixels, "WEBP", quality=60)
    whole = pictures.encoded(pixels, "WEBP", lossless=True)
    clear = pictures.encoded(pixels, "WEBP", "RGBA", quality=50)
    return (
        plain,
        whole,
        clear,
        pictures.encoded(pixels, "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    )


def changed(draw: Draw) -> bytes:
    """One picture with one to three chunks changed."""
    raw = draw.pick(_seeds())
    if draw.chance(0.08):
        return damaged(raw, draw)
    held = _chunks(raw)
    for _ in range(1 + draw.below(3)):
        draw.pick(_CHANGES)(held, draw)
    return _written(held, draw)


def _chunks(raw: bytes) -> Chunks:
    found: Chunks = []
    at = 12
    while at < len(raw):
        (length,) = struct.unpack("<L", raw[at + 4 : at + 8])
        found.append((raw[at : at + 4], raw[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def _written(held: Chunks, draw: Draw) -> bytes:
    lying = draw.below(len(held)) if held and draw.chance(0.25) else -1
    body = b"WEBP"
    for at, (kind, own) in enumerate(held):
        length = draw.unsigned(4) if at == lying else len(own)
        body += kind + struct.pack("<L", length) + own + b"\0" * (len(own) % 2)
    size = draw.unsigned(4) if draw.chance(0.1) else len(body)
    return b"RIFF" + struct.pack("<L", size) + body


def _sizes(held: Chunks, draw: Draw) -> None:
    """Another width or height, where the chunk says it."""
    if not held:
        return
    kind, body = held[0]
    odd = draw.pick((0, 1, 8, 9, 16383, 0xFFFFFF, draw.unsigned(3)))
    if kind == b"VP8X" and len(body) > 9:  # noqa: PLR2004 - flags and two sizes
        body = body[:4] + struct.pack("<L", odd)[:3] + body[7:]
    elif kind == b"VP8L" and len(body) > 4:  # noqa: PLR2004 - mark and two sizes
        body = body[:1] + struct.pack("<L", odd | odd << 14 & 0xFFFFFFFF) + body[5:]
    elif len(body) > 9:  # noqa: PLR2004 - tag, mark and two sizes
        body = body[:6] + struct.pack("<2H", odd & 0xFFFF, draw.pick((8, odd & 0xFFFF))) + body[10:]
    held[0] = (kind, body)


def _body(held: Chunks, draw: Draw) -> None:
    if held:
        at = draw.below(len(held))
        held[at] = (held[at][0], damaged(held[at][1] or b"\0", draw))


def _dropped(held: Chunks, draw: Draw) -> None:
    if held:
        del held[draw.below(len(held))]


def _doubled(held: Chunks, draw: Draw) -> None:
    if held:
        held.insert(draw.below(len(held)), draw.pick(held))


def _other_kind(held: Chunks, draw: Draw) -> None:
    if held:
        at = draw.below(len(held))
        held[at] = (draw.pick((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANMF")), held[at][1])


def _added(held: Chunks, draw: Draw) -> None:
    frame = struct.pack("<3L", draw.unsigned(4), draw.unsigned(4), 0)[:12] + bytes(4)
    size = struct.pack("<L", draw.unsigned(3))[:3]
    odd = (
        (b"VP8X", bytes((draw.below(256), 0, 0, 0)) + size + size),
        (b"ANIM", draw.bytes(draw.pick((0, 6)))),
        (b"ANMF", frame + (held[0][1] if held else b"")),
        (b"ALPH", bytes((draw.below(256),)) + draw.bytes(30)),
        (b"ICCP", draw.bytes(50)),
        (b"EXIF", draw.pick((b"II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b""))),
        (b"XMP ", b"<" * 3000),
        (b"\0\0\0\0", b""),
    )
    held.insert(draw.pick((0, 0, len(held))), draw.pick(odd))


_CHANGES: Final[tuple[Callable[[Chunks, Draw], None], ...]] = (
    *(_sizes, _sizes, _body, _body, _dropped, _doubled, _other_kind, _added, _added),
)
