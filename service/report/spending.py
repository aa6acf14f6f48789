"""What each part of the plan cost, in passes of single images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from analyzers.contract import Json
from service.report import wording
from service.report.reading import mapping, mappings, text, whole
from service.report.views import Figure, figure_of

_MOST: Final = 1 << 53
"""Passes beyond this are nobody's; evidence may be anybody's."""


def spending(facts: Mapping[str, Json]) -> list[Figure]:
    """One bar for each analyzer that asked the model; nothing where one alone did."""
    planned = mappings(mapping(facts, "plan"), "analyzers")
    titles = Counter(text(one, "title") for one in planned)
    spent = [
        (_name(one, alone=titles[text(one, "title")] == 1), forward + backward, backward)
        for one in planned
        for forward, backward in [_passes(mapping(one, "passes"))]
        if forward + backward > 0
    ]
    if len(spent) < 2:  # noqa: PLR2004 - one is the whole
        return []
    spent.sort(key=lambda one: -one[1])
    total, back = sum(one[1] for one in spent), sum(one[2] for one in spent)
    n = max(0, whole(mapping(facts, "data"), "n") or 0)
    each = f", {wording.figure(total / n)} for each of {n:,} images" if n else ""
    view = {
        "kind": "bars",
        "title": "What each part of the plan cost, in passes of one image",
        "caption": f"{total:,} passes{each}; {wording.percent(back / total)} of them backward. "
        "What was known from earlier audits is counted as if it had been measured again.",
        "data": {
            "labels": [name for name, _, _ in spent],
            "values": [passes for _, passes, _ in spent],
        },
    }
    return [figure_of(view)]


def _passes(told: Mapping[str, Json]) -> tuple[int, int]:
    forward, backward = (
        min(_MOST, max(0, whole(told, way) or 0)) for way in ("forward", "backward")
    )
    return forward, backward


def _name(one: Mapping[str, Json], *, alone: bool) -> str:
    """The analyzer, and the size of its threat where it serves several."""
    size = "" if alone else text(mapping(one, "config"), "eps")
    title = text(one, "title") or text(one, "key")
    return wording.plain(f"{title} {size}".rstrip(), 60)
