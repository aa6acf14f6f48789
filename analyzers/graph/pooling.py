"""Nodes that leave one position of many: global pools, and the picking of one token."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import onnx

from analyzers.graph.constants import attribute
from analyzers.graph.wiring import Wiring

Shapes = Mapping[str, Sequence[int]]
PoolKind = Literal["mean", "max", "other", "token"]
_POOLS: Final = frozenset(
    (
        *("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "AveragePool", "MaxPool", "LpPool"),
        *("ReduceMean", "ReduceMax", "ReduceSum", "ReduceL2"),
    )
)
_MEANS: Final = frozenset(["GlobalAveragePool", "AveragePool", "ReduceMean"])
_LARGEST: Final = frozenset(["GlobalMaxPool", "MaxPool", "ReduceMax"])
_PICKS: Final = frozenset(["Gather", "Slice"])
_FLAT = 2
"""Axes of a tensor without positions."""


class Pool(NamedTuple):
    """A node after which every channel is one number."""

    before: str
    after: str
    kind: PoolKind


def pool_of(wiring: Wiring, node: onnx.NodeProto, *, axis: int, shapes: Shapes) -> Pool | None:
    """The node as a pool over all positions of maps whose channels lie on an axis, if it is one."""
    if node.op_type not in _POOLS | _PICKS or len(wiring.moving(node)) != 1:
        return None
    before, after = wiring.moving(node)[0], node.output[0]
    if node.op_type.startswith("Global"):
        return Pool(before, after, kind_of(node)) if axis == 1 else None
    shape, left = shapes.get(before, ()), shapes.get(after)
    if len(shape) <= _FLAT or not axis or left is None or math.prod(left) != shape[axis]:
        return None
    if node.op_type in _PICKS:
        return Pool(before, after, "token") if math.prod(shape) > shape[axis] else None
    kind = kind_of(node)
    plain = kind != "mean" or _is_plain(node, shape)
    return Pool(before, after, kind if plain else "other")


def kind_of(node: onnx.NodeProto) -> Literal["mean", "max", "other"]:
    """What a pool makes of the positions in a window."""
    if node.op_type in _MEANS:
        return "mean"
    return "max" if node.op_type in _LARGEST else "other"


def _is_plain(node: onnx.NodeProto, shape: Sequence[int]) -> bool:
    """Whether an average runs over every position once, without borders."""
    if node.op_type != "AveragePool":
        return True
    pads = attribute(node, "pads", list[int]())
    return attribute(node, "kernel_shape", list[int]()) == list(shape[2:]) and not any(pads)
