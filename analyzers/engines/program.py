"""An ONNX graph as a list of steps in torch, each freed of what no later step reads."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import onnx
import torch
from onnx import TensorProto
from torch import Tensor

from analyzers.engines.fusing import fused
from analyzers.engines.operators import HALVES, ROUNDING, NoRule, tensor_of
from analyzers.engines.steady import steady
from analyzers.engines.steps import Step
from analyzers.engines.workbench import Workbench

_CASTS = frozenset({"Cast", "CastLike"})
_MOST_OCCASIONS = 8
"""Whose sizes are remembered; an engine has two or three."""

_Occasion = tuple[object, ...]
"""What the values of one run that depend on no pixel depend on."""
_Schedule = list[tuple[Step, list[str]]]
"""Steps, each with the names that nobody reads after it."""


@dataclass
class Program:
    """The steps that depend on what is given; everything else is computed once."""

    opset: int
    constants: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    steps: list[Step] = field(default_factory=list[Step])
    half: set[str] = field(default_factory=set[str])
    """Constants stored in half precision, and what was made of them."""
    _sizes: dict[_Occasion, Mapping[str, Tensor]] = field(
        default_factory=dict[_Occasion, Mapping[str, Tensor]], init=False
    )
    """What the shapes given decide alone: arithmetic of sizes, done once an occasion."""

    @classmethod
    def of(cls, graph: onnx.GraphProto, opset: int, device: str = "cpu") -> "Program":
        """Find a rule for every node; one without is refused by name."""
        program = cls(opset)
        steps = [Step.of(node) for node in graph.node]
        outputs = {one.name for one in graph.output}
        with torch.no_grad():
            program._store(graph.initializer, steps)
            for step in steps:
                if all(name in program.constants or not name for name in step.inputs):
                    program._fold(step)
                else:
                    program.steps.append(step)
            bench = Workbench(program.steps, program.constants, outputs, half=program.half)
            program.steps = fused(bench, opset, device)
        program._tidy(outputs, device)
        return program

    def run(self, given: Mapping[str, Tensor], wanted: Sequence[str]) -> list[Tensor]:
        """Evaluate every step, and keep the values wanted."""
        shapes = ((name, tuple(value.shape)) for name, value in given.items())
        occasion = (*wanted, *map(torch.is_autocast_enabled, ("cpu", "cuda")), *shapes)
        sizes = self._sizes.get(occasion)
        if sizes is None:
            return self._first_run(occasion, given, wanted)
        known = {**self.constants, **given, **sizes}
        for step, done in self._moving:
            known.update(self._evaluated(step, known))
            _free(known, done, wanted)
        return [known[name] for name in wanted]

    def twin(self) -> str:
        """Why the slopes are not the file's own, by the first step that makes it so; or empty."""
        for step in self.steps:
            if step.operator in ROUNDING:
                return f"rounding: op {step.operator} at {step.name}"
            if step.halves or self.half.intersection(step.inputs):
                return f"half precision: op {step.operator} at {step.name}"
        return ""

    def _first_run(
        self, occasion: _Occasion, given: Mapping[str, Tensor], wanted: Sequence[str]
    ) -> list[Tensor]:
        """Evaluate every step, and remember for the next run what no pixel moves."""
        known = {**self.constants, **given}
        sizes: dict[str, Tensor] = {}
        for step, done in _schedule(self.steps, self.constants):
            if self._is_steady(step):
                # whichever mode comes first, the values serve in every one
                with torch.inference_mode(mode=False), torch.no_grad():
                    found = self._evaluated(step, known)
                sizes.update(found)
            else:
                found = self._evaluated(step, known)
            known.update(found)
            _free(known, done, wanted)
        if len(self._sizes) >= _MOST_OCCASIONS:
            self._sizes.clear()
        read = set(wanted).union(*(step.inputs for step, _ in self._moving))
        self._sizes[occasion] = {name: sizes[name] for name in sizes.keys() & read}
        return [known[name] for name in wanted]

    @cached_property
    def _steady(self) -> frozenset[str]:
        return steady(self.steps, self.constants)

    def _is_steady(self, step: Step) -> bool:
        return not self._steady.isdisjoint(step.outputs)

    @cached_property
    def _moving(self) -> _Schedule:
        """The steps that are left once the sizes are known."""
        steps = [step for step in self.steps if not self._is_steady(step)]
        return _schedule(steps, self.constants)

    def _store(self, stored: Iterable[onnx.TensorProto], steps: Sequence[Step]) -> None:
        for one in stored:
            try:
                self.constants[one.name] = tensor_of(one)
            except NoRule as error:
                next(step for step in steps if one.name in step.inputs).refuse(str(error))
            if one.data_type in HALVES:
                self.half.add(one.name)

    def _fold(self, step: Step) -> None:
        self.constants.update(self._evaluated(step, self.constants))
        value = step.attributes.get("value")
        halves = isinstance(value, TensorProto) and value.data_type in HALVES
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

    def _evaluated(self, step: Step, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return step.answers([known[name] if name else None for name in step.inputs], self.opset)


def _schedule(steps: Sequence[Step], constants: Collection[str]) -> _Schedule:
    last: dict[str, int] = {}
    for at, step in enumerate(steps):
        last.update(dict.fromkeys((*step.outputs, *step.inputs), at))
    done: list[list[str]] = [[] for _ in steps]
    for name, at in last.items():
        if name not in constants:
            done[at].append(name)
    return list(zip(steps, done, strict=True))


def _free(known: dict[str, Tensor], done: Iterable[str], wanted: Collection[str]) -> None:
    for name in done:
        if name not in wanted:
            known.pop(name, None)
