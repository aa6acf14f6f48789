"""The maps before the last pool, and which nodes made them smaller than the image.

A lens that asks what pooling does to a disturbance needs the pool next to the head. Where maps of
one position are averaged once more, as some VGG nets do, that is the average, not what led to it.
"""

import math
from collections.abc import Iterator
from typing import Final, Literal

import onnx

from analyzers.contract import LastMaps, Shrink
from analyzers.graph.constants import attribute
from analyzers.graph.pooling import Pool, Shapes, kind_of
from analyzers.graph.tracing import Trace, Tracing
from analyzers.graph.weights import CONVOLUTIONS
from analyzers.graph.wiring import Wiring

_MAPS = 4
"""Axes of maps: images, channels, height, width."""
NO_POOL: Final = (
    "no pool stands before the head: it reads every position by itself, so nothing is averaged"
)
PICKED: Final = "one token is picked and the others are left, so nothing is pooled"
TOKENS: Final = "what is pooled is a row of tokens and no map of height and width"
OTHER: Final = "the last pool is neither a plain mean nor a maximum over all positions"
SEVERAL: Final = "several pools lead to the head, so no single map stands before it"


def last_maps(wiring: Wiring, shapes: Shapes, tracing: Tracing, output: str) -> LastMaps | str:
    """The maps that are pooled last on the way to the logits, or why there are none."""
    pools = _nearest(wiring, tracing, output)
    if len({(one.before, one.kind) for one in pools}) != 1:
        return SEVERAL if pools else NO_POOL
    pool = pools[0]
    axis = tracing.traces[pool.before].axis
    if pool.kind == "token":
        return PICKED
    if pool.kind == "other" or axis == 0:
        return OTHER
    shape = list(shapes.get(pool.before, ()))
    channels = shape.pop(axis) if shape else 0
    size = tuple(shape[1:])
    if shape and len(size) != _MAPS - 2:
        return TOKENS
    side: Literal[1, -1] = 1 if axis == 1 else -1
    steps = list(_shrinks(wiring, shapes, tracing, pool.before))[::-1]
    return LastMaps(pool.before, side, pool.kind, size, channels, tuple(steps))


def _nearest(wiring: Wiring, tracing: Tracing, output: str) -> list[Pool]:
    """The first pools that are met on the way back from a tensor without positions."""
    waiting, seen, found = [output], {output}, list[Pool]()
    while waiting:
        name = waiting.pop()
        if name in tracing.pools:
            found.append(tracing.pools[name])
        elif tracing.traces.get(name, Trace()).pooled:
            fresh = [one for one in wiring.moving(wiring.producers[name]) if one not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
    return found


def _shrinks(wiring: Wiring, shapes: Shapes, tracing: Tracing, name: str) -> Iterator[Shrink]:
    """Nodes that step over positions, from the last maps back to the image.

    Branches that meet again have shrunk alike; the deepest is followed.
    """
    while (node := wiring.producers.get(name)) is not None:
        strides = attribute(node, "strides", list[int]())
        if math.prod(strides) > 1 and node.op_type != "ConvTranspose":
            size = tuple(shapes.get(name, ())[2:])
            yield Shrink(node.name or name, _kind(node), tuple(strides), size)
        before = [one for one in wiring.moving(node) if one in tracing.traces]
        if not before:
            return
        name = max(before, key=lambda one: _rank(tracing.traces[one]))


def _kind(node: onnx.NodeProto) -> Literal["convolution", "mean", "max", "other"]:
    return "convolution" if node.op_type in CONVOLUTIONS else kind_of(node)


def _rank(trace: Trace) -> tuple[bool, int]:
    return not trace.pooled, trace.depth
