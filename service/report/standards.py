"""Which sections are relevant to which clauses: a map for readers, never a stamp."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzers.contract import Json
from service.report.reading import items, mappings, text

_FILE = Path(__file__).with_name("standards.json")


@dataclass(frozen=True)
class Clause:
    """A clause and the sections of this page that are relevant to it."""

    source: str
    asks: str
    sections: Sequence[tuple[str, str]]
    """Anchor and title."""


def version() -> str:
    """Of the map, not of any standard."""
    return text(_map(), "version")


def clauses(sections: Collection[tuple[str, str]]) -> list[Clause]:
    """Every clause that a section of this page is relevant to."""
    found = [
        Clause(
            text(one, "source"),
            text(one, "asks"),
            [(anchor, title) for anchor, title in sections if anchor in items(one, "sections")],
        )
        for one in mappings(_map(), "entries")
    ]
    return [one for one in found if one.sections]


@cache
def _map() -> Mapping[str, Json]:
    return json.loads(_FILE.read_text(encoding="utf-8"))
