"""The Linf attack on every image, cheap stages first: its plan and what its results add up to.

A margin climb from the image itself breaks most of what breaks; the later stages add other
starts, losses and targets. ``cascade_child`` runs them. Nothing is certified here, so what stands
is an upper bound of what is robust.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple

from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Done,
    FindingRule,
    Json,
    Measurement,
    MetricSpec,
    Rows,
    Stop,
    Tally,
    Unit,
    View,
    blocks,
)
from analyzers.statistics.replay import ATTACKED, disagreement, replay_spec

PLAN: Final = "gate-0"
"""Names the stages, their order and budgets; another plan is another analyzer version."""
ONE: Final = "one"
RETRY: Final = "retry"
"""The passes: over every block, and over rows whose breaks nobody could confirm."""


class Stage(NamedTuple):
    """One run over whatever still stands."""

    name: str
    loss: str
    start: Literal["image", "noise"]
    iterations: int
    targets: int = 0
    """Runs against so many of the likeliest other classes, one after the other."""

    def runs(self, classes: int) -> int:
        """How often the stage climbs."""
        return min(max(1, self.targets), classes - 1)


STAGES: Final = (
    Stage("margin", "margin", "image", 8),
    Stage("dlr", "dlr", "noise", 20),
    Stage("cross-entropy", "cross-entropy", "noise", 20),
    Stage("targeted", "targeted-dlr", "noise", 30, targets=3),
)

_FALLEN: Final = ("wrong", "error", "broken")
_MASK_LIMIT: Final = 0.01
_STILL_LIMIT: Final = 0.01
_NOTHING: Final = "No image was attacked."


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """Pass one over every block, then one retry wherever a claim could not be confirmed."""
    del config
    if done and stop and all(one.fails(tally(case, done)) for one in stop):
        return ()
    ran = {(one.unit.rows, one.unit.params["pass"]) for one in done}
    first = [Unit(rows, {"pass": ONE}) for rows in blocks(case.n) if (rows, ONE) not in ran]
    if first:
        return first
    return [Unit(rows, {"pass": RETRY}) for rows in _unconfirmed(done) if (rows, RETRY) not in ran]


def _unconfirmed(done: Sequence[Done]) -> list[Rows]:
    """Runs of neighbouring rows that pass one left pending, block by block."""
    found: list[Rows] = []
    for one in done:
        if one.unit.params["pass"] == ONE:
            pending = [row for row, state in _states(one) if state == "pending"]
            for _, run in groupby(enumerate(pending), key=lambda pair: pair[1] - pair[0]):
                rows = [row for _, row in run]
                found.append((rows[0], rows[-1] + 1))
    return sorted(found)


def _states(one: Done) -> list[tuple[int, str]]:
    return list(zip(one.samples["row"], one.samples["state"], strict=True))


def tally(case: Case, done: Sequence[Done]) -> Tally:
    """Counts over the newest state of every committed row."""
    state: dict[int, str] = {}
    retried: set[int] = set()
    for one in done:
        state.update(_states(one))
        if one.unit.params["pass"] == RETRY:
            retried.update(one.samples["row"])
    counts = Counter(state.values())
    fallen = sum(counts[word] for word in _FALLEN)
    waiting = sum(word == "pending" and row not in retried for row, word in state.items())
    full = len(state) - waiting if case.subject.gradient else fallen
    return Tally(case.n, len(state), counts["standing"], fallen, counts["pending"], full)


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Robust accuracy from above, where the breaks were found, and three indicators."""
    scope = {"threat": f"{config['norm']}:{config['eps']}:{config['knowledge']}:{PLAN}"}
    found = [_robust_accuracy(case, scope, done)]
    if case.subject.gradient:
        found.append(_breaks_by_stage(scope, done))
    return [*found, *_indicators(case, scope, done), disagreement(ATTACKED, case, scope, done)]


def _robust_accuracy(case: Case, scope: Mapping[str, str], done: Sequence[Done]) -> Measurement:
    counts = tally(case, done)
    metric = "robust_accuracy"
    if not counts.prefix:
        return Measurement(
            metric,
            "out_of_budget",
            scope,
            None,
            counts._asdict(),
            "upper",
            "A",
            note=_NOTHING,
        )
    gap = "" if case.subject.gradient else f" {_no_gradient(case)} Nothing was attacked."
    caption = (
        f"{counts.standing} of {counts.prefix} images stand; {counts.fallen} fell, each with a "
        f"picture that replays or without any attack; {counts.pending} are not confirmed.{gap}"
    )
    data = {**counts._asdict(), "certified": 0}
    view = View("bracket", "Right under attack", data, caption)
    return Measurement(
        metric,
        "measured",
        scope,
        counts.standing / counts.prefix,
        counts._asdict(),
        "upper",
        "A",
        view=view,
        note=gap.strip(),
    )


def _no_gradient(case: Case) -> str:
    return f"Gradients are not available: {case.subject.gradient_gap}."


def _breaks_by_stage(scope: Mapping[str, str], done: Sequence[Done]) -> Measurement:
    rows = _newest(done)
    stages = Counter(str(row["stage"]) for row in rows.values() if row["state"] == "broken")
    wrong = sum(row["state"] in {"wrong", "error"} for row in rows.values())
    total = stages.total()
    data = {
        "labels": ["without attack", *[stage.name for stage in STAGES]],
        "values": [wrong, *[stages[stage.name] for stage in STAGES]],
        "unit": "images",
    }
    if not rows:
        return Measurement("breaks", "out_of_budget", scope, note=_NOTHING)
    return Measurement(
        "breaks", "measured", scope, float(total), view=View("bars", "Where images fell", data)
    )


def _newest(done: Sequence[Done]) -> dict[int, dict[str, Any]]:
    """The newest word on every row."""
    rows: dict[int, dict[str, Any]] = {}
    for one in done:
        for place, row in enumerate(one.samples["row"]):
            rows[row] = {name: column[place] for name, column in one.samples.items()}
    return rows


class _Indicator(NamedTuple):
    metric: str
    limit: float
    flagged: int
    of: int
    note: str


def _indicators(case: Case, scope: Mapping[str, str], done: Sequence[Done]) -> list[Measurement]:
    rows = list(_newest(done).values())
    standing = [row for row in rows if row["state"] == "standing"]
    attacked = [row for row in rows if row["attacked"]]
    stands = len(standing)
    found = (
        _Indicator(
            "zero_gradient",
            _MASK_LIMIT,
            sum(row["flat"] for row in standing),
            stands,
            "Standing images on which the margin had no slope at all at some step.",
        ),
        _Indicator(
            "engines_disagree",
            0.0,
            sum(row["disagree"] for row in attacked),
            len(attacked),
            "Attacked images on which the two engines named different classes or other logits.",
        ),
        _Indicator(
            "loss_never_rose",
            _STILL_LIMIT,
            sum(not row["rose"] for row in standing),
            stands,
            "Standing images on which no step of any stage raised the loss.",
        ),
        _Indicator(
            "slopes_lent",
            0.0,
            stands if case.subject.twin else 0,
            stands,
            f"Standing images attacked only with a twin's slopes ({case.subject.twin or 'none'}).",
        ),
    )
    return [_indicator(case, scope, one, begun=bool(done)) for one in found]


def _indicator(
    case: Case, scope: Mapping[str, str], one: _Indicator, *, begun: bool
) -> Measurement:
    counts = {"numerator": one.flagged, "denominator": one.of}
    outcome, note = "measured", one.note
    if not case.subject.gradient:
        outcome, note = "not_available", _no_gradient(case)
    elif not begun:
        outcome, note = "out_of_budget", _NOTHING
    elif not one.of:
        outcome, note = "not_applicable", "No image is left that it could speak of."
    return Measurement(
        one.metric,
        outcome,
        scope,
        one.flagged / one.of if outcome == "measured" else None,
        counts,
        "indicator",
        "D",
        limit=one.limit,
        note=note,
    )


ANALYZER: Final = Analyzer(
    Description(
        id="attacks.linf",
        version=PLAN,
        title="Linf attacks",
        summary="Gradient attacks within a Linf ball around every image, cheap stages first; "
        "every counted break is a picture that replays.",
        reference="Croce and Hein, ICML 2020 (Auto-PGD, DLR)",
        schema={
            "type": "object",
            "properties": {
                "norm": {"const": "Linf"},
                "eps": {"type": "string", "pattern": "^[0-9]+(/[1-9][0-9]*)?$"},
                "knowledge": {"const": "white"},
            },
            "required": ["norm", "eps", "knowledge"],
            "additionalProperties": False,
        },
        metrics=(
            MetricSpec(
                "robust_accuracy",
                "Share of images that keep the correct label under every attack of the plan: at "
                "most so many are robust.",
                grade="A",
                judged=True,
                range=(0.0, 1.0),
            ),
            MetricSpec("breaks", "Images that an attack broke, by the stage that did.", "images"),
            MetricSpec(
                "zero_gradient",
                "Share of standing images on which the margin had no slope at some step: there "
                "the attack was blind.",
                grade="D",
                range=(0.0, 1.0),
            ),
            MetricSpec(
                "engines_disagree",
                "Share of attacked images on which the engine that attacks and the engine that "
                "judges named different classes beyond a near tie, or gave other logits at the "
                "strongest point.",
                grade="D",
                range=(0.0, 1.0),
            ),
            MetricSpec(
                "slopes_lent",
                "Share of standing images that were attacked only with the slopes of a twin: the "
                "model rounds inside, and its own slopes say nothing.",
                grade="D",
                range=(0.0, 1.0),
            ),
            replay_spec(ATTACKED, "clean images, claimed breaks and points around what stands"),
            MetricSpec(
                "loss_never_rose",
                "Share of standing images on which no step of any stage raised the loss.",
                grade="D",
                range=(0.0, 1.0),
            ),
        ),
        threats=("Linf",),
        indicators=(
            "zero_gradient",
            "engines_disagree",
            "loss_never_rose",
            "slopes_lent",
            ATTACKED,
        ),
        findings=(
            FindingRule(
                id="EVL-MASK",
                metric="zero_gradient",
                comparison="above",
                threshold=_MASK_LIMIT,
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
        ),
    ),
    plan,
    merge,
    "analyzers.attacks.cascade_child:measure",
)
