"""What the trials add up to: for each, the share of images on which the attack's tools failed."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from analyzers.attacks.stages import threat_of
from analyzers.contract import Case, Done, Json, Measurement, MetricSpec, Passes, Unit, blocks

FEW: Final = 0.05
_LOOKED: Final = 40
"""Images at most: a tool that fails on every tenth is seen with 98 %."""


_FORWARD: Final = 120
_BACKWARD: Final = 50
"""Passes that all trials take on an image, at most."""


class Trial(NamedTuple):
    """One thing that must hold for a standing image to mean anything."""

    metric: str
    limit: float
    meaning: str
    note: str

    @property
    def spec(self) -> MetricSpec:
        """As the documents tell it."""
        return MetricSpec(self.metric, self.meaning, grade="D", range=(0.0, 1.0))


ADD_UP: Final = Trial(
    "slopes_add_up",
    FEW,
    "Share of the tried images from which the slopes along a path, summed, miss the difference "
    "of its two ends by more than half of it: the slopes are not those of the model.",
    "Tried images from which slopes, summed along a path, do not give the difference of its ends.",
)
NEARBY: Final = Trial(
    "slope_true_nearby",
    FEW,
    "Share of the tried images near which a small step along the slope moves the margin by less "
    "than half of what the slope foretells.",
    "Tried images near which a small step does less than half of what the slope foretells.",
)
STABLE: Final = Trial(
    "answers_stable",
    0.0,
    "Share of the tried images that get other answers when they, or points around them, are "
    "asked about again, or alone and not among others.",
    "Tried images that get other answers the second time, or alone.",
)
UNBOUNDED: Final = Trial(
    "unbounded_works",
    0.0,
    "Share of the tried images that stand although the attack may change every pixel at will, so "
    "that a picture of another class is allowed: the attack does not work.",
    "Tried images that stand although every picture is allowed.",
)
PLANTED: Final = Trial(
    "planted_found",
    FEW,
    "Share of the tried images around which the attack misses a point that was planted there, "
    "and that it can find by nothing but the slopes of the model's scores.",
    "Tried images around which the attack misses what was planted there.",
)
TRIALS: Final = (ADD_UP, NEARBY, STABLE, UNBOUNDED, PLANTED)


def cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """All trials on the images that are looked at."""
    del config
    looked = min(case.n, _LOOKED) if case.subject.gradient else 0
    return Passes(_FORWARD * looked, _BACKWARD * looked)


def units(case: Case, done: Sequence[Done]) -> list[Unit]:
    """The first blocks of the audit that were not tried yet; none where there are no slopes."""
    if not case.subject.gradient:
        return []
    had = {one.unit.rows for one in done}
    return [Unit(rows) for rows in blocks(min(case.n, _LOOKED)) if rows not in had]


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """One indicator for each trial."""
    scope = {"threat": threat_of(config)}
    return [_indicator(case, scope, done, trial) for trial in TRIALS]


def _indicator(
    case: Case, scope: Mapping[str, str], done: Sequence[Done], trial: Trial
) -> Measurement:
    failed = [bool(one) for unit in done for one in unit.samples[trial.metric]]
    counts = {"numerator": sum(failed), "denominator": len(failed)}
    outcome, note = "measured", trial.note
    if not case.subject.gradient:
        outcome, note = "not_available", f"Gradients are not available: {case.subject.gradient_gap}"
    elif units(case, done):
        outcome, note = "out_of_budget", "Not every image that should be tried was."
    elif not failed:
        outcome, note = "out_of_budget", "The model names none of the tried images rightly."
    return Measurement(
        trial.metric,
        outcome,
        scope,
        counts["numerator"] / counts["denominator"] if outcome == "measured" else None,
        counts,
        "indicator",
        "D",
        limit=trial.limit,
        note=note,
    )
