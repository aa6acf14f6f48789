"""Graphs in graphs and functions in functions: what multiplies, nests or never ends."""

from collections.abc import Callable
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tools.fuzz.draws import Draw


def _value(name: str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, None)


def _in_the_way(model: onnx.ModelProto, node: onnx.NodeProto) -> None:
    """Put a node that makes ``wrapped`` between the image and whoever reads it."""
    for one in model.graph.node:
        one.input[:] = ["wrapped" if name == "image" else name for name in one.input]
    model.graph.node.insert(0, node)


def nested(model: onnx.ModelProto, draw: Draw) -> None:
    """Branches in branches."""
    yes = numpy_helper.from_array(np.array(draw.chance(0.5)), "yes")
    model.graph.initializer.append(yes)
    body = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["out"])], "b", [], [_value("out")]
    )
    for _ in range(draw.pick((1, 2, 5, 12, 24))):
        wrapped = helper.make_node("If", ["yes"], ["out"], then_branch=body, else_branch=body)
        if wrapped.ByteSize() > 1 << 19:
            break
        body = helper.make_graph([wrapped], "b", [], [_value("out")])
    outer = helper.make_node("If", ["yes"], ["wrapped"], then_branch=body, else_branch=body)
    _in_the_way(model, outer)


def looped(model: onnx.ModelProto, draw: Draw) -> None:
    """A loop of odd length, whose body may grow what it carries."""
    trips = max(-(2**63), min(2**63 - 1, draw.number()))
    model.graph.initializer.append(numpy_helper.from_array(np.array(trips), "trips"))
    step = draw.pick((["Identity", "x"], ["Add", "x", "x"], ["Concat", "x", "x"]))
    nodes = [
        helper.make_node("Identity", ["go"], ["still"]),
        helper.make_node(step[0], step[1:], ["y"]),
    ]
    if step[0] == "Concat":
        nodes[1].attribute.append(helper.make_attribute("axis", 0))
    given = [_value("i", TensorProto.INT64), _value("go", TensorProto.BOOL), _value("x")]
    body = helper.make_graph(nodes, "body", given, [_value("still", TensorProto.BOOL), _value("y")])
    loop = helper.make_node("Loop", ["trips", "", "image"], ["wrapped"], body=body)
    _in_the_way(model, loop)


def called(model: onnx.ModelProto, draw: Draw) -> None:
    """Functions that call each other: in a chain, twice each, in a circle, or unknown ones."""
    depth, twice = draw.pick((1, 3, 12, 40)), draw.chance(0.5)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    last = draw.pick(("Relu", "F0", "Unknown"))
    for level in range(depth):
        name = f"F{level + 1}" if level + 1 < depth else last
        domain = "" if name == "Relu" else "own"
        nodes = [helper.make_node(name, ["x"], ["z"], domain=domain)]
        nodes.append(helper.make_node(name if twice else "Identity", ["z"], ["y"], domain=domain))
        model.functions.append(
            helper.make_function("own", f"F{level}", ["x"], ["y"], nodes, opsets)
        )
    model.opset_import.add(domain="own", version=1)
    _in_the_way(model, helper.make_node("F0", ["image"], ["wrapped"], domain="own"))


def function_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """A function whose names, ends or versions do not fit its calls."""
    if not model.functions:
        called(model, draw)
    one = draw.pick(model.functions)
    if draw.chance(0.3):
        one.name, one.domain = draw.pick((draw.name(), "Relu")), draw.pick(("", "own", draw.name()))
    elif draw.chance(0.4):
        side = one.input if draw.chance(0.5) else one.output
        side.append(draw.pick(("x", "y", draw.name())))
    elif draw.chance(0.5):
        del one.opset_import[:]
        one.opset_import.add(domain="", version=max(-(2**63), min(2**63 - 1, draw.number())))
    else:
        one.attribute.append(draw.name())
        model.functions.add().CopyFrom(one)


def doubled(model: onnx.ModelProto, draw: Draw) -> None:
    """A value that doubles with every node."""
    count = draw.pick((3, 8, 14, 30, 45))
    nodes = [
        helper.make_node("Concat", [f"d{at}", f"d{at}"], [f"d{at + 1}"], axis=draw.below(4))
        for at in range(count)
    ]
    first = helper.make_node("Identity", ["image"], ["d0"])
    last = helper.make_node("Identity", [f"d{count}"], ["wrapped"])
    _in_the_way(model, last)
    for node in reversed([first, *nodes]):
        model.graph.node.insert(0, node)


CHANGES: Final[tuple[Callable[[onnx.ModelProto, Draw], None], ...]] = (
    *(nested, looped, called, function_changed, doubled),
)
