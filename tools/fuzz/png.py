"""PNG files changed chunk by chunk (W3C PNG, third edition)."""

import functools
import struct
import zlib
from collections.abc import Callable
from typing import Final

from tools.fuzz import pictures
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw

_MARK: Final = b"\x89PNG\r\n\x1a\n"
Chunks = list[tuple[bytes, bytes]]


@functools.cache
def _seeds() -> tuple[bytes, ...]:
    pixels = pictures.images()[0]
    modes = ("RGB", "L", "P", "1", "RGBA", "LA", "I;16")
    plain = tuple(pictures.encoded(pixels, "PNG", mode) for mode in modes[:6])
    return (*plain, pictures.encoded(pixels, "PNG", "RGB", interlace=1))


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
    at = len(_MARK)
    while at < len(raw):
        (length,) = struct.unpack(">L", raw[at : at + 4])
        found.append((raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _written(held: Chunks, draw: Draw) -> bytes:
    """The file; now and then a chunk lies about its length or its sum."""
    lying = draw.below(len(held)) if held and draw.chance(0.25) else -1
    raw = _MARK
    for at, (kind, body) in enumerate(held):
        length, crc = len(body), zlib.crc32(kind + body)
        if at == lying and draw.chance(0.5):
            length = draw.unsigned(4)
        elif at == lying:
            crc ^= 1
        raw += struct.pack(">L", length) + kind + body + struct.pack(">L", crc)
    return raw


def _head(held: Chunks, draw: Draw) -> None:
    """Other dimensions, depth, colours, packing, filter or interlacing."""
    if not held or len(held[0][1]) < 13:  # noqa: PLR2004 - bytes of a head
        return
    told = list(struct.unpack(">2L5B", held[0][1][:13]))
    at = draw.below(7)
    odd = draw.pick((0, 1, 8, 9, 5000, 5001, 65535, 2**31 - 1, 2**31, draw.unsigned(4)))
    told[at] = odd if at < 2 else draw.pick((0, 1, 2, 3, 4, 6, 7, 8, 16, 32, 255))  # noqa: PLR2004 - two sizes
    held[0] = (held[0][0], struct.pack(">2L5B", *told))


def _dropped(held: Chunks, draw: Draw) -> None:
    if held:
        del held[draw.below(len(held))]


def _doubled(held: Chunks, draw: Draw) -> None:
    if held:
        at = draw.below(len(held))
        held[at:at] = [held[at]] * draw.pick((1, 2, 500))


def _moved(held: Chunks, draw: Draw) -> None:
    if held:
        one = held.pop(draw.below(len(held)))
        held.insert(draw.below(len(held) + 1), one)


def _body(held: Chunks, draw: Draw) -> None:
    if held:
        at = draw.below(len(held))
        held[at] = (held[at][0], damaged(held[at][1] or b"\0", draw))


def _pixels(held: Chunks, draw: Draw) -> None:
    """Pixels that unpack to too few, too many or none at all."""
    rows = draw.pick((b"", bytes(10), b"\5" * 200, b"\xff" * 201, bytes(8 << 20)))
    stream = zlib.compress(rows)
    body = draw.pick((stream, stream[:-3], stream[:-5] + b"\0" * 4, rows[:200], b""))
    held[:] = [(kind, body if kind == b"IDAT" else own) for kind, own in held]


def _added(held: Chunks, draw: Draw) -> None:
    """Texts, profiles, palettes and animation that unpack to much or contradict the head."""
    bomb = zlib.compress(bytes(draw.pick((100, 8 << 20))))
    odd = (
        (b"PLTE", draw.bytes(draw.pick((0, 3, 4, 768, 771, 3000)))),
        (b"tRNS", draw.bytes(draw.pick((0, 1, 2, 6, 256, 300)))),
        (b"iCCP", b"icc\0\0" + bomb),
        (b"zTXt", b"key\0\0" + bomb),
        (b"iTXt", b"key\0\1\0en\0\0" + bomb),
        (b"tEXt", draw.name().encode("latin-1", "replace") * 20),
        (b"gAMA", draw.bytes(draw.pick((0, 4)))),
        (b"cHRM", draw.bytes(draw.pick((0, 3, 32)))),
        (b"sBIT", draw.bytes(draw.pick((0, 3)))),
        (b"pHYs", draw.bytes(draw.pick((0, 9)))),
        (b"acTL", struct.pack(">2L", draw.unsigned(4), 0)),
        (b"fcTL", struct.pack(">5L2H2B", 0, draw.unsigned(4), 8, 0, 0, 1, 0, 0, 0)),
        (b"fdAT", bytes(4) + bomb),
        (b"eXIf", draw.pick((b"II*\0" + draw.bytes(60), b"", b"MM\0*\0\0\0\x08\xff\xff"))),
        (b"CgBI", bytes(4)),
        (b"\0\0\0\0", b""),
        (b"IEND", b""),
        (b"IHDR", held[0][1] if held else b""),
    )
    held.insert(draw.pick((0, 1, 1, len(held))), draw.pick(odd))


_CHANGES: Final[tuple[Callable[[Chunks, Draw], None], ...]] = (
    *(_head, _head, _head, _dropped, _doubled, _moved, _body, _pixels, _added, _added),
)
