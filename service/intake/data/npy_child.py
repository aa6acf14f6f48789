"""An array in numpy's own format, whose header is matched and never evaluated. Runs in a child.

The format is NEP 1: a magic string, a version, the header's length, and a dictionary of three
entries in Python's notation.
"""

import math
import re
from typing import Final, NamedTuple

import numpy as np

from analyzers.contract import Array, Refusal
from service.intake.data.stored_child import SAVE, Raw, unsupported

_MAGIC: Final = b"\x93NUMPY"
_LONGEST: Final = 10_000
"""Bytes of a header; numpy itself refuses longer ones."""
_MOST_AXES: Final = 32
_ENTRY: Final = (
    r"\s*(?:'descr'\s*:\s*(?P<descr>'[^']{1,24}'|\[.*\])"
    r"|'fortran_order'\s*:\s*(?P<order>True|False)"
    r"|'shape'\s*:\s*\((?P<shape>\s*(?:\d{1,18}\s*,\s*)*(?:\d{1,18}\s*)?)\))\s*"
)
_NEXT: Final = re.compile(_ENTRY)
_PLAIN: Final = re.compile(r"'[<>|=]?[biufcSU]\d{1,4}'")


class Head(NamedTuple):
    """What an npy header announces, checked against the bytes that are there."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    fortran: bool
    start: int
    """Where the numbers begin, counted from the beginning of the array's file."""


def head(raw: Raw, start: int, size: int) -> Head:
    """The header of the array in ``raw[start : start + size]``."""
    text, data = _text(raw, start, size)
    entries = _entries(text)
    dtype = _dtype(entries["descr"])
    shape = tuple(int(one) for one in entries["shape"].replace(",", " ").split())
    held = size - data
    if dtype.itemsize == 0:
        raise unsupported("of a type without size")
    if len(shape) > _MOST_AXES or math.prod(shape) * dtype.itemsize != held:
        raise broken(f"announces the shape {list(shape)[:8]} and holds {held} bytes of numbers")
    return Head(dtype, shape, entries["order"] == "True", data)


def array(raw: Raw, start: int = 0, size: int | None = None) -> Array:
    """The array, as a view of the bytes."""
    size = len(raw) - start if size is None else size
    told = head(raw, start, size)
    shape, count = told.shape, math.prod(told.shape)
    if count == 0:
        raise Refusal("DATA_SHAPE_INVALID", "An array of the data file is empty.", SAVE)
    flat = np.frombuffer(raw, told.dtype, count, start + told.start)
    return flat.reshape(shape[::-1]).T if told.fortran else flat.reshape(shape)


def broken(what: str) -> Refusal:
    """The refusal of an array that cannot be one."""
    return Refusal("DATA_NOT_RECOGNISED", f"An array of the data file {what}."[:500], SAVE)


def _text(raw: Raw, start: int, size: int) -> tuple[str, int]:
    """The header's text, and where the numbers begin."""
    front = raw[start : start + min(size, 12)]
    if front[:6] != _MAGIC or front[6:8] not in {b"\1\0", b"\2\0", b"\3\0"}:
        raise broken("is not in numpy's format")
    wide = front[6] > 1
    before = 12 if wide else 10
    length = int.from_bytes(front[8:before], "little")
    if len(front) < before or length > min(_LONGEST, size - before):
        raise broken("has a header that is longer than it may be")
    return raw[start + before : start + before + length].decode("latin-1"), before + length


def _entries(text: str) -> dict[str, str]:
    """The three entries, each exactly once and in any order."""
    found: dict[str, str] = {}
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")):
        raise broken("has a header that is no dictionary")
    at, stop = 1, len(body) - 1
    while at < stop:
        entry = _NEXT.match(body, at, stop)
        if entry is None or entry.lastgroup is None or entry.lastgroup in found:
            break
        found[entry.lastgroup] = entry[entry.lastgroup]
        at = entry.end() + (body[entry.end() : entry.end() + 1] == ",")
        at += len(body[at:stop]) - len(body[at:stop].lstrip())
    if at != stop or set(found) != {"descr", "order", "shape"}:
        raise broken("has a header that cannot be read")
    return found


def _dtype(descr: str) -> np.dtype[np.generic]:
    if re.search(r"'[<>|=]?O\d*'", descr):
        raise Refusal(
            "NPY_OBJECT_ARRAY",
            "The data file holds an array of Python objects, which can run code when opened.",
            "Store plain numbers: images of one size as uint8 or float32, labels as integers.",
        )
    if not _PLAIN.fullmatch(descr):
        raise unsupported(f"of the type {descr}")
    try:
        return np.dtype(descr.strip("'"))
    except TypeError as error:
        raise unsupported(f"of the type {descr}") from error
