"""What every tensor of a graph descends from: its layer, its channel axis, whether it is pooled."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import onnx

from analyzers.graph.constants import attribute
from analyzers.graph.pooling import Pool, Shapes, pool_of
from analyzers.graph.weights import CONVOLUTIONS, layer_depths, stored_weight
from analyzers.graph.wiring import Wiring

LINEAR: Final = ("Gemm", "MatMul")
LAYERS: Final = (*CONVOLUTIONS, "ConvTranspose", *LINEAR)


class Trace(NamedTuple):
    """The descent of one tensor."""

    layer: str = ""
    depth: int = 0
    """Of the layer; 0 before the first."""
    axis: int = 1
    """Of the channels; 0 where it is lost."""
    width: int = 0
    """Outputs of the layer; 0 before the first."""
    pooled: bool = False
    """Whether no position is left: the inside of a gate, or what follows the last pool."""
    joined: bool = False
    """Whether more than the layer's own channels are in it."""


class Tracing(NamedTuple):
    """A graph's traces, its pools and the depth of its layers."""

    traces: dict[str, Trace]
    pools: dict[str, Pool]
    """By the tensor that a pool puts out."""


def trace(model: onnx.ModelProto, wiring: Wiring, shapes: Shapes) -> Tracing:
    """Follow the image through the graph once."""
    source = model.graph.input[0].name
    depths = {node.output[0]: depth for node, depth in layer_depths(model, LAYERS)}
    found = Tracing({source: Trace(axis=_image_axis(shapes.get(source, ())))}, {})
    for node in wiring.nodes:
        known = [found.traces[name] for name in wiring.moving(node) if name in found.traces]
        if not known:
            continue
        best = max(known, key=lambda one: (not one.pooled, one.depth))
        pool = pool_of(wiring, node, axis=best.axis, shapes=shapes)
        if pool is not None:
            found.pools[pool.after] = pool
        after = _after(wiring, node, best, depths)
        after = after._replace(pooled=best.pooled or pool is not None)
        found.traces.update((name, after) for name in node.output if name)
    return found


def _image_axis(shape: Sequence[int]) -> int:
    return -1 if len(shape) == 4 and shape[1] not in {1, 3, 4} else 1  # noqa: PLR2004 - N, C, H, W


def _after(wiring: Wiring, node: onnx.NodeProto, before: Trace, depths: Mapping[str, int]) -> Trace:
    layer = _layer(wiring, node, depths)
    if layer is not None:
        return layer
    if node.op_type == "Transpose":
        return before._replace(axis=_moved(attribute(node, "perm", list[int]()), before.axis))
    if node.op_type == "Concat":
        return before._replace(joined=True)
    return before


def _layer(wiring: Wiring, node: onnx.NodeProto, depths: Mapping[str, int]) -> Trace | None:
    """The trace of a layer's output; None for what is no layer or multiplies two results."""
    if node.op_type not in LAYERS or wiring.moving(node) != [node.input[0]]:
        return None
    weight = stored_weight(node, wiring.constants)
    if weight is None:
        return None
    axis, width = (-1 if node.op_type in LINEAR else 1), len(weight)
    if node.op_type == "ConvTranspose":
        width = weight.shape[1] * attribute(node, "group", 1)
    name = node.name or node.output[0]
    return Trace(name, depths.get(node.output[0], 0), axis, width)


def _moved(order: Sequence[int], axis: int) -> int:
    """Where a transposition puts the channels: 1, -1, or 0 where that is neither."""
    last = len(order) - 1
    if not order or not axis:
        return 0
    place = order.index(1 if axis == 1 else last)
    return 1 if place == 1 else -1 if place == last else 0
