"""A model over its releases: how much of it held, release by release, threat by threat."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg, wording
from service.report.drawing import Drawing
from service.report.pages import page
from service.report.reading import mappings, number, text, whole
from service.report.views import Figure

_TOP, _BOTTOM, _HEIGHT = 14.0, 190.0, 250.0
_ROOM: Final = 12
"""Releases up to which each bears its number below the axis."""


@dataclass(frozen=True)
class Release:
    """One release: the newest audit of a model on some images."""

    place: int
    id: str
    address: str
    model: str
    digest: str
    data: str
    data_id: str
    created: str
    verdict: wording.Mark
    brackets: Mapping[str, Mapping[str, Json]]
    """By threat."""
    needed: Mapping[str, float]
    """What the policy required of each threat."""
    compare: str = ""
    """Address of the comparison with the release before."""


@dataclass(frozen=True)
class Point:
    """One release under one threat."""

    place: int
    low: float
    high: float
    seen: int
    total: int
    needed: float | None
    data: str
    verdict: wording.Mark
    claim: str
    """Whether the interval speaks of these images or of their population."""


def history_page(subject: str, audits: Sequence[Mapping[str, Json]]) -> bytes:
    """The page; ``audits`` are oldest first."""
    found = releases(audits)
    threats = sorted({threat for one in found for threat in one.brackets})
    return page(
        "history.html.j2",
        sheet="compare.css",
        subject=subject,
        releases=list(reversed(found)),
        figures=[_figure(threat, found) for threat in threats],
        repeats=len(audits) - len(found),
    )


def releases(audits: Sequence[Mapping[str, Json]]) -> list[Release]:
    """One a model, evaluation set and policy: an audit that was repeated counts by its newest."""
    newest = {tuple(text(one, key) for key in _REPEATED): one for one in audits}
    found: list[Release] = []
    for place, one in enumerate(newest.values(), 1):
        found.append(_release(place, one, found[-1].id if found else ""))
    return found


_REPEATED: Final = ("model_digest", "model_id", "data_id", "policy_digest")
"""What makes two audits one release asked twice: a weaker question replaces no answer."""


def _release(place: int, one: Mapping[str, Json], before: str) -> Release:
    name = text(one, "id")
    pair = urlencode({"old": before, "new": name})
    return Release(
        place=place,
        id=name,
        address=f"/audits/{quote(name, safe='')}",
        model=wording.plain(text(one, "model"), 120),
        digest=wording.short(text(one, "model_digest")),
        data=wording.plain(text(one, "data"), 120),
        data_id=text(one, "data_id"),
        created=wording.when(text(one, "created")),
        verdict=wording.mark(text(one, "verdict")),
        brackets={text(each, "threat"): each for each in mappings(one, "brackets")},
        needed=_needed(one),
        compare=f"/compare?{pair}" if before else "",
    )


def _needed(one: Mapping[str, Json]) -> dict[str, float]:
    return {
        text(line, "threat"): threshold
        for line in mappings(one, "requirements")
        if text(line, "threat") and not text(line, "class") and "paired" not in line
        for threshold in [number(line, "threshold")]
        if threshold is not None
    }


def _points(threat: str, found: Sequence[Release]) -> list[Point]:
    points: list[Point] = []
    for one in found:
        body = one.brackets.get(threat, {})
        low, high = number(body, "low"), number(body, "high")
        if low is None or high is None or not 0 <= low <= high <= 1:
            continue
        seen, total = whole(body, "prefix") or 0, whole(body, "population") or 0
        needed = one.needed.get(threat)
        claim = text(body, "claim", "set")
        points.append(
            Point(one.place, low, high, seen, total, needed, one.data_id, one.verdict, claim)
        )
    return points


def _figure(threat: str, found: Sequence[Release]) -> Figure:
    points = _points(threat, found)
    title = wording.capital(f"{wording.threat(threat)}{_budget(threat)}")
    if not points:
        return Figure("history", title, "", note="None of these audits left a bracket of it.")
    claim = _claim(points)
    across = svg.Scale(0.5, len(found) + 0.5, 46, svg.WIDTH - 8)
    canvas = svg.canvas(_HEIGHT, f"{title}: {claim}", _READING, *_drawn(points, across, len(found)))
    drawing = Drawing(canvas, _HEADS, [_row(one) for one in points], claim=claim)
    return Figure("history", title, _CAPTION, drawing)


def _budget(threat: str) -> str:
    """How much was tried, where that is not what a gate tries."""
    budget = threat.rpartition(":")[2]
    return "" if budget == "gate" else f", {wording.plain(budget, 20)} plan"


def _claim(points: Sequence[Point]) -> str:
    """The newest release, and the one before where the same images were asked."""
    last = points[-1]
    told = f"{_at_most(last)} may hold in release {last.place}"
    if len(points) > 1 and points[-2].data == last.data:
        told += f"; {_at_most(points[-2], short=True)} in release {points[-2].place}"
    return wording.capital(f"{told}.")


def _at_most(one: Point, *, short: bool = False) -> str:
    """Attacks bound from above, so the lower end of an interval is no floor of what holds."""
    high = f"at most {wording.percent(one.high)}"
    if short:
        return high
    many = f"{one.total:,} images"
    return f"{high} of {many if one.claim == 'set' else f'the population of {many}'}"


def _row(one: Point) -> list[str]:
    seen = f"{one.seen:,}" if one.seen == one.total else f"{one.seen:,} of {one.total:,}"
    needed = "–" if one.needed is None else f"≥ {wording.percent(one.needed)}"
    ends = [wording.percent(one.low), wording.percent(one.high)]
    return [str(one.place), *ends, seen, needed, one.verdict.word]


def _drawn(points: Sequence[Point], across: svg.Scale, releases: int) -> list[str]:
    upright = svg.Scale(0, 1, _BOTTOM, _TOP)
    parts: list[str] = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = upright(share)
        parts.append(svg.line((across.start, y), (across.end, y), "grid"))
        parts.append(svg.label(across.start - 6, y + 4, f"{share:.0%}", "soft", "end"))
    for run in _runs(points):
        parts += _band(run, across, upright)
    slot = (across.end - across.start) / releases
    for one in points:
        x = across(one.place)
        if one.needed is not None:
            y, half = upright(one.needed), min(slot / 2, 40)
            parts.append(svg.line((x - half, y), (x + half, y), "threshold"))
        parts.append(svg.line((x, upright(one.low)), (x, upright(one.high)), "whisker"))
        parts.append(svg.dot(x, upright(one.high), "a", 4))
        parts.append(_shape(x, _BOTTOM + 14, one.verdict.shape, min(6.0, slot / 2.4)))
    step = -(-releases // _ROOM)
    for place in range(1, releases + 1, step):
        parts.append(svg.label(across(place), _BOTTOM + 36, str(place), "soft", "middle"))
    middle = (across.start + across.end) / 2
    parts.append(svg.label(middle, _BOTTOM + 54, "release, oldest first", "soft", "middle"))
    return parts


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Releases in a row that were asked about the same images."""
    runs: list[list[Point]] = []
    for one in points:
        if runs and runs[-1][-1].data == one.data and runs[-1][-1].place == one.place - 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _band(run: Sequence[Point], across: svg.Scale, upright: svg.Scale) -> list[str]:
    if len(run) == 1:
        return []
    there = [(across(one.place), upright(one.high)) for one in run]
    back = [(across(one.place), upright(one.low)) for one in reversed(run)]
    return [
        svg.element("polygon", points=svg.path_points(there + back), class_="band"),
        svg.element("polyline", points=svg.path_points(there), class_="stroke"),
    ]


def _shape(x: float, y: float, shape: str, size: float) -> Markup:
    """The verdict's shape, as everywhere: disc, octagon, diamond, triangle."""
    if shape == "good":
        return svg.dot(x, y, shape, size)
    if shape == "open":
        return svg.diamond(x, y, shape, size * 1.2)
    sides, turn = (8, math.pi / 8) if shape == "bad" else (3, -math.pi / 2)
    corners = [
        (
            x + size * math.cos(turn + 2 * math.pi * side / sides),
            y + size * math.sin(turn + 2 * math.pi * side / sides),
        )
        for side in range(sides)
    ]
    return svg.element("polygon", points=svg.path_points(corners), class_=shape)


_READING: Final = (
    "One upright stroke a release, from the least to the largest share of images that may keep the "
    "correct label under attack; below it the shape of its verdict."
)
_CAPTION: Final = (
    "Stroke and band: shares of images that may keep the correct label under attack (95% "
    "interval). Dashes: what the policy required. Where the images changed, the band is cut."
)
_HEADS: Final = ("Release", "At least", "At most", "Images", "Required", "Verdict")
