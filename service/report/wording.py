"""How numbers, names and states are spelled for people. Shares turn into percent here only."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analyzers.contract import Json
from service.report.reading import text

CUT = 600
"""Characters of any single text that reach a page."""


_NEAR = 0.0005
"""Shares nearer to none or all than this would round to them."""
_WRITTEN_OUT = 1e9
_SHORT = 10


class Mark(NamedTuple):
    """A state as it is shown: a word and a shape; colour only repeats them."""

    word: str
    shape: str
    """Name of the shape and of the colour that goes with it."""


_MARKS = {
    "PASS": Mark("PASS", "good"),
    "FAIL": Mark("FAIL", "bad"),
    "INCONCLUSIVE": Mark("INCONCLUSIVE", "open"),
    "ERROR": Mark("ERROR", "broken"),
    "ok": Mark("ok", "good"),
    "red": Mark("red", "bad"),
    "missing": Mark("missing", "open"),
    "not_applicable": Mark("not applicable", "good"),
}
_GRADES = {
    "A": "a proof, or a counterexample that replays",
    "B": "a measurement with an interval",
    "C": "an indicator or proxy: an association, not a cause",
    "D": "the evaluation itself is in doubt",
}
_OUTCOMES = {
    "not_applicable": "Does not apply here",
    "not_available": "Could not be measured here",
    "out_of_budget": "Left out of this budget",
    "error": "Ended in an error",
}
_KNOWLEDGE = {"white": "white box", "black": "black box", "score": "scores only"}
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)$")
_RUNS_OF_SPACE = re.compile(r"\s+")
_THREAT = re.compile(r"\bL(?:inf|\d+):\d[\d./e-]*:[a-z]+(?::[\w.-]*\w)?")
_SNAKE = re.compile(r"[a-z]+(?:_[a-z]+)+$")
_PERCENT = re.compile(r"(?<=\d) %(?!\w)")


def plain(value: object, limit: int = CUT) -> str:
    """Any value as bounded text without control, formatting or half characters."""
    letters = (char if char.isprintable() else " " for char in str(value)[: 4 * limit])
    clean = _RUNS_OF_SPACE.sub(" ", "".join(letters)).strip()
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"


def mark(state: str) -> Mark:
    """How a state is shown; one that nobody knows keeps its own word."""
    return _MARKS.get(state, Mark(state or "not judged", "open"))


def percent(share: float, beside: float | None = None) -> str:
    """A share in percent, precise enough to differ from the number that it is held against."""
    for places in (1, 2, 3, 4):
        if beside is None or share == beside or f"{share:.{places}%}" != f"{beside:.{places}%}":
            break
    if 0 < share < _NEAR:
        return "<0.1%"
    if 1 - _NEAR <= share < 1:
        return ">99.9%"
    return signed(f"{share:.{places}%}")


def points(difference: float) -> str:
    """A difference of two shares in percentage points."""
    return signed(f"{100 * difference:.1f}") + " pt"


def when(moment: str) -> str:
    """A time as a person writes it; one in another form stays as it is."""
    found = _MOMENT.match(moment)
    return f"{found[1]} {found[2]} UTC" if found else plain(moment, 40)


def duration(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def at_most(seconds: float) -> str:
    """An upper bound of the time left, so no finer than it is true: most audits end earlier."""
    for most, step, unit, name in ((95, 10, 1, "s"), (5400, 60, 60, "min")):
        if seconds < most:
            return f"at most {max(1.0, -(-seconds // step)) * step / unit:g} {name}"
    return f"at most {-(-seconds // 1800) / 2:g} h"


def tick(value: float, unit: str = "") -> str:
    """A number beside an axis, as short as it can be."""
    return signed(f"{100 * value:.4g}%") if unit == "share" else figure(value)


def figure(value: float) -> str:
    """A number with four significant digits; whole numbers whole."""
    if value == int(value) and abs(value) < _WRITTEN_OUT:
        return signed(f"{int(value):,}")
    return signed(f"{value:.4g}")


_COUNTED = {"images", "positions"}


def measure(value: float | None, unit: str = "") -> str:
    """A number with its unit; ``share`` means percent, ``agrees`` is a word and no number."""
    if value is None:
        return "–"
    if unit == "agrees":
        return "agrees" if value else "disagrees"
    if unit == "share":
        return percent(value)
    told = unit.removesuffix("s") if value == 1 and unit in _COUNTED else unit
    return f"{figure(value)} {told}".strip()


def signed(digits: str) -> str:
    """Digits with a minus that is as wide as a plus."""
    return digits.replace("-", "−")


def words(name: str) -> str:
    """A metric's or scope's name as words."""
    return plain(name.replace("_", " ").replace(".", " "))


def metric(name: str) -> str:
    """A metric's name beside its analyzer's title: the part that is its own."""
    return words(name.partition(".")[2] or name)


def capital(told: str) -> str:
    """The same words with a capital letter in front."""
    return told[:1].upper() + told[1:]


def listed(names: Sequence[str]) -> str:
    """Names as a person lists them."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def spoken(told: str, limit: int = CUT) -> str:
    """A sentence for people: threats in words, percent as this page writes them."""
    named = _THREAT.sub(lambda found: threat(found[0]), told)
    return plain(_PERCENT.sub("%", named), limit)


def short(digest: str) -> str:
    """The first characters of a digest, enough to tell two apart."""
    return digest if len(digest) <= _SHORT + 4 else digest[:_SHORT] + "…"


def threat(identity: str) -> str:
    """A threat's id (norm:eps:knowledge:plan) in words."""
    norm, _, rest = identity.partition(":")
    eps, _, rest = rest.partition(":")
    if not eps:
        return plain(identity)
    knowledge = rest.partition(":")[0]
    known = f", {_KNOWLEDGE.get(knowledge, knowledge)}" if knowledge else ""
    return plain(f"{norm}, ε = {eps}{known}")


def scope(body: Mapping[str, Json]) -> str:
    """What a measurement speaks of, in words; empty for the whole model."""
    told = [
        value if name == "threat" else f"{words(name)} {value}"
        for name in sorted(body)
        for value in [scope_value(name, text(body, name))]
    ]
    return plain(", ".join(told))


def scope_value(name: str, value: str) -> str:
    """One word of a scope: a threat in words; names of layers as the model spells them."""
    if name == "threat":
        return threat(value)
    return words(value) if name != "layer" and _SNAKE.match(value) else plain(value)


def grade(letter: str) -> str:
    """What an evidence grade means."""
    return _GRADES.get(letter, "not graded")


def outcome(name: str) -> str:
    """Why there is no value."""
    return _OUTCOMES.get(name, words(name) or "Without a result")
