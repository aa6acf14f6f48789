"""Whole numbers in attributes: runtimes narrow some to 32 bits and divide by others unasked."""

from collections.abc import Callable, Mapping
from typing import Final

import onnx

from analyzers.graph.precheck.limits import Limits, broken, shown, too_complex
from analyzers.graph.precheck.places import OWN_DOMAINS

_ANY: Final = frozenset(
    {"starts", "ends", "start", "end", "value_int", "value_ints", "shape", "output_shape"}
)
"""Where the far end of 64 bits conventionally means ``to the end``, or a number is only data."""
_STEPS: Final = frozenset(
    {
        *("strides", "kernel_shape", "dilations", "blocksize", "group", "num_groups"),
        *("num_outputs", "hidden_size", "q_num_heads", "kv_num_heads"),
    }
)
_PADS: Final = frozenset({"pads", "paddings", "output_padding"})
_INT32: Final = 1 << 31


def check_attributes(node: onnx.NodeProto, limits: Limits) -> None:
    """Refuse numbers that no layer has; those of calls mean something only once written out."""
    if node.domain not in OWN_DOMAINS:
        return
    for attribute in node.attribute:
        numbers = (*attribute.ints, attribute.i)
        if attribute.name in _STEPS and attribute.type in _TYPES:
            numbers = _TYPES[attribute.type](attribute)
            if not all(1 <= one <= limits.step for one in numbers):
                raise _refused(node, attribute, f"outside 1 to {limits.step}")
        elif attribute.name in _PADS:
            if not all(-limits.step <= one <= limits.step for one in numbers):
                raise _refused(node, attribute, f"beyond {limits.step}")
        elif attribute.name not in _ANY and not all(-_INT32 <= one < _INT32 for one in numbers):
            raise _refused(node, attribute, "beyond 32 bits")


def _one(attribute: onnx.AttributeProto) -> tuple[int, ...]:
    return () if attribute.ref_attr_name else (attribute.i,)


def _many(attribute: onnx.AttributeProto) -> tuple[int, ...]:
    return tuple(attribute.ints)


_TYPES: Mapping[int, Callable[[onnx.AttributeProto], tuple[int, ...]]] = {
    onnx.AttributeProto.INT: _one,
    onnx.AttributeProto.INTS: _many,
}


def _refused(node: onnx.NodeProto, attribute: onnx.AttributeProto, how: str) -> Exception:
    title = shown(node.name or (node.output[0] if node.output else ""))
    return broken(
        f"The operator {shown(node.op_type)} '{title}' has a number {how} in its "
        f"'{shown(attribute.name)}'."
    )


def check_trips(node: onnx.NodeProto, trips: int | None, limits: Limits) -> None:
    """Refuse a loop that is told to turn for ever."""
    if trips is not None and trips > limits.trips:
        raise too_complex(
            f"The Loop '{shown(node.name)}' turns {trips} times; more than {limits.trips} are not "
            "taken."
        )
