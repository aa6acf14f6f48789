"""Numbers of the corruptions. An image is one observation, however many copies were made of it."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from analyzers import lens
from analyzers.behaviour.corruptions.answers import Answers, Flags
from analyzers.behaviour.corruptions.severities import COMMON, GEOMETRY, label
from analyzers.contract import Case, Json, Measurement, MetricSpec, View
from analyzers.statistics.intervals import Interval, wilson

ACCURACY: Final = "corruptions.accuracy"
MEAN: Final = "corruptions.mean"
WORST: Final = "corruptions.worst"
RETENTION: Final = "corruptions.retention"
WORST_RETENTION: Final = "corruptions.worst_retention"
CLASS: Final = "corruptions.worst_class"

FEWEST: Final = 5
"""Images of a class below which nothing is said of it."""
_LEVEL: Final = 0.95
_SHOWN: Final = 20
_OBSERVATION: Final = (
    "An observation on these images under corruptions that are drawn here; with anything else "
    "about the model it is an association, and of attacks it says nothing."
)
_DRAWN: Final = "Frost is drawn here, so numbers do not compare with published ones."

_SHARE: Final = (0.0, 1.0)
METRICS: Final = (
    MetricSpec(
        MEAN,
        "Share of corrupted copies that are right, over the fifteen corruptions with equal weight "
        "and every severity applied.",
        range=_SHARE,
        title="Right under all corruptions",
    ),
    MetricSpec(
        WORST,
        "Share of corrupted copies that are right under the corruption with the lowest share, "
        "which the note names.",
        range=_SHARE,
        title="Right under the worst corruption",
    ),
    MetricSpec(
        RETENTION,
        "Of the images that are right as they are, the share of corrupted copies that stay right, "
        "over the fifteen corruptions.",
        range=_SHARE,
        title="Stay right under all corruptions",
    ),
    MetricSpec(
        WORST_RETENTION,
        "Of the images that are right as they are, the share of copies that stay right under the "
        "corruption with the lowest share of right copies.",
        range=_SHARE,
        title="Stay right under the worst corruption",
    ),
    MetricSpec(
        CLASS,
        "Share of corrupted copies that are right in the class where it is lowest, which the note "
        "names, over the fifteen corruptions; classes of few images are not looked at.",
        range=_SHARE,
        title="Right in the worst class",
    ),
    MetricSpec(
        ACCURACY,
        "Share of copies that are right under one corruption, over its severities or at one.",
        range=_SHARE,
        title="Right answers",
    ),
)


class _Part(NamedTuple):
    """A share of copies, of images that are each observed once."""

    hits: int
    copies: int
    images: int

    @property
    def value(self) -> float:
        return self.hits / self.copies

    def interval(self, among: int = 1) -> Interval:
        """One of ``among`` intervals that hold at once (Bonferroni).

        Copies of one image fall together, so counting them as if they were independent would give
        an interval far too narrow. A mean of values from 0 to 1 spreads at most as yes or no of
        the same mean does, so an image counts as one such answer.
        """
        level = 1 - (1 - _LEVEL) / among
        whole, rest = divmod(self.hits * self.images, self.copies)
        low = wilson(whole, self.images, level).low
        return Interval(low, wilson(whole + bool(rest), self.images, level).high)

    def counts(self) -> Mapping[str, int]:
        return {"numerator": self.hits, "denominator": self.copies, "images": self.images}


def _part(right: Flags) -> _Part:
    return _Part(int(right.sum()), right.size, len(right))


def measurements(case: Case, answers: Answers, *, by_severity: bool) -> list[Measurement]:
    """All numbers, those of the whole model first."""
    common = answers.kinds([one.name for one in COMMON])
    worst = min(common, key=lambda kind: answers.of([kind]).sum())
    found = [_mean(answers, common), _worst(answers, common, worst)]
    if why := _at_chance(case, answers):
        found += [lens.without(one, "not_available", why) for one in (RETENTION, WORST_RETENTION)]
    else:
        found += [_retention(answers, common), _worst_retention(answers, common, worst)]
    found.append(_worst_class(answers, common))
    every = answers.kinds([one.name for one in (*COMMON, *GEOMETRY)])
    found += [_accuracy(answers, kind) for kind in every]
    if by_severity:
        found += [_accuracy(answers, kind, one) for kind in every for one in answers.severities()]
    return found


def _told(part: _Part, among: int = 1) -> str:
    low, high = part.interval(among)
    copies = f", {part.copies} copies" if part.copies != part.images else ""
    once = f" (one of {among} that hold at once)" if among > 1 else ""
    span = f"{100 * low:.1f} % to {100 * high:.1f} %"
    return f"95 % interval{once} {span}, {part.images} images{copies}."


def _mean(answers: Answers, common: Sequence[str]) -> Measurement:
    part = _part(answers.of(common))
    clean = _part(answers.clean[:, None])
    data: dict[str, Json] = {
        "labels": [label(kind) for kind in common],
        "values": [_part(answers.of([kind])).value for kind in common],
        "unit": "share",
        "baseline": clean.value,
    }
    caption = (
        f"Each bar is the share of corrupted copies of {answers.n} images that the model gets "
        f"right, over severities {_listed(answers)} of 5; the line marks the same images as they "
        f"are. Nothing is chosen against the model: this is no attack. {_DRAWN}"
    )
    note = f"{_told(part)} Clean: {clean.hits} of {clean.images}."
    title = "Images that stay right, by corruption"
    return _measured(MEAN, part, note, View("bars", title, data, caption))


def _worst(answers: Answers, common: Sequence[str], worst: str) -> Measurement:
    part = _part(answers.of([worst]))
    note = f"{label(worst).capitalize()}, the lowest of {len(common)}. {_told(part, len(common))}"
    return _measured(WORST, part, note, _curve(answers, [worst], f"Accuracy under {label(worst)}"))


def _curve(answers: Answers, common: Sequence[str], title: str) -> View:
    parts = [_part(answers.clean[:, None])]
    parts += [_part(answers.of(common, [one])) for one in answers.severities()]
    ends = [one.interval() for one in parts]
    data: dict[str, Json] = {
        "x": [0, *answers.severities()],
        "y": [one.value for one in parts],
        "low": [one.low for one in ends],
        "high": [one.high for one in ends],
        "unit": "share",
        "x_label": "severity (0: the images as they are)",
        "y_label": "right",
    }
    caption = f"Grey: 95 % interval of each point, over {answers.n} images."
    return View("curve", title, data, caption)


def _at_chance(case: Case, answers: Answers) -> str:
    """Why nothing can be said of what is kept; empty where it can."""
    needed = lens.least_accuracy(case.subject.classes)
    right = int(answers.clean.sum())
    if right >= needed * answers.n:
        return ""
    return (
        f"The model is right about {right} of {answers.n} images as they are; below "
        f"{100 * needed:.3g} % nothing can be said of what corruptions take away."
    )


def _retention(answers: Answers, common: Sequence[str]) -> Measurement:
    part = _part(answers.of(common)[answers.clean])
    view = _curve(answers, common, "Accuracy by severity, over all corruptions")
    return _measured(RETENTION, part, f"{_told(part)} {_OBSERVATION}", view)


def _worst_retention(answers: Answers, common: Sequence[str], worst: str) -> Measurement:
    part = _part(answers.of([worst])[answers.clean])
    note = f"{label(worst).capitalize()}. {_told(part, len(common))}"
    title = f"Kept under {label(worst)}, the lowest"
    view = View("number", title, {"value": part.value, "unit": "share"})
    return _measured(WORST_RETENTION, part, note, view)


class _Class(NamedTuple):
    """What is known of one class."""

    name: int
    clean: _Part
    under: _Part


def _worst_class(answers: Answers, common: Sequence[str]) -> Measurement:
    under = answers.of(common)
    seen, counts = np.unique(answers.labels, return_counts=True)
    rows = {int(one): answers.labels == one for one in seen[counts >= FEWEST]}
    if len(rows) < 2:  # noqa: PLR2004 - one class is no worst of several
        why = f"Fewer than two classes have {FEWEST} images among the {answers.n} looked at."
        return lens.without(CLASS, "not_available", why)
    every = [
        _Class(one, _part(answers.clean[mine, None]), _part(under[mine]))
        for one, mine in rows.items()
    ]
    every.sort(key=lambda one: (one.under.value, one.name))
    worst = every[0]
    note = (
        f"Class {worst.name}, the lowest of {len(every)} with at least {FEWEST} images: "
        f"{_told(worst.under, len(every))} As they are, {worst.clean.hits} of "
        f"{worst.clean.images} of its images are right."
    )
    return _measured(CLASS, worst.under, note, _by_class(every))


def _by_class(every: Sequence[_Class]) -> View:
    shown = every[:_SHOWN]
    data: dict[str, Json] = {
        "labels": [f"class {one.name} ({one.under.images} images)" for one in shown],
        "before": [one.clean.value for one in shown],
        "after": [one.under.value for one in shown],
        "before_label": "as they are",
        "after_label": "corrupted",
        "unit": "share",
    }
    caption = (
        f"The {len(shown)} lowest of {len(every)} classes. With so few images a class, order "
        "alone says little: see the interval."
    )
    return View("dumbbell", "Images that stay right, by class", data, caption)


def _accuracy(answers: Answers, kind: str, severity: int | None = None) -> Measurement:
    part = _part(answers.of([kind], None if severity is None else [severity]))
    scope = {"corruption": kind}
    if severity is not None:
        scope["severity"] = str(severity)
    return Measurement(ACCURACY, "measured", scope, part.value, part.counts(), note=_told(part))


def _measured(metric: str, part: _Part, note: str, view: View) -> Measurement:
    return Measurement(metric, "measured", {}, part.value, part.counts(), view=view, note=note)


def _listed(answers: Answers) -> str:
    *most, last = map(str, answers.severities())
    return f"{', '.join(most)} and {last}" if most else last
