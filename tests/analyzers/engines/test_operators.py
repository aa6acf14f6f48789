"""Every operator answers in torch as in onnxruntime, and its slope is the slope of its values."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from analyzers.contract import Array, FloatArray, InputSpec, Json, Refusal
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gradient import GradientEngine
from analyzers.graph.canonical import CanonicalModel, canonicalise
from support.graphs import node, noise, raw, small_net

SHAPE = (3, 6, 7)
NODES = Sequence[onnx.NodeProto]


class Case(NamedTuple):
    """One operator from ``x`` (noise between -2 and 2) to ``y``."""

    opset: int
    nodes: NODES
    weights: Mapping[str, Array] = {}
    width: int | str = "open"
    """Number of outputs, where the operators' rules do not tell."""


def one(operator: str, inputs: str = "x", opset: int = 18, **told: Json) -> Case:
    """A single node; weights go under ``weights``."""
    weights = told.pop("weights", {})
    return Case(opset, [node(operator, inputs, "y", **told)], weights)


def drawn(*shape: int, seed: int = 3) -> FloatArray:
    """Normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ints(*values: int) -> Array:
    """A tensor of whole numbers."""
    return np.array(values, np.int64)


def constant(name: str, values: Array) -> onnx.NodeProto:
    """A Constant node."""
    return node("Constant", "", name, value=numpy_helper.from_array(values))


KERNEL = {"w": drawn(5, 3, 3, 3), "b": drawn(5)}
NORM = {
    "scale": drawn(3),
    "shift": drawn(3),
    "mean": drawn(3),
    "var": np.abs(drawn(3)) + np.float32(0.1),
}
PADDED: dict[str, Json] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
UNEVEN: dict[str, Json] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 2, 1]}
CEILED: dict[str, Json] = {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}
DROPPED: dict[str, Json] = {
    "kernel_shape": [2, 2],
    "strides": [3, 3],
    "pads": [0, 0, 1, 0],
    "ceil_mode": 1,
}
"""The last window of the first axis would start in the padding."""
SCALAR = np.array(0.7, np.float32)

CASES: dict[str, Case] = {
    "conv": one("Conv", "x w b", weights=KERNEL),
    "conv-no-bias": one("Conv", "x w", weights=KERNEL),
    "conv-7": one("Conv", "x w b", 7, weights=KERNEL, strides=[2, 1], pads=[1, 1, 1, 1]),
    "conv-uneven": one("Conv", "x w b", weights=KERNEL, strides=[2, 2], pads=[0, 2, 1, 0]),
    "conv-dilated": one("Conv", "x w b", weights=KERNEL, dilations=[2, 2], pads=[2, 2, 2, 2]),
    "conv-groups": one("Conv", "x w", weights={"w": drawn(6, 1, 3, 3)}, group=3),
    "conv-same-upper": one("Conv", "x w b", weights=KERNEL, auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv-same-lower": one("Conv", "x w b", weights=KERNEL, auto_pad="SAME_LOWER", strides=[2, 2]),
    "conv-valid": one("Conv", "x w b", weights=KERNEL, auto_pad="VALID", strides=[2, 2]),
    "batch-norm-7": one("BatchNormalization", "x scale shift mean var", 7, weights=NORM),
    "batch-norm-9": one(
        "BatchNormalization", "x scale shift mean var", 9, weights=NORM, epsilon=0.01
    ),
    "batch-norm-15": one("BatchNormalization", "x scale shift mean var", 15, weights=NORM),
    "relu": one("Relu"),
    "leaky-relu": one("LeakyRelu"),
    "leaky-relu-steep": one("LeakyRelu", alpha=0.3),
    "sigmoid": one("Sigmoid"),
    "tanh": one("Tanh"),
    "abs": one("Abs"),
    "neg": one("Neg"),
    "exp": one("Exp"),
    "erf": one("Erf"),
    "round": one("Round"),
    "identity": one("Identity"),
    "log": Case(18, [node("Sigmoid", "x", "s"), node("Log", "s", "y")]),
    "sqrt": Case(18, [node("Sigmoid", "x", "s"), node("Sqrt", "s", "y")]),
    "add": one("Add", "x c", weights={"c": drawn(3, 1, 1)}),
    "sub": one("Sub", "c x", weights={"c": drawn(3, 1, 7)}),
    "mul": one("Mul", "x c", weights={"c": drawn(1, 3, 6, 1)}),
    "div": one("Div", "x c", weights={"c": np.abs(drawn(7)) + np.float32(1)}),
    "pow": Case(18, [node("Sigmoid", "x", "s"), node("Pow", "s c", "y")], {"c": SCALAR}),
    "matmul": one("MatMul", "x c", weights={"c": drawn(7, 4)}),
    "gemm": Case(
        18,
        [node("Flatten", "x", "f"), node("Gemm", "f w b", "y", alpha=0.5, beta=2.0, transB=1)],
        {"w": drawn(4, 126), "b": drawn(4)},
    ),
    "gemm-plain": Case(
        18, [node("Flatten", "x", "f"), node("Gemm", "f w", "y")], {"w": drawn(126, 4)}
    ),
    "gemm-transposed": Case(
        18,
        [
            node("Flatten", "x", "f"),
            node("Transpose", "f", "t", perm=[1, 0]),
            node("Gemm", "t w", "y", transA=1),
        ],
        {"w": drawn(126, 4)},
    ),
    "max-pool": one("MaxPool", **PADDED),
    "max-pool-uneven": one("MaxPool", **UNEVEN),
    "max-pool-ceil": one("MaxPool", **CEILED),
    "max-pool-dilated": one("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]),
    "max-pool-same": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "average-pool": one("AveragePool", kernel_shape=[2, 3], strides=[2, 2]),
    "average-pool-padded": one("AveragePool", **PADDED),
    "average-pool-counting": one("AveragePool", **PADDED, count_include_pad=1),
    "average-pool-uneven": one("AveragePool", **UNEVEN),
    "average-pool-uneven-counting": one("AveragePool", **UNEVEN, count_include_pad=1),
    "average-pool-ceil": one("AveragePool", **CEILED),
    "average-pool-same": one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER"
    ),
    "global-average-pool": one("GlobalAveragePool"),
    "global-max-pool": one("GlobalMaxPool"),
    "flatten": one("Flatten"),
    "flatten-behind": Case(18, [node("Flatten", "x", "f", axis=-3), node("Identity", "f", "y")]),
    "reshape": one("Reshape", "x s", weights={"s": ints(0, -1, 7)}),
    "reshape-allowzero": one("Reshape", "x s", weights={"s": ints(-1, 18, 7)}, allowzero=1),
    "transpose": one("Transpose", perm=[0, 2, 3, 1]),
    "unsqueeze-11": one("Unsqueeze", "x", 11, axes=[1, -1]),
    "unsqueeze-13": one("Unsqueeze", "x a", weights={"a": ints(1, -1)}),
    "squeeze-11": Case(
        11, [node("GlobalAveragePool", "x", "g"), node("Squeeze", "g", "y", axes=[2, 3])]
    ),
    "squeeze-13": Case(
        18,
        [node("GlobalAveragePool", "x", "g"), node("Squeeze", "g a", "y")],
        {"a": ints(-1, 2)},
    ),
    "concat": one("Concat", "x x", axis=1),
    "slice-9": one("Slice", "x", 9, starts=[1, -3], ends=[3, 100], axes=[1, 3]),
    "slice-10": one(
        "Slice",
        "x s e a t",
        weights={"s": ints(1, 0), "e": ints(99, 99), "a": ints(2, 3), "t": ints(2, 2)},
    ),
    "slice-backwards": one(
        "Slice",
        "x s e a t",
        weights={"s": ints(-1), "e": ints(-(2**31)), "a": ints(3), "t": ints(-2)},
    ),
    "slice-no-axes": one("Slice", "x s e", weights={"s": ints(0, 1), "e": ints(2**31, -1)}),
    "pad-10": one("Pad", "x", 10, pads=[0, 1, 0, 2, 0, 0, 1, 1], value=0.5),
    "pad-11": one("Pad", "x p v", 11, weights={"p": ints(0, 0, 1, 2, 0, 1, 0, 1), "v": SCALAR}),
    "pad-18": one("Pad", "x p - a", weights={"p": ints(1, 2), "a": ints(1)}),
    "pad-cutting": one("Pad", "x p", weights={"p": ints(0, 0, -1, 0, 0, 0, 0, -2)}),
    "pad-reflect": one("Pad", "x p", weights={"p": ints(0, 0, 1, 2, 0, 0, 2, 1)}, mode="reflect"),
    "pad-edge": one("Pad", "x p", weights={"p": ints(0, 0, 1, 0, 0, 0, 2, 0)}, mode="edge"),
    "clip-6": one("Clip", "x", 7, min=-0.5, max=0.7),
    "clip-11": one("Clip", "x l h", weights={"l": -SCALAR, "h": SCALAR}),
    "clip-above": one("Clip", "x - h", weights={"h": SCALAR}),
    "clip-nothing": one("Clip", "x"),
    "softmax-11": one("Softmax", "x", 11),
    "softmax-11-axis": one("Softmax", "x", 11, axis=2),
    "softmax-13": one("Softmax", "x", 13),
    "softmax-13-axis": one("Softmax", "x", 13, axis=1),
    "log-softmax-11": one("LogSoftmax", "x", 11),
    "log-softmax-13": one("LogSoftmax", "x", 13, axis=1),
    "dropout-7": one("Dropout", "x", 7, ratio=0.9),
    "dropout-mask": Case(13, [node("Dropout", "x", "y mask")]),
    "dropout-12": one("Dropout", "x r", 13, weights={"r": SCALAR}),
    "dropout-off": one("Dropout", "x r t", 13, weights={"r": SCALAR, "t": np.array(False)}),
    "reduce-mean-11": one("ReduceMean", "x", 11, axes=[2, -1], keepdims=0),
    "reduce-mean-18": one("ReduceMean", "x a", weights={"a": ints(-1)}),
    "reduce-mean-noop": one("ReduceMean", "x", noop_with_empty_axes=1),
    "reduce-sum-11": one("ReduceSum", "x", 11, axes=[1]),
    "reduce-sum-13": one("ReduceSum", "x a", weights={"a": ints(2)}, keepdims=0),
    "cast": Case(18, [node("Cast", "x", "d", to=11), node("Cast", "d", "y", to=1)]),
    "gather": one("Gather", "x i", weights={"i": ints(2, -1, 0)}, axis=1),
    "gather-table": one("Gather", "x i", weights={"i": np.array([[0, 1], [-1, 2]])}, axis=3),
    "gather-scalar": one("Gather", "x i", weights={"i": np.array(-2)}, axis=2),
    "constants": Case(
        18,
        [
            node("Constant", "", "f", value_float=0.5),
            node("Constant", "", "fs", value_floats=[0.25] * 7),
            constant("t", drawn(6, 1)),
            node("Add", "x f", "y1"),
            node("Mul", "y1 fs", "y2"),
            node("Add", "y2 t", "y"),
        ],
    ),
    "sizes": Case(
        18,
        [
            node("Shape", "x", "sizes"),
            node("Constant", "", "zero", value_int=0),
            node("Constant", "", "rest", value_ints=[-1]),
            node("Gather", "sizes zero", "first", axis=0),
            node("Unsqueeze", "first zeros", "head"),
            node("Concat", "head rest", "wanted", axis=0),
            node("Reshape", "x wanted", "y"),
        ],
        {"zeros": ints(0)},
        126,
    ),
    "sizes-part": Case(
        18,
        [
            node("Shape", "x", "sizes", start=1, end=-1),
            node("Cast", "sizes", "count", to=1),
            node("ReduceSum", "count", "total"),
            node("Div", "x total", "y"),
        ],
    ),
    "whole-division": Case(
        18,
        [
            node("Shape", "x", "sizes", start=2),
            node("Div", "sizes two", "half"),
            node("Cast", "half", "h", to=1),
            node("ReduceSum", "h", "total"),
            node("Mul", "x total", "y"),
        ],
        {"two": ints(-4, 2)},
    ),
    "conv-transpose": one(
        "ConvTranspose",
        "x w b",
        weights={"w": drawn(3, 5, 3, 3), "b": drawn(5)},
        strides=[2, 2],
        pads=[1, 0, 0, 1],
        output_padding=[1, 0],
    ),
    "conv-transpose-shape": one(
        "ConvTranspose",
        "x w b",
        weights={"w": drawn(3, 2, 3, 3), "b": drawn(6)},
        group=3,
        strides=[2, 3],
        output_shape=[11, 20],
    ),
    "conv-transpose-same": one(
        "ConvTranspose",
        "x w",
        weights={"w": drawn(3, 5, 3, 3)},
        strides=[2, 2],
        auto_pad="SAME_UPPER",
    ),
    "max-pool-ceil-padded": one("MaxPool", **PADDED, ceil_mode=1),
    "max-pool-ceil-dropped": one("MaxPool", **DROPPED),
    "max-pool-both": Case(
        18,
        [
            node("MaxPool", "x", "m i", **UNEVEN),
            node("Cast", "i", "places", to=1),
            node("Mul", "places tiny", "small"),
            node("Add", "m small", "y"),
        ],
        {"tiny": np.array(1e-3, np.float32)},
    ),
    "average-pool-ceil-padded": one("AveragePool", opset=19, **PADDED, ceil_mode=1),
    "average-pool-ceil-counting": one(
        "AveragePool", opset=19, **PADDED, ceil_mode=1, count_include_pad=1
    ),
    "average-pool-ceil-dropped": one("AveragePool", opset=19, **DROPPED),
    "average-pool-dilated": one(
        "AveragePool", opset=19, kernel_shape=[2, 2], dilations=[2, 3], pads=[1, 1, 0, 1]
    ),
    "lp-pool": one("LpPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], p=3),
    "group-norm-21": one(
        "GroupNormalization",
        "x s b",
        21,
        weights={"s": drawn(3), "b": drawn(3)},
        num_groups=3,
    )._replace(width=126),
    "layer-norm": one(
        "LayerNormalization", "x s b", weights={"s": drawn(6, 7), "b": drawn(6, 7)}, axis=2
    ),
    "instance-norm": one("InstanceNormalization", "x scale shift", weights=NORM),
    "gelu-tanh": one("Gelu", opset=20, approximate="tanh"),
    "hard-swish": one("HardSwish"),
    "mish": one("Mish"),
    "split": Case(
        18,
        [node("Split", "x", "a b c", axis=3, num_outputs=3), node("Concat", "c a b", "y", axis=3)],
    ),
    "top-k": Case(
        18,
        [
            node("TopK", "x k", "best places", axis=2),
            node("Cast", "places", "p", to=1),
            node("Mul", "p tiny", "small"),
            node("Add", "best small", "y"),
        ],
        {"k": ints(3), "tiny": np.array(0, np.float32)},
    ),
    "trilu": one("Trilu", "x k", weights={"k": np.array(1)}, upper=0),
    "resize-nearest": one("Resize", "x - s", weights={"s": np.array([1, 1, 2, 1.5], np.float32)}),
    "resize-linear": one(
        "Resize", "x - - z", weights={"z": ints(1, 3, 9, 5)}, mode="linear"
    )._replace(width=135),
    "resize-cubic": one(
        "Resize",
        "x - s",
        weights={"s": np.array([1, 1, 1.7, 0.6], np.float32)},
        mode="cubic",
    ),
    "resize-antialias": one(
        "Resize",
        "x - s",
        weights={"s": np.array([1, 1, 0.6, 0.5], np.float32)},
        mode="linear",
        antialias=1,
        exclude_outside=1,
    ),
    "resize-10": one("Resize", "x s", 10, weights={"s": np.array([1, 1, 2, 1.5], np.float32)}),
    "upsample-9": one(
        "Upsample", "x s", 9, weights={"s": np.array([1, 1, 2, 3], np.float32)}, mode="linear"
    ),
    "upsample-7": one("Upsample", "x", 7, scales=[1.0, 1.0, 2.0, 2.0]),
    "pad-wrap": one("Pad", "x p", 19, weights={"p": ints(0, 0, 1, 2, 0, 0, 3, 1)}, mode="wrap"),
    "pad-reflect-channels": one(
        "Pad", "x p", weights={"p": ints(0, 1, 0, 0, 0, 2, 0, 0)}, mode="reflect"
    ),
    "attention": Case(
        23,
        [
            node("Reshape", "x heads", "q"),
            node("Attention", "q q q", "y", q_num_heads=2, kv_num_heads=2, is_causal=1),
        ],
        {"heads": ints(0, 9, 14)},
        126,
    ),
    "einsum": one("Einsum", "x c", equation="bchw,wk->bkhc", weights={"c": drawn(7, 4)}),
}
FLAT = {"round"}
"""Operators whose slope is zero wherever it exists."""


def built(case: Case) -> CanonicalModel:
    """The case between noise and a flat row of outputs."""
    nodes = [
        node("Mul", "image four", "scaled"),
        node("Sub", "scaled two_", "x"),
        *case.nodes,
        node("Flatten", "y", "logits"),
    ]
    weights = {"four": np.array(4, np.float32), "two_": np.array(2, np.float32), **case.weights}
    return canonicalise(
        raw(nodes, weights, shape=("batch", *SHAPE), classes=case.width, opset=case.opset)
    )


def engine(model: CanonicalModel) -> GradientEngine:
    """The gradient engine of a model."""
    return GradientEngine(model.raw, InputSpec(), threads=1, batch="free")


def weighted_sum(logits: torch.Tensor, about: torch.Tensor) -> torch.Tensor:
    """A loss to which every output counts differently."""
    return (logits * torch.cos(torch.arange(logits.shape[1]) + about[:, None])).sum(1)


@pytest.mark.parametrize("name", CASES)
def test_values_agree_with_onnxruntime(name: str) -> None:
    """Forward parity on noise, in a batch that needs padding."""
    model = built(CASES[name])
    images = noise(19, SHAPE)
    expected = ForwardEngine(model.raw, 1, "free").run(images)
    found = engine(model).logits(images)
    assert found.shape == expected.shape
    assert np.ptp(expected) > 0
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", [name for name in CASES if name not in FLAT])
def test_slopes_agree_with_differences(name: str) -> None:
    """The slope predicts what onnxruntime's values do along a random direction."""
    model = built(CASES[name])
    images, about = noise(8, SHAPE, seed=1), np.arange(8)
    slope = engine(model).step(images, about, weighted_sum).slope.astype(np.float64)
    ahead = np.sign(noise(8, SHAPE, seed=2) - np.float32(0.5))
    run, size = ForwardEngine(model.raw, 1, "free").run, np.float32(3e-4)

    def values(at: FloatArray) -> Array:
        logits = torch.tensor(run(at).astype(np.float64))
        return weighted_sum(logits, torch.tensor(about)).numpy()

    measured = (values(images + size * ahead) - values(images - size * ahead)) / (2 * size)
    predicted = (slope * ahead).sum(axis=(1, 2, 3))
    scale = np.sqrt(np.square(slope).sum(axis=(1, 2, 3))) * np.sqrt(ahead[0].size)
    close = np.abs(measured - predicted) <= 5e-3 * scale + 1e-4 * np.abs(slope).max()
    assert np.median(scale) > 0
    assert close.mean() >= 7 / 8, "more than one image off: no chance kink"


@pytest.mark.parametrize("name", sorted(FLAT))
def test_steps_have_no_slope(name: str) -> None:
    """Rounding is flat; nothing here smooths it over."""
    found = engine(built(CASES[name])).step(noise(4, SHAPE), np.arange(4), weighted_sum)
    assert not found.slope.any()


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 22, 23, 24])
def test_a_net_runs_alike_in_every_opset(opset: int) -> None:
    """From the oldest opset taken to the newest that both libraries know."""
    model = canonicalise(small_net(shape=SHAPE, opset=opset))
    images = noise(5, SHAPE)
    expected = ForwardEngine(model.raw, 1, "free").run(images)
    assert np.abs(engine(model).logits(images) - expected).max() <= 1e-5 * np.abs(expected).max()


def test_control_parity_tells_two_slopes_apart() -> None:
    """The tolerance would notice an attribute that was not read."""
    one_, other = built(CASES["leaky-relu"]), built(one("LeakyRelu", alpha=0.011))
    images = noise(19, SHAPE)
    expected = ForwardEngine(one_.raw, 1, "free").run(images)
    gap = np.abs(engine(other).logits(images) - expected).max()
    assert gap > 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("case", "word"),
    [
        (one("RandomNormalLike"), "RandomNormalLike"),
        (
            one(
                "BatchNormalization",
                "x scale shift mean var",
                15,
                weights=NORM,
                training_mode=1,
            )._replace(width=126),
            "inference",
        ),
        (
            one("Dropout", "x r t", 13, weights={"r": SCALAR, "t": np.array(True)}),
            "training",
        ),
        (Case(19, [node("Cast", "x", "h", to=17), node("Cast", "h", "y", to=1)]), "FLOAT8"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(case: Case, word: str) -> None:
    """No variant is guessed: the refusal names operator and node."""
    with pytest.raises(Refusal) as caught:
        engine(built(case)).logits(noise(1, SHAPE))
    assert caught.value.code == "GRADIENT_UNAVAILABLE"
    assert word in caught.value.sentence
    assert caught.value.sentence.startswith("op ")
    assert " at " in caught.value.sentence
