"""Views along x: a curve, a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg
from service.report.drawing import ROWS, Drawing, Words, column, known
from service.report.reading import text
from service.report.wording import measure, plain, tick

POINTS = 400
"""Points that a drawing shows; of more, every k-th."""

Columns = Mapping[str, Sequence[float | None]]


def curve(data: Mapping[str, Json]) -> Drawing:
    """A line over x, with a band where one is given."""
    return _along_x(data, banded="low" in data and "high" in data)


def band_along_x(data: Mapping[str, Json]) -> Drawing:
    """A band over x, with a line where one is given."""
    return _along_x(data, banded=True)


def _along_x(data: Mapping[str, Json], *, banded: bool) -> Drawing:
    columns = _columns(data, banded=banded)
    across = known(columns["x"])
    upright = known([one for key, values in columns.items() if key != "x" for one in values])
    place_x = svg.Scale(*svg.extent(across), 52, svg.WIDTH - 14)
    ends = svg.rounded(*svg.extent(upright, anchor=0.0), 4)
    place_y = svg.Scale(*ends, 190, 22)
    parts = _axes(data, place_x, place_y)
    if banded:
        parts.append(_ribbon(columns, place_x, place_y))
    if "y" in columns:
        parts += _stroke(columns["x"], columns["y"], place_x, place_y)
    claim = _claim(data, columns, upright)
    words = Words(claim, _reading(data, len(across), banded=banded))
    heads, rows = _told(data, columns)
    picture = words.canvas(data, 232, *parts)
    return Drawing(picture, heads, rows[:ROWS], max(0, len(rows) - ROWS), claim)


def _claim(data: Mapping[str, Json], columns: Columns, upright: Sequence[float]) -> str:
    """Where the line begins, where it ends, and its peak where that lies between."""
    unit, ys = text(data, "unit"), columns.get("y", ())
    found = [(x, y) for x, y in zip(columns["x"], ys, strict=False) if not (x is None or y is None)]
    if not found:
        return f"a band from {measure(min(upright), unit)} to {measure(max(upright), unit)}"
    first, last, top = found[0], found[-1], max(found, key=lambda point: point[1])
    told = [f"{measure(y, unit)} at {tick(x)}" for x, y in (first, last)]
    if top[1] > max(first[1], last[1]):
        told.append(f"highest {measure(top[1], unit)} at {tick(top[0])}")
    return ", ".join(told)


def _reading(data: Mapping[str, Json], points: int, *, banded: bool) -> str:
    """What runs along the axes."""
    names = [plain(text(data, f"{key}_label", key), 60) for key in ("x", "y")]
    band = ", with a band around it" if banded else ""
    return f"{names[1]} over {names[0]}, {points} points{band}."


def _columns(data: Mapping[str, Json], *, banded: bool) -> Columns:
    found = {"x": column(data, "x")}
    wanted = ["y"] if not banded else [*(["y"] if "y" in data else []), "low", "high"]
    for key in wanted:
        found[key] = column(data, key, like=len(found["x"]))
    step = -(-len(found["x"]) // POINTS)
    return {key: values[::step] for key, values in found.items()}


def _told(data: Mapping[str, Json], columns: Columns) -> tuple[list[str], list[list[str]]]:
    """The table behind the drawing."""
    unit = text(data, "unit")
    names = {"x": text(data, "x_label", "x"), "y": text(data, "y_label", "y")}
    heads = [plain(names.get(key, key)) for key in columns]
    units = ["" if key == "x" else unit for key in columns]
    rows = [
        [measure(value, unit) for value, unit in zip(row, units, strict=True)]
        for row in zip(*columns.values(), strict=True)
    ]
    return heads, rows


def _axes(data: Mapping[str, Json], across: svg.Scale, upright: svg.Scale) -> list[str]:
    unit, parts = text(data, "unit"), list[str]()
    for value in svg.ticks(upright.low, upright.high, 4):
        y = upright(value)
        parts.append(svg.line((across.start, y), (across.end, y), "grid"))
        parts.append(svg.label(across.start - 6, y + 4, tick(value, unit), "soft", "end"))
    for value in svg.ticks(across.low, across.high, 6):
        x = across(value)
        parts.append(svg.line((x, upright.start), (x, upright.start + 4), "rule"))
        parts.append(svg.label(x, upright.start + 17, tick(value), "soft", "middle"))
    parts.append(svg.line((across.start, upright.start), (across.end, upright.start), "rule"))
    middle = (across.start + across.end) / 2
    named = svg.clipped(text(data, "x_label"), 60)
    parts.append(svg.label(middle, upright.start + 35, named, "soft", "middle"))
    parts.append(svg.label(4, 10, svg.clipped(text(data, "y_label"), 60), "soft"))
    return parts


def _ribbon(columns: Columns, across: svg.Scale, upright: svg.Scale) -> Markup:
    edges = [
        (x, low, high)
        for x, low, high in zip(columns["x"], columns["low"], columns["high"], strict=True)
        if x is not None and low is not None and high is not None
    ]
    there = [(across(x), upright(high)) for x, _, high in edges]
    back = [(across(x), upright(low)) for x, low, _ in reversed(edges)]
    return svg.element("polygon", points=svg.path_points(there + back), class_="band")


def _stroke(
    xs: Sequence[float | None], ys: Sequence[float | None], across: svg.Scale, upright: svg.Scale
) -> list[str]:
    """The line, broken where a value is missing, with a dot at each point while there is room."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if x is None or y is None:
            runs.append([])
        else:
            runs[-1].append((across(x), upright(y)))
    parts: list[str] = [
        svg.element("polyline", points=svg.path_points(run), class_="stroke") for run in runs if run
    ]
    if len(xs) <= ROWS:
        parts += [svg.dot(x, y, "a", 3) for run in runs for x, y in run]
    return parts
