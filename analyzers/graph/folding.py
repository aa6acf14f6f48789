"""Constants computed once and for all, and nodes that do nothing left out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from analyzers.contract import Array
from analyzers.graph.reading import array_of

EXACT: Final = frozenset(
    (
        *("Identity", "Cast", "Transpose", "Reshape", "Unsqueeze", "Squeeze", "Flatten"),
        *("Concat", "Slice", "Gather", "Shape", "Size", "Where", "Expand", "ConstantOfShape"),
        *("Add", "Sub", "Mul", "Div", "Neg", "Abs", "Sqrt", "Floor", "Ceil", "Not"),
    )
)
"""What exporters leave between a stored tensor and its use, and what has one right answer in every
bit (IEEE 754). Quantised weights stay quantised."""
WHOLE_ONLY: Final = frozenset(
    ("Equal", "Min", "Max", "Mod", "Pow", "Range", "ReduceProd", "ReduceSum")
)
"""These have it for whole numbers. With floats the runtime may answer another last bit, and a model
can make much of one bit."""
_MOST_VALUES = 1 << 26
_GROWING = frozenset({"ConstantOfShape", "Expand", "Range"})


def folded(
    model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None = None
) -> onnx.ModelProto:
    """The same graph: constants as initializers, no constant arithmetic, no idle nodes.

    Where ``shapes`` are given, what asks for one of them is a constant as well.
    """
    known = {one.name: array_of(one) for one in model.graph.initializer}
    stored = set(known)
    outputs = {one.name for one in model.graph.output}
    alias: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    for node in model.graph.node:
        node.input[:] = [alias.get(name, name) for name in node.input]
        value = _size(node, shapes or {})
        value = _value(node, known, model) if value is None else value
        if value is not None and node.output[0] not in outputs:
            known[node.output[0]] = value
        elif _idle(node) and node.output[0] not in outputs:
            alias[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    fresh = onnx.ModelProto()
    fresh.CopyFrom(model)
    del fresh.graph.node[:]
    fresh.graph.node.extend(kept)
    read = {name for node in kept for name in node.input}
    fresh.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(known[name]), name)
        for name in known
        if name in read and name not in stored
    )
    return fresh


def _size(node: onnx.NodeProto, shapes: Mapping[str, Sequence[int]]) -> Array | None:
    """What a Shape says of a tensor whose shape is known."""
    if node.op_type != "Shape" or node.input[0] not in shapes:
        return None
    told = {one.name: one.i for one in node.attribute}
    sizes = np.array(shapes[node.input[0]], np.int64)
    return sizes[told.get("start", 0) : told.get("end", len(sizes))]


def _idle(node: onnx.NodeProto) -> bool:
    """Whether inference passes the first input through: the mask of a dropout is read by nobody."""
    if node.op_type == "Identity":
        return True
    trained = len(node.input) > 2 and node.input[2]  # noqa: PLR2004 - data, ratio, training mode
    return node.op_type == "Dropout" and len(node.output) == 1 and not trained


def _value(
    node: onnx.NodeProto, known: Mapping[str, Array], model: onnx.ModelProto
) -> Array | None:
    """What a node with constant inputs yields; None where that is not known or not wanted."""
    if not _foldable(node, known) or len(node.output) != 1 or _grows(node, known):
        return None
    graph = onnx.GraphProto(name="constant", node=[node])
    graph.output.add(name=node.output[0])
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in set(node.input))
    alone = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, graph=graph
    )
    try:
        with np.errstate(all="ignore"):
            evaluator: Any = ReferenceEvaluator(alone)
            found = evaluator.run(None, {name: known[name] for name in node.input})
    except Exception:  # noqa: BLE001 - whatever the reference cannot do stays in the graph
        return None
    value: Array = np.asarray(found[0])
    return value if value.size <= _MOST_VALUES else None


def _foldable(node: onnx.NodeProto, known: Mapping[str, Array]) -> bool:
    if node.op_type == "Constant":
        return True
    if not node.input or not all(name in known for name in node.input):
        return False
    whole = all(known[name].dtype.kind in "iub" for name in node.input)
    return node.op_type in EXACT or (node.op_type in WHOLE_ONLY and whole)


def _grows(node: onnx.NodeProto, known: Mapping[str, Array]) -> bool:
    """Whether a few bytes ask for more values than any weight has."""
    if node.op_type not in _GROWING:
        return False
    if node.op_type == "Range":
        ends = [known[name].reshape(-1) for name in node.input]
        if any(not len(one) for one in ends):
            return True
        start, limit, delta = (float(one[0]) for one in ends)
        return delta == 0 or abs((limit - start) / delta) > _MOST_VALUES
    wanted = known[node.input[-1]]
    return math.prod(max(1, int(one)) for one in wanted.reshape(-1)) > _MOST_VALUES
