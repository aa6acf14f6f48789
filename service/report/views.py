"""The ten ways in which a measurement can be seen; none of them knows an analyzer.

A view is ``{"kind", "title", "data", "caption"}``. What ``data`` holds, by kind (``?``: optional;
``unit`` is a word, and ``share`` means that the values are parts of one and are shown in percent):

- ``number``: ``value``, ``unit``?, ``of``? (the whole that the value is a part of)
- ``curve``: ``x``, ``y``, ``x_label``?, ``y_label``?, ``unit``?, ``low``? and ``high``? (a band
  around y)
- ``band``: ``value``, ``low``, ``high``, ``unit``? (one value over its reference band); or ``x``,
  ``low``, ``high``, ``y``? with the words of a curve
- ``bracket``: ``certified`` and ``upper`` (shares), ``population``, ``prefix``, ``standing``,
  ``fallen``, ``pending``; from a verdict ``threshold``?, ``low``? and ``high``? (an interval)
- ``bars``: ``labels``, ``values``, ``unit``?, ``baseline``? (a number)
- ``dots_over_band``: ``labels`` or ``x``, ``values``, ``low`` and ``high`` (lists, or one number
  for all), ``unit``?, ``claim``? (what it shows, where that is not how many lie outside)
- ``dumbbell``: ``labels``, ``before``, ``after``, ``before_label``?, ``after_label``?, ``unit``?
- ``heat_map``: ``values`` (rows of one length, null for a gap), ``label``?, ``x_label``?,
  ``y_label``?
- ``matrix``: ``labels``, ``values`` (one row a label), ``x_label``?, ``y_label``?, ``unit``?
- ``gallery``: ``items`` of ``caption`` and ``images``: keys of pictures that the page holds

A list of numbers may hold null where nothing was measured; curves break there, rows stay empty.
Data of another shape become a note in the figure's place, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from analyzers.contract import Json, ViewKind
from service.report.drawing import Drawing, MalformedView
from service.report.reading import mapping, text
from service.report.view_curve import band_along_x, curve
from service.report.view_gallery import Pictures, gallery
from service.report.view_rows import bars, dots_over_band, dumbbell
from service.report.view_table import heat_map, matrix
from service.report.view_value import bracket, large_number, value_over_band
from service.report.wording import plain, spoken


@dataclass(frozen=True)
class Figure:
    """A view ready for a page."""

    kind: str
    title: str
    caption: str
    drawing: Drawing | None = None
    note: str = ""
    """Why there is no drawing."""


def figure_of(view: Json, pictures: Pictures | None = None) -> Figure:
    """Draw a view by its kind."""
    body = mapping(view)
    kind, title = plain(text(body, "kind"), 40), spoken(text(body, "title"))
    caption = spoken(text(body, "caption"))
    data = {**mapping(body, "data"), "title": title}
    try:
        drawing = _drawn(kind, data, pictures or {})
    except MalformedView as error:
        return Figure(kind, title, caption, note=f"This figure cannot be drawn: {error}.")
    return Figure(kind, title, caption, drawing)


def _drawn(kind: str, data: Mapping[str, Json], pictures: Pictures) -> Drawing:
    if kind == "gallery":
        return gallery(data, pictures)
    draw = _DRAWERS.get(kind)
    if draw is None:
        known = ", ".join(get_args(ViewKind))
        message = f"'{kind}' is none of {known}"
        raise MalformedView(message)
    return draw(data)


def _band(data: Mapping[str, Json]) -> Drawing:
    return band_along_x(data) if "x" in data else value_over_band(data)


_DRAWERS: dict[str, Callable[[Mapping[str, Json]], Drawing]] = {
    "number": large_number,
    "curve": curve,
    "band": _band,
    "bracket": bracket,
    "bars": bars,
    "dots_over_band": dots_over_band,
    "dumbbell": dumbbell,
    "heat_map": heat_map,
    "matrix": matrix,
}
