"""The view that shows pictures."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg
from service.report.drawing import ROWS, Drawing, MalformedView
from service.report.reading import items, mappings, text
from service.report.wording import plain

FIRST = 6
"""Examples that are seen without unfolding."""
Pictures = Mapping[str, str]
"""Data addresses of pictures by key."""


def gallery(data: Mapping[str, Json], pictures: Pictures) -> Drawing:
    """Pictures side by side, one row an item; a picture that is not kept says so."""
    found = mappings(data, "items")
    if not found:
        raise MalformedView("it holds no pictures")
    shown = [_item(one, pictures) for one in found[:ROWS]]
    columns = [plain(one, 40) for one in items(data, "columns")]
    rows = [[plain(cell, 200) for cell in items(one, "cells")] for one in found[:ROWS]]
    told = [row for row in rows if columns and len(row) == len(columns)]
    picture = svg.element("ul", *shown[:FIRST], class_="pictures")
    if more := shown[FIRST:]:
        summary = svg.element("summary", f"{len(more)} more")
        rest = svg.element("ul", *more, class_="pictures")
        picture += svg.element("details", summary, rest, class_="fold")
    return Drawing(picture, columns, told, max(0, len(found) - ROWS))


def _item(item: Mapping[str, Json], pictures: Pictures) -> Markup:
    """One example: its pictures side by side, and what they are."""
    caption, detail = plain(text(item, "caption")), plain(text(item, "detail"))
    keys = [str(key) for key in items(item, "images")][:6]
    roles = [plain(one, 40) for one in items(item, "roles")]
    if len(roles) != len(keys):
        roles = [plain(key.rpartition("/")[2], 40) for key in keys]
    frames = [_frame(key, role, caption, pictures) for key, role in zip(keys, roles, strict=True)]
    told = [svg.element("p", caption)]
    told += [svg.element("p", detail, class_="soft")] if detail else []
    return svg.element("li", svg.element("div", *frames, class_="frames"), *told)


def _frame(key: str, role: str, caption: str, pictures: Pictures) -> Markup:
    address = pictures.get(key, "")
    if not address.startswith("data:image/png;base64,"):
        held = svg.element("div", "not kept in this file", class_="gone")
    else:
        alt = f"{role}: {caption}" if caption else role
        held = svg.element("img", src=address, alt=alt, width=96, height=96)
    return svg.element("figure", held, svg.element("figcaption", role))
