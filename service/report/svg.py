"""Drawing without a library: escaped elements, one scale, round ticks. Colours are CSS classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from service.report.wording import plain

WIDTH = 440.0
"""Units of every drawing: near the pixels of a phone, so that letters stay readable there."""

_NARROW = frozenset(" .,:;'\"!|()[]-iljft")
_WIDE = frozenset("mwMW@%…—")

Attribute = str | float | int | None


def element(tag: str, *children: str, **attributes: Attribute) -> Markup:
    """One element; text is escaped, ``None`` leaves an attribute out, ``_`` reads as ``-``."""
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(spelled(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(children)
    opened = Markup(f"<{tag}{told}")  # noqa: S704 - tag is ours, values are escaped above
    return opened + (Markup(">") + inside + Markup(f"</{tag}>") if inside else Markup("/>"))  # noqa: S704 - as above


def spelled(value: Attribute) -> str:
    """A value as an attribute: numbers with two places at most."""
    if not isinstance(value, int | float):
        return str(value)
    digits = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


@dataclass(frozen=True)
class Canvas:
    """A drawing with the words that stand for it where it cannot be seen."""

    height: float
    title: str
    """What it shows, as a claim."""
    told: str
    """How to read it."""
    body: Markup

    def named(self, anchor: str) -> Markup:
        """The drawing under an anchor that is its own on the page."""
        title, told = f"{anchor}-title", f"{anchor}-desc"
        return element(
            "svg",
            element("title", plain(self.title, 900), id=title),
            element("desc", plain(self.told, 900), id=told),
            self.body,
            viewBox=f"0 0 {WIDTH:.0f} {spelled(self.height)}",
            role="img",
            aria_labelledby=f"{title} {told}",
        )


def canvas(height: float, title: str, told: str, *children: str) -> Canvas:
    """A drawing; its title says what it shows, the rest how to read it."""
    return Canvas(height, title, told, inked(*children))


def inked(*children: str) -> Markup:
    """Shapes of a drawing; where the style sheet is blocked they are outlines, not black boxes."""
    return element("g", *children, class_="ink", fill="none", stroke="currentColor", font_size=12)


def label(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> Markup:
    """A line of text; ``anchor`` is start, middle or end."""
    kept = None if anchor == "start" else anchor
    bare = {"fill": "currentColor", "stroke": "none"}  # where the style sheet is blocked
    return element("text", plain(words), x=x, y=y, class_=css or None, text_anchor=kept, **bare)


def line(start: tuple[float, float], end: tuple[float, float], css: str) -> Markup:
    """A straight stroke."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=css)


def box(x: float, y: float, width: float, height: float, *, css: str, round_: float = 0) -> Markup:
    """A filled rectangle; one that would have no width keeps a hair of it."""
    return element(
        "rect", x=x, y=y, width=max(width, 0.5), height=height, rx=round_ or None, class_=css
    )


def dot(x: float, y: float, css: str, radius: float = 4.0) -> Markup:
    """A round mark."""
    return element("circle", cx=x, cy=y, r=radius, class_=css)


def diamond(x: float, y: float, css: str, radius: float = 5.0) -> Markup:
    """A mark that tells itself from a dot without colour."""
    corners = ((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y))
    return element("polygon", points=path_points(corners), class_=css)


def path_points(points: Sequence[tuple[float, float]]) -> str:
    """Corners as SVG writes them."""
    return " ".join(f"{spelled(x)},{spelled(y)}" for x, y in points)


def hatch(x: float, y: float, width: float, height: float, css: str) -> Markup:
    """Diagonal strokes cut off at the edges of a box: a pattern that needs no id."""
    strokes: list[str] = []
    step, reach = 7.0, x + width
    start = x - height + step / 2
    while start < reach:
        left, right = max(start, x), min(start + height, reach)
        if right > left:
            bottom = y + height
            low, high = bottom - (left - start), bottom - (right - start)
            strokes.append(f"M{spelled(left)} {spelled(low)}L{spelled(right)} {spelled(high)}")
        start += step
    return element("path", d="".join(strokes), class_=css) if strokes else Markup("")


def clipped(words: str, letters: int) -> str:
    """A label that fits its place, its end cut off."""
    return plain(words, max(letters, 2))


def middle_cut(words: str, letters: float) -> str:
    """A label that fits so many wide letters: names differ at their ends, so the middle goes."""
    told = plain(words)
    if _breadth(told) <= letters:
        return told
    kept = next(n for n in range(len(told) - 1, 0, -1) if _breadth(_cut(told, n)) <= letters)
    return _cut(told, kept)


def _cut(told: str, kept: int) -> str:
    front = kept // 3
    return f"{told[:front].rstrip()}…{told[len(told) - kept + front :].lstrip()}"


def _breadth(told: str) -> float:
    """How many wide letters of room a text takes."""
    return sum(0.55 if one in _NARROW else 1.6 if one in _WIDE else 1.0 for one in told)


@dataclass(frozen=True)
class Scale:
    """A linear map from values to places."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies; one beyond the ends lies at the end."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def extent(values: Sequence[float], anchor: float | None = None) -> tuple[float, float]:
    """Ends that hold all values, and the anchor when it lies near; never of no length."""
    low, high = min(values), max(values)
    if anchor is not None:
        reach = 2 * (high - low) or abs(high)
        low = anchor if anchor <= low <= anchor + reach else low
        high = anchor if anchor - reach <= high <= anchor else high
    if high - low <= 1e-12 * max(abs(high), abs(low), 1e-300):
        middle = max(abs(high), 1.0)
        low, high = low - middle / 2, high + middle / 2
    return low, high


def rounded(low: float, high: float, count: int = 5) -> tuple[float, float]:
    """The same ends moved outwards to round values."""
    step = _step(low, high, count)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About so many round values from ``low`` to ``high``."""
    step = _step(low, high, count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def _step(low: float, high: float, count: int) -> float:
    """The round distance that comes next to an even cut."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * 0.999)
