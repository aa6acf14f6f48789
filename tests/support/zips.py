"""Zip archives written by hand, so that each of their lies can be told separately."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")


class Piece(NamedTuple):
    """A member as it is written; what is None is told truly."""

    name: str
    body: bytes = b"body"
    method: int = 0
    flags: int = 0x800
    attributes: int = 0
    local_name: str | None = None
    local_size: int | None = None
    size: int | None = None
    packed: int | None = None
    crc: int | None = None
    offset: int | None = None


def written(*pieces: Piece, gap: bytes = b"", told: int | None = None) -> bytes:
    """An archive of these members, with a gap after each and a told number of members."""
    raw, listing = b"", b""
    for piece in pieces:
        data = piece.body
        if piece.method == zipfile.ZIP_DEFLATED:
            data = zlib.compress(piece.body, 9, -15)
        crc = zlib.crc32(piece.body) if piece.crc is None else piece.crc
        size = len(piece.body) if piece.size is None else piece.size
        packed = len(data) if piece.packed is None else piece.packed
        here = size if piece.local_size is None else piece.local_size
        name, local = piece.name.encode(), (piece.local_name or piece.name).encode()
        at = len(raw) if piece.offset is None else piece.offset
        common = (20, piece.flags, piece.method, 0, 0x21, crc, packed)
        raw += _LOCAL.pack(b"PK\x03\x04", *common, here, len(local), 0) + local + data + gap
        rest = (len(name), 0, 0, 0, 0, piece.attributes, at)
        listing += _CENTRAL.pack(b"PK\x01\x02", 0x0314, *common, size, *rest) + name
    amount = len(pieces) if told is None else told
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, amount, amount, len(listing), len(raw), 0)
    return raw + listing + end


def usual(**members: bytes) -> bytes:
    """An archive as the standard library writes it, deflated."""
    return zipped(members)


def zipped(members: dict[str, bytes]) -> bytes:
    """The same, for names that are no identifiers."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return file.getvalue()


def unpack_naively(raw: bytes, folder: Path) -> None:
    """What a careless program does: names are taken for paths, and links are made."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for one in archive.infolist():
            place = folder / one.filename
            if one.external_attr >> 28 == 0xA:
                place.symlink_to(archive.read(one).decode())
            else:
                place.write_bytes(archive.read(one))
