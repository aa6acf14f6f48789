"""An archive is taken whole and unambiguous, or refused by the rule that it breaks."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.contract import Refusal
from service.intake.archives.archive_child import Archive, rewritten
from support.zips import Piece, unpack_naively, usual, written, zipped

NAMES = st.text(st.sampled_from("abcXYZ019_-.é"), min_size=1, max_size=20).filter(
    lambda name: name.strip(".") != ""
)


def read_all(raw: bytes) -> list[bytes]:
    """Every file of an archive."""
    archive = Archive(raw)
    return [archive.read(name) for name in archive.names]


def refused(raw: bytes, about: str) -> None:
    """The archive is refused, in a sentence about this."""
    with pytest.raises(Refusal) as caught:
        read_all(raw)
    assert caught.value.code == "ARCHIVE_UNSAFE"
    assert about in caught.value.sentence
    assert caught.value.remedy


def by_torch() -> bytes:
    """As torch writes: data descriptors, padding, a 64-bit end record."""
    file = io.BytesIO()
    torch.save({"a": torch.arange(100)}, file)  # pyright: ignore[reportUnknownMemberType]  # open types
    return file.getvalue()


def by_numpy() -> bytes:
    """As numpy writes: 64-bit sizes in each local header."""
    file = io.BytesIO()
    np.savez(file, a=np.arange(3))
    return file.getvalue()


def by_a_stream() -> bytes:
    """As a program writes that cannot go back: sizes follow the data."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, offset: int, whence: int = 0) -> int:
            raise OSError(offset, whence)

        def tell(self) -> int:
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("folder")
        archive.writestr("folder/empty", b"")
        with archive.open("folder/long", "w", force_zip64=True) as member:
            member.write(b"x" * 1000)
    return pipe.getvalue()


@pytest.mark.parametrize("write", [by_torch, by_numpy, by_a_stream])
def test_what_real_writers_write_is_read(write: Callable[[], bytes]) -> None:
    """Files and contents are those of an independent reader; folders are left out."""
    raw = write()
    archive = Archive(raw)
    with zipfile.ZipFile(io.BytesIO(raw)) as other:
        files = [one.filename for one in other.infolist() if not one.is_dir()]
        assert sorted(archive.names) == sorted(files)
        for name in archive.names:
            assert archive.read(name) == other.read(name)
            assert archive.size(name) == len(other.read(name))
            assert archive.head(name, 7) == other.read(name)[:7]


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=200), min_size=1, max_size=6))
def test_rewritten_archives_are_canonical(members: dict[str, bytes]) -> None:
    """Order does not matter, data is aligned, and other readers agree about every byte."""
    if len({name.casefold() for name in members}) < len(members):
        return
    raw = rewritten(members)
    assert rewritten(dict(reversed(members.items()))) == raw
    archive = Archive(raw)
    assert {name: archive.read(name) for name in archive.names} == members
    with zipfile.ZipFile(io.BytesIO(raw)) as other:
        assert other.testzip() is None
        for one in other.infolist():
            name, extra = struct.unpack_from("<2H", raw, one.header_offset + 26)
            assert (one.header_offset + 30 + name + extra) % 64 == 0


def test_bytes_before_and_after_are_refused() -> None:
    """A file that is two things at once is neither; other readers do not mind."""
    raw = usual(a=b"one")
    hostile = {
        b"#!/bin/sh\n" + raw: "begin with its first",
        raw + b"more": "end with its end record",
        raw[:-2] + b"\x04\x00more": "end with its end record",
    }
    for twofold, about in hostile.items():
        with zipfile.ZipFile(io.BytesIO(twofold)) as other:
            assert other.read("a") == b"one"
        refused(twofold, about)
    shifted = b"#!" + raw
    refused(b"PK\x03\x04" + shifted, "directory")


def test_every_truncation_is_refused() -> None:
    """An archive that was cut off anywhere is refused, and so is every prefix of a header."""
    raw = written(Piece("a"), Piece("b", b"x" * 100, zipfile.ZIP_DEFLATED))
    for length in range(len(raw)):
        with pytest.raises(Refusal) as caught:
            Archive(raw[:length])
        assert caught.value.code == "ARCHIVE_UNSAFE"


def test_two_members_of_one_name() -> None:
    """One reader takes the first and another the last, so none is taken."""
    raw = written(Piece("data.pkl", b"checked"), Piece("data.pkl", b"loaded!"))
    with zipfile.ZipFile(io.BytesIO(raw)) as other:
        assert other.read("data.pkl") == b"loaded!"
    assert raw[30 + 8 : 30 + 8 + 7] == b"checked"
    refused(raw, "two members of the name")
    refused(written(Piece("A/x"), Piece("a/X")), "two members of the name")
    refused(written(Piece("e\u0301"), Piece("\u00e9")), "two members of the name")
    refused(written(Piece("a"), Piece("a/b")), "file and a folder")
    refused(written(Piece("a/b"), Piece("a")), "file and a folder")


def test_a_name_that_climbs_out(tmp_path: Path) -> None:
    """A careless reader writes beside its folder; here the name alone is reason enough."""
    raw = written(Piece("../out", b"escaped"))
    (tmp_path / "in").mkdir()
    unpack_naively(raw, tmp_path / "in")
    assert (tmp_path / "out").read_bytes() == b"escaped"
    refused(raw, "leaves its folder")


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "a/../../b", "..", "./a", "a//b", "C:/a", "c:a", "a\\b", "\\\\host\\a", "a/.."],
)
def test_names_that_mean_other_places(name: str) -> None:
    """Absolute, climbing, with a drive or the other slash: none is taken."""
    refused(written(Piece(name)), "leaves its folder")


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "a\x1b[2J", "a\u202eb", "a\u200bb", "\x7f"])
def test_names_that_hide_something(name: str) -> None:
    """Control characters and marks that turn the direction are not taken."""
    refused(written(Piece(name)), "control characters")


def test_long_names() -> None:
    """Neither length nor depth goes on for ever."""
    refused(written(Piece("a" * 513)), "too long")
    refused(written(Piece("/".join("a" * 33))), "too long")
    assert Archive(written(Piece("/".join("a" * 32)))).names


def test_a_link_is_no_file(tmp_path: Path) -> None:
    """A careless reader makes the link; devices and pipes are refused alike."""
    raw = written(Piece("link", b"/etc/passwd", attributes=(stat.S_IFLNK | 0o777) << 16))
    unpack_naively(raw, tmp_path)
    assert (tmp_path / "link").is_symlink()
    refused(raw, "link or a device")
    for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR):
        refused(written(Piece("a", attributes=kind << 16)), "link or a device")
    assert Archive(written(Piece("a", attributes=(stat.S_IFREG | 0o644) << 16))).names


def test_a_bomb() -> None:
    """A thousandfold member is refused before it is unpacked; a small one may be what it likes."""
    raw = usual(a=bytes(8 << 20))
    with zipfile.ZipFile(io.BytesIO(raw)) as other:
        assert len(other.read("a")) > 900 * len(raw)
    refused(raw, "more than 200 times")
    assert Archive(raw, ratio=2000).size("a") == 8 << 20
    assert Archive(usual(a=bytes(64 << 10))).read("a") == bytes(64 << 10)
    with pytest.raises(Refusal, match="at most 1000"):
        Archive(usual(a=b"x" * 999, b=b"xx"), total=1000)
    with pytest.raises(Refusal, match="at most 1 are taken"):
        Archive(usual(a=b"x", b=b"xx"), members_most=1)


def test_overlapping_members() -> None:
    """Many entries of one body (a quotient bomb) are refused; other readers unpack each of them."""
    body = Piece("a", b"x" * 50)
    raw = written(body, Piece("b", b"x" * 50, local_name="a", offset=0))
    refused(raw, "overlap")
    inside = written(Piece("outer", written(Piece("inner", b"hidden"))), Piece("z"))
    assert Archive(inside).names == ("outer", "z")


def test_unowned_bytes() -> None:
    """Whatever lies between the members is nobody's, and a place to hide."""
    refused(written(Piece("a"), gap=b"hidden!"), "none of its members")
    refused(written(Piece("a", flags=0x808), gap=b"\0" * 12), "none of its members")
    refused(written(Piece("a", flags=0x808)), "none of its members")


@pytest.mark.parametrize(
    ("piece", "about"),
    [
        (Piece("a", local_name="b"), "called differently"),
        (Piece("a", local_size=3), "another size"),
        (Piece("a", local_size=0), "another size"),
        (Piece("a", size=5), "two sizes"),
        (Piece("a", b"x" * 99, zipfile.ZIP_DEFLATED, size=50), "not as long"),
        (Piece("a", b"x" * 99, zipfile.ZIP_DEFLATED, size=150), "damaged"),
        (Piece("a", packed=400, size=400), "overlap"),
        (Piece("a", crc=1), "damaged"),
        (Piece("a", offset=4), "in front"),
        (Piece("a/", b"contents"), "a folder has contents"),
    ],
)
def test_lies_about_sizes_and_names(piece: Piece, about: str) -> None:
    """Both headers must agree, and the data with both."""
    refused(written(piece), about)


def test_a_lie_about_the_size_is_never_unpacked_further() -> None:
    """4 MiB behind a declared kilobyte: what is made is a kilobyte and one byte."""
    raw = written(Piece("a", bytes(4 << 20), zipfile.ZIP_DEFLATED, size=1 << 10))
    refused(raw, "not as long")


@pytest.mark.parametrize(
    ("piece", "about"),
    [
        (Piece("a", flags=0x801), "encrypted"),
        (Piece("a", flags=0x840), "encrypted"),
        (Piece("a", method=99), "encrypted"),
        (Piece("a", method=12), "unusual way"),
        (Piece("a", method=14), "unusual way"),
        (Piece("a", flags=0x820), "unusual way"),
    ],
)
def test_ways_of_packing_that_are_not_taken(piece: Piece, about: str) -> None:
    """Passwords, patches and rare compressors are refused by name."""
    refused(written(piece), about)


def test_a_directory_that_counts_wrong() -> None:
    """More or fewer entries than told, or another place than told."""
    refused(written(Piece("a"), Piece("b"), told=1), "longer or shorter")
    refused(written(Piece("a"), told=2), "damaged")
    refused(b"PK\x05\x06" + bytes(18), "begin with its first")
    refused(b"PK\x03\x04" + bytes(22), "end with its end record")


def test_the_two_end_records_agree() -> None:
    """A 64-bit end record that contradicts the narrow one opens two archives in one file."""
    raw = by_torch()
    at = raw.rindex(b"PK\x06\x06")
    changed = bytearray(raw)
    changed[at + 24 : at + 40] = struct.pack("<2Q", 2, 2)
    refused(bytes(changed), "contradict")
    changed = bytearray(raw)
    changed[at + 4] = 45
    refused(bytes(changed), "64-bit end record")


def test_a_member_larger_than_asked_for() -> None:
    """A reader that wants at most so much gets all of it or a refusal."""
    archive = Archive(zipped({"a/b": b"12345"}))
    assert archive.read("a/b", 5) == b"12345"
    assert "a/b" in archive
    assert "a" not in archive
    with pytest.raises(Refusal, match="more than 4 bytes"):
        archive.read("a/b", 4)
    with pytest.raises(Refusal, match="does not hold"):
        archive.read("a")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_byte_is_refused_or_harmless(data: st.DataObject) -> None:
    """Garbling never ends in anything but a refusal or the very same contents."""
    raw = bytearray(written(Piece("a", b"one"), Piece("b/c", b"x" * 70, zipfile.ZIP_DEFLATED)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        contents = read_all(bytes(raw))
    except Refusal as refusal:
        contents = [refusal.code.encode()]
    assert contents in ([b"one", b"x" * 70], [b"ARCHIVE_UNSAFE"])
