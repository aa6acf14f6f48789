"""The maps before the last pool, on hand-made graphs of every kind of tail."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest

from analyzers.contract import Array, LastMaps, Places
from analyzers.graph.last_maps import NO_POOL, OTHER, PICKED, SEVERAL, TOKENS
from analyzers.graph.places import places_of
from analyzers.graph.weights import conv_layers
from support.graphs import model, node

WIDE = 4
RANDOM = np.random.default_rng(0)


def drawn(*shape: int) -> Array:
    """Random weights."""
    return RANDOM.standard_normal(shape).astype(np.float32)


WEIGHTS = {
    "first": drawn(WIDE, 3, 3, 3),
    "next": drawn(WIDE, WIDE, 3, 3),
    "point": drawn(WIDE, WIDE, 1, 1),
    "twice": drawn(5, 2 * WIDE),
    "head": drawn(5, WIDE),
    "line": np.array([0, WIDE, -1]),
    "one": np.array(0),
    "spread": drawn(WIDE, WIDE),
}
FLAT = [node("Flatten", "pooled", "flat"), node("Gemm", "flat head", "logits", transB=1)]
MEAN = [node("GlobalAveragePool", "last", "pooled"), *FLAT]


def stages(strides: Sequence[int]) -> list[onnx.NodeProto]:
    """Convolutions with bends between them, from ``image`` to ``last``."""
    nodes: list[onnx.NodeProto] = []
    before = "image"
    for place, stride in enumerate(strides):
        after = "last" if place == len(strides) - 1 else f"y{place}"
        weight = "next" if place else "first"
        told = {"strides": [stride] * 2, "pads": [1] * 4}
        nodes += [
            node("Conv", f"{before} {weight}", f"x{place}", **told),
            node("Relu", f"x{place}", after),
        ]
        before = after
    return nodes


def seen(nodes: Sequence[onnx.NodeProto], *, side: Sequence[int | str] = (32, 32)) -> Places:
    """The places of a graph."""
    return places_of(model(nodes, WEIGHTS, shape=("batch", 3, *side), classes=5))


def last_of(nodes: Sequence[onnx.NodeProto], *, side: Sequence[int | str] = (32, 32)) -> LastMaps:
    """The last maps of a graph that has them."""
    found = seen(nodes, side=side).last
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("strides", "size", "steps"),
    [
        ((1, 2, 2, 2), (4, 4), ["16x16", "8x8", "4x4"]),
        ((1, 1, 2, 2), (8, 8), ["16x16", "8x8"]),
        ((1, 1, 1, 1), (32, 32), []),
    ],
)
def test_strides_decide_the_size(
    strides: Sequence[int], size: tuple[int, int], steps: Sequence[str]
) -> None:
    """1222 leaves 16 positions of 32 pixels, 1122 leaves 64; each step is told in order."""
    found = last_of([*stages(strides), *MEAN])
    assert (found.tensor, found.axis, found.pool, found.channels) == ("last", 1, "mean", WIDE)
    assert found.size == size
    assert ["x".join(map(str, one.size)) for one in found.shrinks] == steps
    assert {one.kind for one in found.shrinks} <= {"convolution"}


def test_both_sides_are_told_of_an_image_that_is_no_square() -> None:
    """Height first."""
    assert last_of([*stages((2, 2)), *MEAN], side=(24, 40)).size == (6, 10)


def test_sizes_that_the_file_leaves_open_stay_unknown() -> None:
    """Nothing is guessed; the steps still say how far they go."""
    found = last_of([*stages((1, 2)), *MEAN], side=("height", "width"))
    assert found.size == ()
    assert [one.strides for one in found.shrinks] == [(2, 2)]


MAXIMA = {
    "global": [node("GlobalMaxPool", "last", "pooled"), *FLAT],
    "of a window": [node("MaxPool", "last", "pooled", kernel_shape=[4, 4]), *FLAT],
}


@pytest.mark.parametrize("name", MAXIMA)
def test_a_maximum_is_told_from_a_mean(name: str) -> None:
    """Only means are known to gain from larger maps."""
    found = last_of([*stages((1, 2, 2, 2)), *MAXIMA[name]])
    assert (found.pool, found.size) == ("max", (4, 4))


def test_a_maximum_inside_the_network_changes_nothing_about_the_mean_at_its_end() -> None:
    """The claim speaks of the pool that makes the features; one inside is a step."""
    inside = [
        *stages((1,))[:1],
        node("MaxPool", "x0", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p next", "last", pads=[1] * 4),
    ]
    found = last_of([*inside, *MEAN])
    assert (found.pool, found.size) == ("mean", (16, 16))
    assert [(one.kind, one.size) for one in found.shrinks] == [("max", (16, 16))]


def test_a_mean_of_one_position_is_the_last_pool() -> None:
    """VGG nets for small images come down to one position by maxima and then average that."""
    nodes = [
        *stages((1, 2, 2, 2))[:-1],
        node("Relu", "x3", "y3"),
        node("MaxPool", "y3", "last", kernel_shape=[4, 4], strides=[4, 4]),
        *MEAN,
    ]
    found = last_of(nodes)
    assert (found.tensor, found.pool, found.size) == ("last", "mean", (1, 1))
    assert found.shrinks[-1].kind == "max"


def test_features_after_the_pool_are_passed() -> None:
    """Layers between the pool and the logits have no positions any more."""
    nodes = [
        *stages((1, 2)),
        node("GlobalAveragePool", "last", "p"),
        node("Conv", "p point", "q"),
        node("Relu", "q", "pooled"),
        *FLAT,
    ]
    assert last_of(nodes).size == (16, 16)


def test_a_gate_is_not_the_last_pool() -> None:
    """Squeeze and excitation pools on the side; the maps go on."""
    nodes = [
        *stages((1, 2))[:-1],
        node("AveragePool", "x1", "g", kernel_shape=[16, 16], strides=[16, 16]),
        node("Conv", "g point", "h"),
        node("Sigmoid", "h", "open"),
        node("Mul", "x1 open", "last"),
        *MEAN,
    ]
    found = last_of(nodes)
    assert (found.tensor, found.size) == ("last", (16, 16))
    assert [one.kind for one in found.shrinks] == ["convolution"]


def test_a_block_with_a_shortcut_steps_once() -> None:
    """Both branches have the stride; the deeper one is followed."""
    nodes = [
        *stages((1,))[:1],
        node("Conv", "x0 next", "a", strides=[2, 2], pads=[1] * 4),
        node("Conv", "a next", "b", pads=[1] * 4),
        node("Conv", "x0 point", "s", strides=[2, 2]),
        node("Add", "s b", "last"),
        *MEAN,
    ]
    found = last_of(nodes)
    assert [(one.name, one.strides) for one in found.shrinks] == [("a", (2, 2))]


def test_maps_with_channels_last_are_maps() -> None:
    """Their height and width are the axes in between."""
    nodes = [
        *stages((1, 2))[:-1],
        node("Transpose", "x1", "last", perm=[0, 2, 3, 1]),
        node("ReduceMean", "last", "flat", axes=[1, 2], keepdims=0),
        FLAT[-1],
    ]
    built = model(nodes, WEIGHTS, shape=("batch", 3, 32, 24), classes=5, opset=17)
    found = places_of(built).last
    assert found is not None
    assert (found.axis, found.size, found.channels) == (-1, (16, 12), WIDE)


_ROW = [
    *stages((2,)),
    node("Reshape", "last line", "r"),
    node("Transpose", "r", "t", perm=[0, 2, 1]),
    node("MatMul", "t spread", "tokens"),
]
TAILS = {
    "flatten": ([*stages((2,)), node("Flatten", "last", "logits")], NO_POOL),
    "one token": ([*_ROW, node("Gather", "tokens one", "flat", axis=1), FLAT[-1]], PICKED),
    "mean of tokens": (
        [*_ROW, node("ReduceMean", "tokens", "flat", axes=[1], keepdims=0), FLAT[-1]],
        TOKENS,
    ),
    "sum": (
        [*stages((2,)), node("ReduceL2", "last", "flat", axes=[2, 3], keepdims=0), FLAT[-1]],
        OTHER,
    ),
    "windows": (
        [
            *stages((2,)),
            node("AveragePool", "last", "p", kernel_shape=[2, 2]),
            node("Flatten", "p", "logits"),
        ],
        NO_POOL,
    ),
    "mean and maximum": (
        [
            *stages((2,)),
            node("GlobalAveragePool", "last", "a"),
            node("GlobalMaxPool", "last", "b"),
            node("Concat", "a b", "pooled", axis=1),
            FLAT[0],
            node("Gemm", "flat twice", "logits", transB=1),
        ],
        SEVERAL,
    ),
}


@pytest.mark.parametrize("name", TAILS)
def test_other_tails_have_a_reason(name: str) -> None:
    """Where no single map is pooled by mean or maximum, it is said why."""
    nodes, why = TAILS[name]
    found = places_of(model(nodes, WEIGHTS, shape=("batch", 3, 8, 8), classes=5, opset=17))
    assert found.last is None
    assert found.last_gap == why


def test_a_convolution_tells_its_strides_and_dilations() -> None:
    """As the file has them, an axis each, and ones where it says nothing."""
    nodes = [
        node("Conv", "image first", "a", strides=[2, 1], dilations=[1, 2], pads=[1, 2, 1, 2]),
        node("Conv", "a next", "logits"),
    ]
    found = conv_layers(model(nodes, WEIGHTS))
    assert [(one.strides, one.dilations) for one in found] == [((2, 1), (1, 2)), ((1, 1), (1, 1))]
