"""What two models look like inside, beside each other: readings of both, and what moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analyzers.contract import Json
from service.report import wording
from service.report.reading import mapping, mappings, number, text

MOST: Final = 24
"""Rows of each table, the largest change first."""


@dataclass(frozen=True)
class Shift:
    """One reading of both models."""

    about: str
    where: str
    old: str
    new: str
    change: str


@dataclass(frozen=True)
class Shifts:
    """What of the explanations moved."""

    whole: Sequence[Shift]
    """Readings of whole models."""
    layers: Sequence[Shift]
    """Readings of layers that both models have."""
    unmatched: int
    """Readings that only one of the two has."""


def shifts(old: Mapping[str, Json], new: Mapping[str, Json]) -> Shifts:
    """Explanations of two audits by metric and scope: associations, and no cause of anything."""
    before, after = _readings(old), _readings(new)
    titles = {**_titles(old), **_titles(new)}
    both = [key for key in after if key in before]
    both.sort(key=lambda key: -_size(before[key], after[key]))
    found = [(key, _shift(key, before[key], after[key], titles)) for key in both]
    return Shifts(
        [one for (*_, layer), one in found if not layer][:MOST],
        [one for (*_, layer), one in found if layer and one.old != one.new][:MOST],
        len(set(before) ^ set(after)),
    )


_Key = tuple[str, str, str]


def _readings(facts: Mapping[str, Json]) -> dict[_Key, float]:
    """Values of grade C that speak of the whole model or of one layer."""
    found: dict[_Key, float] = {}
    for one in mappings(facts, "measurements"):
        scope, value = mapping(one, "scope"), number(one, "value")
        if value is not None and text(one, "grade") == "C" and set(scope) <= {"layer"}:
            found[text(one, "analyzer"), text(one, "metric"), text(scope, "layer")] = value
    return found


def _titles(facts: Mapping[str, Json]) -> dict[tuple[str, str], tuple[str, str]]:
    """Title and unit of every metric, as its analyzer words them."""
    return {
        (text(one, "key"), name): (text(mapping(told), "title"), text(mapping(told), "unit"))
        for one in mappings(mapping(facts, "plan"), "analyzers")
        for name, told in mapping(one, "metrics").items()
    }


def _size(old: float, new: float) -> float:
    """How large a change is beside the values themselves."""
    most = max(abs(old), abs(new))
    return abs(new - old) / most if most else 0.0


def _shift(
    key: _Key, old: float, new: float, titles: Mapping[tuple[str, str], tuple[str, str]]
) -> Shift:
    analyzer, metric, layer = key
    title, unit = titles.get((analyzer, metric), ("", ""))
    by = new - old
    change = wording.points(by) if unit == "share" else wording.signed(f"{by:+.3g}")
    return Shift(
        wording.plain(title or wording.capital(wording.metric(metric)), 120),
        wording.plain(layer, 80),
        wording.measure(old, unit),
        wording.measure(new, unit),
        change,
    )
