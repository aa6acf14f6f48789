"""How large values get at the least, as far as constants say: a few bytes can ask for terabytes.

Lower bounds only, in one pass: an axis of unknown length counts as one, an operator without a rule
as one number. What multiplies in other ways meets the memory limit of the process that runs it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from analyzers.graph.precheck.attributes import check_trips
from analyzers.graph.precheck.limits import MOST_AXES, Limits, broken, shown, too_complex
from analyzers.graph.precheck.places import OWN_DOMAINS
from analyzers.graph.precheck.sizes import elements, known_axes

_NUMBER_BYTES = 4
_MOST_NUMBERS: Final = 2 * MOST_AXES
"""Of what tells a shape: pads give two an axis."""
_MOST_TOLD: Final = 10**18
"""What a sentence says at most: no float holds the larger ones."""
_KEEPS_SIZE: Final = frozenset(
    {
        *("Identity", "Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Cast", "Clip", "LeakyRelu"),
        *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Dropout", "Softmax"),
    }
)
_WIDENS: Final = frozenset({"Add", "Sub", "Mul", "Div", "Where", "Max", "Min", "Sum"})
_Numbers = list[int] | list[float]


class Growth:
    """The least number of elements of every value met so far."""

    def __init__(self, limits: Limits) -> None:
        """Know no value yet."""
        self._limits = limits
        self._least: dict[str, int] = {}
        self._stored: dict[str, onnx.TensorProto | onnx.AttributeProto] = {}

    def begin(self, graph: onnx.GraphProto) -> None:
        """Learn what a graph stores and takes."""
        for value in graph.input:
            self._least[value.name] = elements(known_axes(value), value.name)
        for tensor in graph.initializer:
            self._stored[tensor.name] = tensor
            self._least[tensor.name] = elements(tensor.dims, tensor.name)

    def take(self, node: onnx.NodeProto) -> None:
        """Refuse a node whose output is larger than anything here may be."""
        if node.domain not in OWN_DOMAINS or not node.output:
            return
        if node.op_type == "Constant":
            self._keep(node)
            return
        if node.op_type == "Loop":
            check_trips(node, self._trips(node), self._limits)
        least = self._size(node)
        if least * _NUMBER_BYTES > self._limits.grown_bytes:
            raise too_complex(
                f"{_title(node)} makes a value of at least "
                f"{min(least, _MOST_TOLD):.2g} numbers, which is more than "
                f"{self._limits.grown_bytes >> 20} MiB."
            )
        if least > 1:
            self._least[node.output[0]] = least

    def _keep(self, node: onnx.NodeProto) -> None:
        for attribute in node.attribute:
            held = attribute.t if attribute.HasField("t") else attribute
            self._stored[node.output[0]] = held
            if isinstance(held, onnx.TensorProto):
                self._least[node.output[0]] = elements(held.dims, held.name)

    def _size(self, node: onnx.NodeProto) -> int:
        kind = node.op_type
        if kind in _KEEPS_SIZE:
            return self._of(node.input[:1])
        if kind in _WIDENS:
            return self._of(node.input)
        if kind == "Concat":
            return sum(self._least.get(name, 1) for name in node.input)
        rule = _RULES.get(kind)
        return rule(self, node) if rule else 1

    def _of(self, names: Iterable[str]) -> int:
        """The largest of some values; an empty one among them may make all empty."""
        sizes = [self._least.get(name, 1) for name in names if name]
        return max(sizes, default=1) if all(sizes) else 0

    def numbers(self, node: onnx.NodeProto, at: int, attribute: str = "") -> _Numbers:
        """A short constant that a node is given, all finite."""
        found = self._told(node, at, attribute)
        if len(found) > _MOST_NUMBERS:
            raise too_complex(f"{_title(node)} is given more than {_MOST_NUMBERS} numbers.")
        if not all(map(math.isfinite, found)):
            raise broken(f"{_title(node)} is given a number that is not finite.")
        return found

    def _told(self, node: onnx.NodeProto, at: int, attribute: str) -> _Numbers:
        """As an attribute or else an input; nothing where no file of sense has one."""
        for one in node.attribute:
            if attribute and one.name == attribute:
                return list(one.ints) or list(one.floats)
        held = self._stored.get(node.input[at]) if at < len(node.input) else None
        if isinstance(held, onnx.AttributeProto):
            return _spelt(held)
        if held is None or elements(held.dims, held.name) > _MOST_NUMBERS:
            return []
        return _read(held)

    def _trips(self, node: onnx.NodeProto) -> int | None:
        found = self.numbers(node, 0)
        return int(found[0]) if found else None

    def expanded(self, node: onnx.NodeProto) -> int:
        """Expand: the wider of value and shape."""
        return max(_product(self.numbers(node, 1)), self._of(node.input[:1]))

    def tiled(self, node: onnx.NodeProto) -> int:
        """Tile: every repeat is a copy."""
        return _product(self.numbers(node, 1)) * self._of(node.input[:1])

    def filled(self, node: onnx.NodeProto) -> int:
        """ConstantOfShape, and the random ones: the shape itself."""
        return _product(self.numbers(node, 0, "shape"))

    def counted(self, node: onnx.NodeProto) -> int:
        """Range: from start to limit in steps."""
        told = [self.numbers(node, at) for at in range(3)]
        if not all(told):
            return 1
        start, limit, step = (one[0] for one in told)
        if not step:
            raise broken(f"{_title(node)} has no end.")
        turns = (limit - start) / step  # of floats, infinite where they are far apart
        return math.ceil(min(max(turns, 0), _MOST_TOLD))

    def resized(self, node: onnx.NodeProto) -> int:
        """Resize and its forerunner: sizes, or scales of axes that are one long at least."""
        short = len(node.input) == 2  # noqa: PLR2004 - before opset 11: value and scales
        scales = self.numbers(node, 1 if short else 2, "scales")
        grown = math.prod(max(int(one), 1) for one in scales)
        return max(grown, _product(self.numbers(node, 3)))

    def padded(self, node: onnx.NodeProto) -> int:
        """Pad: both ends and the one that is at least between them."""
        pads = [int(one) for one in self.numbers(node, 1, "pads")]
        if any(abs(one) > self._limits.step for one in pads):
            raise broken(f"{_title(node)} has a number beyond {self._limits.step} in its 'pads'.")
        half = len(pads) // 2
        return math.prod(max(1 + a + b, 1) for a, b in zip(pads[:half], pads[half:], strict=False))

    def marked(self, node: onnx.NodeProto) -> int:
        """OneHot: as many numbers as classes."""
        return max(_product(self.numbers(node, 1)[:1]), 1)


_RULES: Final[Mapping[str, Callable[[Growth, onnx.NodeProto], int]]] = {
    "Expand": Growth.expanded,
    "Tile": Growth.tiled,
    "ConstantOfShape": Growth.filled,
    "RandomNormal": Growth.filled,
    "RandomUniform": Growth.filled,
    "Range": Growth.counted,
    "Resize": Growth.resized,
    "Upsample": Growth.resized,
    "Pad": Growth.padded,
    "OneHot": Growth.marked,
}


def _title(node: onnx.NodeProto) -> str:
    return f"The operator {shown(node.op_type)} '{shown(node.name or node.output[0])}'"


def _product(axes: Sequence[int | float]) -> int:
    """Of a shape; -1 stands for one that is as before."""
    return math.prod(int(one) if one >= 0 else 1 for one in axes)


def _spelt(held: onnx.AttributeProto) -> _Numbers:
    if held.ints or held.floats:
        return list(held.ints) or list(held.floats)
    return [held.f] if held.type == onnx.AttributeProto.FLOAT else [held.i]


def _read(tensor: onnx.TensorProto) -> _Numbers:
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, RuntimeError):
        return []
    if array.dtype.kind not in "iuf":
        return []
    kind = np.float64 if array.dtype.kind == "f" else array.dtype
    return array.astype(kind).ravel().tolist()
