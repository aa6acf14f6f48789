"""Whether a model first cuts its image into patches, as vision transformers do."""

import onnx

from analyzers.graph.constants import attribute
from analyzers.graph.tracing import Tracing
from analyzers.graph.weights import CONVOLUTIONS, stored_weight
from analyzers.graph.wiring import Wiring

_KERNEL = 4
"""Axes of the weights of a convolution over height and width."""


def patch_of(wiring: Wiring, tracing: Tracing) -> tuple[int, int]:
    """Height and width of the patches; zeros unless the only convolution cuts them.

    With a second convolution, neighbouring patches are looked at together, and where one lies
    beside another matters for more than its position.
    """
    layers = [node for node in wiring.nodes if node.op_type in CONVOLUTIONS]
    if len(layers) != 1:
        return (0, 0)
    (node,) = layers
    weight = stored_weight(node, wiring.constants)
    before = [tracing.traces.get(name) for name in wiring.moving(node)]
    if weight is None or weight.ndim != _KERNEL or any(one and one.layer for one in before):
        return (0, 0)
    return _cut(node, (weight.shape[2], weight.shape[3]))


def _cut(node: onnx.NodeProto, kernel: tuple[int, int]) -> tuple[int, int]:
    """The kernel, if its steps neither overlap nor leave gaps nor pad."""
    steps = tuple(attribute(node, "strides", [1, 1]))
    padded = any(attribute(node, "pads", list[int]()))
    spread = any(one != 1 for one in attribute(node, "dilations", [1, 1]))
    return kernel if kernel == steps and min(kernel) > 1 and not padded and not spread else (0, 0)
