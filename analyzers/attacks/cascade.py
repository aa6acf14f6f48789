"""The Linf attack on every image, cheap stages first: what it says of itself, and its plan.

A margin climb from the image itself breaks most of what breaks; the later stages add other
starts, losses and targets, a search by scores, and long climbs. ``cascade_child`` runs them.
Nothing is certified here, so what stands is an upper bound of what is robust.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.attacks.price import cost
from analyzers.attacks.remembering import HISTORIES
from analyzers.attacks.schedule import Schedule
from analyzers.attacks.stages import PLAN, THREAT
from analyzers.attacks.sums import BLACK_BOX, MASKED, merge
from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Done,
    FindingRule,
    Json,
    MetricSpec,
    Stop,
    Unit,
)
from analyzers.statistics.replay import ATTACKED, replay_spec


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """What is still owed; nothing, when every stop has its answer."""
    with HISTORIES.of(done) as history:
        schedule = Schedule(case, config, done, history)
        if done and stop and all(_settled(schedule, one) for one in stop):
            return ()
        return schedule.units()


def _settled(schedule: Schedule, stop: Stop) -> bool:
    tally = schedule.tally(stop.depth)
    return stop.fails(tally) or (tally.survivors > 0 and stop.passes(tally))


def _share(name: str, meaning: str, title: str = "") -> MetricSpec:
    return MetricSpec(name, meaning, grade="D", range=(0.0, 1.0), title=title)


_METRICS: Final = (
    MetricSpec(
        "robust_accuracy",
        "Share of images that keep the correct label under every attack of the plan: at most so "
        "many are robust.",
        grade="A",
        judged=True,
        range=(0.0, 1.0),
    ),
    MetricSpec(
        "breaks",
        "Images that an attack broke, by the stage that did.",
        "images",
        title="Images that fell",
    ),
    MetricSpec(
        "attack_passes",
        "Forward and backward passes of single images, by stage.",
        "passes",
        title="Passes spent",
    ),
    _share(
        "earlier_breaks",
        "Share of the images the last release lost that the same pictures break in this model too.",
        "Pictures that broke the last release and work again",
    ),
    MetricSpec(
        "breaks_in_8_bits",
        "Share of the broken images whose witness survives rounding to 8 bits inside the ball.",
        range=(0.0, 1.0),
        title="Breaks that hold in 8 bits",
    ),
    _share(
        "zero_gradient",
        "Share of standing images on which the margin had no slope at some step: there the attack "
        "was blind.",
    ),
    _share(
        "engines_disagree",
        "Share of attacked images on which the engine that attacks and the engine that judges "
        "named different classes beyond a near tie, or gave other logits at the strongest point.",
    ),
    _share(
        "loss_never_rose",
        "Share of standing images on which no step of any stage raised the loss.",
    ),
    _share(
        "still_rising",
        "Share of standing images whose last climb still gained notably when it ended.",
    ),
    _share(
        "slopes_lent",
        "Share of standing images that were attacked only with the slopes of a twin: the model "
        "rounds inside, and its own slopes say nothing.",
    ),
    _share(
        "black_box_beats_white_box",
        "Share of the images searched by scores alone that fell to it, after slopes had failed.",
    ),
    _share(
        "claims_refuted",
        "Share of attacked images with a claimed break that a second look did not confirm.",
    ),
    replay_spec(ATTACKED, "clean images, claimed breaks and points around what stands"),
)

_FINDINGS: Final = (
    FindingRule(
        id="EVL-MASK",
        metric="zero_gradient",
        comparison="above",
        threshold=MASKED,
        severity="high",
        grade="D",
        statement="On {value} of the standing images the model gives the attack no slope "
        "to climb under {threat}; that they stand may say nothing of their robustness.",
        remedy="Look for rounding, saturation or argmax inside the model, and audit the "
        "model without it.",
    ),
    FindingRule(
        id="EVL-TWIN",
        metric="slopes_lent",
        comparison="above",
        threshold=0.0,
        severity="medium",
        grade="D",
        statement="The model rounds inside, so the slopes that the attack climbed under "
        "{threat} are those of a twin that does not; that {value} of what stands was "
        "attacked only so proves less than it seems to.",
        remedy="Audit the model before quantisation as well; breaks found on the twin "
        "were confirmed on the file itself and count.",
    ),
    FindingRule(
        id="EVL-BLACKBOX",
        metric="black_box_beats_white_box",
        comparison="above",
        threshold=BLACK_BOX,
        severity="high",
        grade="D",
        statement="A search that sees only scores broke {value} of the images that stood against "
        "attacks with slopes under {threat}: the slopes mislead, and more would fall to "
        "better ones.",
        remedy="Look for steps, saturation or noise inside the model, and audit the model "
        "without it.",
    ),
)

ANALYZER: Final = Analyzer(
    Description(
        id="attacks.linf",
        version=PLAN,
        title="Linf attacks",
        summary="Gradient attacks and a search by scores within a Linf ball around every image, "
        "cheap stages first; every counted break is a picture that replays.",
        reference="Croce and Hein, ICML 2020 (Auto-PGD, DLR); Andriushchenko et al., ECCV 2020 "
        "(Square); Melamed et al., 2024 (order of targets)",
        schema=THREAT,
        metrics=_METRICS,
        threats=("Linf",),
        indicators=(
            "zero_gradient",
            "engines_disagree",
            "loss_never_rose",
            "still_rising",
            "slopes_lent",
            "black_box_beats_white_box",
            "claims_refuted",
            ATTACKED,
        ),
        findings=_FINDINGS,
    ),
    plan,
    merge,
    "analyzers.attacks.cascade_child:measure",
    cost,
)
