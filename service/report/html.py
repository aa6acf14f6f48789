"""The report as one self-contained page: same evidence, same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analyzers.contract import Json
from service.report import findings, gallery, ledger, lenses, wording
from service.report.brackets import holdings
from service.report.gallery import GalleryImages
from service.report.limits import limits
from service.report.pages import page
from service.report.reading import mapping, mappings, text, whole
from service.report.reproduction import chapters, commands
from service.report.views import Figure, figure_of

Pair = tuple[str, str]


def render_html(
    evidence: Mapping[str, Json],
    verdict: Mapping[str, Json] | None,
    gallery: Mapping[str, GalleryImages] | None = None,
) -> bytes:
    """The whole report. ``gallery`` holds counterexamples by the key of their analyzer."""
    facts, judged = mapping(evidence, "facts"), mapping(verdict)
    figures, pictures = _galleries(facts, gallery or {})
    groups = lenses.lenses(facts, pictures)
    found = findings.findings(facts)
    parts: dict[str, object] = {
        "lines": ledger.lines(judged),
        "holdings": holdings(facts, judged),
        "galleries": figures,
        "measured": [one for one in groups if not one.explains],
        "explained": [one for one in groups if one.explains],
    }
    return page(
        "report.html.j2",
        name=text(mapping(facts, "subject"), "name", "Unnamed model"),
        head=ledger.headline(evidence, judged),
        glance=_glance(evidence, judged),
        contents=_contents(parts),
        lamps=ledger.lamps(evidence, judged),
        findings=found[: findings.MOST],
        more_findings=max(0, len(found) - findings.MOST),
        counted=findings.counted(found),
        limits=limits(facts, judged),
        commands=commands(facts),
        chapters=chapters(evidence, judged),
        **parts,
    )


def _contents(parts: Mapping[str, object]) -> list[Pair]:
    """The sections that this page has."""
    found: list[tuple[str, str, object]] = [
        ("requirements", "Requirements", parts["lines"]),
        ("holds", "What holds", parts["holdings"]),
        ("trust", "Trust", True),
        ("counterexamples", "Counterexamples", parts["galleries"]),
        ("findings", "Findings", True),
        ("measured", "Measured besides", parts["measured"]),
        ("explanations", "Explanations", parts["explained"]),
        ("limits", "Limits", True),
        ("reproduction", "Reproduction", True),
    ]
    return [(anchor, title) for anchor, title, there in found if there]


def _glance(evidence: Mapping[str, Json], verdict: Mapping[str, Json]) -> list[Pair]:
    """What a reader must know who reads nothing else."""
    facts, run = mapping(evidence, "facts"), mapping(evidence, "run")
    subject, data = mapping(facts, "subject"), mapping(facts, "data")
    n = whole(data, "n")
    known = text(subject, "file_digest") or text(subject, "digest")
    pairs = (
        ("Model", wording.short(known)),
        ("Images", "" if n is None else f"{n:,}"),
        (
            "Claim",
            {"set": "these images", "population": "their population"}.get(_claim(verdict), ""),
        ),
        ("Policy", wording.short(text(verdict, "policy_digest"))),
        ("Evidence", wording.short(ledger.evidence_digest(evidence))),
        ("Audited", text(run, "finished") or text(run, "created")),
    )
    return [(name, value) for name, value in pairs if value]


def _claim(verdict: Mapping[str, Json]) -> str:
    return text(verdict, "claim")


def _galleries(
    facts: Mapping[str, Json], given: Mapping[str, GalleryImages]
) -> tuple[list[Figure], dict[str, str]]:
    """Counterexamples of every analyzer that has some, within the page's budget."""
    planned = {text(one, "key"): one for one in mappings(mapping(facts, "plan"), "analyzers")}
    figures: list[Figure] = []
    pictures: dict[str, str] = {}
    left, budget = gallery.EXAMPLES, gallery.BUDGET
    for position, (key, images) in enumerate(given.items()):
        share = max(1, left // (len(given) - position)) if left else 0
        found = gallery.shown(key, images, most=share, budget=budget)
        if found is None:
            continue
        left -= len(found.pictures) // 3
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
