"""Which pass which image is still owed: the rules of the plan, as a function of what is done.

Pass one goes over every block and every image that stands gets two rounds. What concerns the
whole set is decided when that is complete, so it depends on no order of finishing: further
rounds, the search by scores, and whether the long climbs are asked of everyone. Only those long
climbs may end early, and only when nothing else is open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import Final

from analyzers.attacks.history import History
from analyzers.attacks.passes import DEEPER, EARLIER, ONE, RETRY, ROUNDS, SMOKE, SQUARE
from analyzers.attacks.stages import GUARD, LONG, threat_of
from analyzers.contract import Case, Depth, Done, Earlier, Json, Rows, Tally, Unit, blocks

MOST_ROUNDS: Final = 4
DRY: Final = 2
"""Rounds in a row that broke nothing, after which there is no other."""
STILL_BREAKING: Final = 0.02
"""Where the last two rounds broke more of what they got, everyone gets the long climbs."""
ENOUGH: Final = 50
"""A single break among fewer images than these is not yet a share."""
STILL_RISING: Final = 0.05
"""Share of images whose last climb had not ended: then slopes alone are not trusted."""
GUARDED: Final = 150
"""Images searched by scores: an effect on 2 % of them is seen with 95 %."""
WIDE: Final = Fraction(1, 10)
"""From this size on, and on grey images, the search is often the stronger attack."""
TOGETHER: Final = 64
"""Images of one unit, at most."""
DEEP_TOGETHER: Final = 16
FEW: Final = 4
"""The same where the long climbs may end early: each unit is a look."""
SPAN: Final = 320
"""Rows from the first to the last image of a unit, at most: all of them are read."""
_ROUNDS: Final = tuple(f"round-{number}" for number in range(1, MOST_ROUNDS + 1))


class Schedule:
    """What is owed, given what is done."""

    def __init__(
        self,
        case: Case,
        config: Mapping[str, Json],
        done: Sequence[Done],
        history: History | None = None,
    ) -> None:
        """Go by what is done, which a history may have read already; nothing else is remembered."""
        self._case = case
        self._config = config
        self._budget = str(config.get("budget", "gate"))
        self._eps = Fraction(str(config["eps"]))
        self._done = done
        self.history = History(done) if history is None else history
        self.depth: Depth = "8-bit" if case.data.eight_bit else "float32"

    def units(self) -> list[Unit]:
        """All that is known to be owed, in order."""
        return self._before_the_end or self._deep()

    @cached_property
    def _before_the_end(self) -> list[Unit]:
        return self._first() or self._retries() or self._whole_set() or self._earlier()

    def tally(self, depth: Depth) -> Tally:
        """Counts over the newest state of every image that was looked at."""
        history, n = self.history, self._case.n
        standing = len(history.among("standing", depth=depth))
        pending = len(history.among("pending", depth=depth))
        fallen = len(history.rows) - standing - pending
        if self._before_the_end or self._budget == SMOKE or not self._case.subject.gradient:
            return Tally(n, len(history.rows), standing, fallen, pending, fallen)
        late = len(history.late(depth))
        deep = sum(
            DEEPER in history.rows[row].had for row in history.among("standing", depth=depth)
        )
        survivors = 0 if pending or self._asks_everyone() else standing + late
        return Tally(
            n, len(history.rows), standing, fallen, pending, fallen + deep, survivors, late
        )

    def _first(self) -> list[Unit]:
        which = SMOKE if self._budget == "smoke" else ONE
        ran = {one.unit.rows for one in self._done if one.unit.params["pass"] == which}
        return [self._unit(rows, which) for rows in blocks(self._case.n) if rows not in ran]

    def _earlier(self) -> list[Unit]:
        """What broke the last release, once attacks and search had their say.

        Asked before, what these pictures break would no longer speak for or against the attacks.
        """
        ran = [_told(one.unit) for one in self._done if one.unit.params["pass"] == EARLIER]
        units = map(self._again, self._case.earlier.get(threat_of(self._config), ()))
        return [one for one in units if _told(one) not in ran]

    def _again(self, one: Earlier) -> Unit:
        rows = sorted({row for told in one.rows.values() for row in told})
        asked = {depth: list(told) for depth, told in one.rows.items()}
        unit = self._unit((rows[0], rows[-1] + 1), EARLIER, of=rows, asked=asked)
        return replace(unit, inputs=dict(one.pictures))

    def _retries(self) -> list[Unit]:
        """Rows whose breaks nobody could confirm, once more by other ways."""
        return self._grouped(self._owed(RETRY, self._pending), TOGETHER, RETRY)

    def _whole_set(self) -> list[Unit]:
        if self._budget == "smoke":
            return []
        if not self._case.subject.gradient:
            return self._searches(self._standing, LONG, most=DEEP_TOGETHER)
        return self._rounds() or self._guard()

    def _rounds(self) -> list[Unit]:
        standing = self._standing
        owed = self._owed(_ROUNDS[DRY - 1], standing)
        if owed:
            return self._grouped(owed, TOGETHER, ROUNDS, rounds=list(range(1, DRY + 1)))
        for number in range(DRY, MOST_ROUNDS):
            last = set(_ROUNDS[number - DRY : number])
            if not self.history.broken_in(last, self.depth):
                break
            owed = self._owed(_ROUNDS[number], standing)
            if owed:
                return self._grouped(owed, TOGETHER, ROUNDS, rounds=[number + 1])
        return []

    def _guard(self) -> list[Unit]:
        """Search by scores: a sample, everyone, or everyone for long."""
        reached = self._reached_guard
        standing = self._standing
        if self._budget == "parity" or self._asks_long(reached):
            return self._searches(standing, LONG)
        chosen = reached if self._is_wide() else reached[:GUARDED]
        long = self._owed(f"{SQUARE}-{LONG}", standing)
        return self._searches([row for row in chosen if row in long], GUARD)

    def _searches(self, rows: Sequence[int], queries: int, most: int = TOGETHER) -> list[Unit]:
        owed = self._owed(f"{SQUARE}-{queries}", rows)
        return self._grouped(owed, most, SQUARE, queries=queries)

    def _deep(self) -> list[Unit]:
        if self._budget == "smoke" or not self._case.subject.gradient:
            return []
        most = DEEP_TOGETHER if self._asks_everyone() else FEW
        told = {"every_target": True} if self._budget == "parity" or self._misled else {}
        return self._grouped(self._owed(DEEPER, self._standing), most, DEEPER, **told)

    @cached_property
    def _reached_guard(self) -> list[int]:
        """Images that stood after the rounds, whatever became of them later."""
        history, depth = self.history, self.depth
        fell = {*history.broken_in({SQUARE, EARLIER}, depth), *history.late(depth)}
        return sorted(fell.union(self._standing))

    def _asks_long(self, reached: Sequence[int]) -> bool:
        """Slopes mislead, climbs had not ended, or the long climbs still break."""
        rising = sum(self.history.rows[row].rising for row in reached)
        return self._misled or rising > STILL_RISING * len(reached) or self._deep_still_breaks

    @cached_property
    def _misled(self) -> bool:
        """Scores did what slopes could not, or slopes are lent or were missing somewhere."""
        searched = self.history.broken_in({SQUARE}, self.depth)
        flat = any("flat" in self.history.rows[row].flags for row in self._reached_guard)
        return bool(searched) or flat or bool(self._case.subject.twin)

    def _is_wide(self) -> bool:
        return self._case.subject.shape[0] == 1 or self._eps >= WIDE

    def _asks_everyone(self) -> bool:
        """Whether the long climbs may not end before everyone had them."""
        if self._budget == "parity" or self._deep_still_breaks:
            return True
        ran = {tag for row in self.history.rows.values() for tag in row.had}
        last = [name for name in _ROUNDS if name in ran][-DRY:]
        broken = len(self.history.broken_in(set(last), self.depth))
        return broken > STILL_BREAKING * (broken + len(self._reached_guard))

    @cached_property
    def _deep_still_breaks(self) -> bool:
        given = [row for row, one in self.history.rows.items() if DEEPER in one.had]
        broken = len(self.history.late(self.depth))
        return broken > STILL_BREAKING * max(len(given), ENOUGH)

    @cached_property
    def _standing(self) -> list[int]:
        """Images to go on with; one with an open claim, at any depth, is first owed its retry.

        A claim in float32 that stays open after that says nothing of the 8 bits that decide.
        """
        unsettled = {row for row in self._pending if RETRY not in self.history.rows[row].had}
        standing = self.history.among("standing", depth=self.depth)
        return [row for row in standing if row not in unsettled]

    @cached_property
    def _pending(self) -> list[int]:
        """Images with a claim that nobody could confirm, at any depth."""
        both: tuple[Depth, ...] = ("float32", "8-bit")
        return sorted({row for depth in both for row in self.history.among("pending", depth=depth)})

    def _owed(self, tag: str, rows: Sequence[int]) -> list[int]:
        return [row for row in rows if tag not in self.history.rows[row].had]

    def _grouped(self, rows: Sequence[int], most: int, which: str, **told: Json) -> list[Unit]:
        units: list[Unit] = []
        pending = set(self._pending) if which != RETRY else set[int]()
        for group in _groups(rows, most):
            span = (group[0], group[-1] + 1)
            unclear = [row for row in group if row in pending]
            beside: dict[str, Json] = {"open": unclear} if unclear else {}
            units.append(self._unit(span, which, of=group, **told, **beside))
        return units

    def _unit(self, rows: Rows, which: str, **told: Json) -> Unit:
        return Unit(rows, {"pass": which, "eight_bit": self._case.data.eight_bit, **told})


def _told(unit: Unit) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    return unit.params["asked"], unit.inputs


def _groups(rows: Sequence[int], most: int) -> Iterator[list[int]]:
    """Neighbours together, but neither too many nor too far apart."""
    group: list[int] = []
    for row in rows:
        if group and (len(group) == most or row - group[0] >= SPAN):
            yield group
            group = []
        group.append(row)
    if group:
        yield group
