"""Where a lens can look into a canonical graph: after the bends, before the pool, at the head."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import onnx

from analyzers.contract import Head, LastMaps, Place, PlaceRole, Places
from analyzers.graph.head import IDLE, head_of
from analyzers.graph.last_maps import last_maps
from analyzers.graph.masks import fixed_masks
from analyzers.graph.nonlinear import knots
from analyzers.graph.patches import patch_of
from analyzers.graph.pooling import Pool, Shapes
from analyzers.graph.rebatch import inferred
from analyzers.graph.tracing import Trace, Tracing, trace
from analyzers.graph.weights import CONVOLUTIONS
from analyzers.graph.wiring import Wiring

_FLAT = 2


class _Graph(NamedTuple):
    wiring: Wiring
    shapes: Shapes
    tracing: Tracing


class _Spot(NamedTuple):
    """A place before depths are ranked."""

    tensor: str
    role: PlaceRole


def places_of(model: onnx.ModelProto) -> Places:
    """Everything that a graph offers; the order is that of the graph, the features come last."""
    wiring, shapes = Wiring(model), inferred(model, 1)
    graph = _Graph(wiring, shapes, trace(model, wiring, shapes))
    output = model.graph.output[0].name
    head = head_of(wiring, output)
    head = _fitting(graph, head, output) if isinstance(head, Head) else head
    spots = [*_first(graph), *_active(graph), *_end(graph, head, output)]
    found = [_place(graph, spot) for spot in spots]
    found = _ranked(graph, [place for place in found if place is not None])
    last = last_maps(wiring, shapes, graph.tracing, output)
    return Places(
        found,
        *((head, "") if isinstance(head, Head) else (None, head)),
        *((last, "") if isinstance(last, LastMaps) else (None, last)),
        masks=list(fixed_masks(wiring, shapes, graph.tracing)),
        patch=patch_of(wiring, graph.tracing),
    )


def _first(graph: _Graph) -> Iterator[_Spot]:
    """What the first convolution puts out; the upper one where several are first."""
    depths = (
        (graph.tracing.traces[node.output[0]].depth, at, node.output[0])
        for at, node in enumerate(graph.wiring.nodes)
        if node.op_type in CONVOLUTIONS and node.output[0] in graph.tracing.traces
    )
    nearest = min(depths, default=None)
    if nearest is not None:
        yield _Spot(nearest[2], "first")


def _active(graph: _Graph) -> Iterator[_Spot]:
    """After each nonlinearity that follows a layer and still has positions."""
    taken: set[str] = set()
    for knot in knots(graph.wiring):
        found = graph.tracing.traces.get(knot.before)
        shape = graph.shapes.get(knot.after)
        flat = shape is not None and len(shape) <= _FLAT
        if found is None or not found.layer or found.pooled or flat:
            continue
        rounding = graph.wiring.producers[knot.after].op_type == "DequantizeLinear"
        if rounding and found.layer in taken:
            continue
        taken.add(found.layer)
        yield _Spot(knot.after, "active")


def _end(graph: _Graph, head: Head | str, output: str) -> Iterator[_Spot]:
    pool = _last_pool(graph, output)
    if pool is not None:
        yield _Spot(pool.before, "tokens" if pool.kind == "token" else "pool")
    if isinstance(head, Head):
        yield _Spot(head.features, "features")


def _last_pool(graph: _Graph, output: str) -> Pool | None:
    """The pool that the logits come through; gates have pools too, but the logits pass them by."""
    waiting, seen = [output], set[str]()
    while waiting:
        name = waiting.pop()
        found = graph.tracing.pools.get(name)
        before = graph.tracing.traces.get(name)
        if found is not None and not graph.tracing.traces[found.before].pooled:
            return found
        if before is not None and before.pooled and name not in seen:
            seen.add(name)
            waiting.extend(graph.wiring.moving(graph.wiring.producers[name]))
    return None


def _fitting(graph: _Graph, head: Head, output: str) -> Head | str:
    """The head with the maps that it pools, or why its sizes make it none."""
    classes = graph.shapes.get(output)
    if classes is not None and classes[-1] != len(head.weight):
        return "the last layer has another number of outputs than the model"
    features = graph.shapes.get(head.features)
    if features is not None and math.prod(features) != head.weight.shape[1]:
        return "the last layer is applied to several positions"
    pool = _pool_at(graph, head.features)
    if pool is None or pool.kind != "mean":
        return head
    before = graph.shapes.get(pool.before)
    axis = graph.tracing.traces[pool.before].axis
    same = before is not None and before[axis] == head.weight.shape[1]
    return head._replace(maps=pool.before) if same else head


def _pool_at(graph: _Graph, name: str) -> Pool | None:
    """The pool that puts out this tensor but for its axes."""
    while name not in graph.tracing.pools:
        maker = graph.wiring.producers.get(name)
        if maker is None or maker.op_type not in IDLE:
            return None
        name = graph.wiring.moving(maker)[0]
    return graph.tracing.pools[name]


def _place(graph: _Graph, spot: _Spot) -> Place | None:
    """The place, its depth still that of the graph; None where the channel axis is lost."""
    found = graph.tracing.traces.get(spot.tensor, Trace())
    shape = graph.shapes.get(spot.tensor)
    axis = found.axis
    if spot.role == "features":
        # Flat: whatever the axes were before, the second holds the features.
        axis = 1 if shape is None or len(shape) <= _FLAT or math.prod(shape) == shape[1] else -1
    if axis == 0:
        return None
    width = 0 if found.joined else found.width
    channels = shape[axis] if shape is not None else width
    side = 1 if axis == 1 else -1
    return Place(spot.tensor, spot.role, found.layer, channels, side, float(found.depth))


def _ranked(graph: _Graph, places: Sequence[Place]) -> list[Place]:
    """Depths as ranks among the layers that places and convolutions are at."""
    depths = {place.depth for place in places if place.role == "active"}
    for node in graph.wiring.nodes:
        found = graph.tracing.traces.get(node.output[0])
        if node.op_type in CONVOLUTIONS and found is not None:
            depths.add(float(found.depth))
    ordered = sorted(depths)
    last = max(1, len(ordered) - 1)
    return [
        place._replace(depth=min(1.0, sum(one < place.depth for one in ordered) / last))
        for place in places
    ]
