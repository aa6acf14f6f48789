"""What committed units say of every image: its newest states, and every pass that it has had."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from analyzers.attacks.passes import DEEPER, EARLIER, RETRY, ROUNDS, SQUARE
from analyzers.contract import Depth, Done, Json

FALLEN: Final = ("broken", "error", "wrong")
FLAGS: Final = ("attacked", "flat", "disagree", "rose")
"""Marks that stay once they are set."""


@dataclass
class Fate:
    """What became of an image at one depth."""

    state: str = "standing"
    stage: str = ""
    """What that is put down to."""
    late: bool = False
    """Whether it fell when it had had the long climbs."""

    def hear(self, state: str, stage: str, *, late: bool) -> None:
        """A break stays one: an image that fell in float32 is attacked on for its 8 bits."""
        if self.state != "broken":
            self.state, self.stage, self.late = state, stage or self.stage, late


@dataclass
class Row:
    """One image."""

    float32: Fate = field(default_factory=Fate)
    eight_bit: Fate | None = None
    """None where the images are not stored in 8 bits."""
    had: set[str] = field(default_factory=set[str])
    flags: set[str] = field(default_factory=set[str])
    rising: bool = False
    queries: int = 0
    refuted: bool = False
    """A claimed break was once not confirmed."""

    def at(self, depth: Depth) -> Fate:
        """What became of it at a depth."""
        return self.eight_bit or self.float32 if depth == "8-bit" else self.float32


class History:
    """The images that any committed unit speaks of, by row."""

    def __init__(self, done: Sequence[Done]) -> None:
        """Read units in the order of their commits."""
        self.rows: dict[int, Row] = {}
        for one in done:
            tags = tags_of(one.unit.params)
            for row, told in _told(one):
                if not told["state"] and not told.get("state8"):
                    continue  # it says nothing of this image
                if row not in self.rows:
                    self.rows[row] = Row()
                _update(self.rows[row], told, tags)
        self._by_state = {depth: self._sorted(depth) for depth in get_args(Depth)}

    def _sorted(self, depth: Depth) -> dict[str, list[int]]:
        """The rows in each state, in order: a plan asks dozens of times."""
        found: dict[str, list[int]] = {}
        for row in sorted(self.rows):
            found.setdefault(self.rows[row].at(depth).state, []).append(row)
        return found

    def among(self, *states: str, depth: Depth) -> list[int]:
        """The rows in one of these states, in order."""
        return sorted(row for one in states for row in self._by_state[depth].get(one, ()))

    def broken_in(self, stages: set[str], depth: Depth) -> list[int]:
        """The rows that fell in a stage of these."""
        fallen = self.among(*FALLEN, depth=depth)
        return [row for row in fallen if self.rows[row].at(depth).stage in stages]

    def late(self, depth: Depth) -> list[int]:
        """The rows that fell, in whatever way, when they had had the long climbs."""
        return [row for row in self.among(*FALLEN, depth=depth) if self.rows[row].at(depth).late]


def tags_of(params: Mapping[str, Json]) -> set[str]:
    """What a unit counts as having done for each of its images."""
    which = str(params["pass"])
    if which == ROUNDS:
        return {f"round-{number}" for number in params["rounds"]}
    if which == SQUARE:
        return {f"square-{params['queries']}"}
    return {which if which in {DEEPER, RETRY, EARLIER} else "one"}


def _told(one: Done) -> Iterator[tuple[int, dict[str, Json]]]:
    names = tuple(one.samples)
    for row, *told in zip(one.samples["row"], *one.samples.values(), strict=True):
        yield int(row), dict(zip(names, told, strict=True))


def _update(row: Row, told: Mapping[str, Json], tags: set[str]) -> None:
    row.had |= tags
    late = DEEPER in row.had
    if told["state"]:
        row.float32.hear(told["state"], told["stage"], late=late)
    if told.get("state8"):
        row.eight_bit = row.eight_bit or Fate()
        row.eight_bit.hear(told["state8"], told["stage"], late=late)
    row.flags |= {name for name in FLAGS if told[name]}
    if told["iterations"]:  # a search by scores does not speak of climbs
        row.rising = bool(told["rising"])
    row.queries += int(told["queries"])
    row.refuted |= "pending" in {told["state"], told.get("state8")}
