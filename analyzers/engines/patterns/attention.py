"""Softmax of a product of queries and keys, times values: attention without its square table.

Vaswani et al. (2017), "Attention is all you need".
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call
from analyzers.engines.steps import Step
from analyzers.engines.workbench import Found, Workbench

_AXES: Final = 4
"""Pictures, heads, places, features; torch has no faster way for other numbers of axes."""
_LAST: Final = (-1, _AXES - 1)

_ONE_AXIS: Final = 13
"""The opset from which on a softmax takes the last axis unless told."""


class _Side(NamedTuple):
    """A value behind the numbers that it is multiplied with."""

    name: str
    by: list[str]
    over: list[str]
    gone: list[Step]


@dataclass(frozen=True)
class Attention:
    """The pattern; its scale is made of constants and of sizes, which no pixel moves."""

    opset: int
    sizes: Collection[str]

    def __call__(self, bench: Workbench, step: Step) -> Found | None:
        """By the product with the values."""
        softmax = bench.private(step.inputs[0], "Softmax") if step.operator == "MatMul" else None
        if softmax is None or self._axis(softmax) not in _LAST:
            return None
        scores = self._bare(bench, softmax.inputs[0])
        product = bench.private(scores.name, "MatMul")
        if product is None:
            return None
        query, key = (self._bare(bench, name) for name in product.inputs)
        sides = (scores, query, key)
        gone = [softmax, product, *(one for side in sides for one in side.gone)]
        by = [name for side in sides for name in side.by]
        over = [name for side in sides for name in side.over]
        inputs = [query.name, key.name, step.inputs[1], *by, *over]
        written = sorted((step, *gone), key=bench.place)
        rule = _Fused(written, inputs, len(by), self.opset)
        return Found(Step(step.name, "MatMul", rule, inputs, step.outputs, {}), gone)

    def _axis(self, softmax: Step) -> int:
        return softmax.attributes.get("axis", -1 if self.opset >= _ONE_AXIS else 1)

    def _bare(self, bench: Workbench, name: str) -> _Side:
        """The value before it was scaled; scales that are no single number show when it runs."""
        by: list[str] = []
        over: list[str] = []
        gone: list[Step] = []
        while (step := bench.private(name, "Mul", "Div")) is not None:
            at = next((at for at, one in enumerate(step.inputs) if self._still(bench, one)), None)
            if at is None or (step.operator == "Div" and at == 0):
                break
            (over if step.operator == "Div" else by).append(step.inputs[at])
            gone.append(step)
            name = step.inputs[1 - at]
        return _Side(name, by, over, gone)

    def _still(self, bench: Workbench, name: str) -> bool:
        return name in self.sizes or bench.number(name) is not None


@dataclass(frozen=True)
class _Fused:
    """The rule: fused where the tensors are as torch wants them, else step by step as written."""

    written: Sequence[Step]
    names: Sequence[str]
    factors: int
    opset: int

    def __call__(self, call: Call) -> Tensor:
        query, key, value, *scales = call.present()
        scale = self._scale(scales)
        if scale is None or not _fits(query, key, value):
            return self._as_written(call)
        turned = key.transpose(-1, -2)
        return functional.scaled_dot_product_attention(query, turned, value, scale=scale)

    def _scale(self, scales: Sequence[Tensor]) -> float | None:
        if any(one.numel() != 1 or one.ndim > _AXES for one in scales):
            return None
        numbers = [float(one) for one in scales]
        over = math.prod(numbers[self.factors :])
        scale = math.prod(numbers[: self.factors]) / over if over else math.inf
        return scale if 0.0 < scale < math.inf else None

    def _as_written(self, call: Call) -> Tensor:
        known = dict(zip(self.names, call.inputs, strict=True))
        found: Mapping[str, Tensor] = {}
        for step in self.written:
            found = step.answers([known[name] for name in step.inputs], self.opset)
            known.update(found)
        return next(iter(found.values()))


def _fits(query: Tensor, key: Tensor, value: Tensor) -> bool:
    if not query.ndim == key.ndim == value.ndim == _AXES:
        return False
    alike = query.shape[:2] == key.shape[:2] == value.shape[:2]
    return alike and query.is_floating_point() and query.dtype == key.dtype == value.dtype
