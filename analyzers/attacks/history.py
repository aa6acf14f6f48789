"""What committed units say of every image: its newest states, and every pass that it has had."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, get_args

from analyzers.attacks.passes import DEEPER, EARLIER, RETRY, ROUNDS, SQUARE
from analyzers.contract import Depth, Done, Json

FALLEN: Final = ("broken", "error", "wrong")
FLAGS: Final = ("attacked", "flat", "disagree", "rose")
"""Marks that stay once they are set."""
_DEPTHS: Final[Sequence[Depth]] = get_args(Depth)


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


class _Became(NamedTuple):
    """A fate as it stands."""

    state: str
    stage: str
    late: bool


class History:
    """The images that any committed unit speaks of, by row."""

    def __init__(self, done: Iterable[Done] = ()) -> None:
        """Begin with these units."""
        self.rows: dict[int, Row] = {}
        self._alike: dict[Depth, dict[_Became, set[int]]] = {depth: {} for depth in _DEPTHS}
        """Rows of one fate: a plan asks for them dozens of times."""
        self.read(done)

    def read(self, done: Iterable[Done]) -> None:
        """Go on with units, in the order of their commits."""
        for one in done:
            tags = tags_of(one.unit.params)
            for row, told in _told(one):
                if told["state"] or told.get("state8"):  # else it says nothing of this image
                    self._hear(row, told, tags)

    def _hear(self, row: int, told: Mapping[str, Json], tags: set[str]) -> None:
        known = self.rows.setdefault(row, Row())
        before = _became(known)
        _update(known, told, tags)
        for depth, was, now in zip(_DEPTHS, before, _became(known), strict=True):
            self._alike[depth].setdefault(was, set()).discard(row)
            self._alike[depth].setdefault(now, set()).add(row)

    def _where(self, depth: Depth, meant: Callable[[_Became], bool]) -> list[int]:
        every = self._alike[depth].items()
        return sorted(row for became, rows in every if meant(became) for row in rows)

    def among(self, *states: str, depth: Depth) -> list[int]:
        """The rows in one of these states, in order."""
        return self._where(depth, lambda one: one.state in states)

    def broken_in(self, stages: set[str], depth: Depth) -> list[int]:
        """The rows that fell in a stage of these."""
        return self._where(depth, lambda one: one.state in FALLEN and one.stage in stages)

    def late(self, depth: Depth) -> list[int]:
        """The rows that fell, in whatever way, when they had had the long climbs."""
        return self._where(depth, lambda one: one.state in FALLEN and one.late)


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


def _became(row: Row) -> list[_Became]:
    """What became of a row at each depth."""
    fates = (row.at(depth) for depth in _DEPTHS)
    return [_Became(one.state, one.stage, one.late) for one in fates]


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
