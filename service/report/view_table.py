"""Views of tables: heat map and matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from analyzers.contract import Json
from service.report import raster, svg
from service.report.drawing import Drawing, MalformedView, Words, row_labels, table
from service.report.png import data_uri
from service.report.reading import finite, text
from service.report.wording import figure, measure

CELLS = 12
"""Rows up to which a matrix prints its numbers."""


def heat_map(data: Mapping[str, Json]) -> Drawing:
    """A table of numbers as colours, with the ramp beside it."""
    values = table(data)
    low, high = svg.extent([float(np.nanmin(values)), float(np.nanmax(values))])
    seen = raster.thinned(values)
    rows, columns = seen.shape
    side = min(300.0 / columns, 300.0 / rows)
    wide, tall = side * columns, side * rows
    colours = data_uri(raster.coloured(seen, low, high))
    parts = [
        _image(colours, (12, 22), (wide, tall)),
        *_ramp_legend(data, (low, high), 340),
        svg.label(12, 14, svg.clipped(text(data, "y_label"), 40), "soft"),
        svg.label(12, 22 + tall + 16, svg.clipped(text(data, "x_label"), 40), "soft"),
    ]
    claim = _extremes(values)
    told = f"{values.shape[0]} by {values.shape[1]} values as colours, darker for more."
    heads = ("rows", "columns", "least", "mean", "most")
    spread = [float(one) for one in (np.nanmin(values), np.nanmean(values), np.nanmax(values))]
    picture = Words(claim, told).canvas(data, max(tall + 44, 150), *parts)
    if max(values.shape) <= CELLS:
        return Drawing(picture, *_every(values), claim=claim)
    line = (*map(str, values.shape), *map(figure, spread))
    return Drawing(picture, heads, [line], claim=claim)


def _extremes(values: raster.Table) -> str:
    """The least and the most, and where the most is."""
    most, least = float(np.nanmax(values)), float(np.nanmin(values))
    row, column = divmod(int(np.nanargmax(values)), values.shape[1])
    place = f"row {row + 1}, column {column + 1}"
    return f"from {figure(least)} to {figure(most)}, the most in {place}"


def _every(values: raster.Table) -> tuple[list[str], list[list[str]]]:
    """All numbers, rows from the top."""
    heads = ["row", *(str(place) for place in range(1, values.shape[1] + 1))]
    return heads, [
        [str(place), *(measure(finite(float(one))) for one in row)]
        for place, row in enumerate(values, 1)
    ]


def matrix(data: Mapping[str, Json]) -> Drawing:
    """Every pair of labels: numbers in the cells while they fit, colours beyond."""
    values = table(data)
    names = row_labels(data, values.shape[0])
    if values.shape[0] != values.shape[1]:
        raise MalformedView(f"it has {values.shape[0]} rows and {values.shape[1]} columns")
    if values.shape[0] > CELLS:
        return heat_map(data)
    unit, count = text(data, "unit"), len(names)
    low, high = svg.extent([float(np.nanmin(values)), float(np.nanmax(values))], anchor=0.0)
    side = min(44.0, 336.0 / count)
    parts: list[str] = [svg.label(96, 12, svg.clipped(text(data, "x_label"), 50), "soft")]
    for row in range(count):
        y = 34 + row * side
        parts.append(svg.label(88, y + side / 2 + 4, svg.clipped(names[row], 13), "", "end"))
        letters = int(side / 6.2)
        heading = svg.clipped(names[row], letters)
        parts.append(svg.label(96 + (row + 0.5) * side, 28, heading, "soft", "middle"))
        for column in range(count):
            cell = (float(values[row, column]), (low, high), unit)
            parts += _cell(cell, 96 + column * side, y, side)
    parts.append(svg.label(4, 28, svg.clipped(text(data, "y_label"), 13), "soft"))
    claim = _commonest(values, names, unit)
    words = Words(claim, f"{count} by {count} values, a row and a column for each label.")
    rows = [
        (names[row], *(measure(finite(float(one)), unit) for one in values[row]))
        for row in range(count)
    ]
    picture = words.canvas(data, 42 + count * side, *parts)
    return Drawing(picture, ("", *names), rows, claim=claim)


def _commonest(values: raster.Table, names: Sequence[str], unit: str) -> str:
    """The largest value that joins two labels."""
    apart = np.where(np.eye(len(names), dtype=bool), np.nan, values)
    if not np.isfinite(apart).any():
        return "nothing off the diagonal"
    row, column = divmod(int(np.nanargmax(apart)), len(names))
    told = measure(finite(float(apart[row, column])), unit)
    return f"most from {names[row]} to {names[column]}: {told}"


def _cell(
    cell: tuple[float, tuple[float, float], str], x: float, y: float, side: float
) -> list[str]:
    value, (low, high), unit = cell
    if not np.isfinite(value):
        return [svg.box(x, y, side - 1, side - 1, css="rail")]
    share = (value - low) / (high - low)
    pixel = raster.coloured(np.array([[value]]), low, high)[0, 0]
    filled = svg.element(
        "rect", x=x, y=y, width=side - 1, height=side - 1, fill=f"#{bytes(pixel).hex()}"
    )
    css = "on-dark" if raster.dark(share) else "on-light"
    told = f"{value:.0%}" if unit == "share" else figure(value)
    return [filled, svg.label(x + side / 2, y + side / 2 + 4, told, css, "middle")]


def _ramp_legend(data: Mapping[str, Json], ends: tuple[float, float], x: float) -> list[str]:
    steps = np.ascontiguousarray(raster.ramp()[:, ::-1].transpose(1, 0, 2))
    return [
        _image(data_uri(steps), (x, 22), (12, 100)),
        svg.label(x + 18, 32, f"{ends[1]:.3g}", "soft"),
        svg.label(x + 18, 122, f"{ends[0]:.3g}", "soft"),
        svg.label(x, 142, svg.clipped(text(data, "label"), 15), "soft"),
    ]


def _image(address: str, place: tuple[float, float], size: tuple[float, float]) -> Markup:
    """A picture of ours inside a drawing, its pixels kept square and sharp."""
    told = (
        f'<image href="{address}" x="{svg.spelled(place[0])}" y="{svg.spelled(place[1])}" '
        f'width="{svg.spelled(size[0])}" height="{svg.spelled(size[1])}" '
        'preserveAspectRatio="none" class="raster"/>'
    )
    return Markup(told)  # noqa: S704 - numbers and our own base64
