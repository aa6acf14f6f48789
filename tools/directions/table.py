"""The table: what holds in every pair, what does not, and what has no value."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from tools.directions.expected import Direction
from tools.directions.reading import Found

Lies = Literal["lower", "higher", "equal", "no value"]


class Both(NamedTuple):
    """The numbers of one pair."""

    normal: Found
    adversarial: Found

    @property
    def lies(self) -> Lies:
        """Where the adversarially trained net lies; what is written alike counts as equal."""
        before, after = self.normal.value, self.adversarial.value
        if before is None or after is None:
            return "no value"
        if str(self.normal) == str(self.adversarial):
            return "equal"
        return "lower" if after < before else "higher"

    def __str__(self) -> str:
        """Before and after; once where both have the same reason for no number."""
        if self.normal.value is None and self.normal == self.adversarial:
            return str(self.normal)
        return f"{self.normal} → {self.adversarial}"


Row = tuple[Direction, Mapping[str, Both]]
"""A direction with its numbers in each pair, by the pair's name."""
_ORDER: Final[Sequence[Lies]] = ("lower", "higher", "equal", "no value")


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line a direction, a column a pair, and last what they say together."""
    pairs = list(rows[0][1]) if rows else []
    head = ["What", "Metric", *pairs, "Adversarial training"]
    lines = [_line(head), _line(["---"] * len(head))]
    for direction, numbers in rows:
        cells = [str(numbers[name]) for name in pairs]
        lines.append(_line([direction.title, _named(direction), *cells, said(direction, numbers)]))
    return "\n".join(lines)


def said(direction: Direction, numbers: Mapping[str, Both]) -> str:
    """What the pairs say together: whether an expectation holds, else where the numbers lie."""
    ways: list[Lies] = [one.lies for one in numbers.values()]
    if direction.expected is None:
        return (
            f"{ways[0]} in all {len(ways)}" if len(set(ways)) == 1 else f"mixed: {_counted(ways)}"
        )
    if holds(direction, numbers):
        return f"{direction.expected}, as expected, in all {len(ways)}"
    against = [way for way in ways if way not in (direction.expected, "no value")]
    word = "DOES NOT HOLD" if against else "OPEN"
    return f"**{word}**: expected {direction.expected}, is {_counted(ways)}"


def holds(direction: Direction, numbers: Mapping[str, Both]) -> bool:
    """Whether every pair has both numbers and they lie as expected."""
    return all(one.lies == direction.expected for one in numbers.values())


def failures(rows: Iterable[Row]) -> str:
    """One sentence for every expectation that does not hold in each pair, or that all do."""
    wrong = [(one, numbers) for one, numbers in rows if one.expected and not holds(one, numbers)]
    if not wrong:
        return "Every expectation holds in every pair."
    return "\n".join(f"* {one.title}: {said(one, numbers)}." for one, numbers in wrong)


def _counted(ways: Sequence[Lies]) -> str:
    count = Counter(ways)
    return ", ".join(f"{way} in {count[way]}" for way in _ORDER if count[way])


def _named(direction: Direction) -> str:
    scope = "".join(f", {value}" for value in direction.scope.values())
    return f"`{direction.metric}`{scope}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
