"""What the functions of a file amount to once every call is written out, without writing any."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import onnx

from analyzers.graph.precheck.limits import Limits, broken, shown, too_complex
from analyzers.graph.precheck.places import OWN_DOMAINS, nodes_in

Key = tuple[str, str, str]


class _Cost(NamedTuple):
    """Of one call, everything inside written out."""

    nodes: int
    size: int
    depth: int


def function_key(one: onnx.NodeProto | onnx.FunctionProto) -> Key:
    """What a call and a function know each other by."""
    name = one.op_type if isinstance(one, onnx.NodeProto) else one.name
    return "" if one.domain in OWN_DOMAINS else one.domain, name, one.overload


def check_functions(model: onnx.ModelProto, limits: Limits) -> None:
    """Refuse recursion, deep calls, and calls that multiply beyond all measure."""
    functions = {function_key(one): one for one in model.functions}
    if len(functions) < len(model.functions):
        raise broken("The model defines a function twice.")
    if not functions:
        return
    costs = _Costs(functions, _largest_argument(model, functions), limits)
    for key in functions:
        costs.of(key)
    costs.written_out(model.graph.node, 0, "The model")


def _largest_argument(model: onnx.ModelProto, functions: Mapping[Key, onnx.FunctionProto]) -> int:
    """Bytes of the largest attribute that a call hands over: each mention of it is a copy."""
    lists = [model.graph.node, *(one.node for one in functions.values())]
    handed = (
        attribute.ByteSize()
        for nodes in lists
        for node in nodes_in(nodes)
        if function_key(node) in functions
        for attribute in node.attribute
    )
    own = (one.ByteSize() for function in functions.values() for one in function.attribute_proto)
    return max((*handed, *own), default=0)


class _Costs:
    """Each function is looked at once, so the walk is as long as the file."""

    def __init__(
        self, functions: Mapping[Key, onnx.FunctionProto], argument: int, limits: Limits
    ) -> None:
        """Know no cost yet."""
        self._functions, self._argument, self._limits = functions, argument, limits
        self._known: dict[Key, _Cost] = {}
        self._open: list[Key] = []

    def of(self, key: Key) -> _Cost:
        """What a call of a function costs."""
        if key in self._known:
            return self._known[key]
        if key in self._open:
            raise broken(f"The function '{shown(key[1])}' of the model calls itself.")
        if len(self._open) >= self._limits.call_depth:
            raise self._too_deep()
        self._open.append(key)
        function = self._functions[key]
        own = function.ByteSize()
        cost = self.written_out(function.node, own, f"The function '{shown(key[1])}'")
        self._open.pop()
        if cost.depth > self._limits.call_depth:
            raise self._too_deep()
        self._known[key] = cost
        return cost

    def written_out(self, nodes: Iterable[onnx.NodeProto], size: int, whose: str) -> _Cost:
        """What a list of nodes becomes."""
        count = depth = 0
        for node in nodes_in(nodes):
            key = function_key(node)
            mentions = sum(1 for one in node.attribute if one.ref_attr_name)
            size += mentions * self._argument
            inner = self.of(key) if key in self._functions else _Cost(1, 0, 0)
            count += inner.nodes
            size += inner.size
            depth = max(depth, inner.depth)
        if count > self._limits.expanded_nodes or size > self._limits.expanded_bytes:
            raise too_complex(
                f"{whose} calls functions that call functions; written out, that is more than "
                f"{self._limits.expanded_nodes} operators or {self._limits.expanded_bytes} bytes."
            )
        return _Cost(count, size, depth + 1)

    def _too_deep(self) -> Exception:
        return too_complex(
            f"Functions of the model call each other more than {self._limits.call_depth} deep."
        )
