"""Parquet files with lies in the footer, in the pages' heads, in the pages or in a picture."""

import functools
import io
import struct
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]  # ships none
import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]  # ships none

from tools.fuzz import jpeg, pictures, png, thrift, webp
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw

arrow: Any = pa
library: Any = pq

_PACKED: Final = 3
"""The field of a page's head that says how many bytes follow it."""
_TOLD: Final[tuple[Mapping[str, Any], ...]] = (
    {"compression": "none"},
    {"compression": "snappy", "row_group_size": 2},
    {"compression": "gzip", "use_dictionary": False},
    {"compression": "zstd", "data_page_version": "2.0"},
    {"compression": "none", "write_page_index": True, "write_page_checksum": True},
    {"compression": "lz4", "version": "1.0", "data_page_size": 64},
)


def _file(images: list[bytes], *, struct_column: bool, **told: Any) -> bytes:  # noqa: ANN401 - the writer's own options
    column = [{"bytes": one, "path": None} for one in images] if struct_column else images
    table = arrow.table({"image": column, "label": pictures.labels()})
    file = io.BytesIO()
    library.write_table(table, file, **told)
    return file.getvalue()


def _honest() -> list[bytes]:
    return [pictures.encoded(one, "PNG") for one in pictures.images()]


@functools.cache
def _seeds() -> tuple[bytes, ...]:
    return tuple(_file(_honest(), struct_column=at % 2 == 0, **one) for at, one in enumerate(_TOLD))


def parquet_changed(draw: Draw) -> bytes:
    """One file with one kind of lie."""
    how = draw.below(10)
    if how == 0:
        return _with_one_picture(draw)
    raw = draw.pick(_seeds())
    if how == 1:
        return damaged(raw, draw)
    if how == 2:  # noqa: PLR2004 - the third of ten
        return _framed(raw, draw)
    return _pages_changed(raw, draw) if how < 6 else _footer_changed(raw, draw)  # noqa: PLR2004 - three times of ten


def _with_one_picture(draw: Draw) -> bytes:
    files = _honest()
    files[draw.below(len(files))] = draw.pick((png, jpeg, webp)).changed(draw)
    return _file(files, struct_column=draw.chance(0.5))


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Everything before the footer, and the footer."""
    (length,) = struct.unpack("<L", raw[-8:-4])
    return raw[: -8 - length], raw[-8 - length : -8]


def _framed(raw: bytes, draw: Draw) -> bytes:
    """Another length of the footer, or another mark."""
    before, footer = _split(raw)
    length = draw.pick((len(footer) + 1, len(footer) - 1, 0, draw.unsigned(4), len(raw)))
    mark = draw.pick((b"PAR1", b"PAR1", b"PARE", b"PAR2", b"par1"))
    return before + footer + struct.pack("<L", length & 0xFFFFFFFF) + mark


def _footer_changed(raw: bytes, draw: Draw) -> bytes:
    before, footer = _split(raw)
    told, _ = thrift.read(footer, 0)
    for _ in range(1 + draw.below(2)):
        thrift.lied(told, draw)
    fresh = damaged(footer, draw) if draw.chance(0.1) else thrift.written(told)
    return before + fresh + struct.pack("<L", len(fresh)) + b"PAR1"


def _pages_changed(raw: bytes, draw: Draw) -> bytes:
    """A page's head that lies, or a page that is damaged; the file keeps its length if it can."""
    before, _ = _split(raw)
    start, inside, end = draw.pick(_pages(before))
    if draw.chance(0.3):
        page = damaged(raw[inside:end] or b"\0", draw)[: end - inside].ljust(end - inside, b"\0")
        return raw[:inside] + page + raw[end:]
    told, _ = thrift.read(raw, start)
    thrift.lied(told, draw)
    return raw[:start] + thrift.written(told) + raw[inside:]


def _pages(before: bytes) -> list[tuple[int, int, int]]:
    """Where heads and bodies of pages lie; they follow each other from the first mark on."""
    found: list[tuple[int, int, int]] = []
    at = 4
    while at < len(before):
        try:
            told, inside = thrift.read(before, at)
        except (IndexError, KeyError):
            break  # the indices behind the pages
        packed = [one.value for one in told if one.number == _PACKED]
        if not packed or not isinstance(packed[0], int) or not 0 <= packed[0] <= len(before):
            break
        found.append((at, inside, inside + packed[0]))
        at = found[-1][2]
    return found
