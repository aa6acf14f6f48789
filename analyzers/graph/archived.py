"""What a zip must be before a member of it is unpacked: one archive from first byte to last.

Readers differ in what they make of bytes before, between and behind the members (APPNOTE 4.3.6),
so there may be none.
"""

import stat
import struct
import zipfile
from typing import Final

from analyzers.contract import Refusal
from analyzers.graph.precheck.limits import shown

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_END_SIZE = 22
_ENCRYPTED = 0x2041
_DESCRIBED_BEHIND = 0x0008
_DESCRIPTOR_SIZES: Final = frozenset({12, 16, 20, 24})
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_MOST_MEMBERS: Final = 4096
_MOST_RATIO: Final = 200
_HARMLESS_BYTES: Final = 1 << 20
"""However well it was packed."""
_FIX = "Put the ONNX file and the files of its weights into one new zip with an ordinary program."


def check_members(upload: bytes, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that another reader could read otherwise, or that grows beyond measure."""
    listed = sorted(archive.infolist(), key=lambda one: one.header_offset)
    if len(listed) > _MOST_MEMBERS:
        raise _unsafe(f"The zip holds {len(listed)} files; more than any model has.")
    for one in listed:
        _check_kind(one)
    _check_tiling(upload, listed, archive.start_dir)
    if upload[-_END_SIZE:][:4] != b"PK\x05\x06" or upload[-2:] != bytes(2):
        raise _unsafe("The zip has a remark or other bytes behind its end.")


def _check_kind(one: zipfile.ZipInfo) -> None:
    name, steps = shown(one.filename), one.filename.removesuffix("/").split("/")
    if any(step in {"", ".", ".."} for step in steps) or "\\" in one.filename:
        raise _unsafe(f"The name '{name}' in the zip leads out of it.")
    if one.flag_bits & _ENCRYPTED:
        raise _unsafe(f"'{name}' in the zip is encrypted.")
    if one.compress_type not in _METHODS:
        raise _unsafe(f"'{name}' in the zip is packed in an unusual way.")
    if stat.S_IFMT(one.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _unsafe(f"'{name}' in the zip is a link or a device, not a file.")
    if one.file_size > max(_HARMLESS_BYTES, _MOST_RATIO * one.compress_size):
        raise _unsafe(f"'{name}' in the zip grows more than {_MOST_RATIO} times when unpacked.")


def _check_tiling(upload: bytes, listed: list[zipfile.ZipInfo], directory: int) -> None:
    """Members lie one after the other from byte 0, and their directory follows."""
    at, gaps = 0, frozenset({0})
    for one in listed:
        if one.header_offset - at not in gaps:
            raise _unsafe(f"The zip has hidden bytes before '{shown(one.filename)}'.")
        header = _LOCAL.unpack_from(upload, one.header_offset)
        at = one.header_offset + _LOCAL.size + header[-2] + header[-1] + one.compress_size
        gaps = _DESCRIPTOR_SIZES if one.flag_bits & _DESCRIBED_BEHIND else frozenset({0})
    if directory - at not in gaps:
        raise _unsafe("The zip has hidden bytes before its directory.")


def _unsafe(sentence: str) -> Refusal:
    return Refusal("ARCHIVE_UNSAFE", sentence, _FIX)
