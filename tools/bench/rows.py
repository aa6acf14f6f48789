"""Rows of a table, and ratios measured turn by turn.

Both sides of a ratio run in one process, turn by turn, with the same number of threads, so a busy
machine slows both. The table shows the median of the turns and the middle half.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SEED = 4242
WARM_UP_CALLS = 10
HEADER = f"{'':46}{'median':>9}  {'middle half':18}aim"


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    turns: int
    turn_seconds: float
    quick: bool


@dataclass(frozen=True)
class Row:
    """One line of the table; the values are those of every turn."""

    name: str
    values: Sequence[float]
    unit: str
    aim: str = ""
    reached: bool | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)

    def text(self) -> str:
        """The line as it is printed."""
        marks = [self.note] if self.note else []
        marks += {None: [], True: ["reached"], False: ["MISSED"]}[self.reached]
        value = f"{self.median:.2f} {self.unit}"
        figures = f"{self.name:46}{value:>9}  {spread(self.values):18}"
        return f"{figures}{self.aim:20}{'; '.join(marks)}".rstrip()


def spread(values: Sequence[float]) -> str:
    """The middle half."""
    return f"{_quartile(values, 0):.2f} to {_quartile(values, 2):.2f}"


def _quartile(values: Sequence[float], place: int) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=4, method="inclusive")[place]


def ratios(
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    turns: int,
    calls: int,
    warm_up: int = WARM_UP_CALLS,
) -> list[float]:
    """How many times as fast ours is, turn by turn; every other turn the peer begins."""
    for _ in range(warm_up):
        ours()
        peer()
    found: list[float] = []
    for turn in range(turns):
        sides = (ours, peer) if turn % 2 == 0 else (peer, ours)
        spent = {side: seconds_of(side, calls) for side in sides}
        found.append(spent[peer] / spent[ours])
    return found


def paced(side: Callable[[], object], wanted: float) -> tuple[int, int]:
    """How many calls take about so many seconds, and how many warm up."""
    side()
    calls = round(wanted / seconds_of(side, 1))
    return max(1, min(200, calls)), max(1, min(WARM_UP_CALLS, calls))


def seconds_of(side: Callable[[], object], calls: int) -> float:
    """Seconds that so many calls take."""
    begun = time.perf_counter()
    for _ in range(calls):
        side()
    return time.perf_counter() - begun
