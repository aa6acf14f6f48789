"""The view that shows pictures."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg
from service.report.drawing import ROWS, Drawing, MalformedView
from service.report.reading import items, mappings, text
from service.report.wording import plain

Pictures = Mapping[str, str]
"""Data addresses of pictures by key."""


def gallery(data: Mapping[str, Json], pictures: Pictures) -> Drawing:
    """Pictures side by side, one row an item; a picture that is not kept says so."""
    shown: list[Markup] = []
    for item in mappings(data, "items"):
        caption = plain(text(item, "caption"))
        keys = [str(key) for key in items(item, "images")]
        frames = [_frame(key, caption, pictures) for key in keys[:6]]
        told = svg.element("p", caption)
        row = svg.element("div", *frames, class_="frames")
        shown.append(svg.element("li", row, told))
    if not shown:
        raise MalformedView("it holds no pictures")
    return Drawing(
        svg.element("ul", *shown[:ROWS], class_="pictures"), rest=max(0, len(shown) - ROWS)
    )


def _frame(key: str, caption: str, pictures: Pictures) -> Markup:
    role = plain(key.rpartition("/")[2], 40)
    address = pictures.get(key, "")
    if not address.startswith("data:image/png;base64,"):
        held = svg.element("div", "not kept in this file", class_="gone")
    else:
        alt = f"{role}: {caption}" if caption else role
        held = svg.element("img", src=address, alt=alt, width=96, height=96)
    return svg.element("figure", held, svg.element("figcaption", role))
