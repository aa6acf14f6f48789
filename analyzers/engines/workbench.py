"""The steps of a program while some are being replaced, with who makes and who reads each name."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from torch import Tensor

from analyzers.engines.steps import Step


class Found(NamedTuple):
    """A pattern: what stands for it, and what it makes superfluous."""

    step: Step
    gone: Sequence[Step]


class Scaled(NamedTuple):
    """A value times a number."""

    name: str
    factor: float
    rank: int
    """Axes of the constant that is the number."""


class Workbench:
    """Steps in order; a replacement stands where the last of the replaced steps stood."""

    def __init__(
        self,
        steps: Sequence[Step],
        constants: dict[str, Tensor],
        outputs: Collection[str],
        *,
        half: Collection[str] = (),
    ) -> None:
        """``constants`` is added to; those stored in ``half`` precision belong to no pattern."""
        self.constants = constants
        self._half = half
        self._outputs = frozenset(outputs)
        self._steps: dict[int, Step] = dict(enumerate(steps))
        self._makers = {name: at for at, step in enumerate(steps) for name in step.outputs if name}
        self._reading: dict[str, list[int]] = {}
        for at, step in enumerate(steps):
            for name in dict.fromkeys(step.inputs):
                self._reading.setdefault(name, []).append(at)
        self._readers = Counter(name for step in steps for name in step.inputs)
        self._names = Counter(name for step in steps for name in step.outputs if name)

    @property
    def steps(self) -> list[Step]:
        """What is there now."""
        return list(self._steps.values())

    @property
    def single(self) -> bool:
        """Whether every name means one thing only, as the format demands."""
        twice = any(count > 1 for count in self._names.values())
        return not twice and self._names.keys().isdisjoint(self.constants)

    def places(self) -> Iterator[int]:
        """Every place where there still is a step when its turn comes."""
        for at in list(self._steps):
            if at in self._steps:
                yield at

    def __getitem__(self, at: int) -> Step:
        """The step of a place."""
        return self._steps[at]

    def private(self, name: str, *operators: str) -> Step | None:
        """What makes a value, if it makes nothing else and one step alone reads it once."""
        step = self._steps[self._makers[name]] if name in self._makers else None
        alone = self._readers[name] == 1 and name not in self._outputs
        if step is None or not alone or step.operator not in operators or len(step.outputs) != 1:
            return None
        return step

    def readers(self, name: str) -> int:
        """How many inputs of steps a value is."""
        return self._readers[name]

    def reading(self, name: str, operator: str) -> list[Step]:
        """The steps of one operator whose first input a value is, in order."""
        steps = [self._steps[at] for at in self._reading.get(name, ()) if at in self._steps]
        return [one for one in steps if one.operator == operator and one.inputs[0] == name]

    def place(self, step: Step) -> int:
        """Where a step stands."""
        return self._makers[step.outputs[0]]

    def constant(self, name: str) -> Tensor | None:
        """A constant of real numbers that are not a half's."""
        value = self.constants.get(name)
        if value is None or name in self._half or not value.is_floating_point():
            return None
        return value

    def number(self, name: str) -> float | None:
        """A constant that is one number."""
        value = self.constant(name)
        return float(value) if value is not None and value.numel() == 1 else None

    def scaled(self, step: Step) -> Scaled | None:
        """A product with one number, or a quotient by one."""
        if step.operator == "Mul":
            for name, other in (step.inputs, step.inputs[::-1]):
                number = self.number(other)
                if number is not None:
                    return Scaled(name, number, self.constants[other].ndim)
        if step.operator == "Div":
            name, other = step.inputs
            number = self.number(other)
            if number:
                return Scaled(name, 1.0 / number, self.constants[other].ndim)
        return None

    def keep(self, name: str, value: Tensor) -> str:
        """Another constant, under a name that nobody has."""
        while name in self.constants or name in self._readers or name in self._makers:
            name += "'"
        self.constants[name] = value
        return name

    def replace(self, at: int, step: Step, gone: Iterable[Step]) -> None:
        """Put a step in a place; nobody but it reads what those that are gone made."""
        for one in (self._steps[at], *gone):
            self._readers.subtract(one.inputs)
            for name in one.outputs:
                place = self._makers.pop(name, at)
                if place != at:
                    self._steps.pop(place, None)
        self._steps[at] = step
        self._readers.update(step.inputs)
        self._makers.update((name, at) for name in step.outputs if name)


Pattern = Callable[[Workbench, Step], Found | None]
"""Recognised by its last step."""
