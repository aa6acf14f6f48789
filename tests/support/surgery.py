"""The robust demo net with something done to it that must never earn it a PASS."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from support.running import NETS


def _net() -> onnx.ModelProto:
    return onnx.ModelProto.FromString((NETS / "robust.onnx").read_bytes())


def rounded(path: Path) -> Path:
    """A Round node before the head: the same kind of answers, and a gradient that is zero."""
    model = _net()
    nodes = model.graph.node
    at = max(index for index, node in enumerate(nodes) if node.op_type == "Gemm")
    before = nodes[at].input[0]
    nodes[at].input[0] = "rounded"
    nodes.insert(at, helper.make_node("Round", [before], ["rounded"], name="round"))
    path.write_bytes(model.SerializeToString())
    return path


def scaled(path: Path, factor: float = 1000.0) -> Path:
    """Logits times a factor: the same decisions, and a softmax that saturates."""
    model = _net()
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["small" if name == output else name for name in node.output]
    model.graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), "factor"))
    model.graph.node.append(helper.make_node("Mul", ["small", "factor"], [output]))
    path.write_bytes(model.SerializeToString())
    return path


def poisoned(path: Path) -> Path:
    """Logits that are not numbers."""
    return scaled(path, float("nan"))


def one_output(path: Path) -> Path:
    """A single logit, as of a detector: no classifier."""
    model = _net()
    output = model.graph.output[0]
    for node in model.graph.node:
        node.output[:] = ["all" if name == output.name else name for name in node.output]
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    model.graph.initializer.append(axes)
    model.graph.node.append(helper.make_node("ReduceMean", ["all", "axes"], [output.name]))
    output.type.tensor_type.shape.dim[1].dim_value = 1
    path.write_bytes(model.SerializeToString())
    return path


def fixed_batch(path: Path) -> Path:
    """The same net with its batch axis fixed at 1."""
    model = _net()
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].ClearField("dim_param")
        value.type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.value_info[:]
    path.write_bytes(model.SerializeToString())
    return path
