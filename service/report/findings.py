"""Findings as six fixed lines, the worst first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzers.contract import Json
from service.report import wording
from service.report.reading import finite, items, mapping, mappings, number, text
from service.report.readings import metrics_of, title_of

MOST = 40
"""Findings on one page; the rest is in the evidence."""
SEVERITIES = ("critical", "high", "medium", "low", "info")
_UNNAMED = re.compile(r"[^A-Za-z0-9]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_SHAPES = {"critical": "bad", "high": "bad", "medium": "open", "low": "plain", "info": "plain"}


@dataclass(frozen=True)
class Finding:
    """One finding."""

    id: str
    anchor: str
    """Its place on the page: its id, numbered where several share it."""
    analyzer: str
    metric: str
    severity: wording.Mark
    grade: str
    grade_means: str
    statement: str
    evidence: str
    remedy: str
    reproduce: str

    @property
    def brief(self) -> str:
        """The statement's first sentence."""
        return _SENTENCE.split(self.statement, maxsplit=1)[0]


def findings(facts: Mapping[str, Json]) -> list[Finding]:
    """All findings, by severity, then grade, then id."""
    found = sorted(mappings(facts, "findings"), key=_rank)
    names = _anchors([text(one, "id") for one in found])
    return [
        _finding(one, anchor, metrics_of(facts, text(one, "analyzer")))
        for one, anchor in zip(found, names, strict=True)
    ]


def _anchors(ids: Sequence[str]) -> list[str]:
    """Names of places: letters and digits of the ids, none twice."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    for name in ids:
        plain = f"finding-{_UNNAMED.sub('-', name)[:60]}"
        seen[plain] += 1
        found.append(f"{plain}~{seen[plain]}" if seen[plain] > 1 else plain)
    return found


def _rank(one: Mapping[str, Json]) -> tuple[int, str, str]:
    severity = text(one, "severity")
    place = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
    return place, text(one, "grade", "Z"), text(one, "id")


def _finding(one: Mapping[str, Json], anchor: str, metrics: Mapping[str, Json]) -> Finding:
    severity, grade = text(one, "severity", "info"), text(one, "grade", "C")
    return Finding(
        id=text(one, "id", "unnamed"),
        anchor=anchor,
        analyzer=text(one, "analyzer"),
        metric=text(mapping(one, "evidence"), "metric"),
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
