"""One node with its inputs evaluated, as every rule gets it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Answer = Tensor | tuple[Tensor, ...]
Rule = Callable[["Call"], Answer]

_WIDENED = frozenset({torch.uint16, torch.uint32, torch.uint64})


class NoRule(Exception):  # noqa: N818 - says what is missing, like the refusal it becomes
    """This variant of an operator is not covered."""


@dataclass(frozen=True)
class Call:
    """One node with its inputs evaluated."""

    inputs: Sequence[Tensor | None]
    attributes: Mapping[str, Any]
    opset: int
    outputs: int = 1
    """How many outputs the node names."""

    def tensor(self, at: int) -> Tensor:
        """An input that must be there."""
        value = self.optional(at)
        if value is None:
            message = f"input {at} is absent"
            raise NoRule(message)
        return value

    def optional(self, at: int) -> Tensor | None:
        """An input that may be left out."""
        value = self.inputs[at] if at < len(self.inputs) else None
        # torch counts with unsigned numbers beyond 8 bits hardly at all
        return value.long() if value is not None and value.dtype in _WIDENED else value

    def dtype(self, at: int) -> torch.dtype | None:
        """The type of an input as it is stored."""
        value = self.inputs[at] if at < len(self.inputs) else None
        return None if value is None else value.dtype

    def present(self) -> list[Tensor]:
        """Every input that is there, on one device."""
        found = [self.tensor(at) for at, value in enumerate(self.inputs) if value is not None]
        device = next((one.device for one in found if one.device.type != "cpu"), None)
        return found if device is None else [one.to(device) for one in found]

    def number(self, name: str, otherwise: float) -> float:
        """A number attribute or its default."""
        return float(self.attributes.get(name, otherwise))

    def count(self, name: str, otherwise: int) -> int:
        """A whole-number attribute or its default; switches are 0 or 1."""
        return int(self.attributes.get(name, otherwise))

    def sizes(self, name: str, otherwise: list[int]) -> list[int]:
        """A list attribute or its default."""
        return list(self.attributes.get(name, otherwise))

    def word(self, name: str, otherwise: str) -> str:
        """A text attribute or its default."""
        return self.attributes.get(name, otherwise.encode()).decode()

    def whole(self, name: str, at: int) -> list[int] | None:
        """Whole numbers that older opsets give as an attribute and newer ones as an input."""
        if name in self.attributes:
            return list(self.attributes[name])
        value = self.optional(at)
        return None if value is None else whole_numbers(value)


def whole_numbers(values: Tensor) -> list[int]:
    """The numbers of a tensor of any shape, in order."""
    return [int(one) for one in floats(values)]


def floats(values: Tensor) -> list[float]:
    """The numbers of a tensor of any shape, in order; whole ones stay whole."""
    return values.detach().reshape(-1).tolist()  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]  # untyped in torch


def one(function: Callable[[Tensor], Tensor]) -> Rule:
    """A rule of one tensor."""
    return lambda call: function(call.tensor(0))


def two(function: Callable[[Tensor, Tensor], Tensor]) -> Rule:
    """A rule of two tensors."""

    def rule(call: Call) -> Tensor:
        left, right = call.present()
        return function(left, right)

    return rule


def joined(families: Iterable[Mapping[str, Rule]]) -> dict[str, Rule]:
    """All rules of some families; no operator has two."""
    found: dict[str, Rule] = {}
    for family in families:
        twice = found.keys() & family.keys()
        if twice:
            message = f"two rules for {sorted(twice)}"
            raise ValueError(message)
        found.update(family)
    return found
