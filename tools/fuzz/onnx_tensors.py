"""Stored tensors of a model that lie about themselves, or hold what no layer should."""

from collections.abc import Callable
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from tools.fuzz.draws import Draw


def _one(model: onnx.ModelProto, draw: Draw) -> TensorProto:
    stored = model.graph.initializer
    return draw.pick(stored) if stored else stored.add(name="odd")


def _int64(draw: Draw) -> int:
    return max(-(2**63), min(2**63 - 1, draw.number()))


def axes_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Axes that its bytes do not fill."""
    dims = _one(model, draw).dims
    if dims and draw.chance(0.6):
        dims[draw.below(len(dims))] = _int64(draw)
    elif dims and draw.chance(0.5):
        del dims[draw.below(len(dims))]
    else:
        dims.extend([draw.pick((0, 1, 1 << 31, 1 << 62))] * draw.pick((1, 2, 64, 1000)))


def kind_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Another type for the same bytes."""
    _one(model, draw).data_type = draw.pick((*range(26), 99, -1, 2**31 - 1))


def bytes_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Too few or too many bytes."""
    one = _one(model, draw)
    raw = one.raw_data
    changes = (
        b"",
        raw[:-1],
        raw + b"\0",
        raw[: len(raw) // 2],
        raw * 3,
        draw.bytes(draw.below(64)),
    )
    one.raw_data = draw.pick(changes)


def numbers_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Numbers that are none, or next to none, or next to too large."""
    floats = [one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT]
    if not floats:
        return
    one = draw.pick(floats)
    values = np.frombuffer(one.raw_data, np.float32).copy()
    odd = draw.pick((np.nan, np.inf, -np.inf, 1e-45, -0.0, 3.4e38, 1e30))
    if draw.chance(0.5):
        values[:] = odd
    elif len(values):
        values[draw.below(len(values))] = odd
    one.raw_data = values.tobytes()


def typed_fields(model: onnx.ModelProto, draw: Draw) -> None:
    """The numbers in the typed fields instead of, or besides, the raw ones."""
    one = _one(model, draw)
    count = draw.pick((0, 1, 5, 5000))
    if draw.chance(0.7):
        one.ClearField("raw_data")
    if draw.chance(0.5):
        one.float_data.extend([0.5] * count)
    elif draw.chance(0.5):
        one.int32_data.extend([draw.pick((0, -1, 2**31 - 1))] * count)
    else:
        one.int64_data.extend([_int64(draw)] * count)
        one.string_data.extend([b"text"] * (count % 7))


def elsewhere(model: onnx.ModelProto, draw: Draw) -> None:
    """Numbers that are said to lie in another file."""
    one = _one(model, draw)
    if draw.chance(0.8):
        one.data_location = TensorProto.EXTERNAL
    told = {
        "location": draw.pick(("/etc/passwd", "../x", "model.onnx", "weights.bin", draw.name())),
        "offset": str(draw.number()),
        "length": draw.pick((str(draw.number()), "many", "", "1e3", " 5", "0x10")),
        draw.name(): draw.name(),
    }
    for key, value in told.items():
        one.external_data.add(key=key, value=value)


def named_alike(model: onnx.ModelProto, draw: Draw) -> None:
    """Two tensors of one name."""
    one = _one(model, draw)
    copy = numpy_helper.from_array(np.ones(draw.pick((1, 3)), np.float32), one.name)
    model.graph.initializer.append(copy)


def segmented(model: onnx.ModelProto, draw: Draw) -> None:
    """A part of a tensor, as nobody writes them."""
    one = _one(model, draw)
    one.segment.begin, one.segment.end = _int64(draw), _int64(draw)


CHANGES: Final[tuple[Callable[[onnx.ModelProto, Draw], None], ...]] = (
    *(axes_changed, axes_changed, kind_changed, bytes_changed, numbers_changed),
    *(typed_fields, elsewhere, named_alike, segmented),
)
