"""The summary for a merge request or a CI step: Markdown of a few lines, below 20 KB always."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from analyzers.contract import Json
from service.report import findings, ledger, wording
from service.report.markdown_lists import doubts, mended, reasons, waivers, worst_findings
from service.report.markdown_table import table, worst_first
from service.report.markdown_text import code, count, escaped, is_address, is_word, link
from service.report.reading import mapping, number, text, whole

MARKER = "<!-- assay:summary -->"
"""The first line, by which a bot finds its own comment again; nothing shows it."""
_FOLDER = "assay-out"
_SHORT = 12
_ADVISED = {"critical", "high", "medium"}


def render_markdown(
    evidence: Mapping[str, Json], verdict: Mapping[str, Json] | None, *, report: str = ""
) -> str:
    """The summary; ``report`` is where the whole report lies, as a path or as an address."""
    facts, judged = mapping(evidence, "facts"), mapping(verdict)
    known = ledger.evidence_digest(evidence)
    parts = [
        f"{MARKER}\n{_heading(facts, judged)}",
        table(facts, judged),
        _sentence(judged, known),
        reasons(judged),
        doubts(evidence, judged, known),
        worst_findings(facts),
        mended(facts),
        waivers(judged),
        _next(evidence, judged, report),
        _foot(evidence, judged, known, report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(facts: Mapping[str, Json], verdict: Mapping[str, Json]) -> str:
    subject, baseline = mapping(facts, "subject"), mapping(verdict, "baseline")
    word = escaped(wording.mark(text(verdict, "verdict")).word, 40)
    name, digest = text(subject, "name"), _short(text(subject, "canonical_digest"))
    model = " ".join(code(one, 120) for one in (name, digest) if one)
    gate = f"### Robustness gate: {word}" if verdict else "### Robustness audit, not judged"
    told = [gate, f"model {model}" if model else ""]
    if baseline:
        told.append(f"vs {_named(baseline)}")
    return " · ".join(one for one in told if one)


def _named(baseline: Mapping[str, Json]) -> str:
    digest = _short(text(baseline, "model_digest"))
    name = escaped(text(baseline, "name", "baseline"), 120)
    return f"{name} {code(digest)}" if digest else name


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHORT]


def _sentence(verdict: Mapping[str, Json], known: str) -> str:
    head = ledger.headline(verdict, known)
    told = escaped(head.sentence, 1000)
    return f"**{escaped(head.mark.word, 40)}.** {told}" if verdict else f"Measured. {told}"


def _next(evidence: Mapping[str, Json], verdict: Mapping[str, Json], report: str) -> str:
    """Commands for whoever wants to see it with their own eyes, and the first remedy."""
    facts, told = mapping(evidence, "facts"), list[str]()
    lines = worst_first(verdict)
    attacked = any(text(one, "state") == "FAIL" and text(one, "threat") for one in lines)
    if mapping(evidence, "run", "witnesses") and (attacked or not verdict):
        told.append(code(_replay(facts, report), 300))
    found = findings.findings(facts)
    grave = bool(found) and found[0].severity.word in _ADVISED
    worth = [found[0].id] if grave else []
    worth += [text(one, "metric") for one in lines[:1] if text(one, "state") != "PASS"]
    if worth and is_word(worth[0]):
        told.append(code(f"assay explain {worth[0]}"))
    if grave:
        told.append(f"try: {escaped(found[0].remedy, 300)}")
    return f"Next: {' · '.join(told)}" if told else ""


def _replay(facts: Mapping[str, Json], report: str) -> str:
    """The command that shows the pictures again; names that a shell would read stay away."""
    beside = PurePath(_FOLDER) if not report or is_address(report) else PurePath(report).parent
    place, model = str(beside / "witnesses"), _file_name(mapping(facts, "subject"))
    shown = place if is_word(place) else "WITNESSES"
    return f"assay replay {shown} --model {model if is_word(model) else 'MODEL'}"


def _file_name(subject: Mapping[str, Json]) -> str:
    return text(subject, "file_name") or text(subject, "name")


def _foot(
    evidence: Mapping[str, Json], verdict: Mapping[str, Json], known: str, report: str
) -> str:
    """What identifies this evidence, and what it cost."""
    facts, run = mapping(evidence, "facts"), mapping(evidence, "run")
    policy, data = text(verdict, "policy_digest"), mapping(facts, "data")
    n, seconds = whole(data, "n"), number(run, "seconds")
    told = [
        f"Evidence {code(f'sha256:{known}')}" if known else "Evidence without a digest",
        f"policy {code(_short(policy))}" if policy else "",
        "" if n is None else f"{count(n)} images {code(_short(text(data, 'digest')))}".rstrip(),
        _passes(mapping(facts, "passes")),
        _cached(mapping(run, "cache")),
        "" if seconds is None else escaped(wording.duration(seconds), 60),
        link("report", report),
    ]
    return " · ".join(one for one in told if one)


def _passes(body: Mapping[str, Json]) -> str:
    counts = [(name, whole(body, name)) for name in sorted(body)[:4]]
    told = [f"{count(many)} {escaped(name, 40)}" for name, many in counts if many is not None]
    return f"{' and '.join(told)} passes" if told else ""


def _cached(cache: Mapping[str, Json]) -> str:
    hits, misses = whole(cache, "hits"), whole(cache, "misses")
    if hits is None or misses is None or min(hits, misses) < 0 or not hits + misses:
        return ""
    total = hits + misses
    return f"{wording.percent(hits / total)} cached ({count(hits)} of {count(total)} units)"
