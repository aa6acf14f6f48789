"""Where lenses look: known answers on hand-made graphs, one a way of writing things down."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from analyzers.contract import Array, Places
from analyzers.graph.canonical import canonicalise
from analyzers.graph.places import places_of
from analyzers.graph.surgery import with_outputs
from support.graphs import model, node, noise
from support.inside import outputs_of
from support.reference import rows_of
from tools import zoo

NETS = Path(__file__).parents[3] / "service" / "demo" / "nets"
RANDOM = np.random.default_rng(0)
NUMBERS = {
    name: np.array(value, np.float32)
    for name, value in {
        "half": 0.5,
        "one": 1.0,
        "three": 3.0,
        "zero": 0.0,
        "six": 6.0,
        "root": 2**0.5,
        "steep": 1.702,
        "little": 0.01,
        "cubic": 0.044715,
        "outer": 0.7978845608,
    }.items()
}


def drawn(*shape: int) -> Array:
    """Random weights."""
    return RANDOM.standard_normal(shape).astype(np.float32)


WEIGHTS = {
    "k": drawn(5, 3, 3, 3),
    "s": drawn(5, 5, 1, 1),
    "w": drawn(4, 5),
    "b": drawn(4),
    "slope": np.full((5, 1, 1), 0.1, np.float32),
    **{name: np.abs(drawn(5)) for name in ("scale", "shift", "mean", "var")},
    **NUMBERS,
}
HEAD = [
    node("GlobalAveragePool", "y", "pooled"),
    node("Flatten", "pooled", "flat"),
    node("Gemm", "flat w b", "logits", transB=1),
]


def looked_at(
    nodes: Sequence[onnx.NodeProto], *, shape: Sequence[int | str] = ("batch", 3, 6, 6)
) -> Places:
    """The places of a graph from ``image`` to ``logits``."""
    return places_of(model(nodes, WEIGHTS, shape=shape))


def tensors(places: Places, role: str) -> list[str]:
    """The tensors of one role."""
    return [place.tensor for place in places.found if place.role == role]


BENDS = {
    "relu": [node("Relu", "x", "y")],
    "relu6": [node("Clip", "x zero six", "y")],
    "leaky": [node("LeakyRelu", "x", "y", alpha=0.1)],
    "prelu": [node("PRelu", "x slope", "y")],
    "tanh": [node("Tanh", "x", "y")],
    "hardswish": [node("HardSwish", "x", "y")],
    "silu": [node("Sigmoid", "x", "a"), node("Mul", "x a", "y")],
    "quick gelu": [
        node("Mul", "x steep", "a"),
        node("Sigmoid", "a", "c"),
        node("Mul", "c x", "y"),
    ],
    "hardswish in parts": [
        node("Add", "x three", "a"),
        node("Clip", "a zero six", "c"),
        node("Mul", "x c", "d"),
        node("Div", "d six", "y"),
    ],
    "mish in parts": [
        node("Exp", "x", "a"),
        node("Add", "a one", "c"),
        node("Log", "c", "d"),
        node("Tanh", "d", "e"),
        node("Mul", "x e", "y"),
    ],
    "mish": [node("Softplus", "x", "a"), node("Tanh", "a", "c"), node("Mul", "x c", "y")],
    "erf gelu": [
        node("Div", "x root", "a"),
        node("Erf", "a", "c"),
        node("Add", "c one", "d"),
        node("Mul", "x d", "e"),
        node("Mul", "e half", "y"),
    ],
    "erf gelu, halved first": [
        node("Div", "x root", "a"),
        node("Erf", "a", "c"),
        node("Add", "c one", "d"),
        node("Mul", "x half", "e"),
        node("Mul", "e d", "y"),
    ],
    "tanh gelu": [
        node("Pow", "x three", "a"),
        node("Mul", "a cubic", "c"),
        node("Add", "x c", "d"),
        node("Mul", "d outer", "e"),
        node("Tanh", "e", "f"),
        node("Add", "f one", "g"),
        node("Mul", "x half", "h"),
        node("Mul", "h g", "y"),
    ],
    "leaky by max": [node("Mul", "x little", "a"), node("Max", "x a", "y")],
    "leaky by choice": [
        node("Greater", "x zero", "a"),
        node("Mul", "x little", "c"),
        node("Where", "a x c", "y"),
    ],
}


@pytest.mark.parametrize("name", BENDS)
def test_a_bend_is_found_however_it_is_written(name: str) -> None:
    """One place a nonlinearity: its end, not the operators that it is made of."""
    found = looked_at([node("Conv", "image k", "x"), *BENDS[name], *HEAD])
    (active,) = found.of("active")
    assert active[:1] + active[2:] == ("y", "x", 5, 1, 0.0)
    assert tensors(found, "first") == ["x"]
    assert tensors(found, "pool") == ["y"]
    assert tensors(found, "features") == ["flat"]
    assert found.head is not None
    assert found.head.maps == "y"


def test_what_stands_between_a_convolution_and_its_bend_is_passed() -> None:
    """Batch norm and a residual sum belong to the convolution before them."""
    nodes = [
        node("Conv", "image k", "c0"),
        node("Relu", "c0", "x"),
        node("Conv", "x s", "c1"),
        node("BatchNormalization", "c1 scale shift mean var", "n1"),
        node("Add", "n1 x", "sum"),
        node("Relu", "sum", "y"),
        *HEAD,
    ]
    found = looked_at(nodes).of("active")
    assert [(one.tensor, one.layer, one.depth) for one in found] == [
        ("x", "c0", 0.0),
        ("y", "c1", 1.0),
    ]


def test_channels_behind_a_concatenation_are_counted() -> None:
    """A pre-activation block bends all that came together, not the last layer's share."""
    nodes = [
        node("Conv", "image k", "c0"),
        node("Conv", "c0 s", "c1"),
        node("Concat", "c0 c1", "both", axis=1),
        node("Relu", "both", "x"),
        node("ReduceMean", "x", "flat", axes=[2, 3], keepdims=0),
        node("Gemm", "flat w10", "logits", transB=1),
    ]
    built = model(nodes, {**WEIGHTS, "w10": drawn(4, 10)}, opset=17)
    found = places_of(built)
    assert [(one.tensor, one.layer, one.channels) for one in found.of("active", "pool")] == [
        ("x", "c1", 10),
        ("x", "c1", 10),
    ]
    assert found.head is not None
    assert found.head.maps == "x"


def test_the_inside_of_a_gate_is_no_place() -> None:
    """Squeeze and excitation has two bends without positions; the maps belong to the trunk."""
    nodes = [
        node("Conv", "image k", "x"),
        node("GlobalAveragePool", "x", "g0"),
        node("Conv", "g0 s", "g1"),
        node("Relu", "g1", "g2"),
        node("Conv", "g2 s", "g3"),
        node("Sigmoid", "g3", "g4"),
        node("Mul", "x g4", "gated"),
        node("Relu", "gated", "y"),
        *HEAD,
    ]
    found = looked_at(nodes)
    assert [(one.tensor, one.layer) for one in found.of("active")] == [("y", "x")]
    assert tensors(found, "pool") == ["y"]


def test_channels_last_are_followed() -> None:
    """Behind a transposition the channels are the last axis, and before the pool the second."""
    nodes = [
        node("Conv", "image k", "c0"),
        node("Transpose", "c0", "t", perm=[0, 2, 3, 1]),
        node("MatMul", "t up", "m"),
        node("Gelu", "m", "x"),
        node("MatMul", "x down", "n"),
        node("Transpose", "n", "back", perm=[0, 3, 1, 2]),
        node("Add", "back c0", "y"),
        *HEAD,
    ]
    stored = {**WEIGHTS, "up": drawn(5, 20), "down": drawn(20, 5)}
    found = places_of(model(nodes, stored, opset=20))
    assert [one[:5] for one in found.of("active", "pool")] == [
        ("x", "active", "m", 20, -1),
        ("y", "pool", "n", 5, 1),
    ]


def test_tokens_stand_before_the_one_that_is_picked() -> None:
    """A transformer has no pool: one token is picked, and all of them lie in the last axis."""
    nodes = [
        node("Conv", "image k", "c0"),
        node("Reshape", "c0 line", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1]),
        node("MatMul", "t up", "m"),
        node("Gelu", "m", "x"),
        node("MatMul", "x down", "y"),
        node("Gather", "y first", "flat", axis=1),
        HEAD[-1],
    ]
    stored = {
        **WEIGHTS,
        "up": drawn(5, 20),
        "down": drawn(20, 5),
        "line": np.array([0, 5, -1]),
        "first": np.array(0),
    }
    found = places_of(model(nodes, stored, opset=20))
    assert [one[:5] for one in found.found] == [
        ("c0", "first", "c0", 5, 1),
        ("x", "active", "m", 20, -1),
        ("y", "tokens", "y", 5, -1),
        ("flat", "features", "y", 5, 1),
    ]
    assert found.head is not None
    assert not found.head.maps


def test_a_rounding_that_cuts_below_zero_is_a_bend() -> None:
    """Quantisers drop a ReLU where rounding does its work; with another zero nothing bends."""
    for lowest, expected in ((0, ["y"]), (128, [])):
        stored = {**WEIGHTS, "step": NUMBERS["little"], "lowest": np.array(lowest, np.uint8)}
        nodes = [
            node("Conv", "image k", "x"),
            node("QuantizeLinear", "x step lowest", "q"),
            node("DequantizeLinear", "q step lowest", "y"),
            *HEAD,
        ]
        assert tensors(places_of(model(nodes, stored)), "active") == expected


def test_a_graph_without_layers_has_no_places() -> None:
    """A bend of the image itself is nothing that a layer did."""
    stored = {"wide": drawn(4, 108)}
    nodes = [
        node("Relu", "image", "x"),
        node("Flatten", "x", "flat"),
        node("Gemm", "flat wide", "logits", transB=1),
    ]
    found = places_of(model(nodes, stored))
    assert [one.role for one in found.found] == ["features"]
    assert found.head is not None


HEADS = {
    "gemm": ([HEAD[1], node("Gemm", "flat w b", "logits", transB=1)], "flat"),
    "gemm, scaled": (
        [HEAD[1], node("Gemm", "flat wt b", "logits", alpha=0.5, beta=3.0)],
        "flat",
    ),
    "gemm without bias": ([HEAD[1], node("Gemm", "flat wt", "logits")], "flat"),
    "matmul and add": (
        [HEAD[1], node("MatMul", "flat wt", "m"), node("Add", "b m", "logits")],
        "flat",
    ),
    "matmul alone": ([HEAD[1], node("MatMul", "flat wt", "logits")], "flat"),
    "convolution": (
        [node("Conv", "pooled points b", "c"), node("Flatten", "c", "logits")],
        "pooled",
    ),
    "behind idle operators": (
        [
            HEAD[1],
            node("Identity", "flat", "same"),
            node("Gemm", "same w b", "m", transB=1),
            node("Identity", "m", "logits"),
        ],
        "same",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_head_gives_the_logits_exactly(name: str) -> None:
    """Features times weights plus bias are the logits, and the features are the maps' mean."""
    tail, features = HEADS[name]
    stored = {**WEIGHTS, "wt": WEIGHTS["w"].T.copy(), "points": WEIGHTS["w"].reshape(4, 5, 1, 1)}
    nodes = [node("Conv", "image k", "x"), node("Relu", "x", "y"), HEAD[0], *tail]
    raw = model(nodes, stored).SerializeToString()
    head = places_of(onnx.ModelProto.FromString(raw)).head
    assert head is not None
    assert (head.features, head.maps) == (features, "y")
    logits, read, maps = outputs_of(with_outputs(raw, [features, "y"]), noise(3, (3, 6, 6)))
    flat = read.reshape(3, -1)
    assert np.allclose(flat @ head.weight.T + head.bias, logits, atol=1e-5)
    assert np.allclose(maps.mean(axis=(2, 3)), flat, atol=1e-6)


def test_an_average_that_leaves_positions_out_is_no_plain_mean() -> None:
    """A window smaller than the map pools to one position, and its mean is not the map's."""
    for side, expected in ((6, "y"), (4, "")):
        pool = node("AveragePool", "y", "pooled", kernel_shape=[side, side], strides=[6, 6])
        nodes = [
            node("Conv", "image k", "x", pads=[1] * 4),
            node("Relu", "x", "y"),
            pool,
            *HEAD[1:],
        ]
        head = looked_at(nodes).head
        assert head is not None
        assert head.maps == expected


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        ([*HEAD[:2], node("Gemm", "flat w", "m", transB=1), node("Tanh", "m", "logits")], "Tanh"),
        ([*HEAD[:2], node("Mul", "flat flat", "f"), node("Neg", "f", "logits")], "Neg"),
        (
            [*HEAD[:2], node("Gemm", "flat w", "m", transB=1), node("Add", "m m", "logits")],
            "adds two",
        ),
        (
            [
                *HEAD[:2],
                node("ReduceMean", "flat", "mood", keepdims=1),
                node("Add", "mood w", "moving"),
                node("Gemm", "flat moving", "logits", transB=1),
            ],
            "fixed weights",
        ),
    ],
)
def test_without_a_linear_end_there_is_no_head_and_a_reason(
    tail: Sequence[onnx.NodeProto], why: str
) -> None:
    """What is not a linear layer is never taken for one; the reason names what stands there."""
    found = looked_at([node("Conv", "image k", "x"), node("Relu", "x", "y"), *tail])
    assert found.head is None
    assert why in found.head_gap
    assert not found.of("features")
    assert tensors(found, "active") == ["y"]


def test_endless_chains_end() -> None:
    """A thousand operators in a row are searched for bends in no time."""
    nodes = [node("Conv", "image k", "h0")]
    nodes += [
        node("Mul" if at % 2 else "Sigmoid", f"h{at}" + " half" * (at % 2), f"h{at + 1}")
        for at in range(1000)
    ]
    nodes += [node("Relu", "h1000", "y"), *HEAD]
    assert len(looked_at(nodes).of("active")) == 501


@pytest.mark.parametrize("name", ["normal", "robust"])
def test_the_demo_nets_have_every_place(name: str) -> None:
    """Six convolutions with a bend each, a pool and a linear head."""
    made = canonicalise((NETS / f"{name}.onnx").read_bytes())
    found = places_of(onnx.ModelProto.FromString(made.raw))
    assert [place.depth for place in found.of("active")] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert [place.channels for place in found.of("active")] == [16, 32, 32, 64, 64, 64]
    assert found.of("pool")[0].tensor == found.of("active")[-1].tensor
    assert found.head is not None
    assert found.head.weight.shape == (10, 64)
    assert found.head.maps == found.of("pool")[0].tensor


WANTED: dict[str, tuple[int, set[int], list[str], bool]] = {
    # how many bends, channel axes, last maps, whether the features are their mean
    "lenet": (2, {1}, [], False),
    "resnet18": (17, {1}, ["pool"], True),
    "mobilenet": (12, {1}, ["pool"], True),
    "convnext": (3, {-1}, ["pool"], False),
    "densenet": (15, {1}, ["pool"], True),
    "vit": (2, {-1}, ["tokens"], False),
}


def hold(name: str, raw: bytes) -> None:
    """A family's places are where they must be, and its head gives its logits."""
    bends, axes, last, plain = WANTED[name]
    found = places_of(onnx.ModelProto.FromString(raw))
    assert len(found.of("active")) == bends
    assert {place.axis for place in found.of("active")} == axes
    assert [place.role for place in found.of("pool", "tokens")] == last
    assert len(found.of("first")) == 1
    assert found.head is not None
    assert bool(found.head.maps) == plain


@pytest.mark.parametrize("name", sorted(WANTED))
def test_families_of_the_older_exporter_have_their_places(name: str) -> None:
    """Residual, dense, inverted, channels-last and token networks, as exporters write them."""
    raw = zoo.export(zoo.build(name, small=True), "older", 17)
    hold(name, canonicalise(raw).raw)


@pytest.mark.deep
@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("name", sorted(WANTED))
def test_families_of_the_newer_exporter_have_their_places(name: str, opset: int) -> None:
    """The same places whoever wrote the file."""
    raw = zoo.export(zoo.build(name, small=True), "newer", opset)
    hold(name, canonicalise(raw).raw)


@pytest.mark.reference
def test_every_reference_network_has_places_and_a_head(reference_models: Path) -> None:
    """Third-party files: every convolution is followed by a bend, and the end is linear."""
    seen = 0
    for path in sorted(reference_models.glob("*.onnx")):
        raw = canonicalise(path.read_bytes()).raw
        built = onnx.ModelProto.FromString(raw)
        found = places_of(built)
        assert found.head is not None, path.name
        assert found.head.weight.shape[0] == 10, path.name
        assert all(place.channels and place.axis == 1 for place in found.found), path.name
        convolutions = {one.name for one in built.graph.node if one.op_type == "Conv"}
        bent = {place.layer for place in found.of("active")}
        assert bent == convolutions, path.name
        seen += 1
    assert seen >= len(rows_of(reference_models))
