"""Clean accuracy, and whether the model was fed as it expects to be.

Runs before anything else: a wrong preprocessing rescales every later number without a trace. It
names the preprocessing that would fit and never applies it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from analyzers.behaviour.variants import Variant, first_tried, variant_of, with_flips
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
    Json,
    Measurement,
    MetricSpec,
    Partial,
    Passes,
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
_WAYS: Final = 16
"""Ways of feeding an image that are tried, at most, with colours reversed and not."""
"""Rows on which other ways of feeding are tried; simultaneous half-widths are then 8 points."""
_POOR: Final = 0.5
_LEVEL: Final = 0.95
_RIGHT: Final = "right:"
_FLIPPED: Final = "flipped"
"""Marks the units that come after all others and try every variant with reversed colours."""


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """One unit a block, over the whole set: clean accuracy is never cut short.

    Then, where nothing fits well, the same rows with two things changed at once.
    """
    del config, stop
    ran = {one.unit.rows for one in _first(done)}
    return [Unit(rows) for rows in blocks(case.n) if rows not in ran] or _combined(case, done)


def _combined(case: Case, done: Sequence[Done]) -> list[Unit]:
    if not _worth_flipping(_trials(_first(done)), case):
        return []
    ran = {one.unit.rows for one in done if one.unit.params}
    tried = [rows for rows in blocks(case.n) if rows[0] < TRIED_ROWS and rows not in ran]
    return [Unit(rows, {_FLIPPED: True}) for rows in tried]


def _cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """Every image twice, and the first ones in each way that they might have been meant."""
    del config
    return Passes(2 * case.n + _WAYS * min(case.n, TRIED_ROWS))


def _worth_flipping(found: "_Trials", case: Case) -> bool:
    """Where colours can be reversed: a model that is poor, or better fed in another way."""
    flips = any(one.variant.flipped for one in found.others)
    plain = any(not one.variant.flipped for one in found.others)
    poor = found.own.right < _POOR * found.rows
    return flips and plain and (poor or bool(_better(found, case)))


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Predict one block as declared, and its first rows under every other preprocessing."""
    del inputs
    channels = subject.facts.shape[0]
    if _FLIPPED in shard.params:
        return _measured_flipped(subject, batch, tell)
    logits = subject.predict(batch.images)
    _refuse_unless_finite(logits)
    right = np.asarray(logits.argmax(axis=1) == batch.labels)
    states = ["right" if one else "wrong" for one in right]
    first = [row for row in range(len(batch.rows)) if batch.rows[row] < TRIED_ROWS]
    own, *others = first_tried(subject.input_spec, channels) if first else [Variant()]
    numbers = {"tried": len(first), f"{_RIGHT}{own.name}": int(right[: len(first)].sum())}
    numbers |= _tried(subject, batch, others, tell, len(first))
    again = replayed(subject, batch.images, logits)
    forward = len(batch.rows) * (2 if again else 1) + len(first) * len(others)
    return Partial(
        "measured",
        {**numbers, **again},
        {"row": list(batch.rows), "state": states},
        passes={"forward": forward, "backward": 0},
    )


def _measured_flipped(subject: Subject, batch: Batch, tell: Tell) -> Partial:
    """The same rows again, with reversed colours under everything else that was tried."""
    plain = [one for one in first_tried(subject.input_spec, subject.facts.shape[0]) if one.changes]
    flipped = [one._replace(flipped=True) for one in plain if not one.flipped]
    numbers = {_FLIPPED: len(batch.rows), **_tried(subject, batch, flipped, tell)}
    passes = {"forward": len(batch.rows) * len(flipped), "backward": 0}
    return Partial("measured", numbers, passes=passes)


def _refuse_unless_finite(logits: FloatArray) -> None:
    bad = int((~np.isfinite(logits).all(axis=1)).sum())
    if bad:
        raise Refusal(
            "MODEL_LOGITS_NOT_FINITE",
            f"The model answers {bad} of {len(logits)} clean images with logits that are not "
            "finite numbers.",
            "Check the weights for overflow and the preprocessing for its range.",
        )


def _tried(
    subject: Subject,
    batch: Batch,
    variants: Sequence[Variant],
    tell: Tell,
    rows: int | None = None,
) -> dict[str, int]:
    """How many of the first rows are right under each variant.

    An overflow there is merely not right.
    """
    found: dict[str, int] = {}
    images, labels = batch.images[:rows], batch.labels[:rows]
    for place, one in enumerate(variants):
        tell(place, len(variants), one.name)
        spec = one.spec(subject.input_spec, subject.facts.shape[0])
        logits = subject.predict(one.fed(images), spec)
        finite = np.isfinite(logits).all(axis=1)
        right = finite & (np.nan_to_num(logits).argmax(axis=1) == labels)
        found[f"{_RIGHT}{one.name}"] = int(right.sum())
    return found


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Clean accuracy, and whether preprocessing and canonical file fit what was meant."""
    del config
    first = _first(done)
    return [_accuracy(case, first), _fits(case, done), disagreement(CLEAN, case, {}, first)]


def _first(done: Sequence[Done]) -> list[Done]:
    """The units that look at every image; the others try combinations on some of them again."""
    return [one for one in done if not one.unit.params]


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
    """Images that are right under one variant."""

    variant: Variant
    right: int
    interval: Interval


class _Trials(NamedTuple):
    """Everything that was tried on the same first rows."""

    rows: int
    own: _Trial
    others: Sequence[_Trial]
    wide: Interval
    """The declared way's own, as wide as those of other layouts and colours."""


def _trials(done: Sequence[Done]) -> _Trials:
    """Counts with intervals; those of other layouts and colours hold all at once (Bonferroni).

    These are as wide as if combinations had been tried, since whether they are depends on the
    counts; and combinations count once they have seen the same rows. That there are more of them
    may not hide a wrong normalisation, which keeps the intervals it would have without them.
    """
    sums: Counter[str] = Counter()
    for one in _first(done):
        sums.update({name: int(count) for name, count in one.numbers.items()})
    rows = sums["tried"]
    level = 1 - (1 - _LEVEL) / max(1, with_flips(_variants(sums)))
    flips = [one for one in done if one.unit.params]
    if sum(int(one.numbers[_FLIPPED]) for one in flips) == rows:
        for one in flips:
            sums.update({name: int(count) for name, count in one.numbers.items()})
    own = _trial(Variant(), sums, rows)
    others = [one for one in _variants(sums) if one.changes]
    found = [_trial(one, sums, rows, _LEVEL if one.plain else level) for one in others]
    return _Trials(rows, own, found, _trial(Variant(), sums, rows, level).interval)


def _variants(sums: Mapping[str, int]) -> list[Variant]:
    return [variant_of(name.removeprefix(_RIGHT)) for name in sums if name.startswith(_RIGHT)]


def _trial(one: Variant, sums: Mapping[str, int], rows: int, level: float = _LEVEL) -> _Trial:
    right = sums.get(f"{_RIGHT}{one.name}", 0)
    return _Trial(one, right, wilson(right, rows, level))


def _better(found: _Trials, case: Case) -> list[_Trial]:
    """Beyond both intervals, and beyond chance, which recommends nothing."""
    chance = 1 / case.subject.classes
    bars = {True: max(found.own.interval.high, chance), False: max(found.wide.high, chance)}
    return [one for one in found.others if one.interval.low > bars[one.variant.plain]]


def _best(better: Sequence[_Trial]) -> _Trial:
    """The best with the fewest changes; one more is named only if it adds beyond both intervals."""
    fewest_first = sorted(better, key=lambda one: (one.variant.changes, -one.right))
    best = fewest_first[0]
    for one in fewest_first:
        best = one if one.interval.low > best.interval.high else best
    return best


def _fits(case: Case, done: Sequence[Done]) -> Measurement:
    """Red when another way of feeding is better beyond both intervals, on the same rows."""
    found = _trials(done)
    if not found.rows:
        return _unknown("out_of_budget", "No image was predicted.")
    if not found.others:
        return _unknown(
            "not_applicable",
            "The model takes whole numbers in grey, which leave no other preprocessing to try.",
        )
    better = _better(found, case)
    best = _best(better) if better else found.own
    option = best.variant.option(case.subject.shape[0])
    return Measurement(
        "preprocessing_fits",
        "measured",
        {"better": option} if better else {},
        (best.right - found.own.right) / found.rows,
        {"numerator": len(better), "denominator": len(found.others)},
        "indicator",
        "D",
        limit=0.0,
        view=_compared(found, case),
        note=_sentence(best, found, option) if better else "",
    )


def _unknown(outcome: Literal["out_of_budget", "not_applicable"], note: str) -> Measurement:
    return Measurement(
        "preprocessing_fits", outcome, bound="indicator", grade="D", limit=0.0, note=note
    )


def _sentence(best: _Trial, found: _Trials, option: str) -> str:
    rows = found.rows
    return (
        f"{option} would give {best.right / rows:.2f} instead of {found.own.right / rows:.2f} "
        f"(first {rows} images)."
    )


def _compared(found: _Trials, case: Case) -> View:
    trials = (found.own, *found.others)
    data = {
        "labels": [one.variant.short for one in trials],
        "options": [one.variant.option(case.subject.shape[0]) for one in trials],
        "values": [one.right / found.rows for one in trials],
        "unit": "share",
    }
    return View("bars", f"Accuracy by preprocessing, first {found.rows} images", data)


ANALYZER: Final = Analyzer(
    Description(
        id="behaviour.preflight",
        version="3",
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
                "beyond both intervals, which hold at once at 95 %. Counts: preprocessings that "
                "are, of those tried.",
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
    _cost,
)
