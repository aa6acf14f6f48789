"""What analyzers measured besides counts: numbers and figures, grouped by who took them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    for one in mappings(facts, "measurements"):
        if text(one, "outcome") == "measured" and not is_tally(one):
            rest.setdefault(text(one, "analyzer"), []).append(one)
    planned = {text(one, "key"): one for one in mappings(mapping(facts, "plan"), "analyzers")}
    ordered = [*planned, *(key for key in rest if key not in planned)]
    found = [
        _lens(key, planned.get(key, {}), rest[key], pictures)
        for key in dict.fromkeys(ordered)
        if rest.get(key)
    ]
    return [one for one in found if one.readings or one.figures or one.spread]


def _lens(
    key: str, told: Mapping[str, Json], measured: list[Mapping[str, Json]], pictures: Pictures
) -> Lens:
    stated = [one for one in measured if text(one, "bound") != "indicator"]
    grades = {text(one, "grade", "C") for one in stated}
    return Lens(
        title=text(told, "title", key or "Unnamed analyzer"),
        identity=f"{text(told, 'id', key)} {text(told, 'version')}".strip(),
        summary=text(told, "summary"),
        reference=text(told, "reference"),
        explains=grades <= {"C"},
        readings=[_reading(one) for one in stated if not mapping(one, "scope")],
        figures=[figure_of(one["view"], pictures) for one in stated if one.get("view")],
        spread=_spread([one for one in stated if mapping(one, "scope")]),
    )


def _reading(one: Mapping[str, Json]) -> Reading:
    return Reading(
        wording.words(text(one, "metric")), _value(one), text(one, "grade", "C"), text(one, "note")
    )


def _value(one: Mapping[str, Json]) -> str:
    """A number as it was counted: parts of a whole in percent with the whole beside it."""
    value, counts = number(one, "value"), mapping(one, "counts")
    under = whole(counts, "denominator")
    if value is not None and under:
        return f"{wording.percent(value)} of {under:,}"
    return wording.measure(value)


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
