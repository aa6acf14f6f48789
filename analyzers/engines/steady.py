"""Which values depend on nothing but the shape of what is given: the arithmetic of sizes.

A value is steady when it follows from constants and from shapes that are settled. A shape is
settled when it follows from the shapes given, and from steady values where an operator takes
sizes as an input. Operators that are in neither list below settle nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from analyzers.engines.operators import FAMILIES
from analyzers.engines.steps import Step

_FAMILIES: Final = ("activations", "elementwise", "casting", "linear", "normalising", "windows")
_BY_SHAPES: Final = frozenset(
    {name for family in _FAMILIES for name in FAMILIES[family]}
    | {"AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"}
    | {"Concat", "DepthToSpace", "Flatten", "Identity", "SpaceToDepth", "Transpose"}
    | {"Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "Trilu"}
)
"""The shapes of the inputs give the shape of the output."""
_BY_SIZES: Final = frozenset(
    {"Expand", "Pad", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Unsqueeze"}
    | {name for name in FAMILIES["reducing"] if name.startswith("Reduce")}
)
"""The same, once all inputs behind the first are known by value."""
_OF_SHAPES: Final = frozenset({"Shape", "Size"})


def steady(steps: Iterable[Step], constants: Collection[str]) -> frozenset[str]:
    """Names of the steady values, constants not among them; what no step makes is given."""
    values: set[str] = set()
    open_: set[str] = set()  # shapes that something else decides too
    for step in steps:
        inputs = [name for name in step.inputs if name]
        known = [name in values or name in constants for name in inputs]
        settled = open_.isdisjoint(inputs)
        if all(known) or (step.operator in _OF_SHAPES and settled):
            values.update(step.outputs)
        elif not (settled and _settles(step, known)):
            open_.update(step.outputs)
    return frozenset(values - {""})


def _settles(step: Step, known: Sequence[bool]) -> bool:
    if step.operator in _OF_SHAPES or step.operator in _BY_SHAPES:
        return True
    return step.operator in _BY_SIZES and all(known[1:])
