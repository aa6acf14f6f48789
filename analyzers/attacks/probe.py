"""Adversarial pictures for the lenses: the same short climb for every image, versioned apart.

A lens compares a model's insides on a clean picture and on this one. So every image takes every
step, whether it breaks or not, and no later tuning of the cascade moves what lenses see.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from analyzers.attacks.stages import THREAT
from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Done,
    Json,
    Measurement,
    MetricSpec,
    Stop,
    Unit,
    blocks,
)

BLOB: Final = "probe"
EDGES: Final = (20, 40, 60, 100, 180, 200)
"""It ends at the last: two hundred images show what lenses look for."""
STEPS: Final = 10
STEP: Final = Fraction(1, 4)
"""In units of eps: ten steps can cross the ball from side to side."""


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """Every block of the first images; where there are no slopes, none."""
    del config, stop
    if not case.subject.gradient:
        return ()
    ran = {one.unit.rows for one in done}
    first = blocks(case.n, EDGES)[: len(EDGES)]
    return [Unit(rows) for rows in first if rows not in ran]


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """How many of the images the short climb moved to another class."""
    scope = {"threat": ":".join(str(config[name]) for name in ("norm", "eps", "knowledge"))}
    right = [moved for one in done for moved in _moved(one)]
    counts = {"numerator": sum(right), "denominator": len(right)}
    if not right:
        why = "No image was right and probed."
        if not case.subject.gradient:
            why = f"Gradients are not available: {case.subject.gradient_gap}."
        outcome = "out_of_budget" if case.subject.gradient else "not_available"
        return [Measurement("probe_moved", outcome, scope, None, counts, note=why)]
    share = sum(right) / len(right)
    return [Measurement("probe_moved", "measured", scope, share, counts)]


def _moved(one: Done) -> list[bool]:
    """Of the images that were right, whether the probe's picture is taken for another class."""
    told = zip(one.samples["right"], one.samples["moved"], strict=True)
    return [bool(moved) for right, moved in told if right]


ANALYZER: Final = Analyzer(
    Description(
        id="attacks.probe",
        version="probe-1",
        title="Probe for the lenses",
        summary="Ten steps up the margin within the ball around each of the first images: the "
        "pictures on which lenses watch a model from inside.",
        reference="Madry et al., ICLR 2018 (projected gradient descent)",
        schema=THREAT,
        metrics=(
            MetricSpec(
                "probe_moved",
                "Share of the right images whose probe is taken for another class. A short climb: "
                "it says nothing of how robust the others are.",
                range=(0.0, 1.0),
                title="Images that the probe moves",
            ),
        ),
        threats=("Linf",),
        edges=EDGES,
        on_demand=True,
    ),
    plan,
    merge,
    "analyzers.attacks.probe_child:measure",
)
