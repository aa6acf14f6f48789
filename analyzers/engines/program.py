"""An ONNX graph as a list of steps in torch, each freed of what no later step reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import onnx
import torch
from onnx import helper
from torch import Tensor

from analyzers.contract import Refusal
from analyzers.engines.operators import HALVES, ROUNDING, RULES, Call, NoRule, Rule, tensor_of

_CASTS = frozenset({"Cast", "CastLike"})


@dataclass(frozen=True)
class Step:
    """One node and its rule."""

    name: str
    operator: str
    rule: Rule
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any]

    @property
    def halves(self) -> bool:
        """Whether it casts to half precision."""
        return self.operator == "Cast" and self.attributes["to"] in HALVES


@dataclass
class Program:
    """The steps that depend on what is given; everything else is computed once."""

    opset: int
    constants: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    steps: list[Step] = field(default_factory=list[Step])
    half: set[str] = field(default_factory=set[str])
    """Constants stored in half precision, and what was made of them."""

    @classmethod
    def of(cls, graph: onnx.GraphProto, opset: int, device: str = "cpu") -> "Program":
        """Find a rule for every node; one without is refused by name."""
        program = cls(opset)
        steps = [_step(node) for node in graph.node]
        with torch.no_grad():
            program._store(graph.initializer, steps)
            for step in steps:
                if all(name in program.constants or not name for name in step.inputs):
                    program._fold(step)
                else:
                    program.steps.append(step)
        program._tidy({one.name for one in graph.output}, device)
        return program

    def run(self, given: Mapping[str, Tensor], wanted: Sequence[str]) -> list[Tensor]:
        """Evaluate every step, and keep the values wanted."""
        known = dict(given)
        for at, step in enumerate(self.steps):
            known.update(self._evaluated(step, known))
            for name in self._last.get(at, ()):
                if name not in wanted:
                    known.pop(name, None)
        return [known[name] if name in known else self.constants[name] for name in wanted]

    def twin(self) -> str:
        """Why the slopes are not the file's own, by the first step that makes it so; or empty."""
        for step in self.steps:
            if step.operator in ROUNDING:
                return f"rounding: op {step.operator} at {step.name}"
            if step.halves or self.half.intersection(step.inputs):
                return f"half precision: op {step.operator} at {step.name}"
        return ""

    @cached_property
    def _last(self) -> dict[int, list[str]]:
        """For every step the names that nobody reads after it."""
        last: dict[str, int] = {}
        for at, step in enumerate(self.steps):
            last.update(dict.fromkeys((*step.outputs, *step.inputs), at))
        found: dict[int, list[str]] = {}
        for name, at in last.items():
            found.setdefault(at, []).append(name)
        return found

    def _store(self, stored: Iterable[onnx.TensorProto], steps: Sequence[Step]) -> None:
        for one in stored:
            try:
                self.constants[one.name] = tensor_of(one)
            except NoRule as error:
                _refuse(next(step for step in steps if one.name in step.inputs), str(error))
            if one.data_type in HALVES:
                self.half.add(one.name)

    def _fold(self, step: Step) -> None:
        self.constants.update(self._evaluated(step, {}))
        value = step.attributes.get("value")
        halves = isinstance(value, onnx.TensorProto) and value.data_type in HALVES
        passes = step.operator not in _CASTS and self.half.intersection(step.inputs)
        if halves or step.halves or passes:
            self.half.update(step.outputs)

    def _tidy(self, outputs: set[str], device: str) -> None:
        read = outputs.union(*(step.inputs for step in self.steps))
        kept = {name: value for name, value in self.constants.items() if name in read}
        self.constants = {
            name: value.to(device) if value.is_floating_point() else value
            for name, value in kept.items()
        }

    def _evaluated(self, step: Step, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
        inputs = [
            (known[name] if name in known else self.constants[name]) if name else None
            for name in step.inputs
        ]
        try:
            call = Call(inputs, step.attributes, self.opset, outputs=len(step.outputs))
            found = step.rule(call)
        except NoRule as error:
            _refuse(step, str(error))
        answers = found if isinstance(found, tuple) else (found,)
        if len(answers) < len(step.outputs):
            _refuse(step, f"output {len(answers)}")
        return {name: one for name, one in zip(step.outputs, answers, strict=False) if name}


def _step(node: onnx.NodeProto) -> Step:
    rule = RULES.get(node.op_type)
    if rule is None:
        refuse(node.op_type, node.name)
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    outputs = list(node.output)
    return Step(node.name, node.op_type, rule, list(node.input), outputs, attributes)


def _refuse(step: Step, detail: str) -> NoReturn:
    refuse(step.operator, step.name, detail)


def refuse(operator: str, name: str, detail: str = "") -> NoReturn:
    """Gradients end here; the audit does not."""
    raise Refusal(
        "GRADIENT_UNAVAILABLE",
        f"op {operator[:60]} at {name[:80]}" + (f" ({detail[:120]})" if detail else ""),
        "Gradient attacks need operators with a slope; the model can still be audited without.",
    )
