"""The six models, each made in a moment from the two demo networks."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from analyzers.contract import FloatArray

_NETS: Final = Path(__file__).resolve().parents[2] / "service" / "demo" / "nets"


def robust() -> bytes:
    """The network that was trained against attacks."""
    return (_NETS / "robust.onnx").read_bytes()


def normal() -> bytes:
    """The network that was trained the usual way."""
    return (_NETS / "normal.onnx").read_bytes()


def exported_again() -> bytes:
    """The robust network with every tensor and node under another name, as of a newer exporter."""
    model = _robust()
    graph = model.graph
    outside = {one.name for one in (*graph.input, *graph.output)}
    for value in (*graph.initializer, *graph.value_info):
        value.name = _renamed(value.name, outside)
    for at, node in enumerate(graph.node):
        node.name = f"step{at}"
        node.input[:] = [_renamed(name, outside) for name in node.input]
        node.output[:] = [_renamed(name, outside) for name in node.output]
    model.producer_name, model.producer_version = "exporter", "2"
    return model.SerializeToString()


def _renamed(name: str, outside: set[str]) -> str:
    return name if name in outside or not name else f"again/{name}"


def stored_in(bits: int) -> bytes:
    """The robust network with each layer's weights rounded to so many bits."""

    def rounded(weights: FloatArray) -> FloatArray:
        step = np.float32(np.abs(weights).max() / (2 ** (bits - 1) - 1))
        return np.rint(weights / step) * step

    return _with_weights(_robust(), rounded).SerializeToString()


def rounding_inside(bits: int) -> bytes:
    """That network with its last features rounded to whole numbers: they have no slope any more."""
    model = onnx.ModelProto.FromString(stored_in(bits))
    nodes = model.graph.node
    at = max(place for place, node in enumerate(nodes) if node.op_type == "Gemm")
    features, nodes[at].input[0] = nodes[at].input[0], "whole"
    nodes.insert(at, helper.make_node("Round", [features], ["whole"], name="round"))
    return model.SerializeToString()


def _robust() -> onnx.ModelProto:
    return onnx.ModelProto.FromString(robust())


def _with_weights(
    model: onnx.ModelProto, change: Callable[[FloatArray], FloatArray]
) -> onnx.ModelProto:
    for stored in model.graph.initializer:
        if stored.name.endswith(".weight"):
            weights = change(numpy_helper.to_array(stored).astype(np.float32))
            stored.CopyFrom(numpy_helper.from_array(weights, stored.name))
    return model
