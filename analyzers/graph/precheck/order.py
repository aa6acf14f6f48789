"""Every node of a graph in turn: names, numbers, growth, and nothing read before it is made."""

from collections.abc import Iterable, Sequence

import onnx

from analyzers.graph.precheck.attributes import check_attributes
from analyzers.graph.precheck.growth import Growth
from analyzers.graph.precheck.limits import Limits, broken, shown
from analyzers.graph.precheck.names import check_name
from analyzers.graph.precheck.places import graphs_in


def check_graph(graph: onnx.GraphProto, limits: Limits, known: set[str] | None = None) -> None:
    """Check a graph and, below it, the graphs that its nodes hold; they see its values."""
    known = set() if known is None else known
    taken = [one.name for one in graph.input]
    stored = [one.name for one in graph.initializer]
    stored.extend(one.values.name for one in graph.sparse_initializer)
    _once(taken, "input", limits)
    _once(stored, "stored tensor", limits)
    for value in (*graph.output, *graph.value_info):
        check_name(value.name, "a value", limits)
    growth = Growth(limits)
    growth.begin(graph)
    own = {*taken, *stored} - known
    known |= own
    known -= own | _nodes(graph.node, known, growth=growth, limits=limits)


def check_body(function: onnx.FunctionProto, limits: Limits) -> None:
    """Check the nodes of a function, which see its inputs only."""
    for name in (function.name, function.domain, *function.attribute):
        check_name(name, "a function", limits)
    _once(function.input, "input", limits)
    _nodes(function.node, set(function.input), growth=Growth(limits), limits=limits)


def _once(names: Sequence[str], what: str, limits: Limits) -> None:
    seen = set[str]()
    for name in names:
        check_name(name, f"an {what}" if what == "input" else f"a {what}", limits)
        if name in seen:
            raise broken(f"The model has two of its {what}s named '{shown(name)}'.")
        seen.add(name)


def _nodes(
    nodes: Iterable[onnx.NodeProto], known: set[str], *, growth: Growth, limits: Limits
) -> set[str]:
    """Check nodes in their order; ``known`` grows by what they make, which is handed back."""
    made = set[str]()
    for node in nodes:
        for text in (node.name, node.op_type, node.domain, node.overload):
            check_name(text, "an operator", limits)
        _check_inputs(node, known, limits)
        _check_attributes(node, limits)
        growth.take(node)
        for graph in graphs_in(node):
            check_graph(graph, limits, known)
        for name in filter(None, node.output):
            check_name(name, "a value", limits)
            if name in known:
                raise broken(f"The value '{shown(name)}' is made twice.")
            known.add(name)
            made.add(name)
    return made


def _check_inputs(node: onnx.NodeProto, known: set[str], limits: Limits) -> None:
    for name in node.input:
        if name and name not in known:
            check_name(name, "a value", limits)
            raise broken(
                f"The operator {shown(node.op_type)} '{shown(node.name)}' reads '{shown(name)}' "
                "before anything makes it."
            )


def _check_attributes(node: onnx.NodeProto, limits: Limits) -> None:
    for attribute in node.attribute:
        check_name(attribute.name, "an attribute", limits)
        check_name(attribute.ref_attr_name, "an attribute", limits)
    check_attributes(node, limits)
