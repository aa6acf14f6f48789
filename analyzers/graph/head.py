"""The linear layer at the end of a graph, with its exact weights."""

from typing import Final

import numpy as np
import onnx

from analyzers.contract import Array, FloatArray, Head
from analyzers.graph.constants import Constants, as_float, attribute
from analyzers.graph.wiring import Wiring

IDLE: Final = frozenset(["Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze"])
"""Operators that change no number of an image and not their order."""
_FLAT = 2


def head_of(wiring: Wiring, output: str) -> Head | str:
    """The head, or why there is none. ``maps`` is left empty here."""
    node = wiring.producers.get(output)
    while node is not None and node.op_type in IDLE:
        node = wiring.producers.get(wiring.moving(node)[0])
    if node is None:
        return "the logits are the image itself"
    bias: Array = np.zeros(1, np.float32)
    if node.op_type == "Add":
        told = _added(wiring, node)
        if told is None:
            return "the last operator adds two results of the image"
        node, bias = told
    if node.op_type not in {"Gemm", "MatMul", "Conv"}:
        return f"the last operator is {node.op_type}, not a linear layer"
    return _linear(wiring, node, bias)


def _added(wiring: Wiring, node: onnx.NodeProto) -> tuple[onnx.NodeProto, Array] | None:
    moving = wiring.moving(node)
    fixed = [name for name in node.input if name not in moving]
    maker = wiring.producers.get(moving[0])
    value = wiring.constants.find(fixed[0]) if fixed else None
    if maker is None or maker.op_type != "MatMul" or value is None:
        return None
    return maker, value


def _linear(wiring: Wiring, node: onnx.NodeProto, bias: Array) -> Head | str:
    if wiring.moving(node) != [node.input[0]] or attribute(node, "transA", 0):
        return f"the {node.op_type} at the end does not multiply features with fixed weights"
    weight, offset = _numbers(node, wiring.constants)
    if weight is None or offset is None:
        return "the weights of the last layer are computed when the model runs"
    offset = as_float(offset).reshape(-1) + as_float(bias).reshape(-1)
    if weight.ndim != _FLAT or offset.size not in {1, len(weight)}:
        return "the weights of the last layer are not one row a class"
    return Head(node.input[0], _exact(weight), _exact(np.resize(offset, len(weight))))


def _numbers(node: onnx.NodeProto, constants: Constants) -> tuple[Array | None, Array | None]:
    """Weights [classes, features] and bias, as the operator uses them."""
    weight = constants.find(node.input[1])
    has_bias = len(node.input) > _FLAT and node.input[2]
    bias = constants.find(node.input[2]) if has_bias else np.zeros(1, np.float32)
    if weight is None or bias is None:
        return None, bias
    weight = as_float(weight)
    if node.op_type == "Conv":
        points = weight.ndim > _FLAT and weight[0, 0].size == 1 and attribute(node, "group", 1) == 1
        return (weight.reshape(len(weight), -1) if points else weight), bias
    if node.op_type == "Gemm":
        bias = as_float(bias) * np.float32(attribute(node, "beta", 1.0))
        weight = weight * np.float32(attribute(node, "alpha", 1.0))
    return (weight if attribute(node, "transB", 0) else weight.T), bias


def _exact(value: Array) -> FloatArray:
    return np.ascontiguousarray(value, np.float32)
