"""Data files made to harm: refused with a code, and the executor goes on."""

import io
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from service.errors import Code
from service.executors.interface import Request
from service.executors.local import LocalExecutor
from support.jobs import Ended, below, empty, ended

pytestmark = pytest.mark.asyncio(loop_scope="module")

GIB = 1 << 30
PICTURES = np.random.default_rng(2).integers(0, 256, (8, 3, 6, 6)).astype(np.uint8)
LABELS = np.arange(8) % 4
Array = np.ndarray[Any, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalExecutor]:
    """One supervisor for every file, which must outlive them all."""
    one = LocalExecutor(tmp_path_factory.mktemp("spool") / "spool")
    await one.start()
    supervisor = one.process_id
    yield one
    assert one.process_id == supervisor, "a data file brought the supervisor down"
    await one.stop()
    assert below(supervisor) == []


Take = Callable[..., Any]


@pytest.fixture
def take(executor: LocalExecutor, tmp_path: Path) -> Take:
    """Hand one data file in; the spool holds nothing partial afterwards."""

    async def handed(raw: bytes, *, memory: int = GIB, rows: list[Any] | None = None) -> Ended:
        path = tmp_path / "upload"
        path.write_bytes(raw)
        end = await ended(
            executor,
            Request(
                "dataset",
                {"rows": rows},
                {"file": str(path)},
                seconds=30,
                limits={"memory": memory},
            ),
        )
        empty(executor._spool, end)  # pyright: ignore[reportPrivateUsage]  # looked at from outside
        return end

    return handed


async def healthy(take: Take) -> None:
    """The control: an ordinary file is read on the same executor, and read right."""
    end = await take(npz(images=PICTURES, labels=LABELS))
    assert end.facts["n"] == 8
    assert end.facts["class_counts"] == [2, 2, 2, 2]


def npz(**arrays: Array) -> bytes:
    """An npz file as numpy writes it."""
    out = io.BytesIO()
    np.savez(out, allow_pickle=True, **arrays)
    return out.getvalue()


def npy(array: Array, *, pickled: bool = False) -> bytes:
    """One array as numpy writes it."""
    out = io.BytesIO()
    np.save(out, array, allow_pickle=pickled)
    return out.getvalue()


def head_only(shape: str, dtype: str = "|u1") -> bytes:
    """The beginning of an npy file that announces any shape."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(members: dict[str, bytes], *, packed: bool = False) -> bytes:
    """A zip archive with members of any name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as held:
        for name, body in members.items():
            held.writestr(name, body)
    return out.getvalue()


def bomb(gigabytes: int, noise: int = 0) -> bytes:
    """Zeros that unpack to gigabytes of pixels; with noise in each mebibyte it packs less well.

    One packed piece is repeated, so that making it takes no longer than a piece does.
    """
    piece = np.random.default_rng(1).bytes(noise).ljust(1 << 20, b"\0")
    pieces = gigabytes << 10
    head = head_only(f"({pieces}, 1, 1024, 1024)")
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    front = engine.compress(head) + engine.flush(zlib.Z_FULL_FLUSH)
    packed = engine.compress(piece) + engine.flush(zlib.Z_FULL_FLUSH)
    body = front + packed * pieces + b"\x03\x00"  # an empty last block
    return one_packed(b"images.npy", body, len(head) + (pieces << 20))


def one_packed(name: bytes, body: bytes, size: int) -> bytes:
    """A zip of one deflated member that is said to have some size; its sum is none."""
    common = struct.pack("<4H3L2H", 0, 8, 0, 0x21, 0, len(body), size, len(name), 0)
    local = b"PK\x03\x04" + struct.pack("<H", 20) + common + name + body
    listed = b"PK\x01\x02" + struct.pack("<2H", 20, 20) + common + bytes(14) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(listed), len(local), 0)
    return local + listed + end


def with_labels(raw: bytes) -> bytes:
    """The same zip with a second member, the labels, behind the first."""
    told = zipfile.ZipFile(io.BytesIO(raw)).infolist()[0]
    out = io.BytesIO(raw)
    with zipfile.ZipFile(out, "a") as held:
        held.writestr("labels.npy", npy(LABELS))
    assert out.getvalue()[: told.compress_size] == raw[: told.compress_size]
    return out.getvalue()


# -------------------------------------------------------------------------------------- bombs


async def test_a_bomb_is_refused_by_what_it_announces(take: Take) -> None:
    """A gigabyte in a megabyte is refused unopened; the control unpacks a mebibyte of it."""
    raw = with_labels(bomb(1))
    with zipfile.ZipFile(io.BytesIO(raw)).open("images.npy") as member:
        assert member.read(1 << 20).endswith(bytes(1 << 19)), "this is no bomb"
    assert len(raw) < 2 << 20
    found = await take(raw, memory=GIB // 2)
    assert found.code == Code.ARCHIVE_UNSAFE, found
    await healthy(take)


async def test_a_weaker_bomb_meets_the_memory_limit(take: Take) -> None:
    """What packs no better than pictures may is unpacked, into no more memory than there is."""
    raw = with_labels(bomb(1, noise=8 << 10))
    assert len(raw) * 200 > GIB
    found = await take(raw, memory=GIB // 2)
    assert found.code == Code.CHILD_MEMORY, found
    await healthy(take)


@pytest.mark.deep
async def test_a_bomb_of_three_gigabytes(take: Take) -> None:
    """Three gigabytes are no more trouble than one."""
    found = await take(with_labels(bomb(3, noise=8 << 10)), memory=2 * GIB)
    assert found.code == Code.CHILD_MEMORY, found
    await healthy(take)


@pytest.mark.parametrize(
    "shape",
    [
        *("(8589934592,)", "(1048576, 3, 1024, 1024)", "(4611686018427387904, 4)"),
        *("(-1, 3, 6, 6)", "(1, 1, 1, 1)", f"({'9' * 5000},)", f"({'1, ' * 33})", "(0x40,)"),
    ],
)
async def test_announced_sizes_are_not_believed(take: Take, shape: str) -> None:
    """A header that announces more than the file holds ends with a code, whatever its size."""
    raw = archive({"images.npy": head_only(shape) + b"\0" * 64, "labels.npy": npy(LABELS)})
    found = await take(raw)
    assert found.code == Code.DATA_NOT_RECOGNISED, found
    await healthy(take)


# ------------------------------------------------------------------------------ odd archives


class Trap:
    """Runs code when it is unpickled: the marker then exists."""

    def __init__(self, marker: Path) -> None:
        """Remember what to create."""
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        """What the pickle makes of this."""
        return (open, (str(self.marker), "w"))


async def test_pickled_arrays_are_not_opened(take: Take, tmp_path: Path) -> None:
    """An object array is refused unopened; the control shows that opening it runs its code."""
    marker = tmp_path / "ran"
    traps = np.empty(2, object)
    traps[:] = [Trap(marker), Trap(marker)]
    raw = npz(images=traps, labels=LABELS)
    found = await take(raw)
    assert found.code == Code.NPY_OBJECT_ARRAY, found
    assert not marker.exists()
    with np.load(io.BytesIO(raw), allow_pickle=True) as held:
        for opened in held["images"]:
            opened.close()
    assert marker.exists()


@pytest.mark.parametrize(
    "prefix", ["/etc/", "../../../", "deep/er/", "C:\\", "images.npy/", "\u202e"]
)
async def test_member_names_lead_nowhere(take: Take, prefix: str) -> None:
    """Members under absolute, climbing or nested names are no arrays by the wanted name."""
    raw = archive({f"{prefix}images.npy": npy(PICTURES), f"{prefix}labels.npy": npy(LABELS)})
    found = await take(raw)
    assert found.code in {Code.DATA_ARRAY_MISSING, Code.ARCHIVE_UNSAFE}, found
    assert len(found.sentence) <= 500


def encrypted() -> bytes:
    """An archive that says its members are encrypted."""
    raw = bytearray(npz(images=PICTURES, labels=LABELS))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(mark)
        while at >= 0:
            raw[at + offset] |= 1
            at = raw.find(mark, at + 4)
    return bytes(raw)


def unknown_packing() -> bytes:
    """An archive packed by a method that nobody has."""
    raw = bytearray(npz(images=PICTURES, labels=LABELS))
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = raw.find(mark)
        while at >= 0:
            raw[at + offset] = 77
            at = raw.find(mark, at + 4)
    return bytes(raw)


def wrong_sum() -> bytes:
    """An archive whose pixels are not those that it was sealed with."""
    raw = bytearray(npz(images=PICTURES, labels=LABELS))
    raw[400] ^= 255
    return bytes(raw)


def torn_stream() -> bytes:
    """A packed member whose stream is noise in the middle."""
    raw = bytearray(archive({"images.npy": npy(PICTURES), "labels.npy": npy(LABELS)}, packed=True))
    raw[120:160] = b"\xff" * 40
    return bytes(raw)


def not_arrays() -> bytes:
    """Members of the right names that are text."""
    return archive({"images.npy": b"hello", "labels.npy": b"world"})


def no_npy() -> bytes:
    """Members of the right names without their ending, so that they are plain bytes."""
    return archive({"images": b"\x01" * 64, "labels": b"\x02" * 8})


def evil_header() -> bytes:
    """An array header with a program where a dictionary belongs."""
    text = b"__import__('os').system('true')".ljust(117) + b"\n"
    body = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    return archive({"images.npy": body, "labels.npy": npy(LABELS)})


def deep_header() -> bytes:
    """An array header of brackets in brackets."""
    text = b"(" * 9000 + b")" * 9000 + b"\n"
    body = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    return archive({"images.npy": body, "labels.npy": npy(LABELS)})


DAMAGED = [
    *((one, Code.ARCHIVE_UNSAFE) for one in (encrypted, unknown_packing, wrong_sum, torn_stream)),
    *((one, Code.DATA_NOT_RECOGNISED) for one in (not_arrays, no_npy, evil_header, deep_header)),
]


@pytest.mark.parametrize(("build", "code"), DAMAGED, ids=lambda one: getattr(one, "__name__", ""))
async def test_archives_that_cannot_be_read_are_told(
    take: Take, build: Callable[[], bytes], code: Code
) -> None:
    """Whatever is wrong with an archive, the user hears that the file could not be read."""
    found = await take(build())
    assert found.code == code, found
    await healthy(take)


async def test_truncated_archives_are_told(take: Take) -> None:
    """An archive cut off anywhere is one that could not be read."""
    raw = npz(images=PICTURES, labels=LABELS)
    for size in (4, 30, 200, len(raw) // 2, len(raw) - 60, len(raw) - 1):
        found = await take(raw[:size])
        assert found.code == Code.ARCHIVE_UNSAFE, f"{size}: {found}"
    await healthy(take)


@pytest.mark.parametrize("seed", range(6))
async def test_flipped_bytes_end_in_a_code_or_a_whole_set(take: Take, seed: int) -> None:
    """Noise in an archive is refused, or the set that comes out is consistent."""
    source = np.random.default_rng(seed)
    raw = bytearray(npz(images=PICTURES, labels=LABELS))
    for at in source.integers(0, len(raw), 6):
        raw[at] = int(source.integers(0, 256))
    found = await take(bytes(raw))
    if found.result is None:
        assert found.code.startswith(("DATA_", "ARCHIVE_", "NPY_")), found
    else:
        assert sum(found.facts["class_counts"]) == found.facts["n"]


# ---------------------------------------------------------------------------- odd contents


def floats(value: float) -> Array:
    """Pictures of floats with one pixel of a given value."""
    pictures = PICTURES.astype(np.float32) / 255
    pictures[3, 1, 2, 2] = value
    return pictures


CONTENTS: dict[str, tuple[dict[str, Array], Code]] = {
    "NaN": ({"images": floats(float("nan"))}, Code.DATA_RANGE_INVALID),
    "infinite": ({"images": floats(float("inf"))}, Code.DATA_RANGE_INVALID),
    "just above one": ({"images": floats(1.0000001)}, Code.DATA_RANGE_INVALID),
    "negative": ({"images": floats(-1e-30)}, Code.DATA_RANGE_INVALID),
    "just above one in double": ({"images": PICTURES / 254.99999999}, Code.DATA_RANGE_INVALID),
    "beyond a float": ({"images": PICTURES * 1e300}, Code.DATA_RANGE_INVALID),
    "whole numbers": ({"images": PICTURES.astype(np.int32)}, Code.DATA_DTYPE_UNSUPPORTED),
    "truth values": ({"images": PICTURES > 9}, Code.DATA_DTYPE_UNSUPPORTED),
    "text without letters": ({"images": np.zeros((8, 3, 6, 6), "S")}, Code.DATA_DTYPE_UNSUPPORTED),
    "complex": ({"images": PICTURES.astype(np.complex64)}, Code.DATA_DTYPE_UNSUPPORTED),
    "text": ({"images": PICTURES.astype("U3")}, Code.DATA_DTYPE_UNSUPPORTED),
    "records": ({"images": np.zeros(8, "u1,f4")}, Code.DATA_DTYPE_UNSUPPORTED),
    "five axes": ({"images": PICTURES[None]}, Code.DATA_SHAPE_INVALID),
    "no pixels": ({"images": PICTURES[:, :, :0]}, Code.DATA_SHAPE_INVALID),
    "no images": ({"images": PICTURES[:0], "labels": LABELS[:0]}, Code.DATA_SHAPE_INVALID),
    "one label": ({"labels": np.array(1)}, Code.DATA_COUNT_MISMATCH),
    "labels in words": ({"labels": LABELS.astype("U1")}, Code.DATA_LABELS_INVALID),
    "labels of truth": ({"labels": LABELS > 1}, Code.DATA_LABELS_INVALID),
    "labels in float": ({"labels": LABELS.astype(np.float32)}, Code.DATA_LABELS_INVALID),
    "labels below zero": ({"labels": LABELS - 1}, Code.DATA_LABELS_INVALID),
    "labels without end": ({"labels": LABELS + (1 << 40)}, Code.DATA_LABELS_INVALID),
    "labels that wrap": (
        {"labels": LABELS.astype(np.uint64) + np.uint64(2**64 - 5)},
        Code.DATA_LABELS_INVALID,
    ),
    "labels one hot": ({"labels": np.eye(8, dtype=np.int64)}, Code.DATA_LABELS_INVALID),
    "a label too few": ({"labels": LABELS[:-1]}, Code.DATA_COUNT_MISMATCH),
    "one class": ({"labels": LABELS * 0}, Code.DATA_ONE_CLASS),
}


@pytest.mark.parametrize(("arrays", "code"), CONTENTS.values(), ids=CONTENTS.keys())
async def test_contents_that_mean_nothing_have_codes(
    take: Take, arrays: dict[str, Array], code: Code
) -> None:
    """Pixels that are no pixels and labels that are no classes are refused by name."""
    found = await take(npz(**{"images": PICTURES, "labels": LABELS, **arrays}))
    assert found.code == code, found


async def test_the_largest_label_still_fits_the_answer(take: Take) -> None:
    """One count a class fits one frame at the largest label taken; the next one is refused."""
    most = 1 << 16
    found = await take(npz(images=PICTURES, labels=LABELS + (most - 4)))
    assert len(found.facts["class_counts"]) == most
    found = await take(npz(images=PICTURES, labels=LABELS + (most - 3)))
    assert found.code == Code.DATA_LABELS_INVALID, found
    await healthy(take)


@pytest.mark.parametrize("rows", [[-1, 4], [4, 4], [5, 2], [0, 9], [1 << 62, 1 << 63]])
async def test_slices_outside_the_file_are_refused(take: Take, rows: list[int]) -> None:
    """A slice that is not there is told; one that is there is taken."""
    raw = npz(images=PICTURES, labels=LABELS)
    assert (await take(raw, rows=rows)).code == Code.DATA_SLICE_INVALID
    assert (await take(raw, rows=[2, 6])).facts["n"] == 4


async def test_byte_order_and_layout_do_not_change_the_set(take: Take) -> None:
    """Big-endian floats, Fortran order and channels last are one and the same set."""
    pictures = (PICTURES.astype(np.float32) / np.float32(255)).astype(np.float32)
    forms = [pictures, pictures.astype(">f4"), np.asfortranarray(pictures)]
    forms += [pictures.transpose(0, 2, 3, 1), PICTURES]
    digests = {
        (await take(npz(images=one, labels=LABELS.astype(">i2")))).facts["digest"] for one in forms
    }
    assert len(digests) == 1
