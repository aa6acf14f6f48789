"""What a note tells: an interval that belongs beside the number, and sentences said only once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from service.report import wording

_NUMBER = r"-?\d[\d.]*(?:e[-+]\d+)?"
_INTERVAL = re.compile(
    rf"95 % interval(?P<of> \([^()]*\))? (?P<low>{_NUMBER})(?: %)? to "
    rf"(?P<high>{_NUMBER})(?P<unit> %| points)?, "
    r"(?P<n>\d+ images(?:, \d+ copies)?(?:, paired)?)"
)
"""How an analyzer writes an interval into a note."""
_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(])")
_LONG = 24
"""Letters from which a sentence is worth saying once for several numbers."""


class Interval(NamedTuple):
    """Between which values a number lies, and of how many images."""

    ends: str
    n: str
    of: str = ""
    """What else the interval is, in brackets: that several hold at once."""

    def __str__(self) -> str:
        """As it stands beside its number."""
        return f"95% interval{self.of} {self.ends}, {self.n}"


class Note(NamedTuple):
    """A note, its interval taken out."""

    interval: Interval | None
    sentences: Sequence[str]


class Footnotes(NamedTuple):
    """Notes without what several of them say, the marks in its place, and what that is."""

    notes: Sequence[str]
    marks: Sequence[Sequence[int]]
    told: Sequence[str]


def note_of(written: str, unit: str) -> Note:
    """A note as a page shows it; ends of an interval have the unit of their number."""
    found = _INTERVAL.search(written)
    if found is None:
        return Note(None, _sentences(wording.spoken(written)))
    ends = " to ".join(_end(found[name], found["unit"], unit) for name in ("low", "high"))
    after = " points" if found["unit"] == " points" else ""
    interval = Interval(ends + after, found["n"], found["of"] or "")
    before, rest = written[: found.start()].rstrip(" :,"), written[found.end() :].lstrip(" .,:;")
    if before and not before.endswith((".", "!", "?")):
        before += "."
    left = f"{before} {rest[:1].upper()}{rest[1:]}".strip()
    return Note(interval, _sentences(wording.spoken(left)))


def _end(written: str, counted: str | None, unit: str) -> str:
    value = float(written)
    if unit == "share" and not counted:
        return wording.percent(value)
    return f"{wording.signed(written)}{'%' if counted == ' %' else ''}"


def _sentences(told: str) -> list[str]:
    return [one for one in _ENDS.split(told) if one]


def footnotes(notes: Sequence[Sequence[str]]) -> Footnotes:
    """Sentences that more than one note holds move to the foot, in the order of their coming."""
    counts = Counter(one for sentences in notes for one in dict.fromkeys(sentences))
    shared = [one for one, many in counts.items() if many > 1 and len(one) >= _LONG]
    places = {one: place for place, one in enumerate(shared, 1)}
    return Footnotes(
        [" ".join(one for one in sentences if one not in places) for sentences in notes],
        [sorted({places[one] for one in sentences if one in places}) for sentences in notes],
        shared,
    )
