"""Small honest ONNX models, each with other parts of the format in it."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from analyzers.contract import Array, Json

SIDE = 6
CLASSES = 4


@functools.cache
def models() -> tuple[bytes, ...]:
    """Every honest model."""
    made = (_plain(), _residual(), _quantised(), _attention(), _calling(), _branching())
    return tuple(one.SerializeToString() for one in made)


def node(operator: str, inputs: str, outputs: str, **attributes: Json) -> onnx.NodeProto:
    """A node, its names separated by spaces."""
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def _model(
    nodes: Sequence[onnx.NodeProto], stored: Mapping[str, Array], **more: Json
) -> onnx.ModelProto:
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        list(nodes),
        "seed",
        [helper.make_tensor_value_info("image", kind, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", kind, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    opsets = [helper.make_opsetid("", 18), *more.pop("beside", ())]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, **more)


def _drawn(*shape: int, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).normal(size=shape) / 4).astype(np.float32)


def _head(flat: int) -> dict[str, Array]:
    return {"weight": _drawn(CLASSES, flat), "bias": np.zeros(CLASSES, np.float32)}


def _plain() -> onnx.ModelProto:
    nodes = [
        node("Conv", "image kernel offset", "maps", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("BatchNormalization", "maps scale shift mean variance", "normed"),
        node("Relu", "normed", "active"),
        node("MaxPool", "active", "pooled", kernel_shape=[3, 3], strides=[1, 1]),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat weight bias", "logits", transB=1),
    ]
    norms = {name: np.full(5, 0.5, np.float32) for name in ("scale", "shift", "mean", "variance")}
    return _model(nodes, {"kernel": _drawn(5, 3, 3, 3), "offset": _drawn(5), **norms, **_head(5)})


def _residual() -> onnx.ModelProto:
    nodes = [
        node("Conv", "image stem", "maps", pads=[1, 1, 1, 1]),
        node("Conv", "maps inner", "branch", pads=[1, 1, 1, 1], group=2),
        node("Clip", "branch low high", "clipped"),
        node("Add", "maps clipped", "sum"),
        node("ReduceMean", "sum axes", "means", keepdims=0),
        node("MatMul", "means matrix", "scores"),
        node("Softmax", "scores", "logits", axis=-1),
    ]
    stored = {
        "stem": _drawn(4, 3, 3, 3),
        "inner": _drawn(4, 2, 3, 3),
        "low": np.array(0, np.float32),
        "high": np.array(6, np.float32),
        "axes": np.array([2, 3]),
        "matrix": _drawn(4, CLASSES),
    }
    return _model(nodes, stored)


def _quantised() -> onnx.ModelProto:
    nodes = [
        node("QuantizeLinear", "image step zero", "bytes"),
        node("DequantizeLinear", "bytes step zero", "rounded"),
        node("DequantizeLinear", "stored steps", "kernel", axis=0),
        node("Conv", "rounded kernel", "maps"),
        node("Cast", "maps", "half", to=TensorProto.FLOAT16),
        node("Cast", "half", "again", to=TensorProto.FLOAT),
        node("GlobalAveragePool", "again", "means"),
        node("Flatten", "means", "flat"),
        node("Gemm", "flat weight bias", "logits", transB=1, alpha=0.5),
    ]
    stored = {
        "step": np.array(1 / 255, np.float32),
        "zero": np.array(0, np.uint8),
        "stored": np.arange(-54, 54, dtype=np.int8).reshape(4, 3, 3, 3),
        "steps": np.full(4, 0.01, np.float32),
        **_head(4),
    }
    return _model(nodes, stored)


def _attention() -> onnx.ModelProto:
    nodes = [
        node("Reshape", "image sizes", "rows"),
        node("Transpose", "rows", "tokens", perm=[0, 2, 1]),
        node("LayerNormalization", "tokens gain", "normed", axis=-1, epsilon=1e-5),
        *(node("MatMul", f"normed {one}", f"{one}s") for one in ("query", "key", "value")),
        node("Transpose", "keys", "turned", perm=[0, 2, 1]),
        node("MatMul", "querys turned", "scores"),
        node("Softmax", "scores", "shares", axis=-1),
        node("MatMul", "shares values", "mixed"),
        node("Gather", "mixed first", "token", axis=1),
        node("Gelu", "token", "bent"),
        node("Gemm", "bent weight bias", "logits", transB=1),
    ]
    square = {one: _drawn(3, 3, seed=at) for at, one in enumerate(("query", "key", "value"))}
    sizes = {"sizes": np.array([0, 3, SIDE * SIDE]), "first": np.array(0)}
    model = _model(nodes, {**sizes, "gain": np.ones(3, np.float32), **square, **_head(3)})
    model.opset_import[0].version = 20
    return model


def _calling() -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    inner = helper.make_function(
        "own", "Bent", ["x"], ["y"], [node("LeakyRelu", "x", "y", alpha=0.1)], opsets
    )
    outer = helper.make_function(
        "own", "Twice", ["x"], ["y"],
        [node("Bent", "x", "z", domain="own"), node("Bent", "z", "y", domain="own")], opsets,
    )  # fmt: skip
    nodes = [
        node("Conv", "image kernel", "maps"),
        node("Twice", "maps", "bent", domain="own"),
        node("Flatten", "bent", "flat"),
        node("Gemm", "flat weight bias", "logits", transB=1),
    ]
    stored = {"kernel": _drawn(2, 3, 3, 3), **_head(2 * 16)}
    return _model(nodes, stored, beside=[opsets[1]], functions=[inner, outer])


def _branching() -> onnx.ModelProto:
    value = helper.make_tensor_value_info("bent", TensorProto.FLOAT, None)
    branches = {
        f"{name}_branch": helper.make_graph([node(operator, "maps", "bent")], name, [], [value])
        for name, operator in (("then", "Relu"), ("else", "Sigmoid"))
    }
    nodes = [
        node("Conv", "image kernel", "maps"),
        node("Constant", "", "yes", value=numpy_helper.from_array(np.array(True))),
        node("If", "yes", "bent", **branches),
        node("Flatten", "bent", "flat"),
        node("Gemm", "flat weight bias", "logits", transB=1),
    ]
    return _model(nodes, {"kernel": _drawn(2, 3, 3, 3), **_head(2 * 16)})
