"""Where a graph bends: nonlinearities, also those that exporters write as several operators.

Instead of one pattern a function this looks for the shape that all of them share: element-wise
operators that start from one tensor and come together again. SiLU, HardSwish, Mish and both forms
of Gelu are such knots; Relu or Clip are knots of one operator.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import onnx

from analyzers.graph.wiring import Wiring

ALONE: Final = frozenset(
    (
        *("Relu", "LeakyRelu", "PRelu", "Clip", "ThresholdedRelu", "Shrink", "Elu", "Selu", "Celu"),
        *("Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Erf", "Softplus", "Softsign"),
        *("Gelu", "Mish", "Swish"),
    )
)
BY_CHOICE: Final = frozenset(["Max", "Min", "Where"])
"""Bend when they choose between functions of one tensor: ``max(x, 0.01 x)``."""
_STRAIGHT: Final = frozenset(
    (
        *("Add", "Sub", "Mul", "Div", "Sum", "Neg", "Abs", "Pow", "Exp", "Log", "Sqrt"),
        *("Reciprocal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not"),
        *("Cast", "CastLike", "Identity"),
    )
)
ELEMENTWISE: Final = ALONE | BY_CHOICE | _STRAIGHT
_LONGEST = 12
"""Operators of one knot; the tanh form of Gelu has eight."""


class Knot(NamedTuple):
    """One nonlinearity."""

    before: str
    after: str


def knots(wiring: Wiring) -> list[Knot]:
    """Every nonlinearity in graph order, each once."""
    found: dict[str, Knot] = {}
    for node in wiring.nodes:
        knot = _knot(wiring, node)
        if knot is not None:
            found.setdefault(knot.after, knot)
    inner = {name for knot in found.values() for name in _inside(wiring, knot)}
    return [knot for knot in found.values() if knot.after not in inner]


def _knot(wiring: Wiring, node: onnx.NodeProto) -> Knot | None:
    if _rounds_to_relu(wiring, node):
        return Knot(node.input[0], wiring.readers[node.output[0]][0].output[0])
    if node.op_type not in ALONE | BY_CHOICE or not wiring.moving(node):
        return None
    for start in _starts(wiring, node):
        after = _joined(wiring, start, node)
        if after is not None:
            return Knot(start, _scaled(wiring, after))
    before = wiring.moving(node)
    if len(before) == 1:
        return Knot(before[0], node.output[0])
    return _chosen(wiring, node)


def _rounds_to_relu(wiring: Wiring, node: onnx.NodeProto) -> bool:
    """Whether a rounding cuts everything below zero: quantisers leave a ReLU out for that."""
    if node.op_type != "QuantizeLinear" or len(node.input) < 3 or not wiring.moving(node):  # noqa: PLR2004 - x, scale, zero
        return False
    zero = wiring.constants.find(node.input[2])
    after = wiring.only_reader(node.output[0])
    if zero is None or zero.size != 1 or zero.dtype.kind not in "iu":
        return False
    lowest = -128 if zero.dtype.itemsize == 1 and zero.dtype.kind == "i" else 0
    return int(zero.reshape(())) == lowest and after is not None and after.op_type.startswith("De")


def _chosen(wiring: Wiring, node: onnx.NodeProto) -> Knot | None:
    for start in _starts(wiring, node):
        if node.output[0] in _region(wiring, start):
            return Knot(start, node.output[0])
    return None


def _starts(wiring: Wiring, node: onnx.NodeProto) -> Iterator[str]:
    """Tensors from which element-wise operators lead to a node, the nearest first."""
    waiting, seen = list(wiring.moving(node)), set[str]()
    while waiting and len(seen) < _LONGEST:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        yield name
        maker = wiring.producers.get(name)
        if maker is not None and maker.op_type in ELEMENTWISE:
            waiting.extend(wiring.moving(maker))


def _region(wiring: Wiring, start: str) -> dict[str, onnx.NodeProto]:
    """Tensors that element-wise operators make of one tensor and nothing else."""
    found: dict[str, onnx.NodeProto] = {}
    waiting = [start]
    while waiting and len(found) < 2 * _LONGEST:
        for node in wiring.readers[waiting.pop(0)]:
            inside = all(name == start or name in found for name in wiring.moving(node))
            if node.op_type in ELEMENTWISE and inside and node.output[0] not in found:
                found[node.output[0]] = node
                waiting.append(node.output[0])
    return found


def _joined(wiring: Wiring, start: str, node: onnx.NodeProto) -> str | None:
    """Where the path through a node meets another path from the same tensor first."""
    region = _region(wiring, start)
    if node.output[0] not in region:
        return None
    bent = {node.output[0]}
    for name, one in region.items():  # each after what it needs
        through = [before in bent for before in wiring.moving(one)]
        if any(through):
            bent.add(name)
            if not all(through):
                return name
    return None


def _scaled(wiring: Wiring, name: str) -> str:
    """The same behind factors that belong to the function: ``0.5`` in Gelu, ``/ 6``."""
    after = wiring.only_reader(name)
    while after is not None and after.op_type in {"Mul", "Div"} and _is_number(wiring, after, name):
        name = after.output[0]
        after = wiring.only_reader(name)
    return name


def _is_number(wiring: Wiring, node: onnx.NodeProto, name: str) -> bool:
    if node.op_type == "Div" and node.input[0] != name:
        return False
    others = [wiring.constants.find(one) for one in node.input if one != name]
    return len(others) == 1 and others[0] is not None and others[0].size == 1


def _inside(wiring: Wiring, knot: Knot) -> Iterator[str]:
    """What lies within a knot and is no result of its own: the Sigmoid of a SiLU."""
    waiting, seen = [knot.after], set[str]()
    while waiting:
        maker = wiring.producers.get(waiting.pop())
        for name in wiring.moving(maker) if maker is not None else ():
            if name != knot.before and name not in seen:
                seen.add(name)
                waiting.append(name)
                yield name
