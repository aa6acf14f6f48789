"""Zip containers whose parts contradict each other (APPNOTE 4.3), written field by field."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tools.fuzz.draws import Draw

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_STORED, _DEFLATED = 0, 8
_W16, _W32 = 0xFFFF, 0xFFFFFFFF


@dataclass
class Header:
    """What one of the two headers of a member says."""

    name: bytes
    method: int
    crc: int
    packed: int
    size: int
    flags: int = 0
    extra: bytes = b""


@dataclass
class Entry:
    """A member: its data, and both headers."""

    data: bytes
    local: Header
    central: Header
    attributes: int = 0
    disk: int = 0
    note: bytes = b""
    offset: int | None = None
    """None: where it really lies."""
    listed: int = 1
    """How often the directory names it."""
    after: bytes = b""


@dataclass
class Container:
    """An archive before it is written."""

    entries: list[Entry]
    prefix: bytes = b""
    suffix: bytes = b""
    note: bytes = b""
    gap: bytes = b""
    end: dict[str, int] = field(default_factory=dict[str, int])
    wide: bool = False
    reversed: bool = False


def container(members: Mapping[str, bytes], *, packed: bool = False) -> Container:
    """An honest archive of these files."""
    return Container([entry(name, body, packed=packed) for name, body in members.items()])


def entry(name: str, body: bytes, *, packed: bool = False) -> Entry:
    """An honest member."""
    data = zlib.compress(body, 6, -15) if packed else body
    method = _DEFLATED if packed else _STORED
    told = (name.encode("utf-8", "surrogatepass"), method, zlib.crc32(body), len(data), len(body))
    return Entry(data, Header(*told), Header(*told))


def members(raw: bytes) -> dict[str, bytes]:
    """The files of an honest archive."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {one: archive.read(one) for one in archive.namelist()}


def written(held: Container) -> bytes:
    """The archive, with every lie in its place."""
    raw, places = held.prefix, list[int]()
    for one in held.entries:
        places.append(len(raw) if one.offset is None else one.offset)
        raw += _local(one.local) + one.data + one.after + held.gap
    listing = [
        _central(one, place)
        for one, place in zip(held.entries, places, strict=True)
        for _ in range(one.listed)
    ]
    if held.reversed:
        listing.reverse()
    directory = b"".join(listing)
    return raw + directory + _ending(held, len(listing), len(directory), len(raw)) + held.suffix


def _common(told: Header) -> tuple[int, ...]:
    sizes = (told.crc & _W32, told.packed & _W32, told.size & _W32)
    return (told.flags & _W16, told.method & _W16, 0, 0x21, *sizes, len(told.name))


def _local(told: Header) -> bytes:
    head = _LOCAL.pack(b"PK\x03\x04", 20, *_common(told), len(told.extra))
    return head + told.name + told.extra


def _central(one: Entry, place: int) -> bytes:
    told = one.central
    rest = (len(told.extra), len(one.note), one.disk, 0, one.attributes & _W32, place & _W32)
    head = _CENTRAL.pack(b"PK\x01\x02", 0x0314, 20, *_common(told), *rest)
    return head + told.name + told.extra + one.note


def _ending(held: Container, count: int, length: int, start: int) -> bytes:
    told = {"disk": 0, "first": 0, "here": count, "count": count, "length": length, "start": start}
    told.update(held.end)
    wide = b""
    if held.wide:
        record = (b"PK\x06\x06", 44, 45, 45, 0, 0, *(told[one] for one in ("here", "count")))
        sizes = (told["length"] & (2**64 - 1), told["start"] & (2**64 - 1))
        wide = struct.pack("<4sQ2H2L4Q", *record, *sizes)
        wide += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + length, 1)
        told.update(here=_W16, count=_W16, start=_W32)
    narrow = [told[one] & _W16 for one in ("disk", "first", "here", "count")]
    large = [told[one] & _W32 for one in ("length", "start")]
    return wide + _END.pack(b"PK\x05\x06", *narrow, *large, len(held.note)) + held.note


# ---------------------------------------------------------------------------------------- lies


def lied(held: Container, draw: Draw) -> bytes:
    """The archive with one or two lies told of it."""
    for _ in range(1 + draw.below(2)):
        draw.pick(_LIES)(held, draw)
    return written(held)


def _header(held: Container, draw: Draw) -> Header:
    one = draw.pick(held.entries)
    return one.local if draw.chance(0.5) else one.central


def _both(held: Container, draw: Draw, name: str, value: Any) -> None:  # noqa: ANN401 - of any field
    """One of the headers, or both of them."""
    one, which = draw.pick(held.entries), draw.below(3)
    for at, told in enumerate((one.local, one.central)):
        if which in {at, 2}:
            setattr(told, name, value)


def _sizes(held: Container, draw: Draw) -> None:
    told = _header(held, draw)
    name = draw.pick(("size", "packed", "crc"))
    value = getattr(told, name) + draw.pick((1, -1, draw.number()))
    setattr(told, name, value & _W32)


def _method(held: Container, draw: Draw) -> None:
    _both(held, draw, "method", draw.pick((0, 8, 9, 12, 14, 93, 97, 99, 65535)))


def _flags(held: Container, draw: Draw) -> None:
    _both(held, draw, "flags", draw.pick((1, 8, 0x40, 0x800, 0x2000, 0x2041, 0xFFFF)))


def _name(held: Container, draw: Draw) -> None:
    others = [one.local.name for one in held.entries]
    own = draw.pick(others)
    odd = draw.name().encode("utf-8", "surrogatepass")
    names = (odd, own.upper(), own + b"\0", own + b"/", b"../" + own, b"/" + own, b"\xff\xfe" + own)
    _both(held, draw, "name", draw.pick((*names, draw.pick(others), own.replace(b"/", b"\\"))))


def _offset(held: Container, draw: Draw) -> None:
    draw.pick(held.entries).offset = draw.pick((0, 1, draw.below(4096), draw.number() & _W32))


def _order(held: Container, draw: Draw) -> None:
    held.reversed = True
    one = held.entries.pop(draw.below(len(held.entries)))
    held.entries.insert(draw.below(len(held.entries) + 1), one)


def _listed(held: Container, draw: Draw) -> None:
    draw.pick(held.entries).listed = draw.pick((0, 2, 300))


def _doubled(held: Container, draw: Draw) -> None:
    one = draw.pick(held.entries)
    name = one.central.name.decode("utf-8", "replace")
    held.entries.append(entry(name, draw.pick((b"", one.data, draw.bytes(40)))))


def _dropped(held: Container, draw: Draw) -> None:
    if len(held.entries) > 1:
        del held.entries[draw.below(len(held.entries))]


def _extra(held: Container, draw: Draw) -> None:
    wide = struct.pack("<2HQQ", 1, 16, *(draw.number() & (2**64 - 1) for _ in range(2)))
    odd = (
        wide,
        wide[:9],
        b"\1\0\xff\xff",
        draw.bytes(20),
        b"up" + struct.pack("<H", 9) + b"\1abcdpath",
    )
    told = _header(held, draw)
    told.extra = draw.pick(odd)
    if draw.chance(0.5):
        told.size = told.packed = _W32


def _ends(held: Container, draw: Draw) -> None:
    told = draw.pick(("disk", "first", "here", "count", "length", "start"))
    held.end[told] = draw.pick((0, 1, 2, draw.number()))
    held.end[told] &= 2**64 - 1


def _wide(held: Container, draw: Draw) -> None:
    held.wide = True
    if draw.chance(0.7):
        _ends(held, draw)


def _around(held: Container, draw: Draw) -> None:
    what = draw.pick(
        (b"\0", b"PK\x03\x04", b"\x7fELF" + bytes(60), b"#!/bin/sh\n", draw.bytes(300))
    )
    setattr(held, draw.pick(("prefix", "suffix", "note", "gap")), what)


def _noted(held: Container, draw: Draw) -> None:
    one = draw.pick(held.entries)
    one.note, one.disk = draw.bytes(draw.pick((0, 9))), draw.pick((0, 1, _W16))
    one.attributes = draw.pick((0xA1FF << 16, 0x4000 << 16, 0x10, 0x6000 << 16, draw.number()))


def _following(held: Container, draw: Draw) -> None:
    """Sizes behind the data, as streams are written: true, doubled or wrong."""
    one = draw.pick(held.entries)
    told = one.central
    mark = draw.pick((b"PK\x07\x08", b""))
    sizes = (told.crc & _W32, told.packed & _W32, draw.pick((told.size, draw.number())) & _W32)
    one.after = mark + struct.pack("<3L", *sizes)
    one.local.flags |= 8
    one.central.flags |= draw.pick((8, 0))
    if draw.chance(0.6):
        one.local.crc = one.local.packed = one.local.size = 0


def _torn(held: Container, draw: Draw) -> None:
    one = draw.pick(held.entries)
    at = draw.below(len(one.data))
    one.data = one.data[:at] + draw.bytes(8) + one.data[at + 8 :]


def _short(held: Container, draw: Draw) -> None:
    one = draw.pick(held.entries)
    one.data = one.data[: draw.below(len(one.data))]


def _bomb(held: Container, draw: Draw) -> None:
    """A member that packs a thousandfold, under its own name or another's."""
    one = draw.pick(held.entries)
    size = draw.pick((1 << 20, 16 << 20))
    name = one.central.name.decode("utf-8", "replace") if draw.chance(0.5) else "bomb.bin"
    held.entries.append(entry(name, bytes(size), packed=True))
    if draw.chance(0.5):
        held.entries.remove(one)


_LIES: Final[tuple[Callable[[Container, Draw], None], ...]] = (
    *(_sizes, _sizes, _method, _flags, _name, _name, _offset, _order, _listed, _doubled, _dropped),
    *(_extra, _ends, _wide, _around, _noted, _following, _torn, _short, _bomb),
)
