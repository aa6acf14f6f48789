"""What to try, the gravest finding first; a remedy that several findings name stands once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.report.findings import Finding
from service.report.wording import Mark

UNKNOWN = "None is known."


@dataclass(frozen=True)
class Remedy:
    """One remedy and what it is for."""

    told: str
    severity: Mark
    grade: str
    findings: Sequence[Finding]


def remedies(found: Sequence[Finding]) -> list[Remedy]:
    """The remedies of findings that come by severity and grade, in that order."""
    groups: dict[str, list[Finding]] = {}
    for one in found:
        if one.remedy != UNKNOWN:
            groups.setdefault(one.remedy, []).append(one)
    return [
        Remedy(told, group[0].severity, group[0].grade, group) for told, group in groups.items()
    ]
