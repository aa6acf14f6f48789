"""Who makes and who reads each tensor of a graph, and which tensors the image decides."""

from collections import defaultdict
from collections.abc import Sequence

import onnx

from analyzers.graph.constants import Constants


class Wiring:
    """One graph, looked up by tensor. Nodes must stand in an order in which they can run."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Walk the graph once."""
        self.nodes: Sequence[onnx.NodeProto] = list(model.graph.node)
        self.constants = Constants(model)
        self.producers = {name: node for node in self.nodes for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        stored = {tensor.name for tensor in model.graph.initializer}
        self._moving = {one.name for one in model.graph.input} - stored
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                self.readers[name].append(node)
            # A shape depends on the number of images alone.
            if node.op_type not in {"Shape", "Size"} and self.moving(node):
                self._moving.update(name for name in node.output if name)

    def moving(self, node: onnx.NodeProto) -> list[str]:
        """The inputs of a node that depend on the image."""
        return [name for name in node.input if name in self._moving]

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The node that reads a tensor, when there is exactly one."""
        found = self.readers[name]
        return found[0] if len(found) == 1 else None
