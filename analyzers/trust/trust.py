"""Whether the tools of the Linf attack can be believed on this very model, tried on some images.

An attack that finds nothing proves nothing if its slopes are not the model's, if the model
answers now so and now otherwise, or if it misses what is certainly there (Carlini et al., 2019;
Pintor et al., NeurIPS 2022). ``trust_child`` runs the trials.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.attacks.cascade import ANALYZER as ATTACK
from analyzers.contract import Analyzer, Case, Description, Done, FindingRule, Json, Stop, Unit
from analyzers.trust.shares import (
    ADD_UP,
    NEARBY,
    PLANTED,
    STABLE,
    TRIALS,
    UNBOUNDED,
    cost,
    merge,
    units,
)


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """What is still to be tried, whatever the attack came to: it must be believed to matter."""
    del config, stop
    return units(case, done)


_FINDINGS: Final = (
    FindingRule(
        id="EVL-SLOPES",
        metric=ADD_UP.metric,
        comparison="above",
        threshold=ADD_UP.limit,
        severity="high",
        grade="D",
        statement="From {value} of the tried images the slopes that the attack climbs under "
        "{threat} do not add up to what the model answers: they are those of another function, "
        "and images that stand may say nothing of its robustness.",
        remedy="Look for rounding, saturation or a head of scores that hides the true ones, and "
        "audit the model without it.",
    ),
    FindingRule(
        id="EVL-NEARBY",
        metric=NEARBY.metric,
        comparison="above",
        threshold=NEARBY.limit,
        severity="high",
        grade="D",
        statement="Near {value} of the tried images a small step does not do what the slope "
        "foretells under {threat}: the attack climbs without seeing where.",
        remedy="Look for steps, ripples or noise inside the model, and audit the model without "
        "them.",
    ),
    FindingRule(
        id="EVL-UNSTABLE",
        metric=STABLE.metric,
        comparison="above",
        threshold=STABLE.limit,
        severity="high",
        grade="D",
        statement="{value} of the tried images get other answers when they are asked about again "
        "or alone, under {threat}: which of them counts is not settled.",
        remedy="Export the model in evaluation mode, without random operators and without any "
        "statistic over the batch.",
    ),
    FindingRule(
        id="EVL-UNBOUNDED",
        metric=UNBOUNDED.metric,
        comparison="above",
        threshold=UNBOUNDED.limit,
        severity="high",
        grade="D",
        statement="{value} of the tried images stand although the attack of {threat} was allowed "
        "to change every pixel at will: it does not work on this model.",
        remedy="Look for what takes the slopes away: saturation, rounding, clipping or argmax "
        "inside the model.",
    ),
    FindingRule(
        id="EVL-PLANTED",
        metric=PLANTED.metric,
        comparison="above",
        threshold=PLANTED.limit,
        severity="high",
        grade="D",
        statement="Around {value} of the tried images the attack of {threat} misses a point that "
        "was planted there: it would miss others as well.",
        remedy="Look for what takes the slopes away: saturation, rounding, clipping or argmax "
        "inside the model.",
    ),
)

ANALYZER: Final = Analyzer(
    Description(
        id="trust.linf",
        version="trust-1",
        title="Trust in the Linf attacks",
        summary="Tries the tools of the attack on the first images: slopes against answers, "
        "answers against themselves, and problems whose solution is known.",
        reference="Sundararajan, Taly and Yan, ICML 2017 (completeness); Zimmermann et al., "
        "NeurIPS 2022 (planted problems); Pintor et al., NeurIPS 2022 (failures of attacks)",
        schema=ATTACK.description.schema,
        metrics=tuple(trial.spec for trial in TRIALS),
        threats=ATTACK.description.threats,
        vouches=True,
        indicators=tuple(trial.metric for trial in TRIALS),
        findings=_FINDINGS,
    ),
    plan,
    merge,
    "analyzers.trust.trust_child:measure",
    cost,
)
