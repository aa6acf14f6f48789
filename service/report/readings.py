"""Numbers that an analyzer measured: each with its interval, its meaning and its note."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analyzers.contract import Json
from service.report import wording
from service.report.notes import footnotes, note_of
from service.report.reading import mapping, mappings, number, text, whole
from service.report.scoped import Cell, Place, Table, scope_of, tables

FEW = 3
"""Values of a metric that stand among the readings, each with its scope; more make a table."""
FIRST = 5
"""Readings that are seen without unfolding, of more than a few more."""

_SCOPES = 3
"""Parts of a model that are named where many have no value."""
_NAME = re.compile(r"\b[a-z_]+\.[a-z_0-9]+")

Stated = Mapping[str, Json]


@dataclass(frozen=True)
class Reading:
    """One number."""

    name: str
    where: str
    """Its scope in words; empty for the whole model."""
    value: str
    interval: str
    grade: str
    meaning: str
    note: str
    marks: Sequence[int]
    """Numbers of the footnotes that belong to its note."""


class Readings(NamedTuple):
    """All numbers of one analyzer."""

    first: Sequence[Reading]
    more: Sequence[Reading]
    """Those behind the first ones."""
    footnotes: Sequence[str]
    tables: Sequence[Table]


@dataclass(frozen=True)
class Missing:
    """What has no value, with the reason that all of it has."""

    names: Sequence[str]
    where: Sequence[str]
    """Scopes, where it is parts of a model that have none."""
    result: str
    note: str

    @property
    def told(self) -> str:
        """What is missing, and why."""
        shown = [*self.where[:_SCOPES], *(["others"] if len(self.where) > _SCOPES else [])]
        scopes = f" ({'; '.join(shown)})" if shown else ""
        why = f" {wording.capital(self.note)}." if self.note else ""
        return f"{self.result}: {', '.join(self.names)}{scopes}.{why}"

    @property
    def why(self) -> str:
        """The reason alone."""
        return f"{wording.capital(self.note) or self.result}."


def readings_of(measured: Sequence[Stated], planned: Stated) -> Readings:
    """What was measured, in rows and tables; numbers with a figure of their own come first."""
    metrics = mapping(planned, "metrics")
    rows = [one for one in measured if _is_row(one, measured)]
    rows.sort(key=_rank(rows))
    notes = [note_of(_unnamed(text(one, "note"), metrics), _unit(one, metrics)) for one in rows]
    foot = footnotes([one.sentences for one in notes])
    told: set[str] = set()
    found: list[Reading] = []
    for one, note, left, marks in zip(rows, notes, foot.notes, foot.marks, strict=True):
        meaning = "" if text(one, "metric") in told else _meaning(one, metrics)
        told.add(text(one, "metric"))
        found.append(
            Reading(
                _name(one, metrics),
                _where(one),
                _value(one, _unit(one, metrics)),
                str(note.interval or "") or _size(one),
                text(one, "grade", "C"),
                meaning,
                left,
                marks,
            )
        )
    seen = _fold([text(one, "metric") for one in rows])
    places = [_place(one, metrics) for one in measured if not _is_row(one, measured)]
    return Readings(found[:seen], found[seen:], foot.told, tables(places))


def _fold(metrics: Sequence[str]) -> int:
    """How many rows are seen at first: no metric is cut, and no fold hides one or two rows."""
    seen = min(FIRST, len(metrics))
    while seen < len(metrics) and metrics[seen] == metrics[seen - 1]:
        seen += 1
    return seen if len(metrics) > seen + 2 else len(metrics)


def _rank(rows: Sequence[Stated]) -> Callable[[Stated], tuple[bool, int]]:
    """Metrics with a figure first, each with all its rows together."""
    metrics = list(dict.fromkeys(text(one, "metric") for one in rows))
    shown = {text(one, "metric") for one in rows if is_drawn(one)}

    def rank(one: Stated) -> tuple[bool, int]:
        return text(one, "metric") not in shown, metrics.index(text(one, "metric"))

    return rank


def is_drawn(one: Stated) -> bool:
    """Whether a view adds to the tables: a single number stands in them already."""
    single = text(mapping(one, "view"), "kind") == "number" and text(one, "outcome") == "measured"
    return bool(one.get("view")) and not single


def unmeasured(stated: Sequence[Stated], planned: Stated) -> list[Missing]:
    """What was planned and has no value, what shares a reason together."""
    metrics = mapping(planned, "metrics")
    groups: dict[tuple[str, str], list[Stated]] = {}
    for one in stated:
        if text(one, "outcome") != "measured":
            note = wording.spoken(_unnamed(text(one, "note"), metrics)).rstrip(".")
            groups.setdefault((wording.outcome(text(one, "outcome")), note), []).append(one)
    return [_missing(group, metrics, *why) for why, group in groups.items()]


def _missing(group: Sequence[Stated], metrics: Stated, result: str, note: str) -> Missing:
    titles = [title_of(text(one, "metric", "a measurement"), metrics) for one in group]
    names = [one[:1].lower() + one[1:] for one in dict.fromkeys(titles)]
    where = dict.fromkeys(wording.scope(mapping(one, "scope")) for one in group)
    return Missing(names, [one for one in where if one], result, note)


def _is_row(one: Stated, measured: Sequence[Stated]) -> bool:
    """Whether a number stands by itself: it speaks of everything, or has few beside it."""
    keys = set(mapping(one, "scope"))
    if not keys:
        return True
    same = [other for other in measured if other.get("metric") == one.get("metric")]
    whole_model = any(not mapping(other, "scope") for other in same)
    beside = [other for other in same if set(mapping(other, "scope")) == keys]
    return not whole_model and len(beside) <= FEW


def _name(one: Stated, metrics: Stated) -> str:
    """What a number is called: by the view that shows it alone, else as its metric."""
    metric, parts = text(one, "metric"), set(mapping(one, "scope")) - {"threat"}
    title = text(mapping(one, "view"), "title") if not is_drawn(one) else ""
    if parts and text(mapping(metrics, metric), "title"):
        title = ""  # its scope stands below, as at the other rows of this metric
    return wording.capital(wording.spoken(title)) or title_of(metric, metrics)


def metrics_of(facts: Stated, analyzer: str) -> Stated:
    """How an analyzer of the plan calls what it measures, and in which unit."""
    for one in mappings(mapping(facts, "plan"), "analyzers"):
        if text(one, "key") == analyzer:
            return mapping(one, "metrics")
    return {}


def title_of(metric: str, metrics: Stated) -> str:
    """What a metric is called."""
    title = text(mapping(metrics, metric), "title")
    return wording.capital(wording.plain(title) or wording.metric(metric))


def _where(one: Stated) -> str:
    found = scope_of(one)
    return ", ".join(
        value if key == "threat" else f"{key}: {value}" for key, value in found.items()
    )


def _meaning(one: Stated, metrics: Stated) -> str:
    meaning = text(mapping(metrics, text(one, "metric")), "meaning")
    return wording.spoken(_unnamed(meaning, metrics))


def _unnamed(told: str, metrics: Stated) -> str:
    """A text in which other metrics are called as their rows are."""

    def called(found: re.Match[str]) -> str:
        return f"“{title_of(found[0], metrics)}”" if found[0] in metrics else found[0]

    return _NAME.sub(called, told)


def _unit(one: Stated, metrics: Stated) -> str:
    """The unit of a number: its metric's, or that of the view that shows it alone."""
    declared = mapping(metrics, text(one, "metric"))
    if declared:
        return text(declared, "unit")
    return text(mapping(one, "view", "data"), "unit") if not is_drawn(one) else ""


def _value(one: Stated, unit: str) -> str:
    """A number as it was counted, in percent when it is a part of a whole."""
    value, counts = number(one, "value"), mapping(one, "counts")
    over, under = whole(counts, "numerator"), whole(counts, "denominator")
    if value is not None and over is not None and under:
        return f"{wording.percent(value)} ({over:,} of {under:,})"
    return wording.measure(value, unit)


def _size(one: Stated) -> str:
    """Of how many things a number without an interval speaks; parts of a whole say so already."""
    counts = mapping(one, "counts")
    sizes = [(whole(counts, key) or 0, key) for key in counts if ":" not in key]
    if "denominator" in counts or not sizes:
        return ""
    most, what = max(sizes)
    return f"n = {most:,} {wording.words(what)}"


def _place(one: Stated, metrics: Stated) -> Place:
    unit = _unit(one, metrics)
    interval = note_of(text(one, "note"), unit).interval
    name = title_of(text(one, "metric"), metrics)
    if interval is None:
        return Place(name, scope_of(one), Cell(_value(one, unit), n=_size(one)))
    value = wording.measure(number(one, "value"), unit)
    return Place(name, scope_of(one), Cell(value, interval.ends, interval.n))


def reasons(facts: Stated) -> list[tuple[str, list[Missing]]]:
    """What has no value in all the evidence, under the title of who should have measured it."""
    planned = {text(one, "key"): one for one in mappings(mapping(facts, "plan"), "analyzers")}
    groups: dict[str, list[Stated]] = {}
    for one in mappings(facts, "measurements"):
        groups.setdefault(text(one, "analyzer"), []).append(one)
    found = [
        (text(planned.get(key, {}), "title", key), unmeasured(stated, planned.get(key, {})))
        for key, stated in groups.items()
    ]
    return [(title, missing) for title, missing in found if missing]
