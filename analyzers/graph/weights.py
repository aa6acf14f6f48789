"""What a model's weights say without running it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import onnx

from analyzers.contract import Array, ConvLayer, ConvWeights, Folding, Skipped
from analyzers.graph.constants import Constants, as_float, attribute, dequantized
from analyzers.graph.sources import with_sources
from analyzers.graph.wiring import Wiring

CONVOLUTIONS: Final = ("Conv", "QLinearConv", "ConvInteger")
_BETWEEN: Final = ("Identity", "Cast", "QuantizeLinear", "DequantizeLinear")
_BIAS: Final = {"Conv": 2, "QLinearConv": 8, "ConvInteger": -1}
"""Which input is the bias."""


def conv_weights(model: onnx.ModelProto, sources: Mapping[str, Array] | None = None) -> ConvWeights:
    """Every convolution: the weights it was uploaded with where they fit, else the file's."""
    wiring = Wiring(model)
    constants = wiring.constants
    layers: list[ConvLayer] = []
    skipped: list[Skipped] = []
    for node, place in _conv_places(model):
        weight = stored_weight(node, constants)
        name = node.name or node.output[0]
        if weight is None:
            skipped.append(Skipped(name, _why_computed(node, constants)))
        else:
            layers.append(_layer(wiring, node, name, weight=weight, depth=place))
    found = ConvWeights(layers, skipped, bn_folded=bn_folded(model))
    return with_sources(found, sources) if sources else found


def conv_layers(model: onnx.ModelProto) -> Sequence[ConvLayer]:
    """Every convolution whose weights are stored and not computed at run time, in graph order."""
    return conv_weights(model).layers


def stored_weight(node: onnx.NodeProto, constants: Constants) -> Array | None:
    """The weights of a layer in floating point; None where they are computed at run time.

    ``[out, in / groups, *kernel]`` for a convolution, ``[in, out / groups, *kernel]`` for a
    transposed one, ``[out, in]`` for a linear layer.
    """
    value = _raw_weight(node, constants)
    return None if value is None else as_float(value)


def layer_depths(
    model: onnx.ModelProto, kinds: Sequence[str] = CONVOLUTIONS
) -> list[tuple[onnx.NodeProto, int]]:
    """Nodes of these kinds with the length of the longest path that leads to them from an input."""
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
        if node.op_type in kinds:
            found.append((node, depth))
    return found


def bn_folded(model: onnx.ModelProto) -> Folding:
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


def _layer(
    wiring: Wiring, node: onnx.NodeProto, name: str, *, weight: Array, depth: float
) -> ConvLayer:
    each = [1] * (weight.ndim - 2)
    return ConvLayer(
        name,
        weight,
        attribute(node, "group", 1),
        depth,
        _folding(wiring, node),
        strides=tuple(attribute(node, "strides", each)),
        dilations=tuple(attribute(node, "dilations", each)),
    )


def _conv_places(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, float]]:
    """Convolutions, each with the rank of its depth among the distinct ones."""
    depths = layer_depths(model)
    ranks = {depth: rank for rank, depth in enumerate(sorted({at for _, at in depths}))}
    for node, depth in depths:
        yield node, ranks[depth] / max(1, len(ranks) - 1)


def _raw_weight(node: onnx.NodeProto, constants: Constants) -> Array | None:
    if node.op_type == "QLinearConv":
        return _whole_weight(node, constants, weight=3, scale=4, zero=5)
    if node.op_type == "ConvInteger":
        return _whole_weight(node, constants, weight=1, scale=None, zero=3)
    value = constants.find(node.input[1])
    if value is None or node.op_type not in {"Gemm", "MatMul"}:
        return value
    if value.ndim != 2:  # noqa: PLR2004 - rows and columns
        return None
    return value if attribute(node, "transB", 0) else value.T


def _whole_weight(
    node: onnx.NodeProto, constants: Constants, *, weight: int, scale: int | None, zero: int
) -> Array | None:
    """What whole-number weights stand for; without a scale, up to a factor."""
    value = constants.find(node.input[weight])
    factor = np.ones((), np.float32) if scale is None else constants.find(node.input[scale])
    if value is None or factor is None:
        return None
    has_zero = len(node.input) > zero and node.input[zero]
    offset = constants.find(node.input[zero]) if has_zero else None
    if has_zero and offset is None:
        return None
    return dequantized(value, factor, offset, axis=0)


def _why_computed(node: onnx.NodeProto, constants: Constants) -> str:
    at = 3 if node.op_type == "QLinearConv" else 1
    obstacle = constants.obstacle(node.input[at])
    by = f" by the operator {obstacle}" if obstacle else ""
    return f"its weights are computed{by} when the model runs"


def _folding(wiring: Wiring, node: onnx.NodeProto) -> Folding:
    """Whether a batch norm still stands behind one convolution."""
    readers = wiring.readers[node.output[0]]
    while len(readers) == 1 and readers[0].op_type in _BETWEEN:
        readers = wiring.readers[readers[0].output[0]]
    if any(one.op_type == "BatchNormalization" for one in readers):
        return "no"
    bias = _BIAS[node.op_type]
    return "unknown" if 0 < bias < len(node.input) and node.input[bias] else "no"
