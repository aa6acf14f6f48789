"""Slices that lie side by side, cut in one go: each cut alone has a slope as large as the whole."""

import itertools
from typing import Final, NamedTuple

from torch import Tensor

from analyzers.engines.operators.call import Call, Rule, whole_numbers
from analyzers.engines.operators.shapes import split
from analyzers.engines.steps import Step
from analyzers.engines.workbench import Found, Workbench

_MOST: Final = 64
"""Readers of one value that are looked at."""
_WHOLE: Final = 3
"""Starts, ends and axes; a step other than one is no part."""


class _Cut(NamedTuple):
    """Where a slice begins and ends along its only axis."""

    axis: int
    start: int
    end: int
    output: str


def parts(bench: Workbench, step: Step) -> Found | None:
    """All slices of one value along one axis that follow each other; by the first of them."""
    if step.operator != "Slice" or not 1 < bench.readers(step.inputs[0]) <= _MOST:
        return None
    slices = bench.reading(step.inputs[0], "Slice")
    found = [_cut(bench, one) for one in slices]
    cuts = sorted(one for one in found if one is not None)
    if len(cuts) < max(2, len(found)) or len({one.axis for one in cuts}) > 1 or cuts[0].start:
        return None
    if any(one.end != other.start for one, other in itertools.pairwise(cuts)):
        return None
    outputs = [one.output for one in cuts]
    rule = _rule(cuts[0].axis, [one.end for one in cuts])
    gone = [one for one in slices if one is not step]
    return Found(Step(step.name, "Split", rule, step.inputs[:1], outputs, {}), gone)


def _cut(bench: Workbench, step: Step) -> _Cut | None:
    """A slice of neighbouring entries between two constants that count from the front."""
    told = [bench.constants.get(name) for name in step.inputs[1:]]
    numbers = [whole_numbers(one) for one in told if one is not None]
    if len(numbers) < max(_WHOLE, len(told)) or any(len(one) != 1 for one in numbers):
        return None
    (start,), (end,), (axis,), *steps = numbers
    if not 0 <= start < end or steps not in ([], [[1]]):
        return None
    return _Cut(axis, start, end, step.outputs[0])


def _rule(axis: int, ends: list[int]) -> Rule:
    """Ends beyond the axis are cut, as a slice cuts them; what is left behind is nobody's."""

    def rule(call: Call) -> tuple[Tensor, ...]:
        values = call.tensor(0)
        size = values.shape[axis]
        bounds = [0, *(min(end, size) for end in ends), size]
        sizes = [high - low for low, high in itertools.pairwise(bounds)]
        return split(values, sizes, axis)

    return rule
