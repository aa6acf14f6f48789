"""Class folders, Parquet and safetensors made to harm: refused with a code, service alive."""

import functools
import io
import json
import pickle
import stat
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image
from safetensors.numpy import load

from service.errors import Code
from service.executors.interface import Request
from service.executors.local import LocalExecutor
from support.jobs import Ended, below, empty, ended
from support.pictures import (
    encoded,
    folders,
    parquet,
    parquet_of,
    parquet_set,
    pyarrow,
    read_bytes,
    safetensors_of,
    table,
    zipped,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

GIB = 1 << 30
MIB = 1 << 20
PICTURES = np.random.default_rng(5).integers(0, 256, (8, 6, 7, 3)).astype(np.uint8)
LABELS = np.arange(8) % 4
GOOD = encoded(PICTURES[0])
Take = Callable[..., Any]


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


@pytest.fixture
def take(executor: LocalExecutor, tmp_path: Path) -> Take:
    """Hand one data file in; the spool holds nothing partial afterwards."""

    async def handed(raw: bytes, *, memory: int = GIB) -> Ended:
        path = tmp_path / "upload"
        path.write_bytes(raw)
        told = {"memory": memory}
        asked = Request("dataset", {}, {"file": str(path)}, seconds=30, limits=told)
        end = await ended(executor, asked)
        empty(executor._spool, end)  # pyright: ignore[reportPrivateUsage]  # looked at from outside
        return end

    return handed


@pytest.mark.parametrize("form", ["folders", "parquet", "safetensors"])
async def test_honest_files_are_read_in_a_locked_child(take: Take, form: str) -> None:
    """The control: the lock leaves every format what it needs."""
    raw = {
        "folders": folders(PICTURES, LABELS, "abcd"),
        "parquet": parquet_set(PICTURES, LABELS),
        "safetensors": safetensors_of(images=PICTURES, labels=LABELS),
    }[form]
    found = await take(raw)
    assert found.facts["digest"] == read_bytes(raw)[0]["digest"]
    assert found.facts["n"] == 8


# ----------------------------------------------------------------------------------- pictures


def chunk(kind: bytes, body: bytes) -> bytes:
    """A sealed piece of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *extra: bytes, body: bytes = b"") -> bytes:
    """A PNG that claims a size, whatever follows."""
    head = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *extra, chunk(b"IDAT", zlib.compress(body)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def webp(kind: bytes, body: bytes) -> bytes:
    """A WebP of one chunk."""
    inner = b"WEBP" + kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def jpeg(height: int, width: int) -> bytes:
    """A JPEG whose frame header claims a size."""
    raw = bytearray(encoded(PICTURES[0], "JPEG"))
    at = raw.index(b"\xff\xc0") + 5
    raw[at : at + 4] = struct.pack(">2H", height, width)
    return bytes(raw)


HUGE = {
    "png": png(50_000, 50_000),
    "png in one row": png(0x7FFFFFFF, 1),
    "webp canvas": webp(b"VP8X", b"\0\0\0\0" + b"\xff\xff\xff" + b"\xff\xff\xff"),
    "webp without loss": webp(b"VP8L", b"\x2f" + b"\xff\xff\xff\x0f"),
    "webp with loss": webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + b"\xff\x3f\xff\x3f"),
    "jpeg": jpeg(65_000, 65_000),
    "one row too many": png(5000, 5001),
}


@pytest.mark.parametrize("raw", HUGE.values(), ids=HUGE.keys())
async def test_claimed_pixels_are_bounded_before_there_is_room_for_them(
    take: Take, raw: bytes
) -> None:
    """A few bytes that claim gigapixels are refused by their claim, within a small memory."""
    assert len(raw) < 4096
    found = await take(zipped({"a/1.png": GOOD, "b/1.png": raw}), memory=256 * MIB)
    assert found.code == Code.IMAGE_TOO_LARGE, found
    assert "'b/1.png'" in found.sentence


async def test_the_claim_is_one_that_a_decoder_would_follow() -> None:
    """The control: without the bound the decoder opens the picture at its claimed size."""
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        assert Image.open(io.BytesIO(HUGE["png"])).size == (50_000, 50_000)
    finally:
        Image.MAX_IMAGE_PIXELS = most


async def test_many_large_pictures_are_bounded_together(take: Take) -> None:
    """Sixty pictures under the bound of one are refused before there is room for them all."""
    large = png(4900, 5000, body=bytes(4900 * 5000 * 3 + 5000))
    raw = zipped({f"{one % 2}/{one}.png": large for one in range(60)})
    assert len(raw) < 6 * MIB
    found = await take(raw, memory=512 * MIB)
    assert found.code == Code.DATA_TOO_LARGE, found


def cut(raw: bytes, share: float) -> bytes:
    """The front of a file."""
    return raw[: int(len(raw) * share)]


LARGER = np.random.default_rng(6).integers(0, 256, (64, 64, 3)).astype(np.uint8)
TAIL = b"\xff\xda"
ORIENTED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"
BROKEN = {
    "nothing": b"",
    "text": b"hello",
    "jpeg cut in the middle": cut(encoded(LARGER, "JPEG"), 0.5),
    "jpeg cut in its header": encoded(LARGER, "JPEG").partition(TAIL)[0],
    "png cut in the middle": cut(encoded(LARGER), 0.5),
    "webp cut in the middle": cut(encoded(LARGER, "WEBP"), 0.5),
    "png without pixels": png(4999, 5000),
    "png without sides": png(0, 0),
    "png of a bad sum": GOOD[:40] + bytes([GOOD[40] ^ 255]) + GOOD[41:],
    "png with a text bomb": png(6, 7, *[chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80 * MIB)))]),
    "script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n",
    "vector": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
    "bitmap": encoded(PICTURES[0], "BMP"),
    "tiff": encoded(PICTURES[0], "TIFF"),
    "an archive": zipped({"a/1.png": GOOD}),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
async def test_damaged_and_foreign_pictures_are_named(take: Take, raw: bytes) -> None:
    """What is no whole PNG, JPEG or WebP is refused with the name of the member."""
    found = await take(zipped({"a/1.png": GOOD, "b/1.png": raw}))
    assert found.code in {Code.DATA_IMAGE_BROKEN, Code.DATA_SHAPE_INVALID}, found
    assert "'b/1.png'" in found.sentence


async def test_damage_behind_a_sound_header_is_found_when_it_is_decoded(take: Take) -> None:
    """Of the right size and cut off in its pixels: refused as broken, never filled up with grey."""
    whole = encoded(LARGER, "JPEG")
    for raw in (cut(whole, 0.5), cut(encoded(LARGER), 0.6), cut(encoded(LARGER, "WEBP"), 0.7)):
        found = await take(zipped({"a/1.png": whole, "b/1.png": raw}))
        assert found.code == Code.DATA_IMAGE_BROKEN, found


async def test_a_script_is_what_an_open_list_of_formats_would_open() -> None:
    """The control: among all formats, the script is one that an outside program is started for."""
    assert Image.open(io.BytesIO(BROKEN["script"])).format == "EPS"


EXIF = {
    "beyond every orientation": ORIENTED + b"\x63\0\0\0" + bytes(4),
    "a loop": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" + bytes(4),
    "offsets to nowhere": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "many entries": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60),
    "noise": b"Exif\0\0" + np.random.default_rng(8).bytes(500),
}


@pytest.mark.parametrize("exif", EXIF.values(), ids=EXIF.keys())
async def test_odd_exif_turns_nothing_and_breaks_nothing(take: Take, exif: bytes) -> None:
    """EXIF that means nothing leaves the picture as it stands, or it is refused as broken."""
    plain = encoded(PICTURES[1], "JPEG")
    odd = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    found = await take(zipped({"a/1.png": GOOD, "b/1.png": odd}))
    if found.result is None:
        assert found.code == Code.DATA_IMAGE_BROKEN, found
    else:
        wanted = read_bytes(zipped({"a/1.png": GOOD, "b/1.png": plain}))[0]["digest"]
        assert found.facts["digest"] == wanted


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
async def test_flipped_bytes_in_pictures_end_in_a_code_or_a_whole_set(
    take: Take, form: str
) -> None:
    """Noise in a picture is refused, or what comes out has the size of the others."""
    source = np.random.default_rng(11)
    for _ in range(2):
        raw = bytearray(encoded(LARGER, form))
        for at in source.integers(0, len(raw), 4):
            raw[at] = int(source.integers(0, 256))
        found = await take(zipped({"a/1.png": encoded(LARGER), "b/1.png": bytes(raw)}))
        if found.result is None:
            assert found.code.startswith(("DATA_", "IMAGE_")), found
        else:
            assert found.facts["shape"] == [3, 64, 64]


# ------------------------------------------------------------------------------------ folders


def linked() -> bytes:
    """A zip with a symbolic link where a picture belongs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/1.png", GOOD)
        link = zipfile.ZipInfo("b/1.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def twice() -> bytes:
    """A zip with two members of one name."""
    raw = zipped({"a/1.png": GOOD, "b/1.png": GOOD, "b/2.png": encoded(PICTURES[1])})
    return raw.replace(b"b/2.png", b"b/1.png")


ARCHIVES = {
    "a link": (linked(), Code.ARCHIVE_UNSAFE),
    "one name twice": (twice(), Code.ARCHIVE_UNSAFE),
    "a name that climbs": (zipped({"../a/1.png": GOOD, "b/1.png": GOOD}), Code.ARCHIVE_UNSAFE),
    "a name from the root": (zipped({"/a/1.png": GOOD, "b/1.png": GOOD}), Code.ARCHIVE_UNSAFE),
    "a picture in front": (GOOD + zipped({"a/1.png": GOOD}), Code.DATA_NOT_RECOGNISED),
    "a script in front": (b"#!/bin/sh\n" + zipped({"a/1.png": GOOD}), Code.DATA_NOT_RECOGNISED),
    "a picture behind": (zipped({"a/1.png": GOOD}) + GOOD, Code.ARCHIVE_UNSAFE),
    "no pictures": (zipped({"a/1.txt": b"x", "b/1.txt": b"x"}), Code.DATA_NOT_RECOGNISED),
    "a model": (zipped({"net.onnx": b"x", "net.onnx.data": b"x"}), Code.DATA_NOT_RECOGNISED),
    "one class": (zipped({"a/1.png": GOOD, "a/2.png": GOOD}), Code.DATA_ONE_CLASS),
    "one picture packed like a bomb": (
        zipped({"a/1.png": GOOD, "b/1.png": bytes(80 * MIB)}, zipfile.ZIP_DEFLATED),
        Code.ARCHIVE_UNSAFE,
    ),
}


@pytest.mark.parametrize(("raw", "code"), ARCHIVES.values(), ids=ARCHIVES.keys())
async def test_odd_folders_have_codes(take: Take, raw: bytes, code: Code) -> None:
    """Links, doubled and climbing names, files of two kinds: refused before a picture is opened."""
    found = await take(raw)
    assert found.code == code, found


async def test_a_thousand_and_one_classes_are_read_without_their_names(take: Take) -> None:
    """Names never outgrow the answer."""
    found = await take(zipped({f"{one:04}/1.png": GOOD for one in range(1001)}))
    assert found.facts["classes"] == 1001
    assert "class_names" not in found.facts


# ------------------------------------------------------------------------------------ parquet


def varint(number: int, width: int = 0) -> bytes:
    """A number as Thrift's compact protocol writes it, padded to a width."""
    left, out = number << 1, bytearray()
    while left > 127 or len(out) + 1 < width:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes([*out, left])


def lying(raw: bytes, told: int, lie: int) -> bytes:
    """A Parquet file whose footer says one number for another, wherever it stands there."""
    start = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    true = varint(told)
    assert true in raw[start:], "the footer does not hold that number"
    return raw[:start] + raw[start:].replace(true, varint(lie, len(true)))


@functools.cache
def page_bomb() -> bytes:
    """A row of a hundred million zeros that packs into some thousand bytes."""
    columns = {"image": [bytes(100_000_000), GOOD], "label": [0, 1]}
    return parquet_of(table(columns), compression="zstd", use_dictionary=False)


def unpacked_size(raw: bytes) -> int:
    """What the footer announces for the pictures."""
    told = parquet.ParquetFile(io.BytesIO(raw)).metadata
    return int(told.row_group(0).column(0).total_uncompressed_size)


def repeated() -> bytes:
    """One large picture in a dictionary, which four hundred rows refer to."""
    body = np.random.default_rng(3).bytes(MIB // 3)
    return parquet_of(table({"image": [body] * 400, "label": np.arange(400) % 4}))


async def test_a_page_bomb_is_refused_by_what_it_announces(take: Take) -> None:
    """Announced honestly, it is refused before a page is read."""
    raw = page_bomb()
    assert unpacked_size(raw) > 100_000_000 > 1000 * len(raw)
    found = await take(raw, memory=512 * MIB)
    assert found.code == Code.PARQUET_LIMIT, found


async def test_a_page_bomb_that_lies_is_refused_by_what_it_is(take: Take) -> None:
    """Announced as small, it is refused once its first rows are there, within the memory."""
    raw = page_bomb()
    lie = lying(raw, unpacked_size(raw), 1000)
    assert unpacked_size(lie) == 1000
    found = await take(lie, memory=GIB)
    assert found.code in {Code.PARQUET_LIMIT, Code.CHILD_MEMORY}, found


async def test_rows_that_repeat_one_picture_are_bounded(take: Take) -> None:
    """A dictionary unpacks to more than any footer says; rows are read a few at a time."""
    raw = repeated()
    assert unpacked_size(raw) < MIB < 64 * MIB < 400 * MIB // 3
    found = await take(raw, memory=GIB)
    assert found.code == Code.PARQUET_LIMIT, found


def many_columns() -> bytes:
    """More columns than a set has."""
    return parquet_of(table({f"c{one}": [1] for one in range(300)}))


def many_rows() -> bytes:
    """Millions of rows in some kilobytes."""
    rows = 4_000_001
    columns = {"image": pyarrow.nulls(rows, pyarrow.binary()), "label": np.zeros(rows, np.int8)}
    return parquet_of(table(columns))


def many_groups() -> bytes:
    """A row group for each of thousands of rows."""
    columns = {"image": [GOOD] * 4100, "label": [0, 1] * 2050}
    return parquet_of(table(columns), row_group_size=1)


def long_footer() -> bytes:
    """A footer of more bytes than are ever read."""
    return parquet_of(table({"image": [GOOD], "label": [0]}, {"note": "x" * (13 << 20)}))


@pytest.mark.parametrize(
    "build", [many_columns, many_rows, many_groups, long_footer], ids=lambda one: one.__name__
)
async def test_footers_are_bounded(take: Take, build: Callable[[], bytes]) -> None:
    """Columns, rows, row groups and the footer itself have bounds."""
    found = await take(build())
    assert found.code == Code.PARQUET_LIMIT, found


WHOLE = parquet_set(PICTURES, LABELS)
TORN = {
    "only a mark": b"PAR1",
    "two marks": b"PAR1" * 4,
    "cut off": WHOLE[:-1],
    "cut in the middle": WHOLE[: len(WHOLE) // 2],
    "a longer footer than the file": WHOLE[:-8] + b"\xff\xff\xff\x7fPAR1",
    "a footer of noise": WHOLE[:-300] + np.random.default_rng(1).bytes(292) + WHOLE[-8:],
    "an encrypted footer": WHOLE[:-4] + b"PARE",
    "pages of noise": WHOLE[:4] + np.random.default_rng(1).bytes(600) + WHOLE[604:],
    "other bytes behind": WHOLE + GOOD,
}


@pytest.mark.parametrize("raw", TORN.values(), ids=TORN.keys())
async def test_torn_parquet_is_told(take: Take, raw: bytes) -> None:
    """Whatever the library makes of damage, the user hears that it could not be read."""
    found = await take(raw)
    assert found.code in {Code.DATA_NOT_RECOGNISED, Code.DATA_IMAGE_BROKEN}, found


@pytest.mark.parametrize("seed", range(8))
async def test_flipped_bytes_in_parquet_end_in_a_code_or_a_whole_set(take: Take, seed: int) -> None:
    """Noise in a Parquet file is refused with a code, or the set that comes out is consistent."""
    source = np.random.default_rng(seed)
    raw = bytearray(WHOLE)
    start = 0 if seed % 2 else len(raw) - 900
    for at in source.integers(start, len(raw) - 8, 3):
        raw[at] = int(source.integers(0, 256))
    found = await take(bytes(raw))
    if found.result is None:
        assert found.code in {*Code}, found
        assert found.code not in {Code.INTERNAL, Code.CHILD_CRASHED}, found
    else:
        assert sum(found.facts["class_counts"]) == found.facts["distinct"]


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        """Remember what to create."""
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        """What the pickle makes of this."""
        return (open, (str(self.marker), "w"))


async def test_types_of_the_schema_run_no_code(take: Take, tmp_path: Path) -> None:
    """A type that is a pickle, which old readers opened, stays closed; the control opens it."""
    marker = tmp_path / "ran"
    trap = pickle.dumps(Trap(marker))
    kind = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": trap,
    }
    fields = [
        pyarrow.field("image", pyarrow.binary(), metadata=kind),
        pyarrow.field("label", pyarrow.int64()),
    ]
    columns = {"image": [GOOD, GOOD], "label": [0, 1]}
    raw = parquet_of(pyarrow.table(columns, schema=pyarrow.schema(fields)))
    found = await take(raw)
    assert found.result is not None or found.code.startswith("DATA_"), found
    assert not marker.exists()
    with pickle.loads(trap):  # noqa: S301 - the control
        assert marker.exists()


# -------------------------------------------------------------------------------- safetensors


def safe(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(begin: int, end: int, *shape: int, dtype: str = "U8") -> dict[str, Any]:
    """A tensor's place."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


TWO = {"images": entry(0, 24, 2, 2, 2, 3), "labels": entry(24, 26, 2)}
DATA = bytes(range(24)) + b"\0\1"
DOUBLED = (
    json.dumps(TWO).encode()[:-1] + b', "labels": ' + json.dumps(TWO["labels"]).encode() + b"}"
)
SAFE = {
    "a name twice": (safe(DOUBLED, DATA), Code.DATA_NOT_RECOGNISED),
    "longer than the file": (safe(TWO, DATA, 1 << 40), Code.DATA_NOT_RECOGNISED),
    "longer than a header may be": (safe(b"{" + b" " * MIB + b"}"), Code.DATA_NOT_RECOGNISED),
    "an overlap": (safe({**TWO, "labels": entry(22, 26, 4)}, DATA), Code.DATA_NOT_RECOGNISED),
    "a gap": (safe({**TWO, "labels": entry(25, 26, 1)}, DATA), Code.DATA_NOT_RECOGNISED),
    "bytes behind": (safe(TWO, DATA + b"PK\x05\x06"), Code.DATA_NOT_RECOGNISED),
    "too few bytes": (safe(TWO, DATA[:-1]), Code.DATA_NOT_RECOGNISED),
    "a shape that lies": (
        safe({**TWO, "images": entry(0, 24, 2**40, 2, 2, 3)}, DATA),
        Code.DATA_NOT_RECOGNISED,
    ),
    "a negative size": (
        safe({**TWO, "images": entry(0, 24, -2, -2, 2, 3)}, DATA),
        Code.DATA_NOT_RECOGNISED,
    ),
    "a size that is true": (
        safe(json.dumps(TWO).encode().replace(b'"shape": [2]', b'"shape": [true]'), DATA),
        Code.DATA_NOT_RECOGNISED,
    ),
    "turned offsets": (safe({"images": entry(24, 0, 2)}, DATA), Code.DATA_NOT_RECOGNISED),
    "a type of its own": (
        safe({**TWO, "images": entry(0, 24, 2, 2, 2, 3, dtype="BF16")}, DATA),
        Code.DATA_DTYPE_UNSUPPORTED,
    ),
    "brackets in brackets": (
        safe(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        Code.DATA_NOT_RECOGNISED,
    ),
    "digits without end": (safe(b'{"a":' + b"9" * 100_000 + b"}"), Code.DATA_NOT_RECOGNISED),
    "no text": (safe(b'{"\xff\xfe": 1}'), Code.DATA_NOT_RECOGNISED),
    "weights": (safe({"conv1.weight": entry(0, 26, 26)}, DATA), Code.DATA_ARRAY_MISSING),
    "a name that writes on terminals": (
        safe({"\x1b[2J\u202e\ud800": entry(0, 26, 26)}, DATA),
        Code.DATA_ARRAY_MISSING,
    ),
    "nothing in it": (
        safe({"images": entry(0, 0, 0, 2, 2, 3), "labels": entry(0, 0, 0)}),
        Code.DATA_SHAPE_INVALID,
    ),
}


@pytest.mark.parametrize(("raw", "code"), SAFE.values(), ids=SAFE.keys())
async def test_odd_safetensors_have_codes(take: Take, raw: bytes, code: Code) -> None:
    """Headers that could be read in two ways, or that lie, are refused."""
    found = await take(raw)
    assert found.code == code, found
    assert found.sentence.isprintable()


async def test_the_common_reader_takes_a_name_twice() -> None:
    """The control: others read the doubled header, and make one of two meanings of it."""
    assert load(SAFE["a name twice"][0])["labels"].tolist() == [0, 1]


async def test_the_plain_file_of_these_is_read(take: Take) -> None:
    """The control: what the odd ones were made of is a set."""
    found = await take(safe(TWO, DATA))
    assert found.facts["shape"] == [3, 2, 2]
    assert found.facts["class_counts"] == [1, 1]
