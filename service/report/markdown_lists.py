"""The lists of a summary: why, what is in doubt, the worst findings, waivers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from analyzers.contract import Json
from service.report import findings, ledger, wording
from service.report.markdown_table import what, worst_first
from service.report.markdown_text import capped, code, count, escaped, item
from service.report.reading import items, mapping, mappings, text, whole

MOST = 8
ROOM = 2200
"""Bytes of one list."""
_FINDINGS = 3
_THREATS = 3
_WAIVERS = ("applied", "accepted", "void", "expired", "unmatched")


def reasons(verdict: Mapping[str, Json]) -> str:
    """Why requirements do not pass, and what would settle those that are open."""
    sentence = text(verdict, "sentence")
    bad = [one for one in worst_first(verdict) if text(one, "state") != "PASS"]
    # A reason that the verdict's sentence gives already need not be read twice.
    more = [one for one in bad if text(one, "settles") or text(one, "reason") not in sentence]
    return _listed("Why", (_reason(one, sentence) for one in more), len(more))


def _reason(one: Mapping[str, Json], sentence: str) -> str:
    state = escaped(text(one, "state", "not judged"), 40)
    reason, settling = text(one, "reason", "No reason was given."), text(one, "settles")
    parts = [
        "" if reason in sentence else escaped(reason, 300),
        f"To settle it: {escaped(settling, 300)}" if settling else "",
    ]
    return f"{what(one)}: {state}. {' '.join(part for part in parts if part)}"


def doubts(evidence: Mapping[str, Json], verdict: Mapping[str, Json], known: str) -> str:
    """Notes of the judge, what keeps the baseline from being compared, indicators in doubt."""
    baseline = mapping(verdict, "baseline")
    lines = [f"Note: {escaped(one, 300)}" for one in ledger.headline(verdict, known).notes]
    if baseline.get("comparable") is False:
        lines.append("The baseline cannot be compared with this audit.")
    lines += [f"Baseline: {escaped(one, 300)}" for one in items(baseline, "notes")]
    lamps = ledger.lamps(evidence, verdict) if verdict else []
    title = f"Trust indicators: {_states(lamps)}" if lamps else "Trust"
    lines += _dark(lamps)
    return _listed(title, lines, len(lines), always=bool(lamps))


def _states(lamps: Sequence[ledger.Lamp]) -> str:
    counts = Counter(one.mark.word for one in lamps)
    return escaped(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))


def _dark(lamps: Sequence[ledger.Lamp]) -> list[str]:
    """The red ones each, then those missing for one reason in one line."""
    missing: dict[tuple[str, str], list[str]] = {}
    for one in lamps:
        if one.mark.word == "missing":
            missing.setdefault((one.about, one.note), []).append(one.name)
    return [_red(one) for one in lamps if one.mark.word == "red"] + [
        _missing(about, note, names) for (about, note), names in missing.items()
    ]


def _red(one: ledger.Lamp) -> str:
    told = f"{one.value}, limit {one.limit}. {escaped(one.note, 200)}"
    return f"Red: {escaped(one.name, 100)}{_about(one.about)}: {told}".rstrip()


def _missing(about: str, note: str, names: Sequence[str]) -> str:
    told = escaped(", ".join(names), 300)
    return f"Missing: {told}{_about(about)}. {escaped(note, 200)}".rstrip()


def _about(scope: str) -> str:
    return f" ({escaped(scope, 120)})" if scope else ""


def worst_findings(facts: Mapping[str, Json]) -> str:
    """How many findings there are, and the worst in a sentence each."""
    found = findings.findings(facts)
    lines = (
        f"{escaped(one.severity.word, 40)}, grade {escaped(one.grade, 20)}, "
        f"{code(one.id, 80)}: {escaped(one.statement, 400)}"
        for one in found
    )
    title = f"Findings: {findings.counted(found) or len(found)}"
    return _listed(title, lines, len(found), most=_FINDINGS)


def waivers(verdict: Mapping[str, Json]) -> str:
    """Every waiver that was handed in, those that changed something first."""
    order = {state: place for place, state in enumerate(_WAIVERS)}
    found = sorted(
        mappings(verdict, "waivers"), key=lambda one: order.get(text(one, "state"), len(order))
    )
    return _listed("Waivers", map(_waiver, found), len(found))


def _waiver(one: Mapping[str, Json]) -> str:
    told = [f"{code(text(one, 'id', 'unnamed'), 80)} {escaped(text(one, 'state'), 40)}"]
    told.append(_ends(one))
    people = (("owner", "owner"), ("approved_by", "approved by"))
    told += [f"{said} {escaped(text(one, key), 120)}" for key, said in people if text(one, key)]
    line = ", ".join(part for part in told if part)
    rest = [escaped(text(one, key), 200) for key in ("reason", "note") if text(one, key)]
    return ": ".join([line, ". ".join(rest)]) if rest else line


def _ends(one: Mapping[str, Json]) -> str:
    days, date = whole(one, "days_left"), escaped(text(one, "expires"), 40)
    if text(one, "state") == "expired" or (days is not None and days < 0):
        return f"ended {date}" if date else ""
    left = "" if days is None else f"{days:,} {'day' if days == 1 else 'days'} left"
    soon = "**expires soon**" if one.get("expiring") is True else ""
    until = f"until {date}" if date else ""
    return ", ".join(part for part in (soon, left, until) if part)


def _listed(
    title: str, lines: Iterable[str], total: int, *, most: int = MOST, always: bool = False
) -> str:
    """A list under its title."""
    if not total:
        return f"**{title}**" if always else ""
    rest = "- and {} more in the report"
    shown = capped(map(item, lines), total, most=most, room=ROOM, rest=rest)
    return "\n".join([f"**{title}**", "", *shown])


def mended(facts: Mapping[str, Json]) -> str:
    """Of the images that the last release lost, how many the same pictures break again."""
    shown = [one for one in mappings(facts, "measurements") if _shown(one)]
    return "\n\n".join(_mended(one) for one in shown[:_THREATS])


def _shown(one: Mapping[str, Json]) -> bool:
    return text(one, "metric") == "earlier_breaks" and text(one, "outcome") == "measured"


def _mended(one: Mapping[str, Json]) -> str:
    counts = mapping(one, "counts")
    asked, again = whole(counts, "denominator") or 0, whole(counts, "numerator") or 0
    threat = escaped(wording.threat(text(mapping(one, "scope"), "threat")), 80)
    return (
        f"{threat}: {count(asked)} images that the last release lost were shown again as it lost "
        f"them; {count(again)} fall to the same pictures, {count(max(0, asked - again))} do not."
    )
