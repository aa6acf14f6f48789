"""What holds: one bracket for every judged share, with the interval of its requirement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg, wording
from service.report.reading import ends_of, mapping, mappings, number, text, whole
from service.report.views import Figure, figure_of

EXACT = "exact: all counted"
"""In place of an interval that has no width."""
_TALLY = ("population", "prefix", "standing", "fallen", "pending")


@dataclass(frozen=True)
class Holding:
    """One bracket with the sentence that reads it."""

    anchor: str
    measured: tuple[str, str]
    """Metric and threat."""
    title: str
    sentence: str
    figures: Sequence[Figure]
    """The bracket, then whatever other view the measurement brings."""
    short: str
    """The bracket in a few words."""
    facts: Sequence[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    aside: bool = False
    """Whether it was measured at a depth that the verdict does not judge."""
    strip: Markup = field(default_factory=Markup)
    """The bar alone, for the verdict's card; empty for what is no threat."""


def is_tally(one: Mapping[str, Json]) -> bool:
    """Whether a measurement counts images rather than reports a number."""
    counts = mapping(one, "counts")
    return all(whole(counts, key) is not None for key in _TALLY)


def holdings(facts: Mapping[str, Json], verdict: Mapping[str, Json]) -> list[Holding]:
    """Every measurement that counts images, threats after what holds without an attack."""
    judged = depth_of(facts, verdict)
    found = [one for one in mappings(facts, "measurements") if is_tally(one)]
    at_depth = {_about(one) for one in found if text(mapping(one, "scope"), "depth") == judged}
    told = [(_about(one) in at_depth and _other(one, judged), one) for one in found]
    told.sort(key=lambda pair: (pair[0], bool(mapping(pair[1], "scope"))))
    return [
        replace(
            _holding(one, {} if aside else _requirement(one, verdict)),
            anchor=f"holding-{place}",
            aside=aside,
        )
        for place, (aside, one) in enumerate(told, 1)
    ]


def _about(one: Mapping[str, Json]) -> tuple[str, str]:
    return text(one, "metric"), text(mapping(one, "scope"), "threat")


def depth_of(facts: Mapping[str, Json], verdict: Mapping[str, Json]) -> str:
    """The depth that counts: the verdict's, else 8 bits where the data have them."""
    by_data = "8-bit" if mapping(facts, "data").get("eight_bit") else "float32"
    return text(verdict, "depth", by_data)


def _other(one: Mapping[str, Json], judged: str) -> bool:
    return text(mapping(one, "scope"), "depth") not in {"", judged}


def _requirement(one: Mapping[str, Json], verdict: Mapping[str, Json]) -> Mapping[str, Json]:
    threat = text(mapping(one, "scope"), "threat")
    for line in mappings(verdict, "requirements"):
        over_all = not text(line, "class") and "paired" not in line
        same = (text(line, "metric"), text(line, "threat")) == (text(one, "metric"), threat)
        if over_all and same:
            return line
    return {}


def _holding(one: Mapping[str, Json], line: Mapping[str, Json]) -> Holding:
    counts, scope = mapping(one, "counts"), mapping(one, "scope")
    total = max(whole(counts, "population") or 0, 0)
    seen, stood, fell, pending = (
        whole(counts, key) or 0 for key in ("prefix", "standing", "fallen", "pending")
    )
    drawn = text(mapping(one, "view"), "kind") == "bracket"
    given = mapping(one, "view", "data" if drawn else "")
    certified = number(given, "certified") or 0.0
    upper = number(given, "upper")
    upper = (total - fell) / total if upper is None and total else upper or 0.0
    data = {**counts, **given, "certified": certified, "upper": upper}
    data["threshold"] = number(line, "threshold")
    data["low"], data["high"] = ends_of(line) or (None, None)
    title = wording.words(text(one, "metric")).capitalize()
    against = wording.scope(scope)
    view = {"kind": "bracket", "title": f"{title} {against}".strip(), "data": data}
    facts = [
        ("looked at", f"{seen:,} of {total:,}"),
        ("standing", f"{stood:,}"),
        ("fallen", f"{fell:,}"),
    ]
    if pending:
        facts.append(("not confirmed", f"{pending:,}"))
    facts += _interval_fact(line)
    whole_set = seen == total and not pending
    sentence = _sentence((certified, upper), total, attacked=bool(scope), exact=whole_set)
    figures = [figure_of(view)]
    if text(mapping(one, "view"), "kind") not in {"", "bracket", "number"}:
        figures.append(figure_of(one["view"]))
    named = f"{title}: {against}" if against else title
    strip = _strip(data) if scope and figures[0].drawing else Markup("")
    ends_told = interval_text(line)
    if not ends_told or ends_told == EXACT:
        ends_told = f"{wording.percent(certified)} certified, {wording.percent(upper)} at most"
    else:
        ends_told += f" at {level_text(line)}"
    short = f"{stood:,} of {seen:,} looked at stand; {ends_told}, n = {total:,}"
    return Holding("", _about(one), named, sentence, figures, short, facts, strip=strip)


def _strip(data: Mapping[str, Json]) -> Markup:
    """The bracket without words: they stand beside it."""
    total = number(data, "population") or 1.0
    certified, upper = number(data, "certified") or 0.0, number(data, "upper") or 0.0
    stood = min(upper, max(certified, (number(data, "standing") or 0.0) / total))
    place, parts = svg.Scale(0, 1, 1, 239), list[Markup]()
    parts.append(svg.box(1, 6, 238, 10, css="rail"))
    for low, high, css in (
        (0.0, certified, "good"),
        (certified, stood, "stood"),
        (upper, 1.0, "bad"),
    ):
        if high > low:
            parts.append(svg.box(place(low), 6, place(high) - place(low), 10, css=css))
    threshold = number(data, "threshold")
    if threshold is not None:
        x = place(threshold)
        parts += [svg.line((x, 1), (x, 21), "halo"), svg.line((x, 1), (x, 21), "threshold")]
    inside = svg.element("g", *parts)
    return svg.element(
        "svg",
        inside,
        viewBox="0 0 240 22",
        class_="strip",
        aria_hidden="true",
        width=240,
        height=22,
    )


def _interval_fact(line: Mapping[str, Json]) -> list[tuple[str, str]]:
    told = interval_text(line)
    return [(f"{level_text(line)} interval".strip(), told)] if told and told != EXACT else []


def level_text(line: Mapping[str, Json]) -> str:
    """The level of a requirement's interval."""
    level = number(line, "level")
    return "" if level is None else f"{100 * level:g}%"


def interval_text(line: Mapping[str, Json]) -> str:
    """The interval of a requirement; empty when it has none."""
    ends = ends_of(line)
    if ends is None:
        return ""
    beside = number(line, "threshold")
    if ends[0] == ends[1]:
        return EXACT
    return f"{wording.percent(ends[0], beside)} to {wording.percent(ends[1], beside)}"


def _sentence(ends: tuple[float, float], total: int, *, attacked: bool, exact: bool) -> str:
    certified, upper = ends
    many = f"{total:,} images"
    if not attacked:
        share = wording.percent(upper)
        return f"{share if exact else f'At most {share}'} of {many} are classified correctly."
    proved = (
        f"at least {wording.percent(certified)} is certified"
        if certified
        else "nothing is certified from below"
    )
    return (
        f"At most {wording.percent(upper)} of {many} keep the correct label under attack; {proved}."
    )


def live_holding(one: Mapping[str, Json]) -> Holding:
    """A bracket of an audit on its way, drawn as its report will draw it."""
    seen, total, stood, fell, pending, proved = (
        whole(one, key) or 0
        for key in ("prefix", "population", "standing", "fallen", "pending", "certified")
    )
    against = wording.threat(text(one, "threat"))
    upper = (total - fell) / total if total > 0 else 0.0
    certified = proved / total if total > 0 else 0.0
    low, high = number(one, "low"), number(one, "high")
    data = {
        **{key: one.get(key) for key in (*_TALLY, "low", "high")},
        "certified": certified,
        "upper": upper,
    }
    facts = [("looked at", f"{seen:,} of {total:,}"), ("standing", f"{stood:,}")]
    facts += [("fallen", f"{fell:,}")]
    facts += [("not confirmed", f"{pending:,}")] if pending else []
    if low is not None and high is not None:
        ends = EXACT if low == high else f"{wording.percent(low)} to {wording.percent(high)}"
        about = "these images" if text(one, "claim", "set") == "set" else "their population"
        facts.append((f"{level_text(one)} interval".strip(), f"{ends}, for {about}"))
    sentence = _sentence((certified, upper), total, attacked=True, exact=seen == total)
    view = {"kind": "bracket", "title": f"Robust accuracy {against}", "data": data}
    measured = "robust_accuracy", text(one, "threat")
    short = f"{stood:,} of {seen:,} looked at stand"
    return Holding("", measured, against, sentence, [figure_of(view)], short, facts)
