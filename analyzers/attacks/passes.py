"""What one pass of the cascade consists of: runs in order, each with what salts its noise."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from analyzers.attacks.stages import DEEP, FIRST, GUARD, LONG, MARGIN, ROUND, Stage
from analyzers.contract import Json

ONE: Final = "one"
SMOKE: Final = "smoke"
ROUNDS: Final = "rounds"
SQUARE: Final = "square"
DEEPER: Final = "deep"
RETRY: Final = "retry"
EARLIER: Final = "earlier"
"""Asks about pictures that broke an earlier model, and about nothing else."""


class Run(NamedTuple):
    """A climb or, with ``queries``, a search by scores."""

    salt: str
    name: str
    """What a break is put down to."""
    stage: Stage = MARGIN
    queries: int = 0

    @property
    def cost(self) -> int:
        """Steps or queries at most."""
        return self.queries or self.stage.iterations


def runs_of(params: Mapping[str, Json], *, gradient: bool) -> list[Run]:
    """The runs of a unit; without slopes only searches are possible, and pass one looks on."""
    which = str(params["pass"])
    if which == EARLIER:
        return []
    if which == SQUARE:
        return [_search(which, int(params["queries"]))]
    if not gradient:
        return [] if which == ONE else [_search(which, GUARD if which == SMOKE else LONG)]
    if which == ROUNDS:
        return [run for number in params["rounds"] for run in _round(int(number))]
    stages = {SMOKE: (MARGIN,), ONE: FIRST, DEEPER: DEEP, RETRY: FIRST}[which]
    if params.get("every_target"):
        stages = tuple(stage._replace(reach=0.0) for stage in stages)
    if which == RETRY:  # it must not walk again the path whose end could not be confirmed
        stages = tuple(stage._replace(start="noise") for stage in stages)
    return [Run(f"{which}:{at}", stage.name, stage) for at, stage in enumerate(stages)]


def _search(which: str, queries: int) -> Run:
    return Run(f"{which}:{queries}", SQUARE, queries=queries)


def _round(number: int) -> list[Run]:
    name = f"round-{number}"
    return [Run(f"{name}:{at}", name, stage) for at, stage in enumerate(ROUND)]
