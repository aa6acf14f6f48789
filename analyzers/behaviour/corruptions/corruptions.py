"""How a model answers pictures that weather, sensors and files spoiled.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations" (ICLR 2019, arXiv:1903.12261). Nothing is chosen against the model here, so a good
number says nothing of attacks.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers import lens
from analyzers.behaviour.corruptions.answers import answers_of
from analyzers.behaviour.corruptions.severities import COMMON, GEOMETRY, LEVELS
from analyzers.behaviour.corruptions.summary import (
    ACCURACY,
    CLASS,
    MEAN,
    METRICS,
    RETENTION,
    WORST,
    WORST_RETENTION,
    measurements,
)
from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Done,
    FindingRule,
    Json,
    Measurement,
    Passes,
    Stop,
    Unit,
    blocks,
)

STEP: Final = 10
QUICK_ROWS: Final = 60
FULL_ROWS: Final = 200
EDGES: Final = tuple(range(STEP, FULL_ROWS + 1, STEP))
"""Small blocks: each of their images is asked about dozens of times."""
_QUICK_LEVELS: Final = (1, 3, 5)
FAR_BELOW: Final = 0.5


def kinds(config: Mapping[str, Json]) -> list[str]:
    """The corruptions that a plan applies, in the order of the report."""
    return [one.name for one in (*COMMON, *(GEOMETRY if lens.full(config) else ()))]


def levels(config: Mapping[str, Json]) -> Sequence[int]:
    """The severities that a plan applies."""
    return LEVELS if lens.full(config) else _QUICK_LEVELS


def rows(config: Mapping[str, Json]) -> int:
    """How many images a plan looks at, at most."""
    return FULL_ROWS if lens.full(config) else QUICK_ROWS


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """The first images, block by block; a unit applies every corruption to its rows."""
    del stop
    first = [one for one in blocks(case.n, EDGES, STEP) if one[0] < rows(config)]
    return lens.owed([Unit(one) for one in first], done)


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Accuracies by corruption, what is kept of the clean one, and the worst of both kinds."""
    told = [one for one in done if one.outcome == "measured"]
    if not told:
        names = (MEAN, WORST, RETENTION, WORST_RETENTION, CLASS, ACCURACY)
        outcome, note = "out_of_budget", "No corrupted picture was looked at."
        return [lens.without(name, outcome, note) for name in names]
    return measurements(case, answers_of(told), by_severity=lens.full(config))


def _cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """Every image as it is and once for each corruption and severity."""
    copies = 1 + len(kinds(config)) * len(levels(config))
    return Passes(min(case.n, rows(config)) * copies)


FINDINGS: Final = (
    FindingRule(
        id="COR-WORST",
        metric=WORST_RETENTION,
        comparison="below",
        threshold=FAR_BELOW,
        severity="low",
        grade="C",
        statement="Under the corruption that hurts most, only {value} of the copies of images that "
        "are right as they are stay right. This is an observation on these images and these drawn "
        "corruptions, and an association at most: it does not tell how the model does under "
        "attack, or in any particular weather.",
        remedy="If such pictures occur in use, train with varied augmentation (AugMix, "
        "AutoAugment, noise of several strengths) and measure again: what helps against noise can "
        "hurt under fog or low contrast.",
    ),
)

ANALYZER: Final = Analyzer(
    Description(
        id="behaviour.corruptions",
        version="1",
        title="Common corruptions",
        summary="How many images stay right under fifteen kinds of noise, blur, weather and loss "
        "of quality, at several severities. All are computed here; frost is drawn instead of "
        "photographed, so numbers do not compare digit by digit with published ones.",
        reference="Hendrycks and Dietterich, ICLR 2019, arXiv:1903.12261; ITU-T T.81 (JPEG)",
        schema=lens.SCHEMA,
        metrics=METRICS,
        findings=FINDINGS,
        edges=EDGES,
        on_demand=True,
        average_case=True,
    ),
    plan,
    merge,
    "analyzers.behaviour.corruptions.corruptions_child:measure",
    _cost,
)
