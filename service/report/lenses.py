"""What analyzers measured besides counts: numbers and figures, grouped by who took them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from analyzers.contract import Json
from service.report.brackets import is_tally
from service.report.findings import Finding, findings
from service.report.reading import mapping, mappings, text
from service.report.readings import Missing, Readings, is_drawn, readings_of, unmeasured
from service.report.views import Figure, Pictures, figure_of

_LONG = 60
"""Letters from which a caption is worth saying once for several figures."""


@dataclass(frozen=True)
class Lens:
    """All that one analyzer says."""

    anchor: str
    title: str
    identity: str
    summary: str
    reference: str
    explains: bool
    """Whether everything here is grade C: association, never cause."""
    average: bool
    """Whether it says how the model does where nobody attacks it."""
    readings: Readings
    figures: Sequence[Figure]
    missing: Sequence[Missing]
    findings: Sequence[Finding]
    """Those that these numbers set off, each id once."""

    @property
    def empty(self) -> bool:
        """Whether it has nothing but reasons."""
        return not (self.readings.first or self.readings.tables or self.figures)

    @property
    def contents(self) -> str:
        """What is here, in a few words."""
        if self.empty:
            return "nothing measured"
        counted = (
            (len(self.figures), "figure"),
            (len(self.readings.first) + len(self.readings.more), "reading"),
            (len(self.readings.tables), "table"),
        )
        told = [f"{many} {name}{'s' if many > 1 else ''}" for many, name in counted if many]
        return ", ".join(told)


def lenses(facts: Mapping[str, Json], pictures: Pictures) -> list[Lens]:
    """One group for each analyzer of the plan that has anything to explain, or why it has not."""
    rest: dict[str, list[Mapping[str, Json]]] = {}
    judged: set[str] = set()
    for one in mappings(facts, "measurements"):
        if is_tally(one):
            judged.add(text(one, "analyzer"))
        elif text(one, "bound") != "indicator":
            rest.setdefault(text(one, "analyzer"), []).append(one)
    planned = {text(one, "key"): one for one in mappings(mapping(facts, "plan"), "analyzers")}
    ordered = dict.fromkeys([*planned, *rest])
    raised = findings(facts)
    found: list[Lens] = []
    for key in (key for key in ordered if rest.get(key)):
        own = {one.id: one for one in reversed(raised) if one.analyzer == key}
        first = [one for one in raised if own.get(one.id) is one]
        told = _Told(f"lens-{len(found) + 1}", key, planned.get(key, {}), key in judged, first)
        found.append(_lens(told, rest[key], pictures))
    return found


class _Told(NamedTuple):
    """Who speaks."""

    anchor: str
    key: str
    body: Mapping[str, Json]
    judged: bool
    """Whether it counts images as well: what it adds to that explains nothing."""
    findings: Sequence[Finding]


def _lens(told: _Told, stated: list[Mapping[str, Json]], pictures: Pictures) -> Lens:
    measured = [one for one in stated if text(one, "outcome") == "measured"]
    grades = {text(one, "grade", "C") for one in measured or stated}
    name, body = told.key, told.body
    return Lens(
        anchor=told.anchor,
        title=text(body, "title", name or "Unnamed analyzer"),
        identity=f"{text(body, 'id', name)} {text(body, 'version')}".strip(),
        summary=text(body, "summary"),
        reference=text(body, "reference"),
        explains=grades <= {"C"} and not told.judged,
        average=body.get("average_case") is True,
        readings=readings_of(measured, body),
        figures=_once([figure_of(one["view"], pictures) for one in stated if is_drawn(one)]),
        missing=unmeasured(stated, body),
        findings=told.findings,
    )


def _once(figures: Sequence[Figure]) -> list[Figure]:
    """Figures of which each long caption is said once."""
    first: dict[str, str] = {}
    found: list[Figure] = []
    for one in figures:
        if len(one.caption) >= _LONG and one.title and one.caption in first:
            found.append(replace(one, caption=f"Read as “{first[one.caption]}”."))
            continue
        first.setdefault(one.caption, one.title)
        found.append(one)
    return found


def indicator_figures(facts: Mapping[str, Json], pictures: Pictures) -> list[Figure]:
    """What indicators want to show; they belong to the trust in the evaluation."""
    return [
        figure_of(one["view"], pictures)
        for one in mappings(facts, "measurements")
        if text(one, "bound") == "indicator" and one.get("view") and not is_tally(one)
    ]


def citations(facts: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Which methods ran, at which version, by whom they were described."""
    return [
        (f"{text(one, 'id')} {text(one, 'version')}".strip(), text(one, "reference"))
        for one in mappings(mapping(facts, "plan"), "analyzers")
    ]
