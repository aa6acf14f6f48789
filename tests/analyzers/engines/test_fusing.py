"""Fused steps say what the steps as written say, and what only looks alike is left as written."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from analyzers.contract import Array
from analyzers.engines.program import Program
from analyzers.engines.steps import Step
from support.graphs import model, node

OPSET = 21
SHAPE = (2, 3, 6, 4)
DRAWN = np.random.default_rng(0)
HALF = np.array(0.5, np.float32)
ONE = np.array(1.0, np.float32)
ROOT = np.array(math.sqrt(2.0), np.float32)
ROOT_UNDER = np.array(math.sqrt(0.5), np.float32)
NUMBERS: Mapping[str, Array] = {"half": HALF, "one": ONE, "root": ROOT, "under": ROOT_UNDER}
Nodes = Sequence[onnx.NodeProto]
Weights = Mapping[str, Array]


def drawn(*shape: int) -> Array:
    """Random weights."""
    return DRAWN.normal(size=shape).astype(np.float32)


def as_fused(nodes: Nodes, weights: Weights) -> Program:
    """The program as the engine makes it."""
    return Program.of(model(nodes, weights).graph, OPSET)


def as_written(nodes: Nodes, weights: Weights) -> Program:
    """Every node a step of its own."""
    constants = {name: torch.from_numpy(value) for name, value in weights.items()}  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    return Program(OPSET, constants, [Step.of(one) for one in nodes])


def operators(program: Program) -> list[str]:
    """What is left to run, in order."""
    return [step.operator for step in program.steps]


def doubled(weights: Weights) -> Weights:
    """Real numbers in float64."""
    return {
        name: value.astype(np.float64) if value.dtype == np.float32 else value
        for name, value in weights.items()
    }


def word(program: Program, images: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs, and the slope of a sum of them that weighs each differently."""
    pixels = images.clone().requires_grad_()
    (found,) = program.run({"image": pixels}, ["logits"])
    weights = torch.linspace(-1.0, 2.0, found.numel(), dtype=found.dtype).reshape(found.shape)
    (slope,) = torch.autograd.grad((found * weights).sum(), pixels)
    return found.detach(), slope


def images(*shape: int) -> Tensor:
    """Random values, always the same."""
    torch.manual_seed(1)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    return 2.0 * torch.randn(*(shape or SHAPE), dtype=torch.float64)


def hold(nodes: Nodes, weights: Weights, given: Tensor | None = None) -> Program:
    """Fused and as written agree: in float64 tightly, in float32 with float64 to rounding."""
    values = images() if given is None else given
    exact = word(as_written(nodes, doubled(weights)), values)
    wide = word(as_fused(nodes, doubled(weights)), values)
    program = as_fused(nodes, weights)
    for run in range(2):  # the second run has the sizes of the first
        close = word(program, values.float())
        for right, one, other in zip(exact, wide, close, strict=True):
            size = float(right.abs().max())
            assert one.shape == other.shape == right.shape
            assert float((one - right).abs().max()) <= 1e-7 * size, run
            assert float((other - right).abs().max()) <= 1e-5 * size, run
    return program


def hold_loosely(program: Program, nodes: Nodes, weights: Weights) -> None:
    """Twice the same as the steps as written, in float32; for nodes that insist on it."""
    right = word(as_written(nodes, weights), images().float())
    for run in range(2):
        for one, other in zip(word(program, images().float()), right, strict=True):
            assert torch.allclose(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max())), run


def gelu_nodes(inner: str, products: Sequence[tuple[str, str]]) -> list[onnx.NodeProto]:
    """A Gelu written out; ``products`` are the multiplications behind the error function."""
    first = [
        node("Neg", "image", "x"),
        node(inner, "x root" if inner == "Div" else "under x", "inside"),
        node("Erf", "inside", "erf"),
        node("Add", "erf one", "share"),
    ]
    return [*first, *(node("Mul", before, after) for before, after in products)]


ORDERS = [
    [("x share", "p"), ("p half", "logits")],
    [("x half", "p"), ("p share", "logits")],
    [("half share", "p"), ("x p", "logits")],
    [("half x", "p"), ("share p", "logits")],
]


@pytest.mark.parametrize("products", ORDERS)
@pytest.mark.parametrize("inner", ["Div", "Mul"])
def test_a_written_gelu_is_one_step(inner: str, products: Sequence[tuple[str, str]]) -> None:
    """Whatever the order of its products."""
    program = hold(gelu_nodes(inner, products), NUMBERS)
    assert operators(program) == ["Neg", "Gelu"]


def test_a_gelu_keeps_the_axes_of_its_constants() -> None:
    """A number with five axes gives the result five axes."""
    nodes = gelu_nodes("Div", ORDERS[0])
    program = hold(nodes, {**NUMBERS, "half": HALF.reshape(1, 1, 1, 1, 1)})
    assert operators(program) == ["Neg", "Gelu"]


@pytest.mark.parametrize(
    "changed",
    [
        {"half": np.array(0.25, np.float32)},
        {"one": np.array(1.01, np.float32)},
        {"root": np.array(1.4142, np.float32)},
        {"half": drawn(4)},
    ],
    ids=["quarter", "more-than-one", "rough-root", "row"],
)
def test_control_other_constants_are_no_gelu(changed: Weights) -> None:
    """Only the true constants are fused; the rest says what it said."""
    program = hold(gelu_nodes("Div", ORDERS[0]), {**NUMBERS, **changed})
    assert "Erf" in operators(program)


@pytest.mark.parametrize("name", ["inside", "erf", "share", "p"])
def test_control_a_gelu_that_is_read_inside_stays(name: str) -> None:
    """Each value in between may be somebody else's."""
    nodes = gelu_nodes("Div", [("x share", "p"), ("p half", "g")])
    program = hold([*nodes, node("Add", f"g {name}", "logits")], NUMBERS)
    assert "Erf" in operators(program)


def test_control_the_error_function_of_another_value_is_no_gelu() -> None:
    """The factor has to be the same x."""
    nodes = gelu_nodes("Div", [("image share", "p"), ("p half", "logits")])
    assert "Erf" in operators(hold(nodes, NUMBERS))


def test_control_the_gelu_by_tanh_stays() -> None:
    """The approximation by tanh is another function."""
    nodes = [
        node("Mul", "image image", "square"),
        node("Mul", "square image", "cube"),
        node("Mul", "cube c", "small"),
        node("Add", "image small", "sum"),
        node("Mul", "sum s", "inside"),
        node("Tanh", "inside", "tanh"),
        node("Add", "tanh one", "share"),
        node("Mul", "image share", "p"),
        node("Mul", "p half", "logits"),
    ]
    constants = {"c": np.array(0.044715, np.float32), "s": np.array(0.79788456, np.float32)}
    program = hold(nodes, {**NUMBERS, **constants})
    assert "Tanh" in operators(program)
    assert "Gelu" not in operators(program)


@pytest.mark.parametrize("added", ["product b", "b product"])
@pytest.mark.parametrize("shape", [(4,), (6, 4), SHAPE])
def test_a_product_and_its_bias_are_one_step(added: str, shape: tuple[int, ...]) -> None:
    """For any number of axes."""
    nodes = [node("MatMul", "image w", "product"), node("Add", added, "logits")]
    program = hold(nodes, {"w": drawn(4, 5), "b": drawn(5)}, images(*shape))
    assert operators(program) == ["MatMul"]


@pytest.mark.parametrize("scaled", ["sum s", "s sum"])
def test_a_factor_a_column_goes_into_the_matrix(scaled: str) -> None:
    """As the scale of a layer does; the constants from before are gone."""
    nodes = [
        node("MatMul", "image w", "product"),
        node("Add", "product b", "sum"),
        node("Mul", scaled, "logits"),
    ]
    program = hold(nodes, {"w": drawn(4, 5), "b": drawn(5), "s": drawn(5)})
    assert operators(program) == ["MatMul"]
    assert not {"w", "b", "s"} & program.constants.keys()


@pytest.mark.parametrize(
    ("weights", "left"),
    [
        ({"b": drawn(1)}, ["MatMul", "Add", "Mul"]),
        ({"b": drawn(3, 6, 5)}, ["MatMul", "Add", "Mul"]),
        ({"w": drawn(3, 4, 5)}, ["MatMul", "Add", "Mul"]),
        ({"s": drawn(6, 1)}, ["MatMul", "Mul"]),
        ({"w": drawn(4, 5) * 1e-30, "s": drawn(5) * 1e-15}, ["MatMul", "Mul"]),
    ],
    ids=["bias-of-one", "bias-of-places", "matrix-a-channel", "factor-a-row", "vanishing"],
)
def test_control_other_shapes_and_lost_numbers_stay(weights: Weights, left: list[str]) -> None:
    """A bias that is no row, several matrices, a factor along another axis, or out of range."""
    nodes = [
        node("MatMul", "image w", "product"),
        node("Add", "product b", "sum"),
        node("Mul", "sum s", "logits"),
    ]
    every = {"w": drawn(4, 5), "b": drawn(5), "s": drawn(5), **weights}
    assert operators(as_fused(nodes, every)) == left
    if every["s"].max() > 1e-9:
        hold(nodes, every)


def test_control_a_product_that_is_read_before_its_bias_stays() -> None:
    """The bare product is somebody else's too."""
    nodes = [
        node("MatMul", "image w", "product"),
        node("Add", "product b", "sum"),
        node("Mul", "sum product", "logits"),
    ]
    program = hold(nodes, {"w": drawn(4, 5), "b": drawn(5)})
    assert operators(program) == ["MatMul", "Add", "Mul"]


def test_control_a_matrix_that_two_products_share_is_not_scaled() -> None:
    """The other product would be scaled too, or the matrix held twice."""
    nodes = [
        node("MatMul", "image w", "p"),
        node("Add", "p b", "q"),
        node("Mul", "q s", "r"),
        node("MatMul", "r w", "logits"),
    ]
    program = hold(nodes, {"w": drawn(4, 4), "b": drawn(4), "s": drawn(4)})
    assert operators(program) == ["MatMul", "Mul", "MatMul"]


def test_control_half_weights_stay_and_remain_a_twin() -> None:
    """Constants in half precision belong to no pattern, so the twin says the same step."""
    nodes = [node("MatMul", "image w", "product"), node("Add", "product b", "logits")]
    for one in nodes:
        one.name = one.op_type
    half = {"w": drawn(4, 5).astype(np.float16), "b": drawn(5).astype(np.float16)}
    program = as_fused(nodes, half)
    assert operators(program) == ["MatMul", "Add"]
    assert program.twin() == "half precision: op MatMul at MatMul"


def test_control_rounding_between_stays() -> None:
    """What passes its slope straight through is not fused across."""
    nodes = [
        node("MatMul", "image w", "p"),
        node("QuantizeLinear", "p one", "q"),
        node("DequantizeLinear", "q one", "d"),
        node("Add", "d b", "logits"),
    ]
    program = as_fused(nodes, {**NUMBERS, "w": drawn(4, 5), "b": drawn(5)})
    assert operators(program) == ["MatMul", "QuantizeLinear", "DequantizeLinear", "Add"]
    assert program.twin()


def attention(scores: Nodes, axis: int = -1) -> list[onnx.NodeProto]:
    """Attention over one tensor, whose rows are keys and values and, bent, queries."""
    return [
        node("Sin", "image", "queries"),
        node("Transpose", "image", "turned", perm=[0, 1, 3, 2]),
        *scores,
        node("Softmax", "scores", "shares", axis=axis),
        node("MatMul", "shares image", "logits"),
    ]


BY = np.array(0.7, np.float32)
OVER = np.array([3.0], np.float32)
SPELLINGS: Mapping[str, Nodes] = {
    "bare": [node("MatMul", "queries turned", "scores")],
    "over": [node("MatMul", "queries turned", "p"), node("Div", "p over", "scores")],
    "by": [node("MatMul", "queries turned", "p"), node("Mul", "by p", "scores")],
    "both-sides": [
        node("Mul", "queries by", "q"),
        node("Mul", "turned by", "k"),
        node("MatMul", "q k", "scores"),
    ],
    "by-the-size": [
        node("Shape", "queries", "sizes"),
        node("Slice", "sizes last end", "features"),
        node("Cast", "features", "real", to=1),
        node("Sqrt", "real", "length"),
        node("Div", "queries length", "q"),
        node("MatMul", "q turned", "scores"),
    ],
}
LAST: Mapping[str, Array] = {"last": np.array([-1]), "end": np.array([9]), "by": BY, "over": OVER}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("axis", [-1, 3])
def test_attention_is_one_step(spelling: str, axis: int) -> None:
    """However its scale is spelled, with constants or with the size of a feature."""
    nodes = attention(SPELLINGS[spelling], axis)
    program = as_fused(nodes, LAST)
    assert "Softmax" not in operators(program)
    hold_loosely(program, nodes, LAST)


@pytest.mark.parametrize(
    "scale", [np.array([-0.5], np.float32), np.array([0.0], np.float32)], ids=["negative", "zero"]
)
@pytest.mark.parametrize("spelling", ["by", "both-sides"])
def test_odd_scales_run_as_written(scale: Array, spelling: str) -> None:
    """Torch's operator is asked for positive scales only."""
    hold(attention(SPELLINGS[spelling]), {**LAST, "by": scale})


def test_attention_over_other_axes_runs_as_written() -> None:
    """Three axes, which only show when it runs."""
    nodes = [
        node("Transpose", "image", "turned", perm=[0, 2, 1]),
        node("MatMul", "image turned", "scores"),
        node("Softmax", "scores", "shares", axis=-1),
        node("MatMul", "shares image", "logits"),
    ]
    program = hold(nodes, {}, images(2, 5, 4))
    assert operators(program) == ["Transpose", "MatMul"]


@pytest.mark.parametrize(
    ("nodes", "axis"),
    [
        ([node("MatMul", "queries turned", "p"), node("Add", "p mask", "scores")], -1),
        ([node("MatMul", "queries turned", "p"), node("Mul", "p row", "scores")], -1),
        ([node("MatMul", "queries turned", "p"), node("Div", "by p", "scores")], -1),
        (SPELLINGS["bare"], 2),
    ],
    ids=["mask", "scale-a-key", "upside-down", "other-axis"],
)
def test_control_other_attention_stays(nodes: Nodes, axis: int) -> None:
    """A mask, scales that are no single number, a softmax over the queries."""
    found = attention(nodes, axis)
    masks = {"mask": drawn(6, 6), "row": drawn(6)}
    program = as_fused(found, {**LAST, **masks})
    assert "Softmax" in operators(program)
    hold_loosely(program, found, {**LAST, **masks})


@pytest.mark.parametrize("name", ["shares", "scores"])
def test_control_attention_that_is_looked_at_stays(name: str) -> None:
    """The table of shares, or of scores, has another reader."""
    nodes = attention(SPELLINGS["bare"])
    nodes[-1] = node("MatMul", "shares image", "seen")
    nodes += [node("MatMul", f"{name} seen", "logits")]
    assert "Softmax" in operators(hold(nodes, LAST))


CUTS = {"a": np.array([0]), "b": np.array([1]), "c": np.array([3]), "axis": np.array([1])}


def sliced(*cuts: str, last: str = "") -> list[onnx.NodeProto]:
    """Slices along the channels, each weighed by the one before."""
    nodes = [node("Slice", f"image {cut} axis{last}", f"s{at}") for at, cut in enumerate(cuts)]
    sums = [node("ReduceSum", f"s{at} axis", f"r{at}") for at in range(len(cuts))]
    return [*nodes, *sums, node("Mul", "r0 r1", "logits")]


@pytest.mark.parametrize("cuts", [("a b", "b c"), ("b c", "a b")])
@pytest.mark.parametrize("end", [2, 3, 2**62])
def test_neighbouring_slices_are_one_cut(cuts: tuple[str, str], end: int) -> None:
    """Up to the end, before it and beyond it."""
    program = hold(sliced(*cuts), {**CUTS, "c": np.array([end])})
    assert operators(program).count("Split") == 1
    assert "Slice" not in operators(program)


@pytest.mark.parametrize(
    ("cuts", "changed"),
    [
        (("b c", "b c"), {}),
        (("a c", "b c"), {}),
        (("b c", "c e"), {}),
        (("a b", "b c"), {"b": np.array([-2])}),
    ],
    ids=["twice", "overlap", "not-from-the-front", "from-behind"],
)
def test_control_other_slices_stay(cuts: tuple[str, str], changed: Weights) -> None:
    """Slices that share entries or leave out the first ones."""
    program = hold(sliced(*cuts), {**CUTS, "c": np.array([2]), "e": np.array([3]), **changed})
    assert operators(program).count("Slice") == 2


def test_control_slices_with_steps_stay() -> None:
    """Every second entry is no part of a cut."""
    nodes = sliced("a b", "b c", last=" two")
    program = hold(nodes, {**CUTS, "two": np.array([2])})
    assert operators(program).count("Slice") == 2


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 2, 1, 2]])
@pytest.mark.parametrize("bias", ["", " b"])
def test_the_slope_of_a_narrow_convolution_is_a_convolution(pads: list[int], bias: str) -> None:
    """With the turned kernel, whatever the padding; ours is the fourth input."""
    nodes = [node("Conv", f"image w{bias}", "logits", pads=pads)]
    program = hold(nodes, {"w": drawn(8, 3, 4, 3), "b": drawn(8)})
    assert len(program.steps[0].inputs) == 3 + len(bias.split())


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        ((9, 3, 3, 3), {}),
        ((4, 3, 3, 3), {"strides": [2, 1]}),
        ((4, 3, 2, 2), {"dilations": [1, 2]}),
        ((3, 1, 3, 3), {"group": 3}),
        ((4, 3, 3, 3), {"pads": [0, 1, 1, 0]}),
        ((4, 3, 3, 3), {"pads": [3, 3, 3, 3]}),
        ((4, 3, 3, 3), {"auto_pad": "SAME_UPPER"}),
    ],
)
def test_control_other_convolutions_stay(
    weight: tuple[int, ...], told: Mapping[str, int | str | list[int]]
) -> None:
    """Wide ones, with strides, holes, groups, or other padding on either side."""
    program = hold([node("Conv", "image w", "logits", **told)], {"w": drawn(*weight)})
    assert len(program.steps[0].inputs) == 2


def test_sizes_are_computed_once_a_shape() -> None:
    """Their steps do not run again for a shape that was there, and do for another one."""
    nodes = [
        node("Shape", "image", "sizes", end=1),
        node("Concat", "sizes rest", "wanted", axis=0),
        node("Reshape", "image wanted", "logits"),
    ]
    program = as_fused(nodes, {"rest": np.array([-1])})
    for count in (2, 3, 2):
        (found,) = program.run({"image": torch.ones(count, 3, 2, 2)}, ["logits"])
        assert found.shape == (count, 12)
    with torch.inference_mode():
        program.run({"image": torch.ones(5, 3, 2, 2)}, ["logits"])
    hold(nodes, {"rest": np.array([-1])})
    assert word(program, torch.ones(5, 3, 2, 2))[1].shape == (5, 3, 2, 2)


def test_sizes_that_are_wanted_come_back_every_time() -> None:
    """Also when no step reads them."""
    program = as_fused([node("Shape", "image", "logits")], {})
    for _ in range(2):
        (found,) = program.run({"image": torch.ones(2, 3)}, ["logits"])
        assert found.tolist() == [2, 3]  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


def test_control_sizes_that_pixels_decide_are_computed_every_time() -> None:
    """How many values are not zero is no matter of shapes."""
    nodes = [
        node("NonZero", "image", "places"),
        node("Shape", "places", "sizes"),
        node("Cast", "sizes", "logits", to=1),
    ]
    program = as_fused(nodes, {})
    for count in (1, 3):
        values = torch.zeros(4)
        values[:count] = 1.0
        (found,) = program.run({"image": values}, ["logits"])
        assert found.tolist() == [1.0, count]  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
