"""A model and the files of its weights in one zip, where either lies about the other."""

import functools
import io

import onnx
from onnx import TensorProto

from tools.fuzz import onnx_graphs, onnx_seeds
from tools.fuzz.draws import Draw
from tools.fuzz.zips import container, lied, written

_MODEL, _WEIGHTS = "net/model.onnx", "net/weights.bin"


@functools.cache
def _seeds() -> tuple[tuple[bytes, bytes], ...]:
    return tuple(_apart(raw) for raw in onnx_seeds.models())


def _apart(raw: bytes) -> tuple[bytes, bytes]:
    """The model without its weights, and these."""
    model, weights = onnx.ModelProto.FromString(raw), io.BytesIO()
    for tensor in model.graph.initializer:
        told = {"location": "weights.bin", "offset": weights.tell(), "length": len(tensor.raw_data)}
        weights.write(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in told.items():
            tensor.external_data.add(key=key, value=str(value))
    return model.SerializeToString(), weights.getvalue()


def zip_changed(draw: Draw) -> bytes:
    """A lie in the container, in where the weights are said to lie, or in the model."""
    raw, weights = draw.pick(_seeds())
    how = draw.below(10)
    if how < 3:  # noqa: PLR2004 - three times of ten
        raw = _elsewhere(raw, draw)
    elif how < 5:  # noqa: PLR2004 - twice of ten
        model = onnx.ModelProto.FromString(raw)
        draw.pick(onnx_graphs.CHANGES)(model, draw)
        raw = model.SerializeToString()
    elif how == 5:  # noqa: PLR2004 - once of ten
        weights = draw.pick((b"", weights[:-1], weights + b"\0", draw.bytes(len(weights))))
    held = {_MODEL: raw, _WEIGHTS: weights}
    if draw.chance(0.1):
        held[f"net/{draw.name()}"] = raw
    packed = draw.chance(0.4)
    archive = container(held, packed=packed)
    return lied(archive, draw) if how > 5 else written(archive)  # noqa: PLR2004 - four times of ten


def _elsewhere(raw: bytes, draw: Draw) -> bytes:
    """One entry of one tensor's place changed, doubled or dropped."""
    model = onnx.ModelProto.FromString(raw)
    told = draw.pick(model.graph.initializer).external_data
    names = ("../weights.bin", "/etc/passwd", "WEIGHTS.BIN", "model.onnx", "./weights.bin", "a/b")
    if draw.chance(0.15):
        del told[draw.below(len(told))]
    elif draw.chance(0.15):
        told.add().CopyFrom(draw.pick(told))
    else:
        one = draw.pick(told)
        numbers = (str(draw.number()), "1e3", " 4", "-0", "٣", "9" * 5000, "")
        one.value = (
            draw.pick((*names, draw.name())) if one.key == "location" else draw.pick(numbers)
        )
    return model.SerializeToString()
