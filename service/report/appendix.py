"""The states of images as every analyzer left them, with the digest that binds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analyzers.contract import Json
from service.report import wording
from service.report.reading import mapping, text, whole


@dataclass(frozen=True)
class Sampled:
    """The images that one analyzer looked at."""

    name: str
    rows: str
    states: str
    digest: str


def sampled(facts: Mapping[str, Json]) -> list[Sampled]:
    """A line for every analyzer that looked at images."""
    samples = mapping(facts, "samples")
    found = [_sampled(key, mapping(samples, key)) for key in samples]
    return [one for one in found if one.rows not in ("", "0")]


def _sampled(key: str, told: Mapping[str, Json]) -> Sampled:
    rows = whole(told, "rows")
    parts = [
        _counts(mapping(told, name), depth)
        for name, depth in (("states", ""), ("states8", "8-bit: "))
    ]
    digest = text(told, "digest")
    return Sampled(
        name=wording.plain(key),
        rows="" if rows is None else f"{rows:,}",
        states="; ".join(part for part in parts if part) or "no states",
        digest=f"sha256:{digest}" if digest else "",
    )


def _counts(states: Mapping[str, Json], depth: str) -> str:
    counts = [
        f"{count:,} {wording.words(name)}"
        for name in states
        if (count := whole(states, name)) is not None
    ]
    return depth + ", ".join(counts) if counts else ""
