"""What an encoded picture says of itself before it is decoded. Runs in a child.

Some decoders make room for the whole picture as soon as they open it, so its size is read here
first, from the few bytes where each format keeps it.
"""

from typing import Final

_DEEP: Final = 16
_MASK14: Final = 0x3FFF


def claimed_size(raw: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or a WebP; None for others, which make no room when opened."""
    if raw[:8] == b"\x89PNG\r\n\x1a\n":
        return int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return _webp_size(raw)
    return None


def is_deep(raw: bytes) -> bool:
    """Whether a PNG has 16 bits a channel, of which decoders silently drop one half."""
    return raw[:4] == b"\x89PNG" and raw[24:25] == bytes([_DEEP])


def _webp_size(raw: bytes) -> tuple[int, int] | None:
    """The canvas, or the one frame of a file without (RFC 9649)."""
    kind = raw[12:16]
    if kind == b"VP8X":
        canvas = int.from_bytes(raw[24:27], "little"), int.from_bytes(raw[27:30], "little")
        return canvas[0] + 1, canvas[1] + 1
    if kind == b"VP8L":
        bits = int.from_bytes(raw[21:25], "little")
        return (bits & _MASK14) + 1, (bits >> 14 & _MASK14) + 1
    if kind == b"VP8 ":
        sides = int.from_bytes(raw[26:28], "little"), int.from_bytes(raw[28:30], "little")
        return sides[0] & _MASK14, sides[1] & _MASK14
    return None
