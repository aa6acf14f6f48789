"""Copies of a network in fewer digits, as people make them before they deploy one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from analyzers.contract import Array, FloatArray
from analyzers.graph.canonical import canonicalise
from support.inside import outputs_of

_STEPS = 127
"""Of a signed byte, to either side of zero."""


def int8(source: Path, target: Path, images: FloatArray) -> Path:
    """Weights and activations of every layer as bytes between QDQ pairs (symmetric, per tensor)."""
    model = onnx.ModelProto.FromString(canonicalise(source.read_bytes()).raw)
    graph = model.graph
    layers = [node for node in graph.node if node.op_type in {"Conv", "Gemm"}]
    read = [node.input[0] for node in layers]
    ranges = dict(zip(read, _values_of(model, read, images), strict=True))
    stored = {one.name: one for one in graph.initializer}
    for node in layers:
        weight = numpy_helper.to_array(stored[node.input[1]])
        graph.initializer.remove(stored[node.input[1]])
        _as_bytes(model, node, weight)
        _rounded(model, node, float(np.abs(ranges[node.input[0]]).max()))
    target.write_bytes(model.SerializeToString())
    return target


def _values_of(model: onnx.ModelProto, names: Sequence[str], images: FloatArray) -> list[Array]:
    """What flows into the layers, to choose their scales by."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    return outputs_of(shown.SerializeToString(), images)


def _as_bytes(model: onnx.ModelProto, node: onnx.NodeProto, weight: Array) -> None:
    """A stored weight becomes bytes and a scale."""
    scale = np.float32(np.abs(weight).max() / _STEPS)
    name = node.input[1]
    bytes_of = np.rint(weight / scale).clip(-_STEPS, _STEPS).astype(np.int8)
    _store(model, {f"{name}/q": bytes_of, f"{name}/scale": scale, f"{name}/zero": np.int8(0)})
    inputs = [f"{name}/q", f"{name}/scale", f"{name}/zero"]
    _insert(model, node, [helper.make_node("DequantizeLinear", inputs, [name])])


def _rounded(model: onnx.ModelProto, node: onnx.NodeProto, largest: float) -> None:
    """What a layer reads is rounded to bytes first."""
    read, name = node.input[0], f"{node.name}/in"
    scale = np.float32(max(largest, 1e-6) / _STEPS)
    _store(model, {f"{name}/scale": scale, f"{name}/zero": np.int8(0)})
    ends = [f"{name}/scale", f"{name}/zero"]
    pair = [
        helper.make_node("QuantizeLinear", [read, *ends], [f"{name}/q"]),
        helper.make_node("DequantizeLinear", [f"{name}/q", *ends], [name]),
    ]
    _insert(model, node, pair)
    node.input[0] = name


def _insert(
    model: onnx.ModelProto, before: onnx.NodeProto, nodes: Sequence[onnx.NodeProto]
) -> None:
    place = [one.name for one in model.graph.node].index(before.name)
    for at, one in enumerate(nodes):
        model.graph.node.insert(place + at, one)


def _store(model: onnx.ModelProto, values: dict[str, Array | np.generic]) -> None:
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()
    )


def half(source: Path, target: Path) -> Path:
    """Every float32 of a network in half precision, input and output too."""
    model = onnx.ModelProto.FromString(canonicalise(source.read_bytes()).raw)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    target.write_bytes(model.SerializeToString())
    return target


def fed_with_bytes(source: Path, target: Path) -> Path:
    """The same network behind an input of bytes from 0 to 255."""
    model = onnx.ModelProto.FromString(canonicalise(source.read_bytes()).raw)
    graph = model.graph
    name = graph.input[0].name
    graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    for node in graph.node:
        node.input[:] = ["pixels" if one == name else one for one in node.input]
    _store(model, {"full": np.float32(255)})
    graph.node.insert(0, helper.make_node("Cast", [name], ["bytes"], to=TensorProto.FLOAT))
    graph.node.insert(1, helper.make_node("Div", ["bytes", "full"], ["pixels"]))
    target.write_bytes(model.SerializeToString())
    return target
