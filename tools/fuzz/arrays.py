"""npz archives and the npy headers in them (NEP 1), with lies in either."""

import io
import struct
from typing import Final

import numpy as np

from analyzers.contract import Array
from tools.fuzz import pictures
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw
from tools.fuzz.zips import container, lied, written

_DESCR: Final = (
    *("'|O'", "'<f4'", "'>f8'", "'<f2'", "'|b1'", "'<c16'", "'<U999999999'", "'|S0'", "'|V8'"),
    *("[('a','<f4')]", "'<i8'", "'|u1'", "'u1'", "'<M8[ns]'", "__import__('os')", "'<f16'", "''"),
    *("'<f3'", "'O'", "[('f','|O')]", "None", "'|u1', 'descr': '|O'", "('<f4',(2,))", "'>u2'"),
)
_ORDER: Final = ("False", "True", "None", "1", "'False'", "true")


def npz_changed(draw: Draw) -> bytes:
    """Two arrays in an archive, one of the three with a lie in it."""
    held = {"images.npy": _npy(pictures.images()), "labels.npy": _npy(pictures.labels())}
    if draw.chance(0.45):
        return lied(container(held, packed=draw.chance(0.5)), draw)
    if draw.chance(0.1):
        return damaged(written(container(held)), draw)
    name = draw.pick(("images.npy", "images.npy", "labels.npy"))
    held[name] = npy_changed(held[name], draw)
    if draw.chance(0.15):
        held[f"{draw.name()}.npy"] = held[name]
    return written(container(held, packed=draw.chance(0.3)))


def _npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def npy_changed(raw: bytes, draw: Draw) -> bytes:
    """An array's file with another header, other numbers, or damage."""
    how = draw.below(10)
    if how == 0:
        return damaged(raw, draw)
    (length,) = struct.unpack("<H", raw[8:10])
    head, body = raw[10 : 10 + length].decode(), raw[10 + length :]
    if how == 1:
        body = draw.pick((b"", body[:-1], body + b"\0", body * 2, draw.bytes(len(body))))
        return raw[: 10 + length] + body
    if how == 2:  # noqa: PLR2004 - the third of ten
        return _valued(draw)
    if how == 3:  # noqa: PLR2004 - the fourth of ten
        return _framed(head.encode(), body, draw)
    return _written(_header(head, draw).encode("latin-1", "replace"), body)


def _written(head: bytes, body: bytes) -> bytes:
    if len(head) <= 0xFFFF:  # noqa: PLR2004 - what two bytes can say
        return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + body
    return b"\x93NUMPY\x02\0" + struct.pack("<L", len(head)) + head + body


def _framed(head: bytes, body: bytes, draw: Draw) -> bytes:
    """Another magic, version or length around the same header."""
    magic = draw.pick((b"\x93NUMPY", b"\x93numpy", b"NUMPY\x93"))
    version = draw.pick((b"\0\0", b"\1\0", b"\1\1", b"\2\0", b"\3\0", b"\4\0", b"\xff\xff"))
    size = draw.pick((2, 4))
    length = draw.pick((len(head), draw.number())) & ((1 << 8 * size) - 1)
    return magic + version + length.to_bytes(size, "little") + head + body


def _header(head: str, draw: Draw) -> str:
    descr = draw.pick(_DESCR) if draw.chance(0.5) else "'|u1'"
    order = draw.pick(_ORDER) if draw.chance(0.3) else "False"
    shape = _shape(draw) if draw.chance(0.6) else "(6, 8, 8, 3)"
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    odd = (
        text.replace(", }", "}"),
        text[:-2],
        text + text,
        "{" * draw.pick((100, 9000)),
        text.replace("descr", draw.name()),
        f"{{'x': {draw.number()}, {text[1:]}",
        text.ljust(draw.pick((12_000, 70_000))),
        head,
    )
    return (draw.pick(odd) if draw.chance(0.35) else text) + "\n"


def _shape(draw: Draw) -> str:
    numbers = [6, 8, 8, 3]
    numbers[draw.below(4)] = draw.number()
    odd = (
        f"({'1, ' * 33})",
        "()",
        "(384,)",
        "6, 8, 8, 3",
        f"({'9' * 5000},)",
        "(6L, 8L, 8L, 3L)",
        "[6, 8, 8, 3]",
        "(0x6, 8, 8, 3)",
        "(6, 8, 8, 3.0)",
        "(4611686018427387904, 4)",
    )
    return draw.pick(odd) if draw.chance(0.4) else str(tuple(numbers))


def _valued(draw: Draw) -> bytes:
    """True headers over numbers that mean nothing."""
    floats = pictures.images().astype(np.float32) / np.float32(255)
    floats.flat[draw.below(floats.size)] = draw.pick((np.nan, np.inf, -1e-30, 1.0000001, 1e38))
    odd: tuple[Array, ...] = (
        floats,
        pictures.images()[None],
        pictures.images()[:0],
        pictures.labels() - 1,
        pictures.labels() + (1 << 40),
        pictures.labels().astype(np.float64),
        np.array(7),
        pictures.images().astype(np.complex64),
        np.full(6, np.uint64(2**64 - 1)),
    )
    return _npy(draw.pick(odd))
