"""What analyzers measured besides counts: numbers and figures, grouped by who took them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analyzers.contract import Json
from service.report import wording
from service.report.brackets import is_tally
from service.report.reading import mapping, mappings, number, text, whole
from service.report.views import Figure, Pictures, figure_of

LAYERS = 60
"""Rows of one table by scope."""


@dataclass(frozen=True)
class Reading:
    """One number of the whole model."""

    name: str
    value: str
    grade: str
    note: str


@dataclass(frozen=True)
class Spread:
    """Numbers by scope (a layer, a class): one row a place, one column a metric."""

    place: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    rest: int


@dataclass(frozen=True)
class Lens:
    """All that one analyzer says."""

    title: str
    identity: str
    summary: str
    reference: str
    explains: bool
    """Whether everything here is grade C: association, never cause."""
    readings: Sequence[Reading]
    figures: Sequence[Figure]
    spread: Spread | None


def lenses(facts: Mapping[str, Json], pictures: Pictures) -> list[Lens]:
    """One group for each analyzer of the plan that measured anything to explain."""
    rest: dict[str, list[Mapping[str, Json]]] = {}
    judged: set[str] = set()
    for one in mappings(facts, "measurements"):
        if is_tally(one):
            judged.add(text(one, "analyzer"))
        elif text(one, "bound") != "indicator":
            rest.setdefault(text(one, "analyzer"), []).append(one)
    planned = {text(one, "key"): one for one in mappings(mapping(facts, "plan"), "analyzers")}
    ordered = [*planned, *(key for key in rest if key not in planned)]
    found = [
        _lens(_Told(key, planned.get(key, {}), key in judged), rest[key], pictures)
        for key in dict.fromkeys(ordered)
        if rest.get(key)
    ]
    return [one for one in found if one.readings or one.figures or one.spread]


class _Told(NamedTuple):
    """Who speaks."""

    key: str
    body: Mapping[str, Json]
    judged: bool
    """Whether it counts images as well: what it adds to that explains nothing."""


def _lens(told: _Told, stated: list[Mapping[str, Json]], pictures: Pictures) -> Lens:
    measured = [one for one in stated if text(one, "outcome") == "measured"]
    grades = {text(one, "grade", "C") for one in measured}
    name, body = told.key, told.body
    return Lens(
        title=text(body, "title", name or "Unnamed analyzer"),
        identity=f"{text(body, 'id', name)} {text(body, 'version')}".strip(),
        summary=text(body, "summary"),
        reference=text(body, "reference"),
        explains=grades <= {"C"} and not told.judged,
        readings=[_reading(one) for one in measured if not mapping(one, "scope")],
        figures=[figure_of(one["view"], pictures) for one in stated if _drawn(one)],
        spread=_spread([one for one in measured if mapping(one, "scope")]),
    )


def _drawn(one: Mapping[str, Json]) -> bool:
    """Whether a view adds to the tables: a single number stands in them already."""
    single = text(mapping(one, "view"), "kind") == "number" and text(one, "outcome") == "measured"
    return bool(one.get("view")) and not single


def _reading(one: Mapping[str, Json]) -> Reading:
    name = text(mapping(one, "view"), "title") if not _drawn(one) else ""
    return Reading(
        name or wording.words(text(one, "metric")).capitalize(),
        _value(one),
        text(one, "grade", "C"),
        text(one, "note"),
    )


def _value(one: Mapping[str, Json]) -> str:
    """A number as it was counted, in percent when it is a part of a whole."""
    value, counts = number(one, "value"), mapping(one, "counts")
    over, under = whole(counts, "numerator"), whole(counts, "denominator")
    if value is not None and over is not None and under:
        return f"{wording.percent(value)} ({over:,} of {under:,})"
    return wording.measure(value, text(mapping(one, "view", "data"), "unit"))


def _spread(scoped: Sequence[Mapping[str, Json]]) -> Spread | None:
    if not scoped:
        return None
    metrics = list(dict.fromkeys(text(one, "metric") for one in scoped))
    table: dict[str, dict[str, str]] = {}
    for one in scoped:
        place = wording.scope(mapping(one, "scope"))
        table.setdefault(place, {})[text(one, "metric")] = _value(one)
    rows = [[place, *(cells.get(one, "–") for one in metrics)] for place, cells in table.items()]
    kinds = {name for one in scoped for name in mapping(one, "scope")}
    heading = wording.words(" and ".join(sorted(kinds)))
    columns = [wording.words(one) for one in metrics]
    return Spread(heading, columns, rows[:LAYERS], max(0, len(rows) - LAYERS))


def indicator_figures(facts: Mapping[str, Json], pictures: Pictures) -> list[Figure]:
    """What indicators want to show; they belong to the trust in the evaluation."""
    return [
        figure_of(one["view"], pictures)
        for one in mappings(facts, "measurements")
        if text(one, "bound") == "indicator" and one.get("view") and not is_tally(one)
    ]


def unmeasured(facts: Mapping[str, Json]) -> list[tuple[str, str]]:
    """What was planned and has no value, with the reason."""
    found: list[tuple[str, str]] = []
    for one in mappings(facts, "measurements"):
        result = text(one, "outcome")
        if result == "measured":
            continue
        where = wording.scope(mapping(one, "scope"))
        name = wording.words(text(one, "metric", "a measurement"))
        reason = wording.outcome(result) + (f": {text(one, 'note')}" if text(one, "note") else "")
        found.append((f"{name} ({where})" if where else name, reason))
    return found


def citations(facts: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Which methods ran, at which version, by whom they were described."""
    return [
        (f"{text(one, 'id')} {text(one, 'version')}".strip(), text(one, "reference"))
        for one in mappings(mapping(facts, "plan"), "analyzers")
    ]
