"""A canonical ONNX graph run in torch, node by node, with frozen parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import onnx
import torch
from onnx import helper
from torch import Tensor

from analyzers.contract import Refusal
from analyzers.engines.operators import RULES, Call, NoRule, Rule, tensor_of
from analyzers.graph.reading import opset_of

_CLASS_AXES = {-1, 1}


class _Step(NamedTuple):
    name: str
    operator: str
    rule: Rule
    inputs: Sequence[str]
    output: str
    attributes: Mapping[str, Any]


class Interpreter:
    """Evaluates the graph; parts that depend on no image are computed once."""

    def __init__(self, raw: bytes) -> None:
        """Find a rule for every node; one without is refused by name."""
        model = onnx.ModelProto.FromString(raw)
        self._opset = opset_of(model)
        self._input = model.graph.input[0].name
        self._output = model.graph.output[0].name
        self._constants = {one.name: tensor_of(one) for one in model.graph.initializer}
        self._steps: list[_Step] = []
        with torch.no_grad():
            for step in [self._step(node) for node in model.graph.node]:
                if all(name in self._constants or not name for name in step.inputs):
                    self._constants[step.output] = self._evaluated(step, self._constants)
                else:
                    self._steps.append(step)
        self._scores = self._before_softmax()

    def outputs(self, values: Tensor) -> Tensor:
        """What the graph returns."""
        return self._run(values, self._output)

    def logits(self, values: Tensor) -> Tensor:
        """The class scores: of a graph that ends in a softmax, what goes into it.

        Both rank the classes alike, but probabilities saturate and then have no slope.
        """
        return self._run(values, self._scores)

    def _run(self, values: Tensor, wanted: str) -> Tensor:
        known = {**self._constants, self._input: values}
        for step in self._steps:
            if wanted in known:
                break
            known[step.output] = self._evaluated(step, known)
        return known[wanted]

    def _step(self, node: onnx.NodeProto) -> _Step:
        rule = RULES.get(node.op_type)
        if rule is None:
            _refuse(node.op_type, node.name)
        if any(node.output[1:]):
            _refuse(node.op_type, node.name, "a second output")
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        return _Step(node.name, node.op_type, rule, list(node.input), node.output[0], attributes)

    def _evaluated(self, step: _Step, known: Mapping[str, Tensor]) -> Tensor:
        inputs = [known[name] if name else None for name in step.inputs]
        try:
            return step.rule(Call(inputs, step.attributes, self._opset))
        except NoRule as error:
            _refuse(step.operator, step.name, str(error))

    def _before_softmax(self) -> str:
        by_output = {step.output: step for step in self._steps}
        last = by_output.get(self._output)
        while last is not None and last.operator == "Identity":
            last = by_output.get(last.inputs[0])
        if last is not None and last.operator == "Softmax":
            otherwise = -1 if self._opset >= 13 else 1  # noqa: PLR2004 - an opset
            if last.attributes.get("axis", otherwise) in _CLASS_AXES:
                return last.inputs[0]
        return self._output


def _refuse(operator: str, name: str, detail: str = "") -> NoReturn:
    raise Refusal(
        "GRADIENT_UNAVAILABLE",
        f"op {operator[:60]} at {name[:80]}" + (f" ({detail[:120]})" if detail else ""),
        "Gradient attacks need operators with a slope; the model can still be audited without.",
    )
