"""A zip out of foreign hands: checked as a whole, then read a member at a time, in memory.

``rewritten`` makes a new archive of what was read, so that a loader with a parser of its own only
ever sees bytes that were written here. Runs in a child.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Final

from service.intake.archives.zip_directory_child import (
    DEFLATED,
    Limits,
    Member,
    Raw,
    check_name,
    members,
    unsafe,
)

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_VERSION, _UTF8, _DAY = 20, 0x0800, 0x0021
"""Every member dates from the first day that a zip knows, 1980-01-01."""
_MOST_MEMBERS: Final = 0xFFFF
_MOST_BYTES: Final = 0xFFFFFFFF


class Archive:
    """The files of a zip whose directory was checked from end to end."""

    def __init__(
        self, raw: Raw, *, members_most: int = 1 << 16, total: int = 2 << 30, ratio: int = 200
    ) -> None:
        """Check everything that can be known without unpacking."""
        self._raw = raw
        found = members(raw, Limits(members_most, total, ratio))
        self._files = {member.name: member for member in found if member.name[-1] != "/"}
        self.names: tuple[str, ...] = tuple(self._files)
        self.folders = tuple(member.name for member in found if member.name[-1] == "/")

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def size(self, name: str) -> int:
        """Bytes of a file when unpacked."""
        return self._member(name).size

    def place(self, name: str) -> tuple[int, int] | None:
        """Where a file lies in the archive and how long it is; None where it is packed."""
        member = self._member(name)
        return None if member.method == DEFLATED else (member.start, member.size)

    def read(self, name: str, most: int | None = None) -> bytes:
        """A whole file; one of more than ``most`` bytes is refused, not cut."""
        member = self._member(name)
        if most is not None and member.size > most:
            raise unsafe(f"'{name[:60]}' in the archive has more than {most} bytes.")
        packed = self._raw[member.start : member.start + member.packed]
        body = _inflated(packed, member) if member.method == DEFLATED else packed
        if len(body) != member.size or zlib.crc32(body) != member.crc:
            raise unsafe(f"'{name[:60]}' in the archive is damaged.")
        return body

    def head(self, name: str, length: int) -> bytes:
        """The first bytes of a file, unpacked no further, for telling what it is."""
        member = self._member(name)
        packed = self._raw[member.start : member.start + min(member.packed, length + 4096)]
        if member.method != DEFLATED:
            return packed[:length]
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, length)
        except zlib.error as error:
            raise unsafe(f"'{name[:60]}' in the archive is damaged.") from error

    def _member(self, name: str) -> Member:
        if name not in self._files:
            raise unsafe(f"The archive does not hold '{name[:60]}'.")
        return self._files[name]


def _inflated(packed: bytes, member: Member) -> bytes:
    """The unpacked bytes, of which no more than the declared number is ever made."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = engine.decompress(packed, member.size + 1)
    except zlib.error as error:
        raise unsafe(f"'{member.name[:60]}' in the archive is damaged.") from error
    if len(body) > member.size or not engine.eof or engine.unused_data:
        raise unsafe(f"'{member.name[:60]}' in the archive is not as long as it says.")
    return body


def rewritten(members: Mapping[str, bytes], *, align: int = 64) -> bytes:
    """One canonical archive: sorted, stored, undated, each member's data on a multiple."""
    if not members or len(members) > _MOST_MEMBERS:
        raise unsafe(f"An archive of {len(members)} members cannot be written.")
    if sum(map(len, members.values())) + len(members) * (1200 + align) > _MOST_BYTES:
        raise unsafe("The archive is too large to be written again.")
    parts: list[bytes] = []
    listing: list[bytes] = []
    at = 0
    for name in sorted(members):
        check_name(name)
        body, encoded = members[name], name.encode()
        extra = _padding(at + _LOCAL.size + len(encoded), align)
        common = (_UTF8, 0, 0, _DAY, zlib.crc32(body), len(body), len(body), len(encoded))
        head = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common, len(extra))
        listed = (b"PK\x01\x02", _VERSION, _VERSION, *common, 0, 0, 0, 0, 0, at)
        listing.append(_CENTRAL.pack(*listed) + encoded)
        parts += [head, encoded, extra, body]
        at += len(head) + len(encoded) + len(extra) + len(body)
    length, count = sum(map(len, listing)), len(members)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, length, at, 0)
    return b"".join([*parts, *listing, end])


def _padding(at: int, align: int) -> bytes:
    """An extra field of the kind that torch pads with, so that data begins on a multiple."""
    missing = -(at + 4) % align
    return b"FB" + missing.to_bytes(2, "little") + bytes(missing)
