"""Views of one value: a number, a value over its band, a bracket."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from analyzers.contract import Json
from service.report import svg
from service.report.drawing import Drawing, MalformedView, Words, anchor, required
from service.report.reading import number, text
from service.report.wording import figure, measure, percent

_LETTER = 7.8
"""Width of a bold letter, a little more than most fonts need."""


def large_number(data: Mapping[str, Json]) -> Drawing:
    """One large number, and the part of a whole that it is."""
    value, unit, whole = required(data, "value"), text(data, "unit"), number(data, "of")
    told = measure(value, unit) + (f" of {figure(whole)}" if whole is not None else "")
    parts = [svg.label(0, 40, told, "huge")]
    if whole is not None and whole > 0:
        place = svg.Scale(0, whole, 0, svg.WIDTH)
        parts += [svg.box(0, 54, svg.WIDTH, 8, css="rail", round_=4)]
        parts += [svg.box(0, 54, place(value), 8, css="a", round_=4)]
    words = Words(told, "One number; the bar is its part of the whole." if whole else "One number.")
    rows = [("value", measure(value, unit))]
    rows += [] if whole is None else [("of", figure(whole))]
    return Drawing(words.canvas(data, 66 if whole else 50, *parts), ("", ""), rows, claim=told)


def value_over_band(data: Mapping[str, Json]) -> Drawing:
    """One value over the band in which its like usually lies."""
    value, low, high = (required(data, key) for key in ("value", "low", "high"))
    unit = text(data, "unit")
    place = svg.Scale(*svg.extent([value, low, high]), 16, svg.WIDTH - 16)
    inside = min(low, high) <= value <= max(low, high)
    mark = svg.dot if inside else svg.diamond
    left, right = sorted((place(low), place(high)))
    parts = [
        svg.line((8, 40), (svg.WIDTH - 8, 40), "rule"),
        svg.box(left, 30, right - left, 20, css="band", round_=3),
        mark(place(value), 40, "a" if inside else "b", 7),
        svg.label(place(value), 20, measure(value, unit), "strong", anchor(place(value))),
        svg.label(left, 68, measure(min(low, high), unit), "soft", anchor(left)),
        svg.label(right, 68, measure(max(low, high), unit), "soft", anchor(right)),
    ]
    row = tuple(measure(one, unit) for one in (value, low, high))
    told = f"{row[0]}, {'inside' if inside else 'outside'} the band from {row[1]} to {row[2]}"
    words = Words(told, "A mark over a grey band: a dot inside it, a diamond outside.")
    return Drawing(words.canvas(data, 76, *parts), ("value", "low", "high"), [row], claim=told)


def bracket(data: Mapping[str, Json]) -> Drawing:
    """What is proved below, what was broken above, and the open ground between the two."""
    total = required(data, "population")
    if total <= 0:
        raise MalformedView("its population is empty")
    counts = {key: number(data, key) or 0.0 for key in ("prefix", "standing", "fallen", "pending")}
    certified = number(data, "certified") or 0.0
    upper = number(data, "upper")
    upper = 1 - counts["fallen"] / total if upper is None else upper
    if not 0 <= certified <= upper <= 1:
        raise MalformedView("certified and upper are no shares in this order")
    place = svg.Scale(0, 1, 12, svg.WIDTH - 12)
    stood = min(upper, max(certified, counts["standing"] / total))
    parts = [
        *_bracket_bar(place, (certified, stood, upper)),
        *_bracket_words(place, (certified, stood, upper), total),
        *_bracket_rule(place, data),
    ]
    told = (
        f"at least {percent(certified)} certified, at most {percent(upper)} after the attacks, "
        f"n = {figure(total)}"
    )
    rows = [("certified, at least", percent(certified)), ("attacked, at most", percent(upper))]
    rows += [(key, figure(count)) for key, count in counts.items()]
    rows += [("population", figure(total))]
    words = Words(
        told,
        "A bar from 0 to 100% of the images: certified, standing, open, fallen. The dashed line is "
        "what the policy needs, the whisker below the interval.",
    )
    return Drawing(words.canvas(data, 94, *parts), ("", ""), rows, claim=told)


def _bracket_bar(place: svg.Scale, ends: tuple[float, float, float]) -> list[Markup]:
    certified, stood, upper = (place(end) for end in ends)
    start, stop, top, tall = place(0), place(1), 30.0, 26.0
    parts = [svg.box(start, top, stop - start, tall, css="rail")]
    if certified > start:
        parts.append(svg.box(start, top, certified - start, tall, css="good"))
    if stood > certified:
        parts.append(svg.box(certified, top, stood - certified, tall, css="stood"))
        parts.append(svg.hatch(certified, top, stood - certified, tall, "hatch"))
    if stop > upper:
        parts.append(svg.box(upper, top, stop - upper, tall, css="bad"))
    return parts


def _bracket_words(
    place: svg.Scale, ends: tuple[float, float, float], total: float
) -> list[Markup]:
    """What each part of the bar counts, wherever it is wide enough to say so."""
    certified, stood, upper = ends
    told = (
        (0.0, certified, "certified", "on-bar"),
        (certified, stood, "stand", "on-stood"),
        (upper, 1.0, "fell", "on-bar"),
    )
    parts: list[Markup] = []
    for low, high, words, css in told:
        count, wide = figure(round((high - low) * total)), place(high) - place(low)
        fitting = [one for one in (f"{count} {words}", count) if _LETTER * len(one) + 4 < wide]
        if fitting and high > low:
            parts.append(svg.label((place(low) + place(high)) / 2, 47, fitting[0], css, "middle"))
    return parts


def _bracket_rule(place: svg.Scale, data: Mapping[str, Json]) -> list[str]:
    """Axis, interval and threshold of a bracket."""
    parts: list[str] = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = place(share)
        parts.append(svg.line((x, 56), (x, 61), "rule"))
        parts.append(svg.label(x, 88, f"{share:.0%}", "soft", anchor(x)))
    low, high = number(data, "low"), number(data, "high")
    if low is not None and high is not None and low < high:
        left, right = place(low), place(high)
        parts += [svg.line((left, 67), (right, 67), "whisker")]
        parts += [svg.line((x, 63), (x, 71), "whisker") for x in (left, right)]
    threshold = number(data, "threshold")
    if threshold is not None:
        x = place(threshold)
        parts.append(svg.line((x, 20), (x, 61), "halo"))
        parts.append(svg.line((x, 20), (x, 61), "threshold"))
        parts.append(svg.label(x, 14, f"needs {percent(threshold)}", "strong", anchor(x)))
    return parts
