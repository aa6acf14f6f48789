"""The directory of a zip, believed only when every byte of the file has exactly one owner.

Readers differ in what they make of a damaged or doubled archive (APPNOTE 4.3), and what one reader
checks another one loads. So nothing is repaired here: members lie one after the other from byte
0, directory and end record follow, and both headers of a member say the same. Runs in a child.
"""

import mmap
import stat
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from analyzers.contract import Refusal

Raw = bytes | mmap.mmap
STORED: Final = 0
DEFLATED: Final = 8

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_FOLLOWING: Final = (
    *(struct.Struct("<3L"), struct.Struct("<4s3L")),
    *(struct.Struct("<L2Q"), struct.Struct("<4sL2Q")),
)
"""A data descriptor: 12, 16, 20 or 24 bytes, so its length alone says which."""
_FULL16: Final = 0xFFFF
_FULL32: Final = 0xFFFFFFFF
_ENCRYPTED: Final = 0x2041
_FOLLOWED: Final = 0x0008
_UTF8: Final = 0x0800
_KNOWN_FLAGS: Final = 0x080E
"""Speed of deflate, sizes that follow the data, names in UTF-8."""
_LONGEST_NAME: Final = 512
_DEEPEST: Final = 32
_SMALL: Final = 64 << 10
AGAIN: Final = "Pack the files again with an ordinary zip program and upload that."


class Limits(NamedTuple):
    """How much an archive may hold."""

    members: int = 1 << 16
    total: int = 2 << 30
    ratio: int = 200


class Member(NamedTuple):
    """One file or folder of an archive."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    start: int
    """Where its data begins."""


class _Entry(NamedTuple):
    """What the central directory says of a member."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    attributes: int


class _Directory(NamedTuple):
    entries: int
    start: int
    stop: int


def unsafe(sentence: str, remedy: str = AGAIN) -> Refusal:
    """The refusal of an archive."""
    return Refusal("ARCHIVE_UNSAFE", sentence[:500], remedy)


def members(raw: Raw, limits: Limits) -> tuple[Member, ...]:
    """Every member in the order of the file, or a refusal that names the broken rule."""
    try:
        directory = _directory(raw, limits)
        entries = sorted(_entries(raw, directory), key=lambda entry: entry.offset)
        _check_amounts(entries, limits)
        found = tuple(_placed(raw, entries, directory.start))
    except (struct.error, UnicodeError, IndexError) as error:
        raise unsafe("The archive is damaged: it ends in the middle of a record.") from error
    _check_names([member.name for member in found])
    return found


def check_name(name: str) -> None:
    """Refuse a name that could mean a place outside the archive, or that hides what it is."""
    shown = ascii(name[:60])
    parts = name.removesuffix("/").split("/")
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME or len(parts) > _DEEPEST:
        raise unsafe(f"The archive holds a name that is too long: {shown}.")
    if any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise unsafe(f"The archive holds a name with control characters: {shown}.")
    if "\\" in name or name[1:2] == ":" or {"", ".", ".."} & set(parts):
        raise unsafe(f"The archive holds a name that leaves its folder: {shown}.")


def _directory(raw: Raw, limits: Limits) -> _Directory:
    """Where the central directory lies, by an end record that is the very end of the file."""
    if raw[:4] != b"PK\x03\x04":
        raise unsafe("The archive does not begin with its first member.")
    end = len(raw) - _END.size
    mark, disk, first_disk, here, count, length, start, comment = _END.unpack_from(raw, max(0, end))
    if mark != b"PK\x05\x06" or comment:
        raise unsafe("The archive does not end with its end record: it is cut off or continued.")
    stop = end
    if raw[max(0, end - _LOCATOR.size) : end][:4] == b"PK\x06\x07":
        stop, wide = _wide_end(raw, end - _LOCATOR.size)
        count, length, start = _agreed((count, length, start), wide)
        here = count if here == _FULL16 else here
    if disk or first_disk or here != count:
        raise unsafe("The archive is one part of several.")
    if start + length != stop:
        raise unsafe("The archive's directory is not where its end record says.")
    if count > limits.members:
        raise unsafe(f"The archive holds {count} members; at most {limits.members} are taken.")
    return _Directory(count, start, stop)


def _wide_end(raw: Raw, locator: int) -> tuple[int, tuple[int, int, int]]:
    """The 64-bit end record, which must end where its locator begins."""
    _, disk, offset, disks = _LOCATOR.unpack_from(raw, locator)
    if offset != locator - _END64.size or disk or disks != 1:
        raise unsafe("The archive's 64-bit end record is not where it belongs.")
    mark, size, _, _, disk, first_disk, here, count, length, start = _END64.unpack_from(raw, offset)
    if mark != b"PK\x06\x06" or size != _END64.size - 12 or disk or first_disk or here != count:
        raise unsafe("The archive's 64-bit end record is damaged.")
    return offset, (count, length, start)


def _agreed(narrow: Sequence[int], wide: tuple[int, int, int]) -> tuple[int, int, int]:
    """Both end records, which may differ only where the narrow one is full."""
    for small, large, full in zip(narrow, wide, (_FULL16, _FULL32, _FULL32), strict=True):
        if small not in (large, full):
            raise unsafe("The archive has two end records that contradict each other.")
    return wide


def _entries(raw: Raw, directory: _Directory) -> Iterable[_Entry]:
    at = directory.start
    for _ in range(directory.entries):
        mark, _, _, flags, method, _, _, crc, packed, size, *rest = _CENTRAL.unpack_from(raw, at)
        name_length, extra_length, note_length, disk, _, attributes, offset = rest
        if mark != b"PK\x01\x02" or disk:
            raise unsafe("The archive's directory is damaged.")
        at += _CENTRAL.size
        name = raw[at : at + name_length]
        extra = raw[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + note_length
        size, packed, offset = _widened((size, packed, offset), extra)
        yield _Entry(name, flags, method, crc, packed, size, offset, attributes)
    if at != directory.stop:
        raise unsafe("The archive's directory is longer or shorter than its members.")


def _widened(numbers: Sequence[int], extra: bytes) -> tuple[int, ...]:
    """Numbers of 32 bits, with those that are full taken from the 64-bit field (APPNOTE 4.5.3)."""
    if _FULL32 not in numbers:
        return tuple(numbers)
    wide = _field(extra, 1)
    places = [place for place, number in enumerate(numbers) if number == _FULL32]
    if len(wide) < 8 * len(places):
        raise unsafe("The archive is damaged: a size is missing.")
    found = list(numbers)
    for place, number in zip(places, struct.unpack_from(f"<{len(places)}Q", wide), strict=True):
        found[place] = number
    return tuple(found)


def _field(extra: bytes, wanted: int) -> bytes:
    """The one extra field of a kind; an archive that has it twice means two things."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            found.append(extra[at + 4 : at + 4 + length])
        at += 4 + length
    if len(found) > 1:
        raise unsafe("The archive gives a member two different sizes.")
    return found[0] if found else b""


def _check_amounts(entries: Sequence[_Entry], limits: Limits) -> None:
    """Refuse more than may ever be unpacked, before anything is."""
    total = sum(entry.size for entry in entries)
    if total > limits.total:
        raise unsafe(
            f"The archive unpacks to {total} bytes; at most {limits.total} are taken.",
            "Leave out what the model or the data does not need.",
        )
    for entry in entries:
        if entry.size > _SMALL and entry.size > limits.ratio * entry.packed:
            raise unsafe(
                f"A member of the archive unpacks to more than {limits.ratio} times its size.",
                "Store the files without compression (zip -0).",
            )


def _placed(raw: Raw, entries: Sequence[_Entry], stop: int) -> Iterable[Member]:
    """Each member with the place of its data; together they fill the file up to the directory."""
    begins = [entry.offset for entry in entries] + [stop]
    if begins[0] != 0:
        raise unsafe("The archive holds bytes in front of its first member.")
    for entry, following in zip(entries, begins[1:], strict=True):
        _check_kind(entry)
        start = _local_data(raw, entry)
        _check_gap(raw[start + entry.packed : following], entry, following - start - entry.packed)
        name = entry.raw_name.decode("utf-8" if entry.flags & _UTF8 else "cp437")
        _check_file_type(name, entry)
        yield Member(name, entry.method, entry.crc, entry.packed, entry.size, start)


def _check_kind(entry: _Entry) -> None:
    if entry.flags & _ENCRYPTED or entry.method == 99:  # noqa: PLR2004 - AES (APPNOTE 4.4.5)
        raise unsafe("The archive is encrypted.", "Pack it again without a password.")
    if entry.method not in (STORED, DEFLATED) or entry.flags & ~_KNOWN_FLAGS:
        raise unsafe("The archive is packed in an unusual way; only stored and deflate are taken.")
    if entry.method == STORED and entry.packed != entry.size:
        raise unsafe("The archive is damaged: a stored member has two sizes.")


def _local_data(raw: Raw, entry: _Entry) -> int:
    """Where the data begins, by a local header that agrees with the directory."""
    mark, _, flags, method, _, _, *numbers, name_length, extra_length = _LOCAL.unpack_from(
        raw, entry.offset
    )
    start = entry.offset + _LOCAL.size
    name = raw[start : start + name_length]
    extra = raw[start + name_length : start + name_length + extra_length]
    if mark != b"PK\x03\x04" or (name, flags, method) != entry[:3]:
        raise unsafe("A member of the archive is called differently in the archive's directory.")
    crc, packed, size = numbers
    size, packed = _widened((size, packed), extra)
    later = bool(flags & _FOLLOWED)
    for here, there in ((crc, entry.crc), (packed, entry.packed), (size, entry.size)):
        if here != there and not (later and here == 0):
            raise unsafe("A member of the archive has another size or sum in its directory.")
    return start + name_length + extra_length


def _check_gap(gap: bytes, entry: _Entry, length: int) -> None:
    """Between two members lies nothing, or the descriptor that was announced."""
    if length < 0:
        raise unsafe("Members of the archive overlap.")
    if not entry.flags & _FOLLOWED and length == 0:
        return
    told = (entry.crc, entry.packed, entry.size)
    for shape in _FOLLOWING if entry.flags & _FOLLOWED else ():
        if shape.size == length:
            *mark, crc, packed, size = shape.unpack(gap)
            if (crc, packed, size) == told and mark in ([], [b"PK\x07\x08"]):
                return
    raise unsafe("The archive holds bytes that belong to none of its members.")


def _check_file_type(name: str, entry: _Entry) -> None:
    """Unix modes stand in the upper half of the attributes, whatever system is claimed."""
    folder = name.endswith("/")
    allowed = (0, stat.S_IFDIR) if folder else (0, stat.S_IFREG)
    if stat.S_IFMT(entry.attributes >> 16) not in allowed:
        raise unsafe("The archive holds a link or a device; only files and folders are taken.")
    if folder and entry.size:
        raise unsafe("The archive is damaged: a folder has contents.")


def _check_names(names: Sequence[str]) -> None:
    """Refuse names that some file system would take for one another."""
    files: set[str] = set()
    folders: set[str] = set()
    for name in names:
        check_name(name)
        key = unicodedata.normalize("NFC", name).casefold()
        kind = folders if key.endswith("/") else files
        if key in kind:
            raise unsafe(f"The archive holds two members of the name '{name[:60]}'.")
        kind.add(key)
    for key in files | folders:
        parts = key.removesuffix("/").split("/")
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if files & above or (key.endswith("/") and key[:-1] in files):
            raise unsafe("The archive holds a file and a folder of one name.")
