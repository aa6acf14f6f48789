"""Weights are read from the file as they stand, with their place in the graph."""

import numpy as np
import pytest

from analyzers.graph.weights import bn_folded, conv_layers, parameter_count
from support.graphs import model, node

KERNEL = np.arange(4 * 3 * 3 * 3, dtype=np.float32).reshape(4, 3, 3, 3)
SQUARE = np.ones((4, 4, 1, 1), np.float32)


def test_depth_is_the_rank_among_distinct_depths() -> None:
    """Parallel branches share a depth; the first has 0 and the last 1."""
    nodes = [
        node("Conv", "image k", "a"),
        node("Relu", "a", "b"),
        node("Conv", "b s", "left"),
        node("Conv", "b s", "right"),
        node("Add", "left right", "sum"),
        node("Conv", "sum s", "logits"),
    ]
    found = conv_layers(model(nodes, {"k": KERNEL, "s": SQUARE}))
    assert [layer.depth for layer in found] == [0.0, 0.5, 0.5, 1.0]
    assert np.array_equal(found[0].weight, KERNEL)


def test_a_single_convolution_has_depth_zero() -> None:
    """Nothing divides by zero when there is one depth only."""
    found = conv_layers(model([node("Conv", "image k", "logits")], {"k": KERNEL}))
    assert [layer.depth for layer in found] == [0.0]


def test_groups_are_read() -> None:
    """A grouped convolution says so, since its weights have fewer inputs."""
    kernel = np.ones((6, 1, 3, 3), np.float32)
    found = conv_layers(model([node("Conv", "image k", "logits", group=3)], {"k": kernel}))
    assert found[0].groups == 3


def test_weights_behind_nodes_that_only_rearrange_are_found() -> None:
    """Identity, Cast and Transpose between weight and convolution change the view, not the fact."""
    stored = KERNEL.transpose(1, 0, 2, 3).astype(np.float64)
    nodes = [
        node("Identity", "k", "k1"),
        node("Transpose", "k1", "k2", perm=[1, 0, 2, 3]),
        node("Cast", "k2", "k3", to=1),
        node("Conv", "image k3", "logits"),
    ]
    found = conv_layers(model(nodes, {"k": stored}))
    assert found[0].weight.dtype == np.float32
    assert np.array_equal(found[0].weight, KERNEL)


def test_weights_of_a_constant_node_are_found() -> None:
    """Exporters also store weights in Constant nodes."""
    from onnx import numpy_helper  # noqa: PLC0415 - only here

    constant = node("Constant", "", "k", value=numpy_helper.from_array(KERNEL))
    found = conv_layers(model([constant, node("Conv", "image k", "logits")]))
    assert np.array_equal(found[0].weight, KERNEL)


def test_weights_computed_at_run_time_are_left_out() -> None:
    """What depends on the image has no fixed filters; its depth still counts."""
    nodes = [
        node("Conv", "image k", "a"),
        node("ReduceMean", "image", "m", keepdims=1),
        node("Mul", "s m", "moving"),
        node("Conv", "a moving", "b"),
        node("Conv", "b s", "logits"),
    ]
    found = conv_layers(model(nodes, {"k": KERNEL, "s": SQUARE}))
    assert [layer.depth for layer in found] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("inputs", "normalised", "expected"),
    [("image k", True, "no"), ("image k", False, "no"), ("image k b", False, "unknown")],
)
def test_folding_is_never_guessed(inputs: str, normalised: bool, expected: str) -> None:
    """Nodes that stand were not folded, nor were convolutions without bias; else nobody knows."""
    stats = {name: np.ones(4, np.float32) for name in ("b", "scale", "shift", "mean", "var")}
    nodes = [node("Conv", inputs, "maps")]
    if normalised:
        nodes.append(node("BatchNormalization", "maps scale shift mean var", "logits"))
    assert bn_folded(model(nodes, {"k": KERNEL, **stats})) == expected


def test_parameters_are_floating_numbers() -> None:
    """Shapes and indices stored in the file are no parameters."""
    weights = {"k": KERNEL, "shape": np.array([0, -1])}
    found = model([node("Conv", "image k", "m"), node("Reshape", "m shape", "logits")], weights)
    assert parameter_count(found) == KERNEL.size
