"""The report as one self-contained page: same evidence, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzers.contract import Json
from service.report import findings, groups, ledger, lenses, limits, standards, wording
from service.report.appendix import sampled
from service.report.brackets import Holding, depth_of, holdings
from service.report.change import change
from service.report.gallery import BUDGET, EXAMPLES, GalleryImages, shown
from service.report.pages import page
from service.report.reading import mapping, mappings, number, ordered, text, whole
from service.report.remedies import remedies
from service.report.reproduction import commands, costs, identity, method
from service.report.spending import spending
from service.report.threats import threats
from service.report.views import Figure, figure_of
from service.report.waived import waived

Pair = tuple[str, str]

WORST = 3
"""Findings that the verdict's card names, and that stand unfolded."""
MOST_LINES = 200
"""Of a policy."""
_CLAIMS = {"set": "these images", "population": "their population"}
_GOOD = {"ok", "not applicable"}


class Row(NamedTuple):
    """A requirement and the places that say more of it."""

    line: ledger.Line
    anchor: str
    findings: Sequence[findings.Finding]


def render_html(
    evidence: Mapping[str, Json],
    verdict: Mapping[str, Json] | None,
    gallery: Mapping[str, GalleryImages] | None = None,
) -> bytes:
    """The whole report. ``gallery`` holds counterexamples by the key of their analyzer."""
    words = words_of(evidence, mapping(verdict), gallery or {})
    return page("report.html.j2", sheet="", **words)


def words_of(
    evidence: Mapping[str, Json],
    judged: Mapping[str, Json],
    gallery: Mapping[str, GalleryImages],
) -> dict[str, object]:
    """Everything that the template tells, section by section."""
    evidence, judged = mapping(ordered(evidence)), mapping(ordered(judged))
    facts = mapping(evidence, "facts")
    withheld = bool(mapping(facts, "data").get("withheld"))
    figures, pictures = _galleries(facts, {} if withheld else gallery)
    known = ledger.evidence_digest(evidence)
    held, found = holdings(facts, judged), findings.findings(facts)
    lamps = ledger.lamps(evidence, judged)
    sections: dict[str, object] = {
        "lines": _rows(ledger.lines(judged), held, found),
        "change": change(judged),
        "holdings": held,
        "groups": groups.figures(facts, depth_of(facts, judged)),
        "counterexamples": figures or withheld,
        "galleries": figures,
        "findings": found[: findings.MOST],
        "remedies": remedies(found),
        "waivers": waived(judged),
        "threats": threats(facts),
        "samples": sampled(facts),
        **_lenses(facts, pictures),
    }
    contents = _contents(sections)
    return {
        "name": text(mapping(facts, "subject"), "name", "Unnamed model"),
        "head": ledger.headline(judged, known),
        "glance": _glance(evidence, judged, known),
        "worst": found[:WORST],
        "unfolded": WORST,
        "contents": contents,
        "lamps": [one for one in lamps if one.mark.word not in _GOOD],
        "quiet": [one for one in lamps if one.mark.word in _GOOD],
        "lamp_figures": lenses.indicator_figures(facts, pictures),
        "more_findings": max(0, len(found) - findings.MOST),
        "counted": findings.counted(found),
        "particular": limits.particular(facts, judged),
        "general": limits.general(facts),
        "not_assessed": limits.NOT_ASSESSED,
        "clauses": standards.clauses(contents),
        "standards_version": standards.version(),
        "commands": commands(facts),
        "rules": _indented(text(mapping(evidence, "run"), "policy")),
        "method": method(facts),
        "costs": costs(evidence),
        "spending": spending(facts),
        "identity": identity(evidence, judged, known),
        "sections": sections,
        "withheld": withheld,
    }


def _indented(told: str) -> list[tuple[int, str]]:
    """Lines of a file, each with the spaces that it begins with: a page takes them off."""
    lines = [(one.lstrip(" "), one) for one in told.splitlines()[:MOST_LINES]]
    return [(min(len(whole) - len(kept), 40), kept) for kept, whole in lines]


def _lenses(facts: Mapping[str, Json], pictures: Mapping[str, str]) -> dict[str, object]:
    found = lenses.lenses(facts, pictures)
    return {
        "measured": [one for one in found if not one.explains and not one.average],
        "average": [one for one in found if one.average],
        "explained": [one for one in found if one.explains and not one.average],
    }


def _rows(
    lines: Sequence[ledger.Line], held: Sequence[Holding], found: Sequence[findings.Finding]
) -> list[Row]:
    places = {one.measured: one.anchor for one in held if not one.aside}
    return [
        Row(
            line,
            places.get(line.measured, ""),
            [one for one in found if one.metric and one.metric == line.measured[0]],
        )
        for line in lines
    ]


def _contents(sections: Mapping[str, object]) -> list[Pair]:
    """The sections that this page has; those not counted here are always there."""
    known = (
        ("", "limits", "Claim and limits"),
        ("lines", "requirements", "Requirements"),
        ("change", "change", "Change"),
        ("holdings", "holds", "What holds"),
        ("measured", "measured", "Measured besides"),
        ("", "trust", "Trust"),
        ("average", "average", "Without an attacker"),
        ("explained", "explanations", "Explanations"),
        ("counterexamples", "counterexamples", "Counterexamples"),
        ("", "findings", "Findings"),
        ("remedies", "remedies", "Remedies"),
        ("waivers", "waivers", "Waivers"),
        ("", "method", "Method"),
        ("", "standards", "Standards"),
        ("", "reproduction", "Reproduction"),
        ("", "appendix", "Appendix"),
    )
    return [(anchor, title) for name, anchor, title in known if not name or sections[name]]


def _glance(evidence: Mapping[str, Json], verdict: Mapping[str, Json], known: str) -> list[Pair]:
    """What a reader must know who reads nothing else."""
    facts, run = mapping(evidence, "facts"), mapping(evidence, "run")
    subject, data = mapping(facts, "subject"), mapping(facts, "data")
    n, seconds = whole(data, "n"), number(run, "seconds")
    model = text(subject, "file_digest") or text(subject, "digest")
    pairs = (
        ("Model", wording.short(model)),
        ("Images", "" if n is None else f"{n:,}"),
        ("Claim", _CLAIMS.get(text(verdict, "claim"), "")),
        ("Policy", wording.short(text(verdict, "policy_digest"))),
        ("Evidence", wording.short(known)),
        ("Audited", wording.when(text(run, "finished") or text(run, "created"))),
        ("Took", "" if seconds is None else wording.duration(seconds)),
        ("Signature", "none: digests only"),
    )
    return [(name, value) for name, value in pairs if value]


def _galleries(
    facts: Mapping[str, Json], given: Mapping[str, GalleryImages]
) -> tuple[list[Figure], dict[str, str]]:
    """Counterexamples of every analyzer that has some, within the page's budget."""
    planned = {text(one, "key"): one for one in mappings(mapping(facts, "plan"), "analyzers")}
    figures: list[Figure] = []
    pictures: dict[str, str] = {}
    left, budget = EXAMPLES, BUDGET
    for position, (key, images) in enumerate(given.items()):
        share = max(1, left // (len(given) - position)) if left else 0
        room = budget * share // left if left else 0
        found = shown(key, images, most=share, budget=room)
        if found is None:
            continue
        left -= found.examples
        budget -= found.size
        pictures.update(found.pictures)
        title = _gallery_title(key, planned.get(key, {}))
        figures.append(replace(figure_of(found.view, found.pictures), title=title))
    return figures, pictures


def _gallery_title(key: str, planned: Mapping[str, Json]) -> str:
    title, config = text(planned, "title"), mapping(planned, "config")
    known = ":".join(text(config, name) for name in ("norm", "eps", "knowledge"))
    against = wording.threat(known) if text(config, "norm") else ""
    return wording.plain(": ".join(one for one in (title or key, against) if one))
