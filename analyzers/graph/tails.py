"""What stands between the class scores and the output: it ranks classes alike and hides slopes.

Probabilities saturate: a softmax that says 1.0 has no slope left, and every attack that follows it
fails for a reason that protects nobody. So the scores before it are what is attacked and judged.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import onnx

from analyzers.graph.constants import Constants

_SHAPE_ONLY = frozenset({"Identity", "Flatten", "Reshape", "Squeeze", "Cast"})
_TAILS = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
_NEUTRAL = {"Mul": 1.0, "Div": 1.0, "Add": 0.0, "Sub": 0.0}
"""Operators of two inputs, and the second one with which they change nothing."""
_MOST = 4
"""Nobody means more of them; each one costs another look at the graph."""
_AXIS_FROM_OPSET_13 = -1


class Cut(NamedTuple):
    """A graph that ends in its class scores."""

    model: onnx.ModelProto
    tail: str
    """What was cut off, as ``softmax`` or ``log_of_softmax``; empty when nothing was."""


def cut_tail(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> Cut:
    """Leave out every softmax or sigmoid that only rescales the scores of one image."""
    fresh = onnx.ModelProto()
    fresh.CopyFrom(model)
    tails: list[str] = []
    for _ in range(_MOST):
        node = _tail_node(fresh, shapes, last=not tails)
        if node is None:
            break
        tails.append(_TAILS.get(node.op_type, "log"))
        node.op_type = "Identity"
        del node.attribute[:]
    return Cut(fresh, "_of_".join(tails))


def _tail_node(
    model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]], *, last: bool
) -> onnx.NodeProto | None:
    """The next one from the end; the ``last`` of all may stand behind what changes nothing.

    Transposes are passed as well: where they do not cancel out, the answers of the cut graph are
    not those of the upload, which is then left as it is.
    """
    graph, constants = model.graph, Constants(model)
    producers = {name: node for node in graph.node for name in node.output}
    node = producers.get(graph.output[0].name)
    while node is not None:
        idle = last and (node.op_type == "Transpose" or _changes_nothing(node, constants))
        if not idle and node.op_type not in _SHAPE_ONLY:
            break
        node = producers.get(node.input[0])
    if node is None:
        return None
    if node.op_type == "Log":
        before = producers.get(node.input[0])
        if before is None or before.op_type != "Softmax":
            return None
        return node if _over_classes(before, shapes) else None
    return node if node.op_type in _TAILS and _over_classes(node, shapes) else None


def _changes_nothing(node: onnx.NodeProto, constants: Constants) -> bool:
    """Whether it adds nothing, or multiplies by one."""
    neutral = _NEUTRAL.get(node.op_type)
    value = None if neutral is None else constants.find(node.input[1])
    return value is not None and value.size > 0 and bool((value == neutral).all())


def _over_classes(node: onnx.NodeProto, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether it works on the scores of one image at a time, over all of them."""
    shape = shapes.get(node.input[0])
    if not shape or len(shape) < 2:  # noqa: PLR2004 - batch and classes
        return False
    long = [at for at, size in enumerate(shape) if at and size != 1]
    if node.op_type == "Sigmoid":
        return len(long) <= 1
    axis = next((one.i for one in node.attribute if one.name == "axis"), _AXIS_FROM_OPSET_13)
    return long == [axis % len(shape)]
