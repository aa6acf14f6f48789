"""Views row by row: bars, dots over a band, dumbbells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg
from service.report.drawing import (
    ROWS,
    Drawing,
    Words,
    column,
    column_or_one,
    known,
    most_and_least,
    row_labels,
)
from service.report.reading import number, text
from service.report.wording import figure, measure, plain, points, tick

_LEFT, _TALL = 140.0, 22.0
_LETTER = 7.4
"""Width of a letter, a little more than most fonts need where a phone shows it larger."""
_LETTERS = 17
"""Wide letters of a row's name."""
_LEAST = 56.0
"""Room for the numbers beside the rows, and more where they are longer."""


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
    numbers = [measure(value, unit) for value in shown]
    right = _right(numbers)
    place = svg.Scale(*svg.extent(ends), _LEFT, right)
    parts: list[str] = []
    for position, value in enumerate(shown):
        y = 6 + position * _TALL
        parts.append(_row_label(y, labels[position]))
        if value is not None:
            left, end = sorted((place(0), place(value)))
            parts.append(svg.box(left, y + 3, end - left, _TALL - 8, css="a", round_=2))
        parts.append(svg.label(right + 6, y + 14, numbers[position]))
    bottom = 6 + len(shown) * _TALL
    parts.append(svg.line((place(0), 4), (place(0), bottom), "rule"))
    if baseline is not None:
        parts.append(svg.line((place(baseline), 4), (place(baseline), bottom), "threshold"))
        told, x = f"line: {measure(baseline, unit)}", place(baseline)
        inwards = "end" if x + _LETTER * len(told) / 2 > svg.WIDTH else "middle"
        parts.append(svg.label(x, bottom + 14, told, "soft", inwards))
    tall = bottom + (20 if baseline is not None else 4)
    rows = list(zip(labels, numbers, strict=False))
    if baseline is not None:
        rows.append(("line", measure(baseline, unit)))
    claim = most_and_least(labels, values, unit)
    line = "" if baseline is None else f"; the dashed line is at {measure(baseline, unit)}"
    words = Words(claim, f"One bar a row, from zero; {_rows(len(values))}{line}.")
    picture = words.canvas(data, tall, *parts)
    return Drawing(picture, ("", "value"), rows, max(0, len(values) - ROWS), claim)


def dots_over_band(data: Mapping[str, Json]) -> Drawing:
    """A dot a row over the grey band of its reference; a diamond where it lies outside."""
    values = column(data, "values")
    low, high = (column_or_one(data, key, len(values)) for key in ("low", "high"))
    labels, unit = row_labels(data, len(values)), text(data, "unit")
    right = _right([measure(value, unit) for value in values[:ROWS]])
    place = svg.Scale(*svg.extent(known([*values, *low, *high])), _LEFT + 8, right - 8)
    parts: list[str] = []
    rows: list[tuple[str, ...]] = []
    for position, (value, under, over) in enumerate(zip(values[:ROWS], low, high, strict=False)):
        y = 6 + position * _TALL
        parts.append(_row_label(y, labels[position]))
        parts.append(svg.line((_LEFT, y + 11), (right, y + 11), "grid"))
        outside = _outside(value, under, over)
        if under is not None and over is not None:
            left, end = sorted((place(under), place(over)))
            parts.append(svg.box(left, y + 4, end - left, 14, css="band", round_=3))
        if value is not None:
            mark, css = (svg.diamond, "b") if outside else (svg.dot, "a")
            parts.append(mark(place(value), y + 11, css, 5))
        parts.append(svg.label(right + 6, y + 15, measure(value, unit)))
        told = [measure(one, unit) for one in (value, under, over)]
        rows.append((labels[position], *told, "outside" if outside else ""))
    heads = ("", "value", "band from", "to", "")
    bottom = 6 + len(rows) * _TALL
    parts += _axis(place, bottom, unit)
    told = f"{_outliers(labels, values, low, high)}; {most_and_least(labels, values, unit)}"
    claim = text(data, "claim", told)
    words = Words(claim, f"A dot a row over a grey band, a diamond outside; {_rows(len(values))}.")
    picture = words.canvas(data, bottom + 22, *parts)
    return Drawing(picture, heads, rows, max(0, len(values) - ROWS), claim)


def dumbbell(data: Mapping[str, Json]) -> Drawing:
    """Before and after of every row, joined: a ring and a dot."""
    before = column(data, "before")
    after = column(data, "after", like=len(before))
    labels, unit = row_labels(data, len(before)), text(data, "unit")
    names = [plain(text(data, f"{key}_label", key), 24) for key in ("before", "after")]
    changes = [
        "" if first is None or last is None else _change(last - first, unit)
        for first, last in zip(before[:ROWS], after, strict=False)
    ]
    right = _right(changes)
    place = svg.Scale(*svg.extent(known([*before, *after]), anchor=0.0), _LEFT + 8, right - 8)
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
        parts.append(svg.line((_LEFT, y + 11), (right, y + 11), "grid"))
        if first is not None and last is not None:
            parts.append(svg.line((place(first), y + 11), (place(last), y + 11), "joint"))
        if first is not None:
            parts.append(svg.dot(place(first), y + 11, "ring", 5))
        if last is not None:
            parts.append(svg.dot(place(last), y + 11, "a", 5))
        parts.append(svg.label(right + 6, y + 15, changes[position]))
        ends = (measure(first, unit), measure(last, unit))
        rows.append((labels[position], *ends, changes[position] or "–"))
    bottom = 22 + len(rows) * _TALL
    parts += _axis(place, bottom, unit)
    claim = _largest(labels, before, after, unit)
    told = f"A ring ({names[0]}) and a dot ({names[1]}) a row, joined; {_rows(len(before))}."
    picture = Words(claim, told).canvas(data, bottom + 22, *parts)
    return Drawing(picture, ("", *names, "change"), rows, max(0, len(before) - ROWS), claim)


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _outliers(labels: Sequence[str], *columns: Sequence[float | None]) -> str:
    """How many rows lie outside their bands."""
    found = [label for label, *row in zip(labels, *columns, strict=True) if _outside(*row)]
    total = _rows(len(labels))
    if not found:
        return f"none of {total} lies outside its band"
    return f"{len(found)} of {total} outside the band ({_first_few(found)})"


def _first_few(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _largest(
    labels: Sequence[str],
    before: Sequence[float | None],
    after: Sequence[float | None],
    unit: str,
) -> str:
    """The row that changes most."""
    changes = [
        (last - first, label)
        for label, first, last in zip(labels, before, after, strict=True)
        if first is not None and last is not None
    ]
    if not changes:
        return "no row has both values"
    change, label = max(changes, key=lambda one: abs(one[0]))
    return f"largest change {_change(change, unit)} ({label})" if change else "nothing changes"


def _row_label(y: float, words: str) -> Markup:
    return svg.label(_LEFT - 8, y + 15, svg.middle_cut(words, _LETTERS), "", "end")


def _right(numbers: Sequence[str]) -> float:
    """Where rows end, so that the longest number beside them fits."""
    return svg.WIDTH - max(_LEAST, _LETTER * max(map(len, numbers), default=0)) - 6


def _axis(place: svg.Scale, bottom: float, unit: str) -> list[Markup]:
    """The values that places of a row stand for."""
    parts = [svg.line((place.start, bottom), (place.end, bottom), "rule")]
    for value in svg.ticks(place.low, place.high, 4):
        x = place(value)
        parts.append(svg.line((x, bottom), (x, bottom + 4), "rule"))
        parts.append(svg.label(x, bottom + 16, tick(value, unit), "soft", "middle"))
    return parts


def _change(difference: float, unit: str) -> str:
    told = points(difference) if unit == "share" else figure(difference)
    return ("+" if difference > 0 else "") + told


def _outside(value: float | None, low: float | None, high: float | None) -> bool:
    if value is None or low is None or high is None:
        return False
    return not min(low, high) <= value <= max(low, high)
