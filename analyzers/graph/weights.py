"""What a model's weights say without running it."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import onnx
from onnx import numpy_helper

from analyzers.contract import Array, ConvLayer

Producers = Mapping[str, onnx.NodeProto]


def conv_layers(model: onnx.ModelProto) -> list[ConvLayer]:
    """Every convolution whose weights are stored and not computed at run time, in graph order."""
    producers = {name: node for node in model.graph.node for name in node.output if name}
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    depths = _depths(model)
    ranks = {depth: rank for rank, depth in enumerate(sorted({at for _, at in depths}))}
    layers: list[ConvLayer] = []
    for node, depth in depths:
        weight = _constant(node.input[1], stored, producers)
        if weight is not None:
            place = ranks[depth] / max(1, len(ranks) - 1)
            layers.append(ConvLayer(node.name or node.output[0], weight, _groups(node), place))
    return layers


def bn_folded(model: onnx.ModelProto) -> Literal["yes", "no", "unknown"]:
    """Whether batch normalisation was multiplied into the convolutions before them.

    A bare file never proves that it was. It was not where the nodes still stand, nor where no
    convolution has the bias that folding leaves behind.
    """
    nodes = model.graph.node
    if any(node.op_type == "BatchNormalization" for node in nodes):
        return "no"
    biased = any(node.op_type == "Conv" and len(node.input) > 2 for node in nodes)  # noqa: PLR2004 - x, W, B
    return "unknown" if biased else "no"


def parameter_count(model: onnx.ModelProto) -> int:
    """Numbers in the floating-point tensors that the file stores as weights."""
    floating = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}
    return sum(
        int(np.prod(tensor.dims, dtype=np.int64))
        for tensor in model.graph.initializer
        if tensor.data_type in floating
    )


def _depths(model: onnx.ModelProto) -> list[tuple[onnx.NodeProto, int]]:
    """Convolutions with the length of the longest path that leads to them from an input."""
    reached = {one.name: 0 for one in model.graph.input}
    for tensor in model.graph.initializer:
        reached.pop(tensor.name, None)
    found: list[tuple[onnx.NodeProto, int]] = []
    for node in model.graph.node:
        before = [reached[name] for name in node.input if name in reached]
        if not before:
            continue
        depth = 1 + max(before)
        reached.update(dict.fromkeys(node.output, depth))
        if node.op_type == "Conv":
            found.append((node, depth))
    return found


def _groups(node: onnx.NodeProto) -> int:
    return next((int(one.i) for one in node.attribute if one.name == "group"), 1)


def _constant(
    name: str, stored: Mapping[str, onnx.TensorProto], producers: Producers
) -> Array | None:
    """A stored tensor, also behind the nodes that exporters put between it and its use."""
    passed: list[onnx.NodeProto] = []
    while name not in stored:
        node = producers.get(name)
        if node is None or node.op_type not in {"Constant", "Identity", "Cast", "Transpose"}:
            return None
        if node.op_type == "Constant":
            return _through(passed, _stored_in(node))
        passed.append(node)
        name = node.input[0]
    return _through(passed, numpy_helper.to_array(stored[name]))


def _stored_in(node: onnx.NodeProto) -> Array | None:
    value = next((one for one in node.attribute if one.name == "value"), None)
    return None if value is None else numpy_helper.to_array(value.t)


def _through(passed: Sequence[onnx.NodeProto], value: Array | None) -> Array | None:
    for node in reversed(passed):
        if value is None:
            return None
        given = {one.name: one for one in node.attribute}
        if node.op_type == "Cast":
            value = value.astype(onnx.helper.tensor_dtype_to_np_dtype(given["to"].i))
        elif node.op_type == "Transpose":
            value = value.transpose(list(given["perm"].ints) if "perm" in given else None)
    return value
