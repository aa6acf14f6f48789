"""A picture with the numbers behind it, and the readers of view data that all kinds share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analyzers.contract import Json
from service.report import raster, svg
from service.report.reading import items, number, numbers, text
from service.report.wording import capital, measure, spoken

ROWS = 40
"""Rows that a drawing and its table show; the rest is in the evidence."""
_LARGEST = 1e100


class MalformedView(ValueError):  # noqa: N818 - it becomes a note, not a failure
    """Why a view cannot be drawn."""


@dataclass(frozen=True)
class Drawing:
    """A picture and the numbers behind it."""

    picture: svg.Canvas | Markup
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    rest: int = 0
    """Rows that are left out."""
    claim: str = ""
    """What it shows, in a sentence."""

    def named(self, anchor: str) -> Markup:
        """The picture; a drawing under an anchor that is its own on the page."""
        drawn = self.picture
        return drawn.named(anchor) if isinstance(drawn, svg.Canvas) else drawn


@dataclass(frozen=True)
class Words:
    """What stands for a drawing where it cannot be seen."""

    claim: str
    """What it shows."""
    reading: str
    """How to read it."""

    def canvas(self, data: Mapping[str, Json], height: float, *children: str) -> svg.Canvas:
        """The drawing; its title is the view's own, then the claim."""
        title = text(data, "title")
        claim = capital(self.claim)
        return svg.canvas(
            height, f"{title}: {self.claim}" if title else claim, self.reading, *children
        )


def required(data: Mapping[str, Json], key: str) -> float:
    """The number without which there is no drawing."""
    value = number(data, key)
    if value is None or abs(value) > _LARGEST:
        raise MalformedView(f"its {key} is no number")
    return value


def column(data: Mapping[str, Json], key: str, like: int | None = None) -> list[float | None]:
    """A list of numbers, as long as another when ``like`` says so; None where there is a gap."""
    values = numbers(data, key)
    if not values:
        raise MalformedView(f"its {key} is no list of numbers")
    if like is not None and len(values) != like:
        raise MalformedView(f"its {key} has {len(values)} entries where {like} belong")
    return [one if one is not None and abs(one) < _LARGEST else None for one in values]


def column_or_one(data: Mapping[str, Json], key: str, like: int) -> list[float | None]:
    """A list of numbers, or one number for every row."""
    value = number(data, key)
    return [value] * like if value is not None else column(data, key, like=like)


def row_labels(data: Mapping[str, Json], count: int) -> list[str]:
    """The names of the rows; their numbers where there are none."""
    found = items(data, "labels") or items(data, "x")
    if not found:
        return [str(position + 1) for position in range(count)]
    if len(found) != count:
        raise MalformedView(f"it has {len(found)} labels for {count} values")
    return [spoken(str(one), 80) for one in found]


def known(values: Sequence[float | None]) -> list[float]:
    """The values that are there: at least one."""
    found = [one for one in values if one is not None]
    if not found:
        raise MalformedView("none of its values is a number")
    return found


def table(data: Mapping[str, Json]) -> raster.Table:
    """The values of a table."""
    found = raster.table(items(data, "values"))
    if found is None:
        raise MalformedView("its values are no table of numbers")
    return found


def most_and_least(labels: Sequence[str], values: Sequence[float | None], unit: str) -> str:
    """The most and the least of rows, in words."""
    found = [
        (value, label) for value, label in zip(values, labels, strict=True) if value is not None
    ]
    if not found:
        raise MalformedView("none of its values is a number")
    least, most = min(found), max(found)
    if least[0] == most[0]:
        return f"{measure(most[0], unit)} in every row"
    return (
        f"most {measure(most[0], unit)} ({most[1]}), least {measure(least[0], unit)} ({least[1]})"
    )


def anchor(x: float) -> str:
    """Text at the edge of a drawing grows inwards."""
    if x < 60:  # noqa: PLR2004 - half a label
        return "start"
    return "end" if x > svg.WIDTH - 60 else "middle"
