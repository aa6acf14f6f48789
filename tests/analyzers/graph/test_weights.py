"""Weights are read from the file as they stand, with their place in the graph."""

import numpy as np
import pytest

from analyzers.contract import Array, Json, Skipped
from analyzers.graph.weights import bn_folded, conv_layers, conv_weights, parameter_count
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


@pytest.mark.parametrize(
    ("scale", "zero", "settings"),
    [
        (np.array(0.5, np.float32), np.array(3, np.int8), {}),
        (np.arange(1, 5, dtype=np.float32), np.arange(4, dtype=np.int8), {"axis": 0}),
        (np.arange(1, 4, dtype=np.float32), np.arange(3, dtype=np.int8), {}),
    ],
)
def test_rounded_weights_are_what_they_stand_for(scale: Array, zero: Array, settings: Json) -> None:
    """Per tensor, per output and, as the operator's default has it, per input."""
    rounded = KERNEL.astype(np.int8)
    nodes = [
        node("DequantizeLinear", "q scale zero", "k", **settings),
        node("Conv", "image k", "logits"),
    ]
    built = model(nodes, {"q": rounded, "scale": scale, "zero": zero})
    side = [1, 1, 1, 1]
    if scale.size > 1:
        side[settings.get("axis", 1)] = -1
    expected = (rounded.astype(np.float32) - zero.reshape(side)) * scale.reshape(side)
    assert np.array_equal(conv_layers(built)[0].weight, expected)


def test_weights_that_are_rounded_on_the_way_come_out_rounded() -> None:
    """Files that round while they run hold float weights and use whole ones."""
    nodes = [
        node("QuantizeLinear", "k step zero", "q"),
        node("DequantizeLinear", "q step zero", "d"),
        node("Conv", "image d", "logits"),
    ]
    stored = {"k": KERNEL, "step": np.array(0.4, np.float32), "zero": np.array(-100, np.int8)}
    found = conv_layers(model(nodes, stored))[0].weight
    steps = (np.rint(KERNEL / np.float32(0.4)) - 100).clip(-128, 127) + 100
    assert np.allclose(found, steps * np.float32(0.4))
    assert found.max() < KERNEL.max()


def test_whole_number_convolutions_have_weights() -> None:
    """QLinearConv brings scale and zero point of its weights along, one an output."""
    scale, zero = np.array([1, 2, 3, 4], np.float32), np.array([0, 1, 2, 3], np.int8)
    stored = {
        "one": np.array(1, np.float32),
        "none": np.array(0, np.uint8),
        "k": KERNEL.astype(np.int8),
        "scale": scale,
        "zero": zero,
    }
    nodes = [
        node("QuantizeLinear", "image one none", "q"),
        node("QLinearConv", "q one none k scale zero one none", "r"),
        node("DequantizeLinear", "r one none", "logits"),
    ]
    side = (4, 1, 1, 1)
    expected = (KERNEL - zero.reshape(side)) * scale.reshape(side)
    assert np.array_equal(conv_layers(model(nodes, stored))[0].weight, expected)


def test_half_precision_is_widened() -> None:
    """Sums over half-precision weights would be rounded to three digits."""
    found = conv_layers(
        model(
            [node("Cast", "k", "wide", to=1), node("Conv", "image k", "logits")],
            {"k": KERNEL.astype(np.float16)},
        )
    )
    assert found[0].weight.dtype == np.float32
    assert np.array_equal(found[0].weight, KERNEL)


def test_what_is_skipped_says_why() -> None:
    """A layer without fixed weights is named with the operator that computes them."""
    nodes = [
        node("Conv", "image k", "a"),
        node("Softmax", "s", "moving"),
        node("Identity", "moving", "same"),
        node("Conv", "a same", "logits"),
    ]
    nodes[-1].name = "attention"
    found = conv_weights(model(nodes, {"k": KERNEL, "s": SQUARE}))
    assert [layer.depth for layer in found.layers] == [0.0]
    why = "its weights are computed by the operator Softmax when the model runs"
    assert found.skipped == [Skipped("attention", why)]
    assert found.source == "file"


def test_folding_is_told_layer_by_layer() -> None:
    """A batch norm that stands, a bias that may hold one, and no bias at all."""
    stats = {name: np.ones(4, np.float32) for name in ("b", "scale", "shift", "mean", "var")}
    nodes = [
        node("Conv", "image k b", "a"),
        node("Identity", "a", "same"),
        node("BatchNormalization", "same scale shift mean var", "n"),
        node("Conv", "n s b", "c"),
        node("Conv", "c s", "logits"),
    ]
    found = conv_layers(model(nodes, {"k": KERNEL, "s": SQUARE, **stats}))
    assert [layer.bn_folded for layer in found] == ["no", "unknown", "no"]


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
