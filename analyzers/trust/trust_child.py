"""Tries the tools of the attack on the images of a block that the model names rightly."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from analyzers.attacks.jury import Flags
from analyzers.contract import Array, Batch, Json, Partial, Shard, Subject, Tell
from analyzers.trust.climbs_child import strongest, unbroken
from analyzers.trust.ground_child import Ground
from analyzers.trust.planted_child import missed
from analyzers.trust.shares import ADD_UP, NEARBY, PLANTED, STABLE, TRIALS, UNBOUNDED
from analyzers.trust.slopes_child import Numbers, path_gaps, step_ratios
from analyzers.trust.stable_child import unstable

_GAP: Final = 0.5
_RATIO: Final = 0.5
_LARGEST: Final = 1e6
"""Beyond it nobody asks how far off a slope is, and JSON knows no infinity."""


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """One flag an image and trial, and the two numbers behind the first two."""
    del inputs
    if subject.gradient is None:
        return Partial("not_available", note=f"no gradients: {subject.facts.gradient_gap}")
    ground = Ground.of(shard, subject, subject.gradient, batch)
    flags = {trial.metric: np.zeros(0, bool) for trial in TRIALS}
    gaps = ratios = np.zeros(0)
    if len(ground):
        flags, gaps, ratios = _tried(ground, tell)
    tell(len(TRIALS), len(TRIALS), "done")
    columns: dict[str, list[Json]] = {
        "row": list(ground.rows),
        "path_gap": _plain(gaps),
        "step_ratio": _plain(ratios),
        **{name: one.tolist() for name, one in flags.items()},
    }
    return Partial("measured", samples=columns, passes=dict(ground.passes))


def _tried(ground: Ground, tell: Tell) -> tuple[dict[str, Flags], Numbers, Numbers]:
    told = iter(range(len(TRIALS)))

    def next_is(name: str) -> None:
        tell(next(told), len(TRIALS), name)

    next_is("slopes along paths")
    ends = strongest(ground)
    gaps = path_gaps(ground, ends)
    next_is("slopes nearby")
    ratios = step_ratios(ground)
    flags = {ADD_UP.metric: ~(gaps <= _GAP), NEARBY.metric: ~(ratios >= _RATIO)}
    next_is("answers")
    flags[STABLE.metric] = unstable(ground, ends)
    next_is("the whole box")
    flags[UNBOUNDED.metric] = unbroken(ground)
    next_is("planted points")
    flags[PLANTED.metric] = missed(ground)
    return flags, gaps, ratios


def _plain(numbers: Numbers) -> list[float]:
    bounded = np.clip(np.nan_to_num(numbers, nan=_LARGEST), -_LARGEST, _LARGEST)
    return [float(one) for one in bounded]
