"""Clean accuracy, and whether the model was fed as it expects to be.

Runs before anything else: a wrong preprocessing rescales every later number without a trace. It
names the preprocessing that would fit and never applies it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from analyzers.behaviour.preprocessing import candidates, flag, known
from analyzers.contract import (
    BLOCK_EDGES,
    Analyzer,
    Array,
    Batch,
    Case,
    Description,
    Done,
    FindingRule,
    FloatArray,
    InputSpec,
    Json,
    LabelArray,
    Measurement,
    MetricSpec,
    Partial,
    Refusal,
    Shard,
    Stop,
    Subject,
    Tally,
    Tell,
    Unit,
    View,
    blocks,
)
from analyzers.statistics.intervals import Interval, wilson
from analyzers.statistics.replay import CLEAN, disagreement, replay_spec, replayed

TRIED_ROWS: Final = BLOCK_EDGES[-1]
"""Rows on which other preprocessings are tried; half-widths are then below 5.5 points."""
_DECLARED: Final = "declared"
_RIGHT: Final = "right:"


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """One unit a block, over the whole set: clean accuracy is never cut short."""
    del config, stop
    ran = {one.unit.rows for one in done}
    return [Unit(rows) for rows in blocks(case.n) if rows not in ran]


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Predict one block as declared, and its first rows under every other preprocessing."""
    del shard, inputs
    logits = subject.predict(batch.images)
    _refuse_unless_finite(logits)
    right = np.asarray(logits.argmax(axis=1) == batch.labels)
    states = ["right" if one else "wrong" for one in right]
    tried = sum(row < TRIED_ROWS for row in batch.rows)
    others = candidates(subject.input_spec, subject.facts.shape[0]) if tried else {}
    numbers = {"tried": tried, f"{_RIGHT}{_DECLARED}": int(right[:tried].sum())}
    for place, (name, spec) in enumerate(others.items()):
        tell(place, len(others), name)
        count = _right(subject, batch.images[:tried], batch.labels[:tried], spec)
        numbers[f"{_RIGHT}{name}"] = count
    again = replayed(subject, batch.images, logits)
    forward = len(batch.rows) * (2 if again else 1) + tried * len(others)
    return Partial(
        "measured",
        {**numbers, **again},
        {"row": list(batch.rows), "state": states},
        passes={"forward": forward, "backward": 0},
    )


def _refuse_unless_finite(logits: FloatArray) -> None:
    bad = int((~np.isfinite(logits).all(axis=1)).sum())
    if bad:
        raise Refusal(
            "MODEL_LOGITS_NOT_FINITE",
            f"The model answers {bad} of {len(logits)} clean images with logits that are not "
            "finite numbers.",
            "Check the weights for overflow and the preprocessing for its range.",
        )


def _right(subject: Subject, images: FloatArray, labels: LabelArray, spec: InputSpec) -> int:
    """How many are right under another preprocessing; an overflow there is merely not right."""
    logits = subject.predict(images, spec)
    finite = np.isfinite(logits).all(axis=1)
    return int((finite & (np.nan_to_num(logits).argmax(axis=1) == labels)).sum())


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Clean accuracy, and whether preprocessing and canonical file fit what was meant."""
    del config
    return [_accuracy(case, done), _fits(case, done), disagreement(CLEAN, case, {}, done)]


def _accuracy(case: Case, done: Sequence[Done]) -> Measurement:
    states = [state for one in done for state in one.samples["state"]]
    right, seen = states.count("right"), len(states)
    counts = Tally(case.n, seen, right, seen - right, 0, seen)._asdict()
    if not seen:
        return Measurement(
            "accuracy", "out_of_budget", {}, None, counts, grade="B", note="No image was predicted."
        )
    span = wilson(right, seen)
    note = (
        f"{right} of {seen} images are right; over the population they come from, {span.low:.3f} "
        f"to {span.high:.3f} (95 %)."
    )
    view = View("number", "Clean accuracy", {"value": right / seen, "unit": "share"}, note)
    return Measurement(
        "accuracy", "measured", {}, right / seen, counts, grade="B", view=view, note=note
    )


class _Trial(NamedTuple):
    """Images that are right under one preprocessing."""

    name: str
    right: int
    interval: Interval


def _fits(case: Case, done: Sequence[Done]) -> Measurement:
    """Red when another preprocessing is better beyond both intervals, on the same rows."""
    sums: Counter[str] = Counter()
    for one in done:
        sums.update({name: int(count) for name, count in one.numbers.items()})
    rows = sums.pop("tried", 0)
    if not rows:
        return Measurement(
            "preprocessing_fits",
            "out_of_budget",
            bound="indicator",
            grade="D",
            limit=0.0,
            note="No image was predicted.",
        )
    trials = [
        _Trial(name.removeprefix(_RIGHT), count, wilson(count, rows))
        for name, count in sums.items()
        if name.startswith(_RIGHT)
    ]
    own = next(one for one in trials if one.name == _DECLARED)
    others = [one for one in trials if one is not own]
    if not others:
        return Measurement(
            "preprocessing_fits",
            "not_applicable",
            bound="indicator",
            grade="D",
            limit=0.0,
            note="The model takes whole numbers, which leave no other preprocessing to try.",
        )
    bar = max(own.interval.high, 1 / case.subject.classes)  # chance recommends nothing
    better = [one for one in others if one.interval.low > bar]
    best = max(better, key=lambda one: one.right, default=own)
    option = _option(best, case)
    return Measurement(
        "preprocessing_fits",
        "measured",
        {"better": option} if better else {},
        (best.right - own.right) / rows,
        {"numerator": len(better), "denominator": len(others)},
        "indicator",
        "D",
        limit=0.0,
        view=_compared(trials, rows, case),
        note=_sentence(best, own, rows=rows, option=option) if better else "",
    )


def _option(trial: _Trial, case: Case) -> str:
    if trial.name == _DECLARED:
        return "as declared"
    return flag(trial.name, known(case.subject.shape[0])[trial.name])


def _sentence(best: _Trial, own: _Trial, *, rows: int, option: str) -> str:
    return (
        f"{option} would give {best.right / rows:.2f} instead of {own.right / rows:.2f} "
        f"(first {rows} images)."
    )


def _compared(trials: Sequence[_Trial], rows: int, case: Case) -> View:
    data = {
        "labels": [_option(one, case) for one in trials],
        "values": [one.right / rows for one in trials],
        "unit": "share",
    }
    return View("bars", f"Accuracy by preprocessing, first {rows} images", data)


ANALYZER: Final = Analyzer(
    Description(
        id="behaviour.preflight",
        version="2",
        title="Preflight",
        summary="Clean accuracy on the whole set, and whether another preprocessing fits better.",
        reference="Wilson 1927 (score intervals); no attack is run",
        schema={"type": "object", "properties": {}, "additionalProperties": False},
        metrics=(
            MetricSpec(
                "accuracy",
                "Share of images that the model classifies correctly, unattacked.",
                grade="B",
                judged=True,
                range=(0.0, 1.0),
            ),
            MetricSpec(
                "preprocessing_fits",
                "Accuracy that a better-fitting preprocessing would add; 0 when none is better "
                "beyond both 95 % intervals. Counts: preprocessings that are, of those tried.",
                grade="D",
                range=(0.0, 1.0),
            ),
            replay_spec(CLEAN, "clean images"),
        ),
        indicators=("preprocessing_fits", CLEAN),
        findings=(
            FindingRule(
                id="EVL-PREP",
                metric="preprocessing_fits",
                comparison="above",
                threshold=0.0,
                severity="high",
                grade="D",
                statement="The model was probably fed wrongly: {better} would add {value} of "
                "accuracy on the same images, so no other number of this audit speaks of the "
                "model as it is meant to be used.",
                remedy="Find out what the model was trained with, and run again with {better} if "
                "that is it. It was not applied.",
            ),
        ),
        first=True,
    ),
    plan,
    merge,
    "analyzers.behaviour.preflight:measure",
)
