"""The verdict on paper: its sentence, every requirement with its numbers, every trust indicator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analyzers.contract import Json
from service.core.canonical import digest
from service.report import svg, wording
from service.report.brackets import EXACT, interval_text, level_text
from service.report.reading import ends_of, items, mapping, mappings, number, text, whole

_SIGNS = {"gte": "≥", "lte": "≤"}


@dataclass(frozen=True)
class Headline:
    """What the page says first."""

    mark: wording.Mark
    sentence: str
    """Without the verdict's word, which the mark shows."""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Line:
    """One requirement."""

    id: str
    about: str
    mark: wording.Mark
    observed: str
    headroom: str
    needed: str
    interval: str
    images: str
    reason: str
    gauge: Markup
    grade: str
    measured: tuple[str, str]
    """Metric and threat that it is judged on."""


@dataclass(frozen=True)
class Lamp:
    """One trust indicator."""

    name: str
    about: str
    mark: wording.Mark
    value: str
    limit: str
    counts: str
    note: str


def headline(verdict: Mapping[str, Json], known: str) -> Headline:
    """The verdict's sentence, or what there is in its place; ``known`` is the evidence's digest."""
    if not verdict:
        told = "This is evidence without a verdict: no policy was judged."
        return Headline(wording.mark(""), told)
    word = text(verdict, "verdict", "ERROR")
    sentence = text(verdict, "sentence", "No sentence came with this verdict.")
    notes = [*map(str, items(verdict, "notes")), *_mismatch(verdict, known)]
    return Headline(wording.mark(word), _without(word, sentence), notes)


def _without(word: str, sentence: str) -> str:
    """The sentence without the word that it begins with: that stands before it in print."""
    told = sentence.removeprefix(word)
    if told == sentence:
        return sentence
    told = told.lstrip("., ")
    return told[:1].upper() + told[1:]


def evidence_digest(evidence: Mapping[str, Json]) -> str:
    """The digest of the facts at hand; empty when they have no canonical form."""
    try:
        return digest(dict(mapping(evidence, "facts")))
    except (ValueError, TypeError):
        return ""


def _mismatch(verdict: Mapping[str, Json], known: str) -> list[str]:
    judged = text(verdict, "evidence_digest").removeprefix("sha256:")
    if not judged or not known or judged == known:
        return []
    return ["This verdict was given on other evidence than the page shows: trust neither."]


def lines(verdict: Mapping[str, Json]) -> list[Line]:
    """Every requirement of the policy, in its order."""
    return [
        _change(one) if "paired" in one else _line(one) for one in mappings(verdict, "requirements")
    ]


def _line(one: Mapping[str, Json]) -> Line:
    observed, needed = number(one, "observed"), number(one, "threshold")
    sign = _SIGNS.get(text(one, "comparison", "gte"), "≥")
    state = wording.mark(text(one, "state"))
    return Line(
        id=text(one, "id", "requirement"),
        about=_about(one),
        mark=state,
        observed="not known" if observed is None else wording.percent(observed, needed),
        headroom=_headroom(observed, needed, sign),
        needed="–" if needed is None else f"{sign} {wording.percent(needed, observed)}",
        interval=_interval(one),
        images=_images(mapping(one, "counts")),
        reason=text(one, "reason"),
        gauge=_gauge(one, state),
        grade=text(one, "grade"),
        measured=(text(one, "metric"), text(one, "threat")),
    )


def _change(one: Mapping[str, Json]) -> Line:
    """A requirement on the difference to a baseline: points, not shares."""
    observed, needed = number(one, "observed"), number(one, "threshold")
    ends = ends_of(one)
    n = whole(mapping(one, "paired"), "n")
    return Line(
        id=text(one, "id", "requirement"),
        about=f"{_about(one)}, held against the baseline",
        mark=wording.mark(text(one, "state")),
        observed="not known" if observed is None else wording.points(observed),
        headroom=_headroom(observed, needed, "≥"),
        needed="–" if needed is None else f"≥ {wording.points(needed)}",
        interval=f"{' to '.join(map(wording.points, ends))} at {level_text(one)}" if ends else "–",
        images="–" if n is None else f"{n:,} pairs",
        reason=text(one, "reason"),
        gauge=Markup(""),
        grade=text(one, "grade"),
        measured=(text(one, "metric"), text(one, "threat")),
    )


def _about(one: Mapping[str, Json]) -> str:
    threat = text(one, "threat")
    against = f", {wording.threat(threat)}" if threat else ""
    weakest = wording.plain(text(one, "class"), 60)
    group = f", every class (weakest: {weakest})" if weakest else ""
    return wording.words(text(one, "metric")) + against + group


def _headroom(observed: float | None, needed: float | None, sign: str) -> str:
    if observed is None or needed is None:
        return ""
    room = observed - needed if sign == "≥" else needed - observed
    return f"{wording.points(abs(room))} {'to spare' if room >= 0 else 'short'}"


def _interval(one: Mapping[str, Json]) -> str:
    told = interval_text(one)
    if not told or told == EXACT or not level_text(one):
        return told or "–"
    return f"{told} at {level_text(one)}"


def _images(counts: Mapping[str, Json]) -> str:
    seen, total = whole(counts, "prefix"), whole(counts, "population")
    if seen is None or total is None:
        return "–"
    return f"{seen:,}" if seen == total else f"{seen:,} of {total:,}"


def _gauge(one: Mapping[str, Json], state: wording.Mark) -> Markup:
    """The row at a glance: interval, observed share, and what is needed."""
    observed, needed = number(one, "observed"), number(one, "threshold")
    if observed is None or needed is None:
        return Markup("")
    place = svg.Scale(0, 1, 4, 136)
    parts = [svg.box(4, 8, 132, 6, css="rail", round_=3)]
    ends = ends_of(one)
    if ends:
        left, right = place(ends[0]), place(ends[1])
        parts.append(svg.box(left, 8, right - left, 6, css="band", round_=3))
    parts.append(svg.line((place(needed), 2), (place(needed), 20), "threshold"))
    parts.append(svg.dot(place(observed), 11, state.shape, 4.5))
    inside = svg.inked(*parts)
    return svg.element(
        "svg",
        inside,
        viewBox="0 0 140 22",
        class_="gauge",
        aria_hidden="true",
        width=140,
        height=22,
    )


def lamps(evidence: Mapping[str, Json], verdict: Mapping[str, Json]) -> list[Lamp]:
    """Every indicator as the judge read it; without a verdict, as it was measured."""
    if verdict:
        return [
            _lamp(one, text(one, "state", "missing")) for one in mappings(verdict, "indicators")
        ]
    measured = mappings(mapping(evidence, "facts"), "measurements")
    return [_lamp(one, "") for one in measured if text(one, "bound") == "indicator"]


def _lamp(one: Mapping[str, Json], state: str) -> Lamp:
    counts = mapping(one, "counts")
    over, under = whole(counts, "numerator"), whole(counts, "denominator")
    value, limit = number(one, "value"), number(one, "limit")
    return Lamp(
        name=wording.words(text(one, "metric", "indicator")).capitalize(),
        about=wording.scope(mapping(one, "scope")),
        mark=wording.mark(state),
        value="not measured" if value is None else wording.percent(value, limit),
        limit="–" if limit is None else f"≤ {wording.percent(limit, value)}",
        counts=f"{over:,} of {under:,}" if over is not None and under is not None else "–",
        note=text(one, "note"),
    )
