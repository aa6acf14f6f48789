"""safetensors files whose header and bytes do not agree."""

import functools
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import safetensors.numpy

from analyzers.contract import Array
from tools.fuzz import json_texts, pictures
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw
from tools.fuzz.torch_seeds import weights

Places = dict[str, Any]


def weights_changed(draw: Draw) -> bytes:
    """Weights of a network of the catalogue."""
    return _changed(_weights(), draw)


def data_changed(draw: Draw) -> bytes:
    """Pictures and labels."""
    return _changed(_data(), draw)


@functools.cache
def _weights() -> bytes:
    return _saved({name: one.numpy() for name, one in weights().items()})


@functools.cache
def _data() -> bytes:
    return _saved({"images": pictures.images(), "labels": pictures.labels()})


def _saved(arrays: Mapping[str, Array]) -> bytes:
    return safetensors.numpy.save({name: np.ascontiguousarray(one) for name, one in arrays.items()})


def _changed(raw: bytes, draw: Draw) -> bytes:
    if draw.chance(0.1):
        return damaged(raw, draw)
    (length,) = struct.unpack("<Q", raw[:8])
    head, body = raw[8 : 8 + length], raw[8 + length :]
    if draw.chance(0.4):
        head = json_texts.changed(head, draw)
    elif draw.chance(0.75):
        places = json.loads(head)
        draw.pick(_LIES)(places, draw)
        head = json.dumps(places).encode("utf-8", "surrogatepass")
    elif draw.chance(0.6):
        length = draw.pick((length + 1, length - 1, 0, 1, draw.number()))
        return struct.pack("<Q", length & (2**64 - 1)) + head + body
    else:
        body = draw.pick((body + b"\0", body[:-1], b"", body[: len(body) // 2], body * 2))
    return struct.pack("<Q", len(head)) + head + body


def _one(places: Places, draw: Draw) -> Places:
    return places[draw.pick([name for name in places if name != "__metadata__"])]


def _dtype(places: Places, draw: Draw) -> None:
    kinds = ("F64", "F32", "F16", "BF16", "I64", "I8", "U8", "BOOL", "C64", "F8_E4M3", "F4", "X")
    _one(places, draw)["dtype"] = draw.pick((*kinds, draw.name()))


def _shape(places: Places, draw: Draw) -> None:
    shape = _one(places, draw)["shape"]
    if shape and draw.chance(0.6):
        shape[draw.below(len(shape))] = draw.number()
    else:
        shape.extend([draw.pick((0, 1, 2**32, 2**63))] * draw.pick((1, 2, 40)))


def _offsets(places: Places, draw: Draw) -> None:
    told = _one(places, draw)["data_offsets"]
    at = draw.below(2)
    told[at] = draw.pick((told[at] + 1, told[at] - 1, draw.number()))


def _overlap(places: Places, draw: Draw) -> None:
    _one(places, draw)["data_offsets"] = list(_one(places, draw)["data_offsets"])


def _added(places: Places, draw: Draw) -> None:
    places[draw.name()] = draw.pick(
        (
            {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]},
            {"dtype": "U8", "shape": [draw.number()], "data_offsets": [0, draw.number()]},
            dict(_one(places, draw)),
        )
    )


def _metadata(places: Places, draw: Draw) -> None:
    odd = (draw.name(), {draw.name(): draw.name()}, {"a": 1}, [1], None, {"k": "v" * 100_000})
    places["__metadata__"] = draw.pick(odd)


def _many(places: Places, draw: Draw) -> None:
    for at in range(draw.pick((500, 5000))):
        places[f"t{at}"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}


_LIES: Final[tuple[Callable[[Places, Draw], None], ...]] = (
    *(_dtype, _shape, _shape, _offsets, _offsets, _overlap, _added, _metadata, _many),
)
