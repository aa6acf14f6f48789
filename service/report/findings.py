"""Findings as six fixed lines, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzers.contract import Json
from service.report import wording
from service.report.reading import finite, items, mapping, mappings, number, text
from service.report.readings import metrics_of, title_of

MOST = 40
"""Findings on one page; the rest is in the evidence."""
SEVERITIES = ("critical", "high", "medium", "low", "info")
_SHAPES = {"critical": "bad", "high": "bad", "medium": "open", "low": "plain", "info": "plain"}


@dataclass(frozen=True)
class Finding:
    """One finding."""

    id: str
    severity: wording.Mark
    grade: str
    grade_means: str
    statement: str
    evidence: str
    remedy: str
    reproduce: str


def findings(facts: Mapping[str, Json]) -> list[Finding]:
    """All findings, by severity, then grade, then id."""
    found = sorted(mappings(facts, "findings"), key=_rank)
    return [_finding(one, metrics_of(facts, text(one, "analyzer"))) for one in found]


def _rank(one: Mapping[str, Json]) -> tuple[int, str, str]:
    severity = text(one, "severity")
    place = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
    return place, text(one, "grade", "Z"), text(one, "id")


def _finding(one: Mapping[str, Json], metrics: Mapping[str, Json]) -> Finding:
    severity, grade = text(one, "severity", "info"), text(one, "grade", "C")
    return Finding(
        id=text(one, "id", "unnamed"),
        severity=wording.Mark(severity, _SHAPES.get(severity, "plain")),
        grade=grade,
        grade_means=wording.grade(grade),
        statement=wording.spoken(text(one, "statement", "No statement was given."), 2000),
        evidence=_evidence(one, metrics),
        remedy=text(one, "remedy", "None is known."),
        reproduce=text(one, "reproduce"),
    )


def _evidence(one: Mapping[str, Json], metrics: Mapping[str, Json]) -> str:
    body = mapping(one, "evidence")
    if not body:
        listed = [str(part) for part in items(one, "evidence")]
        return text(one, "evidence") or ", ".join(listed) or "see the measurements"
    metric, value = text(body, "metric", "value"), number(body, "value")
    declared = mapping(metrics, metric)
    name = title_of(metric, metrics) if declared else wording.words(metric)
    told = f"{name} = {wording.measure(value, text(declared, 'unit'))}"
    where = wording.scope(mapping(body, "scope"))
    rest = [
        f"{wording.words(key)} {_short(extra)}"
        for key, extra in body.items()
        if key not in {"metric", "value", "scope"}
    ]
    return ", ".join([told, *([where] if where else []), *rest])


def _short(value: Json) -> str:
    known = finite(value)
    return wording.figure(known) if known is not None else wording.plain(value, 80)


def counted(found: Sequence[Finding]) -> str:
    """How many findings of each severity, in words."""
    totals = {name: sum(one.severity.word == name for one in found) for name in SEVERITIES}
    return ", ".join(f"{total} {name}" for name, total in totals.items() if total)
