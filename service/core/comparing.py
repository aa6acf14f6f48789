"""Two audits held side by side without a policy: what differs, and which images changed."""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.contract import Depth, Json
from service.core.evidence import part
from service.core.pairing import Side, differences, pairs_of, plan_differs
from service.core.regression import label_of

LEVEL: Final = 0.95
SHOWN: Final = 12
"""Newly broken images that are named."""


def compared(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, Json]:
    """What changed from one evidence to another; measures are paired image by image."""
    sides = (Side.of(old), Side.of(new))
    found = differences(*sides)
    return {
        "schema": "assay/diff/v1",
        "comparable": all(one.state != "incomparable" for one in found),
        "differences": [one._asdict() for one in found if one.state != "same"],
        "level": LEVEL,
        "changes": [_change(*sides, one) for one in _counted(sides[1])],
    }


def _counted(side: Side) -> list[Mapping[str, Json]]:
    """Measurements that count images, each with the states of single ones."""
    told = part(side.facts.get("samples"))
    return [
        one
        for one in map(part, side.facts.get("measurements", ()))
        if one.get("analyzer") in told and "standing" in part(one.get("counts"))
    ]


def _change(old: Side, new: Side, one: Mapping[str, Json]) -> dict[str, Json]:
    analyzer, scope = str(one["analyzer"]), part(one.get("scope"))
    depth: Depth = "8-bit" if scope.get("depth") == "8-bit" else "float32"
    about = {"metric": one["metric"], "threat": scope.get("threat", ""), "depth": depth}
    apart = [each.what for each in differences(old, new) if each.state == "incomparable"]
    why = f"another {' and '.join(apart)}" if apart else plan_differs(old, new, analyzer)
    pairs = None if why else pairs_of(old, new, analyzer, depth)
    if pairs is None or not pairs.n:
        return {**about, "label": "incomparable", "why": why or "no image was settled in both"}
    alike = not pairs.broken and not pairs.fixed
    return {
        **about,
        "label": "same" if alike else label_of(pairs, 0.0, LEVEL),
        "n": pairs.n,
        "newly_standing": len(pairs.fixed),
        "newly_broken": len(pairs.broken),
        "stands_in_both": pairs.kept,
        "partial": _partial(old, new, one),
        "unsettled": pairs.unsettled,
        "whole": pairs.whole,
        "difference": pairs.difference,
        "interval": list(pairs.interval(LEVEL)),
        "broken_rows": list(pairs.broken[:SHOWN]),
        # counts of a part would tell how far each audit came, and not what became of a class
        "classes": _classes(old, new, analyzer, ending="8" if depth == "8-bit" else "")
        if pairs.whole and not pairs.unsettled
        else [],
    }


def _partial(old: Side, new: Side, one: Mapping[str, Json]) -> list[str]:
    """The audits in which not every attack was tried on what stands: there too much does."""
    told = {name: one.get(name) for name in ("analyzer", "metric", "scope")}
    found = {"new": part(one.get("counts"))}
    for other in map(part, old.facts.get("measurements", ())):
        if told == {name: other.get(name) for name in told}:
            found["old"] = part(other.get("counts"))
    return [
        name
        for name in ("old", "new")
        if int(found.get(name, {}).get("full", 0)) < int(found.get(name, {}).get("population", 0))
    ]


def _classes(old: Side, new: Side, analyzer: str, *, ending: str) -> list[dict[str, Json]]:
    """Standing images of every class, before and after, the largest loss first."""
    before, after = (_standing(one, analyzer, ending) for one in (old, new))
    names: Sequence[Json] = part(new.facts.get("data")).get("class_names", ())
    found: list[dict[str, Json]] = [
        {
            "class": str(names[int(label)]) if int(label) < len(names) else label,
            "old": before.get(label, 0),
            "new": after.get(label, 0),
        }
        for label in sorted({*before, *after}, key=int)
    ]
    return sorted(found, key=lambda one: one["new"] - one["old"])


def _standing(side: Side, analyzer: str, ending: str) -> dict[str, int]:
    told = part(part(part(side.facts.get("samples")).get(analyzer)).get(f"by_class{ending}"))
    return {
        label: int(part(states).get("standing", 0)) + int(part(states).get("right", 0))
        for label, states in told.items()
    }
