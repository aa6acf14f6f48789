"""Views row by row: bars, dots over a band, dumbbells."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg
from service.report.drawing import (
    ROWS,
    Drawing,
    column,
    column_or_one,
    described,
    known,
    row_labels,
    summary,
)
from service.report.reading import number, text
from service.report.wording import figure, measure, plain

_LEFT, _RIGHT, _TALL = 140.0, 378.0, 22.0


def bars(data: Mapping[str, Json]) -> Drawing:
    """One bar a label, from zero."""
    values = column(data, "values")
    labels, unit, baseline = (
        row_labels(data, len(values)),
        text(data, "unit"),
        number(data, "baseline"),
    )
    shown = values[:ROWS]
    ends = known([*values, 0.0, *([] if baseline is None else [baseline])])
    place = svg.Scale(*svg.extent(ends), _LEFT, _RIGHT)
    parts: list[str] = []
    for position, value in enumerate(shown):
        y = 6 + position * _TALL
        parts.append(_row_label(y, labels[position]))
        if value is not None:
            left, right = sorted((place(0), place(value)))
            parts.append(svg.box(left, y + 3, right - left, _TALL - 8, css="a", round_=2))
        parts.append(svg.label(_RIGHT + 6, y + 14, measure(value, unit)))
    bottom = 6 + len(shown) * _TALL
    parts.append(svg.line((place(0), 4), (place(0), bottom), "rule"))
    if baseline is not None:
        parts.append(svg.line((place(baseline), 4), (place(baseline), bottom), "threshold"))
        told = f"baseline {measure(baseline, unit)}"
        parts.append(svg.label(place(baseline), bottom + 14, told, "soft", "middle"))
    tall = bottom + (20 if baseline is not None else 4)
    rows = [(labels[place_], measure(value, unit)) for place_, value in enumerate(shown)]
    picture = svg.canvas(tall, described(data, summary(labels, values, unit)), *parts)
    return Drawing(picture, ("", "value"), rows, max(0, len(values) - ROWS))


def dots_over_band(data: Mapping[str, Json]) -> Drawing:
    """A dot a row over the grey band of its reference; a diamond where it lies outside."""
    values = column(data, "values")
    low, high = (column_or_one(data, key, len(values)) for key in ("low", "high"))
    labels, unit = row_labels(data, len(values)), text(data, "unit")
    place = svg.Scale(*svg.extent(known([*values, *low, *high])), _LEFT + 8, _RIGHT - 8)
    parts: list[str] = []
    rows: list[tuple[str, ...]] = []
    for position, (value, under, over) in enumerate(zip(values[:ROWS], low, high, strict=False)):
        y = 6 + position * _TALL
        parts.append(_row_label(y, labels[position]))
        parts.append(svg.line((_LEFT, y + 11), (_RIGHT, y + 11), "grid"))
        outside = _outside(value, under, over)
        if under is not None and over is not None:
            left, right = sorted((place(under), place(over)))
            parts.append(svg.box(left, y + 4, right - left, 14, css="band", round_=3))
        if value is not None:
            mark, css = (svg.diamond, "b") if outside else (svg.dot, "a")
            parts.append(mark(place(value), y + 11, css, 5))
        parts.append(svg.label(_RIGHT + 6, y + 15, measure(value, unit)))
        told = [measure(one, unit) for one in (value, under, over)]
        rows.append((labels[position], *told, "outside" if outside else ""))
    heads = ("", "value", "band from", "to", "")
    picture = svg.canvas(
        10 + len(rows) * _TALL, described(data, summary(labels, values, unit)), *parts
    )
    return Drawing(picture, heads, rows, max(0, len(values) - ROWS))


def dumbbell(data: Mapping[str, Json]) -> Drawing:
    """Before and after of every row, joined: a ring and a dot."""
    before = column(data, "before")
    after = column(data, "after", like=len(before))
    labels, unit = row_labels(data, len(before)), text(data, "unit")
    names = [plain(text(data, f"{key}_label", key), 24) for key in ("before", "after")]
    place = svg.Scale(*svg.extent(known([*before, *after]), anchor=0.0), _LEFT + 8, _RIGHT - 8)
    parts: list[str] = [
        svg.dot(_LEFT + 4, 10, "ring", 4),
        svg.label(_LEFT + 13, 14, names[0], "soft"),
        svg.dot(_LEFT + 124, 10, "a", 4),
        svg.label(_LEFT + 133, 14, names[1], "soft"),
    ]
    rows: list[tuple[str, ...]] = []
    for position, (first, last) in enumerate(zip(before[:ROWS], after, strict=False)):
        y = 22 + position * _TALL
        parts.append(_row_label(y, labels[position]))
        parts.append(svg.line((_LEFT, y + 11), (_RIGHT, y + 11), "grid"))
        if first is not None and last is not None:
            parts.append(svg.line((place(first), y + 11), (place(last), y + 11), "joint"))
        if first is not None:
            parts.append(svg.dot(place(first), y + 11, "ring", 5))
        if last is not None:
            parts.append(svg.dot(place(last), y + 11, "a", 5))
        change = None if first is None or last is None else last - first
        parts.append(svg.label(_RIGHT + 6, y + 15, "" if change is None else _change(change)))
        rows.append((labels[position], measure(first, unit), measure(last, unit)))
    told = f"{len(before)} rows, {names[0]} and {names[1]}"
    picture = svg.canvas(26 + len(rows) * _TALL, described(data, told), *parts)
    return Drawing(picture, ("", *names), rows, max(0, len(before) - ROWS))


def _row_label(y: float, words: str) -> Markup:
    return svg.label(_LEFT - 8, y + 15, svg.clipped(words, 20), "", "end")


def _change(difference: float) -> str:
    return ("+" if difference > 0 else "") + figure(difference)


def _outside(value: float | None, low: float | None, high: float | None) -> bool:
    if value is None or low is None or high is None:
        return False
    return not min(low, high) <= value <= max(low, high)
