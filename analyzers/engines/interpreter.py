"""A canonical ONNX graph run in torch, with frozen parameters."""

import onnx
import torch
from torch import Tensor

from analyzers.engines.operators.stored import HALVES, TYPES
from analyzers.engines.operators.straight_through import whole_within
from analyzers.engines.program import Program
from analyzers.graph.reading import opset_of


class Interpreter:
    """Evaluates the graph; parts that depend on no image are computed once."""

    def __init__(self, raw: bytes, device: str = "cpu") -> None:
        """Find a rule for every node; one without is refused by name."""
        model = onnx.ModelProto.FromString(raw)
        self._input = model.graph.input[0].name
        self._output = model.graph.output[0].name
        self._element = model.graph.input[0].type.tensor_type.elem_type
        self._program = Program.of(model.graph, opset_of(model), device)

    @property
    def twin(self) -> str:
        """Why the slopes are not the file's own (its first such operator); empty when they are."""
        if self._whole is not None:
            return "whole-number input"
        return self._program.twin() or ("half-precision input" if self._element in HALVES else "")

    def logits(self, values: Tensor) -> Tensor:
        """What the graph returns; a canonical graph returns its class scores."""
        return self.logits_and(values)[0]

    def logits_and(self, values: Tensor, *names: str) -> list[Tensor]:
        """The same with further outputs of the graph."""
        if self._whole is not None:
            values = whole_within(values, self._whole)
        return self._program.run({self._input: values}, [self._output, *names])

    @property
    def _whole(self) -> torch.dtype | None:
        """The type of the input where the file takes whole numbers."""
        dtype = TYPES.get(self._element)
        return None if dtype is None or dtype.is_floating_point else dtype
