"""Who is hurt and what it is taken for: classes, pairs of classes, sizes of a threat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from analyzers.contract import Json
from analyzers.statistics.intervals import wilson
from service.report import wording
from service.report.brackets import is_tally
from service.report.reading import items, mapping, mappings, text, whole
from service.report.views import Figure, figure_of

PAIRS = 15
FEW = 30
"""Images of a class below which its share says little by itself."""
_LEVEL = 0.95
_SIZES = 2
"""Sizes of one threat that make a curve."""

Facts = Mapping[str, Json]


def figures(facts: Facts, depth: str) -> list[Figure]:
    """Everything that counts of images tell beside their sum."""
    ending = "8" if depth == "8-bit" else ""
    keys = [key for key in _attacked(facts) if mapping(facts, "samples", key)]
    found = [*_curves(facts, depth)]
    for key in keys:
        against = wording.threat(key.partition("@")[2])
        told = mapping(facts, "samples", key)
        found += _classes(facts, mapping(told, f"by_class{ending}"), against)
        found += _pairs(facts, mapping(told, f"flips{ending}"), against)
    return found


def _attacked(facts: Facts) -> list[str]:
    """Analyzers that count images under a threat."""
    found = [
        text(one, "analyzer")
        for one in mappings(facts, "measurements")
        if is_tally(one) and mapping(one, "scope")
    ]
    return list(dict.fromkeys(found))


def name_of(facts: Facts, label: str) -> str:
    """What a class is called."""
    names = items(mapping(facts, "data"), "class_names")
    known = label.isascii() and label.isdigit() and int(label) < len(names)
    return wording.plain(names[int(label)], 60) if known else f"class {wording.plain(label, 20)}"


def _classes(facts: Facts, states: Facts, against: str) -> list[Figure]:
    """The share of each class that stands, the weakest first, with intervals that hold at once."""
    rows: list[tuple[float, str, int, int]] = []
    for label in states:
        counts = mapping(states, label)
        total = sum(whole(counts, key) or 0 for key in counts)
        stood = sum(whole(counts, key) or 0 for key in ("standing", "right"))
        if 0 <= stood <= total and total:
            rows.append((stood / total, label, stood, total))
    if len(rows) < 2:  # noqa: PLR2004 - one class is the whole
        return []
    rows.sort(key=lambda row: (row[0], len(row[1]), row[1]))
    level = 1 - (1 - _LEVEL) / len(rows)
    ends = [wilson(stood, total, level) for _, _, stood, total in rows]
    few = sum(total < FEW for _, _, _, total in rows)
    view = {
        "kind": "dots_over_band",
        "title": f"What each class keeps at most under attack, {against}",
        "caption": "Attacks bound these shares from above. Band: Wilson's interval of the share "
        f"that no attack broke, widened so that all {len(rows)} hold at once at 95%; where the "
        "audit stopped early it says less. Behind each name: images that stand, of those looked at."
        + (f" {few} classes have fewer than {FEW}: their dots say little." if few else ""),
        "data": {
            "labels": [
                f"{name_of(facts, label)} {stood}/{total}" for _, label, stood, total in rows
            ],
            "values": [share for share, _, _, _ in rows],
            "low": [one.low for one in ends],
            "high": [one.high for one in ends],
            "unit": "share",
            "claim": _claim(facts, rows),
        },
    }
    return [figure_of(view)]


def _claim(facts: Facts, rows: Sequence[tuple[float, str, int, int]]) -> str:
    """The weakest class and the strongest; how many are lost altogether."""
    lost = sum(not stood for _, _, stood, _ in rows)
    ends = [f"{name_of(facts, row[1])} {wording.percent(row[0])}" for row in (rows[0], rows[-1])]
    if lost == len(rows):
        return f"no image of any of {len(rows)} classes stands"
    none = f"; of {lost} classes none stands" if lost > 1 else ""
    return f"weakest {ends[0]}, strongest {ends[1]}{none}"


def _pairs(facts: Facts, flips: Facts, against: str) -> list[Figure]:
    """For what broken images are taken, the commonest pairs."""
    found = [
        (times, label, taken)
        for label in flips
        for taken in mapping(flips, label)
        if (times := whole(mapping(flips, label), taken) or 0) > 0
    ]
    if not found:
        return []
    found.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    total = sum(times for times, _, _ in found)
    shown = found[:PAIRS]
    left = f" The {PAIRS} commonest of {len(found)} pairs." if len(found) > PAIRS else ""
    view = {
        "kind": "bars",
        "title": f"For what broken images are taken, {against}, by number of images",
        "caption": f"n = {total:,} broken images, each by its first confirmed witness.{left}",
        "data": {
            "labels": [
                f"{name_of(facts, label)} → {name_of(facts, taken)}" for _, label, taken in shown
            ],
            "values": [times for times, _, _ in shown],
        },
    }
    return [figure_of(view)]


def _curves(facts: Facts, depth: str) -> list[Figure]:
    """What is left at each size of a threat, where several sizes were tried, from size nothing."""
    clean = [one for one in mappings(facts, "measurements") if is_tally(one) and _plain(one)]
    groups: dict[tuple[str, str, str], list[tuple[Fraction, float, int]]] = {}
    for one in mappings(facts, "measurements"):
        scope = mapping(one, "scope")
        norm, _, rest = text(scope, "threat").partition(":")
        eps, _, knowledge = rest.partition(":")
        size, upper = _fraction(eps), _upper(one)
        if size is None or upper is None or text(scope, "depth") not in {"", depth}:
            continue
        group = groups.setdefault((text(one, "metric"), norm, knowledge), [])
        group.append((size, upper, whole(mapping(one, "counts"), "population") or 0))
    start = _upper(clean[0]) if len(clean) == 1 else None
    return [
        _curve(norm, f"{knowledge.partition(':')[0]} box", sorted(points), start)
        for (_, norm, knowledge), points in groups.items()
        if len(points) >= _SIZES
    ]


def _plain(one: Facts) -> bool:
    return not mapping(one, "scope")


def _fraction(eps: str) -> Fraction | None:
    try:
        return Fraction(eps)
    except (ValueError, ZeroDivisionError):
        return None


def _upper(one: Facts) -> float | None:
    """The share that is left at most, or None for what counts no images."""
    if not is_tally(one):
        return None
    counts = mapping(one, "counts")
    total, fallen = whole(counts, "population"), whole(counts, "fallen")
    return (total - fallen) / total if total and fallen is not None else None


def _curve(
    norm: str, box: str, points: Sequence[tuple[Fraction, float, int]], start: float | None
) -> Figure:
    steps = 255 if norm == "Linf" else 1
    first = [(Fraction(0), start, points[0][2])] if start is not None else []
    found = [*first, *points]
    view = {
        "kind": "curve",
        "title": f"What is left at each size, {norm}, {box}",
        "caption": f"At most this share keeps the correct label; n = {points[0][2]:,}. "
        "Size nothing is the clean accuracy.",
        "data": {
            "x": [float(size * steps) for size, _, _ in found],
            "y": [upper for _, upper, _ in found],
            "x_label": "size in steps of 1/255" if norm == "Linf" else f"size in {norm}",
            "y_label": "kept at most",
            "unit": "share",
        },
    }
    return figure_of(view)
