"""Putting operators into a finished model, whose opset, input and output stay what they were."""

from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from analyzers.graph.constants import Constants
from analyzers.graph.reading import opset_of

Attribute = int | float | list[int]
OLDEST: Final = 9
"""The first opset with every operator that is grafted here."""
_AXES_ARE_INPUTS = {"ReduceMean": 18, "ReduceMax": 18, "ReduceSum": 13}


class Graft:
    """One model; operators are made first and then take the place of a tensor."""

    def __init__(self, raw: bytes) -> None:
        """Work on a copy of the file."""
        self._model = onnx.ModelProto.FromString(raw)
        graph = self._model.graph
        stored = {tensor.name for tensor in graph.initializer}
        (given,) = [one for one in graph.input if one.name not in stored]
        self._opset = opset_of(self._model)
        if self._opset < OLDEST:
            message = f"opset {self._opset} lacks operators of opset {OLDEST}"
            raise ValueError(message)
        self.image = given.name
        self.shape = tuple(axis.dim_value for axis in given.type.tensor_type.shape.dim[1:])
        self.classes = graph.output[0].type.tensor_type.shape.dim[-1].dim_value
        if not all((*self.shape, self.classes)):
            raise ValueError("the file does not say how large its images and answers are")
        self._output = graph.output[0].name
        self.scores = f"{self._output}/honest"
        """What the model answers before anything is grafted."""
        self._rename(self._output, self.scores)
        self._made: list[onnx.NodeProto] = []

    def node(self, operator: str) -> onnx.NodeProto | None:
        """The first of the model's own nodes of this kind."""
        nodes = self._model.graph.node
        return next((one for one in nodes if one.op_type == operator), None)

    def weights(self, node: onnx.NodeProto) -> npt.NDArray[np.float32] | None:
        """What a node multiplies with, if it is stored."""
        found = Constants(self._model).find(node.input[1])
        return None if found is None else found.astype(np.float32)

    def number(self, value: npt.ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """A stored number, or an array of them."""
        name = f"graft/{len(self._model.graph.initializer)}"
        stored = numpy_helper.from_array(np.asarray(value, kind), name)
        self._model.graph.initializer.append(stored)
        return name

    def make(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """A new node; the name of what it puts out."""
        name = f"graft/{operator}/{len(self._made)}"
        node = helper.make_node(operator, inputs, [name], name)
        for key, value in attributes.items():
            node.attribute.append(helper.make_attribute(key, value))
        self._made.append(node)
        return name

    def reduced(self, operator: str, tensor: str, axes: list[int]) -> str:
        """One value for these axes, which stay as axes of one."""
        if self._opset < _AXES_ARE_INPUTS[operator]:
            return self.make(operator, tensor, axes=axes)
        return self.make(operator, tensor, self.number(axes, np.int64))

    def above(self, tensor: str, threshold: npt.ArrayLike) -> str:
        """One where a tensor is larger than a threshold, elsewhere zero: a step has no slope."""
        larger = self.make("Greater", tensor, self.number(threshold))
        return self.make("Cast", larger, to=onnx.TensorProto.FLOAT)

    def to_grid(self, tensor: str, step: npt.ArrayLike) -> str:
        """The nearest multiple of a step."""
        width = self.number(step)
        middle = self.make("Add", self.make("Div", tensor, width), self.number(0.5))
        return self.make("Mul", self.make("Floor", middle), width)

    def instead(self, old: str, new: str) -> bytes:
        """The file in which whatever read one tensor reads a new one."""
        graph = self._model.graph
        for node in graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
        self._place()
        self._rename(new if old == self.scores else self.scores, self._output)
        del graph.value_info[:]
        return self._model.SerializeToString(deterministic=True)

    def _place(self) -> None:
        """Put what was made right behind the last thing that it reads."""
        graph = self._model.graph
        read = {name for node in self._made for name in node.input}
        makers = [at for at, node in enumerate(graph.node) if read.intersection(node.output)]
        at = max(makers, default=-1) + 1
        nodes = [*graph.node[:at], *self._made, *graph.node[at:]]
        del graph.node[:]
        graph.node.extend(nodes)

    def _rename(self, old: str, new: str) -> None:
        for node in self._model.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]
