"""Fixed spatial masks: a layer's maps are multiplied by a stored map with zeros in it.

That is how a defective convolution (Luo et al. 2019, arXiv:1911.08432) looks in a file: drawn
once, the same for every image, never folded away, since its zeros have places.
"""

import math
from collections.abc import Iterator

import onnx

from analyzers.contract import Array, FixedMask
from analyzers.graph.pooling import Shapes
from analyzers.graph.tracing import Tracing
from analyzers.graph.wiring import Wiring

_AXES = 4
"""Axes of maps: image, channel, height, width."""


def fixed_masks(wiring: Wiring, shapes: Shapes, tracing: Tracing) -> Iterator[FixedMask]:
    """Every mask on the maps of a layer, in graph order."""
    for node in wiring.nodes:
        moving = wiring.moving(node)
        if node.op_type not in _MAPS_OF or len(moving) != 1:
            continue
        found, shape = tracing.traces.get(moving[0]), shapes.get(moving[0])
        if found is None or not found.layer or found.axis != 1 or found.pooled:
            continue
        if shape is None or len(shape) != _AXES:
            continue
        value = _MAPS_OF[node.op_type](wiring, node, moving[0])
        if value is not None and _masks(value):
            zeros = int((value == 0).sum())
            yield FixedMask(node.output[0], found.layer, zeros, value.size)


def _factor(wiring: Wiring, node: onnx.NodeProto, maps: str) -> Array | None:
    """What a product multiplies maps by."""
    return _stored(wiring, next(name for name in node.input if name != maps))


def _kept(wiring: Wiring, node: onnx.NodeProto, maps: str) -> Array | None:
    """Where a choice takes maps, if it takes zero elsewhere."""
    condition, first, second = node.input
    value = _stored(wiring, condition)
    other = _stored(wiring, second if first == maps else first)
    if value is None or other is None or other.any():
        return None
    return value if first == maps else ~value.astype(bool)


def _stored(wiring: Wiring, name: str) -> Array | None:
    """A stored tensor, also where it is first spread over the images of a batch."""
    maker = wiring.producers.get(name)
    if maker is not None and maker.op_type == "Expand":
        name = maker.input[0]
    return wiring.constants.find(name)


def _masks(value: Array) -> bool:
    """Whether some places of a map, and not all, are zero; a factor a channel has no places."""
    spatial = math.prod(value.shape[-2:]) > 1 and value.ndim > 1
    return spatial and bool((value == 0).any()) and bool((value != 0).any())


_MAPS_OF = {"Mul": _factor, "Where": _kept}
"""How each operator that can mask is read."""
