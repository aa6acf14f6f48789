"""Constants are computed once; quantised weights and bombs are left alone."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from analyzers.contract import Array
from analyzers.graph.folding import folded
from support.graphs import model, node


def result(
    nodes: Sequence[onnx.NodeProto], weights: Mapping[str, Array]
) -> tuple[list[str], dict[str, Array]]:
    """Operators left over, and what is stored afterwards."""
    graph = folded(model(nodes, weights)).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    return [one.op_type for one in graph.node], stored


def test_arithmetic_of_constants_becomes_a_constant() -> None:
    """A weight that an exporter turns, casts and scales is stored as it is used."""
    weight = np.arange(432, dtype=np.float64).reshape(108, 4)
    nodes = [
        node("Transpose", "w", "turned"),
        node("Cast", "turned", "single", to=onnx.TensorProto.FLOAT),
        node("Mul", "single two", "scaled"),
        node("Flatten", "image", "flat"),
        node("Gemm", "flat scaled", "logits", transB=1),
    ]
    left, stored = result(nodes, {"w": weight, "two": np.array(2, np.float32)})
    assert left == ["Flatten", "Gemm"]
    assert np.array_equal(stored["scaled"], 2 * weight.T.astype(np.float32))


def test_constant_nodes_and_idle_nodes_go() -> None:
    """What passes its input through is not there afterwards."""
    nodes = [
        node("Identity", "image", "same"),
        node("Dropout", "same", "kept"),
        node("Constant", "", "one", value_float=1.0),
        node("Add", "kept one", "more"),
        node("Flatten", "more", "logits"),
    ]
    nodes[2].input[:] = []
    left, stored = result(nodes, {})
    assert left == ["Add", "Flatten"]
    assert stored["one"] == 1.0


def test_a_dropout_in_training_stays() -> None:
    """It is no identity there."""
    nodes = [node("Dropout", "image ratio yes", "kept"), node("Flatten", "kept", "logits")]
    left, _ = result(nodes, {"ratio": np.array(0.5, np.float32), "yes": np.array(True)})
    assert left == ["Dropout", "Flatten"]


def test_quantised_weights_stay_quantised() -> None:
    """Folding them would turn an integer model into another one."""
    nodes = [
        node("DequantizeLinear", "q scale", "w"),
        node("Flatten", "image", "flat"),
        node("Gemm", "flat w", "logits", transB=1),
    ]
    weights = {"q": np.ones((4, 108), np.int8), "scale": np.array(0.1, np.float32)}
    assert result(nodes, weights)[0] == ["DequantizeLinear", "Flatten", "Gemm"]


BOMBS: dict[str, tuple[onnx.NodeProto, dict[str, Array]]] = {
    "expand": (node("Expand", "one sizes", "huge"), {"sizes": np.array([1 << 20, 1 << 20])}),
    "range": (node("Range", "zero far step", "huge"), {"far": np.array(1 << 40)}),
    "endless range": (node("Range", "zero far none", "huge"), {"far": np.array(1)}),
    "fill": (node("ConstantOfShape", "sizes", "huge"), {"sizes": np.array([1 << 40])}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_few_bytes_never_become_gigabytes(name: str) -> None:
    """Such a node stays in the graph, where the runtime's own limits meet it."""
    bomb, weights = BOMBS[name]
    more = {"one": np.ones(1, np.float32), "zero": np.array(0), "step": np.array(1)}
    nodes = [bomb, node("Flatten", "image", "logits")]
    left, stored = result(nodes, {**more, "none": np.array(0), **weights})
    assert left == [bomb.op_type, "Flatten"]
    assert "huge" not in stored


def test_what_the_runtime_may_round_otherwise_is_not_folded() -> None:
    """The reference says 0.7 and the runtime 0.70000005: a model can make much of that bit."""
    nodes = [
        node("Range", "zero one tenth", "steps"),
        node("Gather", "steps seven", "seventh"),
        node("Add", "image seventh", "more"),
        node("Flatten", "more", "logits"),
    ]
    ends = {"zero": 0.0, "one": 1.0, "tenth": 0.1}
    stored: dict[str, Array] = {name: np.array(value, np.float32) for name, value in ends.items()}
    left, _ = result(nodes, {**stored, "seven": np.array(7)})
    assert left == ["Range", "Gather", "Add", "Flatten"]
    whole: dict[str, Array] = {"zero": np.array(0), "one": np.array(9), "tenth": np.array(1)}
    left, _ = result(nodes, {**whole, "seven": np.array(7)})
    assert left == ["Add", "Flatten"], "whole numbers have one right answer"
