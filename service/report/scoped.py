"""Numbers of parts of a model: a table for each way of cutting it (by layer, by class)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analyzers.contract import Json
from service.report import wording
from service.report.reading import mapping, text

LAYERS = 60
"""Rows of one table by scope."""
_ACROSS = 8
"""Values of one key up to which it runs along the columns."""

Stated = Mapping[str, Json]


class Cell(NamedTuple):
    """One number with its interval."""

    value: str = "–"
    interval: str = ""
    n: str = ""


@dataclass(frozen=True)
class Table:
    """One row a part of the model; the first cells of a row name it."""

    title: str
    heads: Sequence[str]
    """Of the columns that name a row."""
    columns: Sequence[str]
    names: Sequence[Sequence[str]]
    cells: Sequence[Sequence[Cell]]
    caption: str
    rest: int

    @property
    def lines(self) -> Sequence[tuple[Sequence[str], Sequence[Cell]]]:
        """The rows, names and numbers apart."""
        return list(zip(self.names, self.cells, strict=True))


class Place(NamedTuple):
    """A measurement as a table needs it."""

    metric: str
    scope: Mapping[str, str]
    cell: Cell


def tables(places: Sequence[Place]) -> list[Table]:
    """The tables that numbers by scope make, one for each set of scope words."""
    alone = {one.scope["threat"] for one in places if "threat" in one.scope}
    kept = [_without(one, "threat") for one in places] if len(alone) == 1 else list(places)
    groups: dict[tuple[str, ...], list[Place]] = {}
    for one in kept:
        groups.setdefault(tuple(one.scope), []).append(one)
    return [_table(keys, group) for keys, group in groups.items()]


def _without(one: Place, key: str) -> Place:
    left = {name: value for name, value in one.scope.items() if name != key}
    return one._replace(scope=left or one.scope)


def scope_of(one: Stated) -> dict[str, str]:
    """A scope with its values in words, keys in order."""
    body = mapping(one, "scope")
    return {name: wording.scope_value(name, text(body, name)) for name in sorted(body)}


def _table(keys: tuple[str, ...], group: Sequence[Place]) -> Table:
    metrics = list(dict.fromkeys(one.metric for one in group))
    across = _across(keys, group) if len(metrics) == 1 else ""
    along = [one for one in keys if one != across]
    rows: dict[tuple[str, ...], dict[str, Cell]] = {}
    for one in group:
        named = tuple(one.scope[key] for key in along)
        column = one.scope[across] if across else one.metric
        rows.setdefault(named, {})[column] = one.cell
    columns = list(dict.fromkeys(one.scope[across] if across else one.metric for one in group))
    heads = [f"{wording.words(across)} {one}" if across else one for one in columns]
    by = wording.listed([wording.words(key) for key in keys])
    n = {one.cell.n for one in group}
    shared = n.pop() if len(n) == 1 else ""
    cells = [[row.get(one, Cell()) for one in columns] for row in rows.values()]
    return Table(
        title=f"{metrics[0]} by {by}" if len(metrics) == 1 else f"By {by}",
        heads=[wording.capital(wording.words(key)) for key in along],
        columns=[wording.capital(one) for one in heads],
        names=list(rows)[:LAYERS],
        cells=[[one._replace(n="") for one in row] if shared else row for row in cells[:LAYERS]],
        caption=_caption(group, shared),
        rest=max(0, len(rows) - LAYERS),
    )


def _across(keys: tuple[str, ...], group: Sequence[Place]) -> str:
    """Of two keys the one with few values, when every one of them stands beside many others."""
    if len(keys) != 2:  # noqa: PLR2004 - rows and columns
        return ""
    values = {key: len({one.scope[key] for one in group}) for key in keys}
    least = min(reversed(keys), key=lambda key: values[key])
    return least if 1 < values[least] <= _ACROSS else ""


def _caption(group: Sequence[Place], shared: str) -> str:
    told = [f"Each number: {shared}." if shared else ""]
    told += ["Small: 95% interval."] if any(one.cell.interval for one in group) else []
    return " ".join(one for one in told if one)
