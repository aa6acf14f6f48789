"""Two audits side by side: may they be compared, what changed, and which images changed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from analyzers.contract import Json
from service.core.comparing import compared
from service.report import ledger, svg, wording
from service.report.pages import page
from service.report.reading import ends_of, items, mapping, mappings, number, text, whole
from service.report.structure import Shift, shifts

LOST: Final = 10
"""Classes that are named, the largest change first."""

_MARKS: Final = {
    "worse": wording.Mark("worse", "bad"),
    "better": wording.Mark("better", "good"),
    "same": wording.Mark("no change shown", "plain"),
    "unknown": wording.Mark("not settled", "open"),
    "incomparable": wording.Mark("not comparable", "open"),
}


@dataclass(frozen=True)
class Audit:
    """One of the two."""

    evidence: Mapping[str, Json]
    verdict: Mapping[str, Json] = field(default_factory=dict[str, Json])
    address: str = ""
    """Where its report is; empty where nobody serves it."""


@dataclass(frozen=True)
class Head:
    """An audit in a few words."""

    name: str
    mark: wording.Mark
    facts: Sequence[tuple[str, str]]
    address: str


@dataclass(frozen=True)
class Banner:
    """Whether the two may be compared."""

    mark: wording.Mark
    sentence: str
    cause: str


@dataclass(frozen=True)
class Requirement:
    """One requirement, before and after."""

    id: str
    about: str
    needed: str
    old: tuple[wording.Mark | None, str]
    new: tuple[wording.Mark | None, str]
    change: str
    interval: str
    label: wording.Mark | None


@dataclass(frozen=True)
class Change:
    """What became of the images under one measure."""

    title: str
    label: wording.Mark
    sentence: str
    cautions: Sequence[str]
    table: Sequence[Sequence[str]]
    """Old state by new state, as counts."""
    picture: Markup
    broken: str
    classes: Sequence[tuple[str, str, str, str]]
    more_classes: int


def comparison_page(old: Audit, new: Audit) -> bytes:
    """The page; the same evidence gives the same bytes."""
    found = compared(old.evidence, new.evidence)
    changes = mappings(found, "changes")
    moved = shifts(mapping(old.evidence, "facts"), mapping(new.evidence, "facts"))
    return page(
        "comparison.html.j2",
        sheet="compare.css",
        heads=[_head(old), _head(new)],
        banner=_banner(found),
        differences=_differences(found),
        requirements=_requirements(old.verdict, new.verdict, changes),
        changes=[_change(one, number(found, "level")) for one in changes],
        readings=[one for one in moved.whole if _told(one)],
        layers=moved.layers,
        unmatched=moved.unmatched,
        level=f"{100 * (number(found, 'level') or 0.95):g}%",
    )


def _head(one: Audit) -> Head:
    facts, run = mapping(one.evidence, "facts"), mapping(one.evidence, "run")
    subject, data = mapping(facts, "subject"), mapping(facts, "data")
    model = text(subject, "file_digest") or text(subject, "digest")
    n = whole(data, "n")
    pairs = (
        ("Model", wording.short(model)),
        ("File", text(subject, "file_name")),
        ("Images", "" if n is None else f"{n:,}"),
        ("Evidence", wording.short(ledger.evidence_digest(one.evidence))),
        ("Audited", wording.when(text(run, "finished") or text(run, "created"))),
    )
    return Head(
        text(subject, "name", "Unnamed model"),
        wording.mark(text(one.verdict, "verdict")),
        [(name, value) for name, value in pairs if value],
        one.address,
    )


def _banner(found: Mapping[str, Json]) -> Banner:
    differences = mappings(found, "differences")
    apart = [text(one, "what") for one in differences if text(one, "state") == "incomparable"]
    changed = [text(one, "what") for one in differences if text(one, "state") == "changed"]
    if apart:
        told = f"The two audits ran on another {wording.listed(apart)}, so no change is stated."
        return Banner(wording.Mark("Not comparable", "open"), told, _REMEDY)
    if not changed:
        told = "Both audits were made alike, of the same model."
        return Banner(wording.Mark("Comparable", "good"), told, "")
    told = f"Same images in the same order; what differs: {wording.listed(changed)}."
    return Banner(wording.Mark("Comparable", "good"), told, _cause(changed))


_REMEDY: Final = "Audit the old release again on the new images; what is known of it costs nothing."


def _cause(changed: Sequence[str]) -> str:
    """The one thing that differs may be named as the cause; of several, none is."""
    if len(changed) == 1:
        return f"Most likely cause of any change: the {changed[0]}, as nothing else differs."
    return f"The cause of a change is not known: {len(changed)} things differ."


def _differences(found: Mapping[str, Json]) -> list[tuple[str, str, str, wording.Mark]]:
    marks = {
        "incomparable": wording.Mark("not comparable", "bad"),
        "changed": wording.Mark("changed", "open"),
    }
    return [
        (
            wording.words(text(one, "what")),
            _side(text(one, "old")),
            _side(text(one, "new")),
            marks.get(text(one, "state"), wording.Mark("same", "good")),
        )
        for one in mappings(found, "differences")
    ]


def _side(value: str) -> str:
    digest = len(value) == 64 and value.isalnum()  # noqa: PLR2004 - SHA-256 in hex
    return wording.short(value) if digest else wording.plain(value or "none", 160)


def _requirements(
    old: Mapping[str, Json], new: Mapping[str, Json], changes: Sequence[Mapping[str, Json]]
) -> list[Requirement]:
    before = {text(one, "id"): one for one in mappings(old, "requirements") if "paired" not in one}
    after = {text(one, "id"): one for one in mappings(new, "requirements") if "paired" not in one}
    depths = {text(one, "depth") for one in (old, new)}
    rows: list[Requirement] = []
    for name in dict.fromkeys([*after, *before]):
        sides = before.get(name, {}), after.get(name, {})
        alike = all(len({text(one, key) for one in sides}) == 1 for key in _ABOUT)
        if alike or not all(sides):
            rows.append(_requirement(name, *sides, _at(depths, changes)))
        else:  # one name for two questions
            rows += [_requirement(name, sides[0], {}, ()), _requirement(name, {}, sides[1], ())]
    return rows


def _at(depths: set[str], changes: Sequence[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """The changes at the depth that both verdicts judge; what has no two depths has no other."""

    def kin(one: Mapping[str, Json]) -> tuple[str, str]:
        return text(one, "metric"), text(one, "threat")

    twice = {kin(one) for one in changes if sum(kin(one) == kin(other) for other in changes) > 1}
    return [one for one in changes if kin(one) not in twice or {text(one, "depth")} == depths]


_ABOUT: Final = ("metric", "threat", "class")


def _requirement(
    name: str,
    old: Mapping[str, Json],
    new: Mapping[str, Json],
    changes: Sequence[Mapping[str, Json]],
) -> Requirement:
    line = new or old
    group, threat = text(line, "class"), text(line, "threat")
    paired = _paired(line, changes if old and new and not group else [])
    ends, by = ends_of(paired), number(paired, "difference")
    needed = [_needed(one) for one in (old, new) if one]
    about = [wording.words(text(line, "metric")), wording.threat(threat) if threat else ""]
    about.append(f"class {wording.plain(group, 40)}" if group else "")
    return Requirement(
        id=name,
        about=", ".join(part for part in about if part),
        needed=" → ".join(dict.fromkeys(needed)),
        old=_observed(old),
        new=_observed(new),
        change="–" if by is None else wording.points(by),
        interval=" to ".join(map(wording.points, ends)) if ends else "",
        label=_MARKS.get(text(paired, "label")) if paired else None,
    )


def _needed(line: Mapping[str, Json]) -> str:
    threshold = number(line, "threshold")
    sign = {"gte": "≥", "lte": "≤"}.get(text(line, "comparison", "gte"), "≥")
    return "–" if threshold is None else f"{sign} {wording.percent(threshold)}"


def _observed(line: Mapping[str, Json]) -> tuple[wording.Mark | None, str]:
    if not line:
        return None, "not required"
    value = number(line, "observed")
    told = "not known" if value is None else wording.percent(value, number(line, "threshold"))
    return wording.mark(text(line, "state")), told


def _paired(line: Mapping[str, Json], changes: Sequence[Mapping[str, Json]]) -> Mapping[str, Json]:
    """What became of the same images under this measure."""
    names = ("metric", "threat")
    found = [one for one in changes if all(text(one, key) == text(line, key) for key in names)]
    return found[0] if found else {}


def _change(one: Mapping[str, Json], level: float | None) -> Change:
    threat, depth = text(one, "threat"), text(one, "depth")
    about = [wording.words(text(one, "metric")), wording.threat(threat) if threat else "", depth]
    title = wording.capital(", ".join(part for part in about if part))
    label = _MARKS.get(text(one, "label"), wording.Mark("not settled", "open"))
    n, by, ends = whole(one, "n"), number(one, "difference"), ends_of(one)
    if not n or by is None or ends is None:
        why = f"It cannot be compared: {text(one, 'why', 'nothing says why')}."
        return Change(title, label, wording.spoken(why), [], [], Markup(""), "", [], 0)
    fell, rose = whole(one, "newly_broken") or 0, whole(one, "newly_standing") or 0
    stood = whole(one, "stands_in_both") or 0
    sentence = (
        f"{wording.points(by)} ({wording.points(ends[0])} to {wording.points(ends[1])} at "
        f"{100 * (level or 0.95):g}%, n = {n:,}): {fell:,} newly fell, {rose:,} newly stand."
    )
    classes = _classes(one)
    return Change(
        title,
        label,
        sentence,
        _cautions(one),
        [
            ("stood", f"{stood:,}", f"{fell:,}"),
            ("fell", f"{rose:,}", f"{max(0, n - stood - fell - rose):,}"),
        ],
        _slope((stood + fell) / n, (stood + rose) / n),
        _rows(one, fell),
        classes[:LOST],
        max(0, len(classes) - LOST),
    )


def _cautions(one: Mapping[str, Json]) -> list[str]:
    found: list[str] = []
    partial = [str(side) for side in items(one, "partial")]
    if partial:
        which = f"{wording.listed(partial)} audit{'s' if len(partial) > 1 else ''}"
        found.append(f"In the {which} not every attack was tried on what stands, so too much may.")
    unsettled = whole(one, "unsettled")
    if unsettled:
        found.append(f"{unsettled:,} images were left open by one of the two and are not counted.")
    if one.get("whole") is False:
        found.append("These are the images that both looked at, not all of them.")
    return found


def _rows(one: Mapping[str, Json], fell: int) -> str:
    rows = [str(row) for row in items(one, "broken_rows")]
    more = f" and {fell - len(rows):,} more" if fell > len(rows) else ""
    return f"{', '.join(rows)}{more}" if rows else ""


def _classes(one: Mapping[str, Json]) -> list[tuple[str, str, str, str]]:
    """Classes of which another number stands, the largest change first."""
    moved = [
        (wording.plain(text(each, "class"), 60), before, after)
        for each in mappings(one, "classes")
        for before, after in [(whole(each, "old") or 0, whole(each, "new") or 0)]
        if before != after
    ]
    moved.sort(key=lambda each: -abs(each[2] - each[1]))
    return [
        (name, f"{before:,}", f"{after:,}", wording.signed(f"{after - before:+,}"))
        for name, before, after in moved
    ]


def _slope(old: float, new: float) -> Markup:
    """Two shares and the way between them; the table beside it holds the numbers."""
    place = svg.Scale(0, 1, 92, 12)
    left, right = 60.0, 180.0
    parts = [
        *(svg.line((x, 12), (x, 92), "grid") for x in (left, right)),
        svg.line((left, place(old)), (right, place(new)), "joint"),
        svg.dot(left, place(old), "ring", 5),
        svg.dot(right, place(new), "a", 5),
        svg.label(left - 10, place(old) + 4, wording.percent(old), "", "end"),
        svg.label(right + 10, place(new) + 4, wording.percent(new), "strong"),
        svg.label(left, 110, "old", "soft", "middle"),
        svg.label(right, 110, "new", "soft", "middle"),
    ]
    inside = svg.element("g", *parts, class_="ink")
    return svg.element(
        "svg", inside, viewBox="0 0 240 116", class_="slope", aria_hidden="true", width=240
    )


def _told(one: Shift) -> bool:
    return one.old != one.new
