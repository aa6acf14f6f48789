"""The verdict for a terminal: plain lines, nothing that moves a cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analyzers.contract import Json
from service.report import findings, ledger, wording
from service.report.reading import mapping, text

_SHOWN = 5
_LONGEST = 2000


def verdict_lines(
    verdict: Mapping[str, Json] | None, evidence: Mapping[str, Json] | None
) -> list[str]:
    """The verdict's sentence, its requirements, what is in doubt, the worst findings, digests."""
    judged, seen = mapping(verdict), mapping(evidence)
    known = ledger.evidence_digest(seen) if seen else ""
    head = ledger.headline(judged, known)
    first = f"{head.mark.word}. {head.sentence}" if judged else head.sentence
    lines = [
        first,
        *_requirements(judged),
        *_doubts(seen, judged),
        *_findings(mapping(seen, "facts")),
        *(f"note: {note}" for note in head.notes),
        *_digests(known, text(judged, "policy_digest")),
    ]
    return [_safe(one) for one in lines]


def _safe(line: str) -> str:
    """Without line ends, escapes and marks that turn the direction of writing."""
    return "".join(char if char.isprintable() else " " for char in line[:_LONGEST]).rstrip()


def _requirements(verdict: Mapping[str, Json]) -> list[str]:
    found = ledger.lines(verdict)
    if not found:
        return []
    cells = [
        (one.mark.word, one.id, one.observed, one.needed, one.interval, f"n = {one.images}")
        for one in found
    ]
    tables = _columns([[wording.plain(cell, 60) for cell in row] for row in cells])
    return [
        line
        for row, one in zip(tables, found, strict=True)
        for line in (f"  {row}", f"    {one.about}: {one.reason}" if one.reason else "")
        if line
    ]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _doubts(evidence: Mapping[str, Json], verdict: Mapping[str, Json]) -> list[str]:
    lamps = ledger.lamps(evidence, verdict)
    if not lamps:
        return []
    bad = [one for one in lamps if one.mark.word in {"red", "missing"}]
    lines = [f"trust: {len(lamps) - len(bad)} of {len(lamps)} indicators ok"] if verdict else []
    for one in bad:
        about = f" ({one.about})" if one.about else ""
        told = f"{one.value}, limit {one.limit}" if one.mark.word == "red" else one.note
        lines.append(f"  {one.mark.word}: {one.name.lower()}{about}: {told}")
    return lines


def _findings(facts: Mapping[str, Json]) -> list[str]:
    found = findings.findings(facts)
    lines = [f"findings: {findings.counted(found)}"] if found else []
    lines += [
        f"  {one.severity.word}, grade {one.grade}, {one.id}: {one.statement}"
        for one in found[:_SHOWN]
    ]
    if len(found) > _SHOWN:
        lines.append(f"  {len(found) - _SHOWN} more in the report")
    return lines


def _digests(evidence: str, policy: str) -> list[str]:
    named = (("evidence", evidence), ("policy", policy))
    return [f"{name} sha256:{digest.removeprefix('sha256:')}" for name, digest in named if digest]
