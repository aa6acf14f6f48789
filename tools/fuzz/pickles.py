"""Pickles changed opcode by opcode, in the words of the standard library's disassembler."""

import io
import pickletools
import struct
from collections.abc import Callable
from typing import Final

from tools.fuzz.draws import Draw

_GLOBALS: Final = (
    *(b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch._utils\n_rebuild_tensor_v2\n"),
    *(b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n", b"c__builtin__\nexec\n"),
    *(
        b"ctorch.storage\n_load_from_bytes\n",
        b"cnumpy\nndarray\n",
        b"c\n\n",
        b"ctorch._utils\n\xff\n",
    ),
    *(
        b"ctorch\nload\n",
        b"ctorch.nn\nModule\n",
        b"c_codecs\nencode\n",
        b"ccollections\n__class__\n",
    ),
)
_LOOSE: Final = (
    *(b"(", b")", b"]", b"}", b"0", b"1", b"2", b"N", b"\x88", b"R", b"b", b"o", b"\x81", b"\x93"),
    *(b"\x94", b"Q", b"a", b"e", b"s", b"u", b"t", b"\x85", b"\x86", b"\x87", b"d", b"l", b"\x8f"),
    *(
        b".",
        b"\x80\x05",
        b"\x80\xff",
        b"\x82\x01",
        b"h\xff",
        b"j\xff\xff\xff\xff",
        b"q\xff",
        b"g9999\n",
    ),
    *(b"r\xff\xff\xff\xff", b"K\x07", b"J\xff\xff\xff\x7f", b"\x8a\x01\xff", b"X\x02\0\0\0hi"),
    *(b"X\xff\xff\xff\xff", b"B\xff\xff\xff\x7fx", b"\x8d" + b"\xff" * 8, b"\x95" + b"\xff" * 8),
    *(
        b"I" + b"9" * 5000 + b"\n",
        b"\x8b\xff\xff\xff\x7f",
        b"Fnan\n",
        b"S'\\xff'\n",
        b"P1\n",
        b"\x97",
    ),
)


def changed(raw: bytes, draw: Draw) -> bytes:
    """The pickle with one to three opcodes changed."""
    parts = _opcodes(raw)
    for _ in range(1 + draw.below(3)):
        draw.pick(_CHANGES)(parts, draw)
        parts = parts or [b"."]
    return b"".join(parts)


def ends(raw: bytes, count: int) -> list[int]:
    """Where the first pickles of a file end that lie in it one after the other."""
    file = io.BytesIO(raw)
    found: list[int] = []
    for _ in range(count):
        for _ in pickletools.genops(file):
            pass
        found.append(file.tell())
    return found


def _opcodes(raw: bytes) -> list[bytes]:
    """Every opcode with its argument; what follows the end stays one piece."""
    starts = [at for _, _, at in pickletools.genops(raw) if at is not None]
    ends = [*starts[1:], len(raw)]
    return [raw[start:end] for start, end in zip(starts, ends, strict=True)]


def _dropped(parts: list[bytes], draw: Draw) -> None:
    if parts:
        del parts[draw.below(len(parts))]


def _doubled(parts: list[bytes], draw: Draw) -> None:
    at = draw.below(len(parts))
    parts[at:at] = parts[at : at + draw.pick((1, 1, 4, 30))]


def _swapped(parts: list[bytes], draw: Draw) -> None:
    one, other = draw.below(len(parts)), draw.below(len(parts))
    if parts:
        parts[one], parts[other] = parts[other], parts[one]


def _inserted(parts: list[bytes], draw: Draw) -> None:
    parts.insert(draw.below(len(parts) + 1), draw.pick(_LOOSE))


def _named(parts: list[bytes], draw: Draw) -> None:
    held = [at for at, part in enumerate(parts) if part[:1] == b"c"] or [draw.below(len(parts))]
    parts[draw.pick(held)] = draw.pick(_GLOBALS)


def _called(parts: list[bytes], draw: Draw) -> None:
    call = [draw.pick(_GLOBALS), b"X\x04\0\0\0true", b"\x85", b"R", draw.pick((b"0", b""))]
    at = 1 + draw.below(len(parts) - 1)
    parts[at:at] = call


def _argument(parts: list[bytes], draw: Draw) -> None:
    held = [at for at, part in enumerate(parts) if len(part) > 1]
    if held:
        at = draw.pick(held)
        part = parts[at]
        parts[at] = part[:1] + draw.pick((draw.bytes(len(part) - 1), b"\xff" * (len(part) - 1)))


def _number(parts: list[bytes], draw: Draw) -> None:
    """Sizes, strides and offsets are small integers in these files."""
    held = [at for at, part in enumerate(parts) if part[:1] in {b"K", b"M", b"J"}]
    if held:
        wide = struct.pack("<q", max(-(2**63), min(2**63 - 1, draw.number())))
        parts[draw.pick(held)] = draw.pick((b"\x8a\x08" + wide, b"J" + wide[:4], b"K" + wide[:1]))


def _text(parts: list[bytes], draw: Draw) -> None:
    held = [at for at, part in enumerate(parts) if part[:1] in {b"X", b"\x8c"}]
    if held:
        body = draw.name().encode("utf-8", "surrogatepass")
        length = draw.pick((len(body), len(body), len(body) + 1, 2**31 - 1))
        parts[draw.pick(held)] = b"X" + struct.pack("<L", length) + body


def _nested(parts: list[bytes], draw: Draw) -> None:
    parts.insert(1, draw.pick((b"(", b"]", b"}", b")")) * draw.pick((50, 3000, 200_000)))


def _cut(parts: list[bytes], draw: Draw) -> None:
    del parts[draw.below(len(parts)) :]


_CHANGES: Final[tuple[Callable[[list[bytes], Draw], None], ...]] = (
    *(_dropped, _doubled, _swapped, _inserted, _inserted, _named, _called, _argument),
    *(_number, _number, _text, _nested, _cut),
)
