"""The table of a summary: a line for each requirement, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analyzers.contract import Json
from service.report import wording
from service.report.brackets import EXACT, interval_text, is_tally
from service.report.markdown_text import capped, code, escaped
from service.report.reading import ends_of, mapping, mappings, number, text, whole

ROWS = 24
ROOM = 6000
"""Bytes of all rows together."""
_ORDER = {"FAIL": 0, "INCONCLUSIVE": 2, "PASS": 4}


def worst_first(verdict: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """Requirements by state, waived ones later; alike, they stay in the order of the policy."""
    return sorted(mappings(verdict, "requirements"), key=_place)


def _place(one: Mapping[str, Json]) -> int:
    order = _ORDER.get(text(one, "state"), 1)
    return max(order, 3) if text(one, "waived") else order


def table(facts: Mapping[str, Json], verdict: Mapping[str, Json]) -> str:
    """The requirements with their numbers; without a verdict, what was measured."""
    if not verdict:
        measured = [one for one in mappings(facts, "measurements") if is_tally(one)]
        rows = ([_measured(one), _counted(one)] for one in measured)
        return _drawn(["Measured", "Now"], rows, len(measured))
    lines = worst_first(verdict)
    baseline = mapping(verdict, "baseline")
    compared = bool(baseline) or any(mapping(one, "paired") for one in lines)
    known = [f"vs {escaped(text(baseline, 'name', 'the baseline'), 60)}"] if compared else []
    heads = ["Requirement", "Now", "Needed", *known, "State"]
    rows = (
        [
            what(one),
            _now(one, _certified(facts, verdict, one)),
            _needed(one),
            *([_versus(one, baseline)] if compared else []),
            _state(one),
        ]
        for one in lines
    )
    return _drawn(heads, rows, len(lines))


def what(one: Mapping[str, Json]) -> str:
    """A requirement by its id and by what it speaks of."""
    threat, group = text(one, "threat"), text(one, "class")
    metric = wording.words(text(one, "metric"))
    metric = f"change of {metric}" if _of_change(one) else metric
    parts = [metric, wording.threat(threat) if threat else ""]
    about = escaped(", ".join(part for part in parts if part), 160)
    of_class = f", class “{escaped(group, 90)}”" if group else ""
    return f"{code(text(one, 'id', 'requirement'), 100)} {about}{of_class}"


def _of_change(one: Mapping[str, Json]) -> bool:
    """Whether its numbers are differences from the baseline, not shares."""
    return text(one, "comparison").startswith("change")


def _drawn(heads: Sequence[str], rows: Iterable[Sequence[str]], total: int) -> str:
    """The table; a row is made only when there is room for it."""
    if not total:
        return ""
    rest = " | ".join(["and {} more", *[""] * (len(heads) - 1)])
    body = capped(map(_line, rows), total, most=ROWS, room=ROOM, rest=f"| {rest} |")
    return "\n".join([_line(heads), _line(["---"] * len(heads)), *body])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _measured(one: Mapping[str, Json]) -> str:
    where = wording.scope(mapping(one, "scope"))
    name = wording.words(text(one, "metric"))
    return escaped(f"{name}, {where}" if where else name, 220)


def _counted(one: Mapping[str, Json]) -> str:
    """The share among what was looked at, as one would read it off a requirement."""
    counts, attacked = mapping(one, "counts"), text(mapping(one, "scope"), "threat")
    seen, stood = whole(counts, "prefix") or 0, whole(counts, "standing") or 0
    body = {"counts": counts, "threat": attacked, "observed": stood / seen if seen > 0 else None}
    return _now(body, number(mapping(one, "view", "data"), "certified") or 0.0)


def _now(one: Mapping[str, Json], certified: float) -> str:
    """A bracket where there is one, else a share, with the images that it speaks of."""
    counts, needed = mapping(one, "counts"), number(one, "threshold")
    if _of_change(one):
        return _changed(one)
    observed = _at_most(one) if text(one, "threat") else number(one, "observed")
    if observed is None:
        return "not known"
    share = wording.percent(observed, needed)
    if certified:
        share = f"{wording.percent(certified, needed)} to {share}"
    elif text(one, "threat"):
        share = f"≤ {share}"
    interval = _interval(one)
    return f"{f'{interval}; seen {share}' if interval else share} ({_images(counts)})"


def _changed(one: Mapping[str, Json]) -> str:
    observed, pairs = number(one, "observed"), whole(mapping(one, "paired"), "n")
    if observed is None:
        return "not known"
    return f"{_signed(observed)} pt" + ("" if pairs is None else f" (n = {pairs:,})")


def _at_most(one: Mapping[str, Json]) -> float | None:
    """What can stand of the images that were looked at; one not confirmed may yet stand."""
    counts = mapping(one, "counts")
    seen, fell = whole(counts, "prefix"), whole(counts, "fallen")
    if not seen or seen < 0 or fell is None:
        return number(one, "observed")
    return (seen - fell) / seen


def _interval(one: Mapping[str, Json]) -> str:
    told, level = interval_text(one), number(one, "level")
    if told in {"", EXACT}:
        return ""
    return told + ("" if level is None else f" at {100 * level:.4g}%")


def _images(counts: Mapping[str, Json]) -> str:
    seen, total = whole(counts, "prefix"), whole(counts, "population")
    pending = whole(counts, "pending") or 0
    if seen is None or total is None:
        return "n not known"
    told = f"n = {seen:,}" if seen == total else f"n = {seen:,} of {total:,}"
    return told + (f", {pending:,} not confirmed" if pending else "")


def _certified(
    facts: Mapping[str, Json], verdict: Mapping[str, Json], one: Mapping[str, Json]
) -> float:
    """What is proven from below, of the whole set; 0 where nothing is."""
    counts = mapping(one, "counts")
    if text(one, "class") or whole(counts, "prefix") != whole(counts, "population"):
        return 0.0
    wanted = (text(one, "metric"), text(one, "threat"))
    for measured in mappings(facts, "measurements"):
        scope = mapping(measured, "scope")
        depth = text(scope, "depth")
        if (text(measured, "metric"), text(scope, "threat")) == wanted and (
            depth in {"", text(verdict, "depth", depth)}
        ):
            return number(mapping(measured, "view", "data"), "certified") or 0.0
    return 0.0


def _needed(one: Mapping[str, Json]) -> str:
    needed, room = number(one, "threshold"), number(one, "headroom")
    if needed is None:
        return "–"
    sign = "≤" if text(one, "comparison") == "lte" else "≥"
    share = wording.percent(needed, number(one, "observed"))
    told = f"{sign} {f'{_signed(needed)} pt' if _of_change(one) else share}"
    return told if room is None else f"{told}, headroom {_signed(room)} pt"


def _versus(one: Mapping[str, Json], baseline: Mapping[str, Json]) -> str:
    """The difference on the same images; what was lost and won in it."""
    paired = mapping(one, "paired")
    if not paired:
        return "not comparable" if baseline.get("comparable") is False else "–"
    difference, n = number(paired, "difference"), whole(paired, "n")
    ends = ends_of(paired)
    told = "not known" if difference is None else f"{_signed(difference)} pt"
    if ends:
        told += f" ({_signed(ends[0])} to {_signed(ends[1])})"
    told += f", {escaped(text(paired, 'label', 'unknown'), 40)}"
    lost, won = _turned(paired, difference)
    if lost is not None and won is not None and n is not None:
        told += f"; {lost:,} lost and {won:,} won of {n:,} images"
    unsettled = whole(paired, "unsettled")
    return f"{told}; {unsettled:,} not settled" if unsettled else told


def _turned(paired: Mapping[str, Json], difference: float | None) -> tuple[int | None, int | None]:
    """Images that were right in one model alone: the difference says which count is which."""
    first, second = whole(paired, "n10"), whole(paired, "n01")
    if first is None or second is None or difference is None:
        return None, None
    fewer, more = sorted((first, second))
    return (more, fewer) if difference < 0 else (fewer, more)


def _state(one: Mapping[str, Json]) -> str:
    state = text(one, "state")
    word = escaped(wording.mark(state).word, 40)
    told = [word if state == "PASS" else f"**{word}**"]
    if state != "PASS" and text(one, "severity"):
        told.append(escaped(text(one, "severity"), 40))
    if text(one, "grade"):
        told.append(f"grade {escaped(text(one, 'grade'), 20)}")
    if text(one, "waived"):
        told.append(f"waived by {code(text(one, 'waived'), 80)}")
    if text(one, "accepted_by"):
        told.append(f"accepted by {escaped(text(one, 'accepted_by'), 120)}")
    return ", ".join(told)


def _signed(share: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    told = f"{100 * share:+.1f}"
    return ("0.0" if told in {"+0.0", "-0.0"} else told).replace("-", "−")
