"""The report as one self-contained page: same evidence, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analyzers.contract import Json
from service.report import findings, ledger, lenses, wording
from service.report.brackets import holdings
from service.report.gallery import BUDGET, EXAMPLES, GalleryImages, shown
from service.report.limits import limits
from service.report.pages import page
from service.report.reading import mapping, mappings, number, text, whole
from service.report.reproduction import chapters, commands
from service.report.views import Figure, figure_of

Pair = tuple[str, str]

_CLAIMS = {"set": "these images", "population": "their population"}


def render_html(
    evidence: Mapping[str, Json],
    verdict: Mapping[str, Json] | None,
    gallery: Mapping[str, GalleryImages] | None = None,
) -> bytes:
    """The whole report. ``gallery`` holds counterexamples by the key of their analyzer."""
    facts, judged = mapping(evidence, "facts"), mapping(verdict)
    figures, pictures = _galleries(facts, gallery or {})
    known = ledger.evidence_digest(evidence)
    groups = lenses.lenses(facts, pictures)
    found = findings.findings(facts)
    sections: dict[str, Sequence[object]] = {
        "lines": ledger.lines(judged),
        "holdings": holdings(facts, judged),
        "galleries": figures,
        "measured": [one for one in groups if not one.explains],
        "explained": [one for one in groups if one.explains],
    }
    return page(
        "report.html.j2",
        name=text(mapping(facts, "subject"), "name", "Unnamed model"),
        head=ledger.headline(judged, known),
        glance=_glance(evidence, judged, known),
        contents=_contents(sections),
        lamps=ledger.lamps(evidence, judged),
        lamp_figures=lenses.indicator_figures(facts, pictures),
        findings=found[: findings.MOST],
        more_findings=max(0, len(found) - findings.MOST),
        counted=findings.counted(found),
        limits=limits(facts, judged),
        commands=commands(facts),
        chapters=chapters(evidence, judged, known),
        sections=sections,
    )


def _contents(sections: Mapping[str, Sequence[object]]) -> list[Pair]:
    """The sections that this page has; those not counted here are always there."""
    known = (
        ("lines", "requirements", "Requirements"),
        ("holdings", "holds", "What holds"),
        ("", "trust", "Trust"),
        ("measured", "measured", "Measured besides"),
        ("explained", "explanations", "Explanations"),
        ("galleries", "counterexamples", "Counterexamples"),
        ("", "findings", "Findings"),
        ("", "limits", "Limits"),
        ("", "reproduction", "Reproduction"),
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
        ("Worst finding", _worst(facts)),
        ("Audited", wording.when(text(run, "finished") or text(run, "created"))),
        ("Took", "" if seconds is None else wording.duration(seconds)),
    )
    return [(name, value) for name, value in pairs if value]


def _worst(facts: Mapping[str, Json]) -> str:
    found = findings.findings(facts)
    return f"{found[0].id} ({found[0].severity.word})" if found else ""


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
