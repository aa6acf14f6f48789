"""The stages of the Linf cascade: their order, losses, starts and budgets, fixed by the plan id."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from analyzers.contract import Json

PLAN: Final = "linf-1"
"""Names all that stands here and in the plan's rules; another plan is another analyzer version."""

THREAT: Final[Mapping[str, Json]] = {
    "type": "object",
    "properties": {
        "norm": {"const": "Linf"},
        "eps": {"type": "string", "pattern": "^[0-9]+(/[1-9][0-9]*)?$"},
        "knowledge": {"const": "white"},
        "budget": {"enum": ["smoke", "gate", "parity"], "default": "gate"},
    },
    "required": ["norm", "eps", "knowledge"],
    "additionalProperties": False,
}
"""What whoever attacks within the ball is told, as a schema."""


def threat_of(config: Mapping[str, Json]) -> str:
    """The threat's id: norm, size, knowledge, budget."""
    budget = config.get("budget", "gate")
    return f"{config['norm']}:{config['eps']}:{config['knowledge']}:{budget}"


class Stage(NamedTuple):
    """One run over whatever still stands."""

    name: str
    loss: str
    start: Literal["image", "noise"]
    iterations: int
    targets: int = 0
    """Runs against so many of the nearest other classes, side by side."""
    reach: float = 0.0
    """In eps: a target further away than this, were the model linear, is left out. 0: none is.

    Of 33 breaks by targets on 26 pairs of a public network and a size, the furthest lay at 1.75.
    """

    def runs(self, classes: int) -> int:
        """How often the stage climbs."""
        return min(max(1, self.targets), classes - 1)


MARGIN: Final = Stage("margin", "margin", "image", 8)
FIRST: Final = (
    MARGIN,
    Stage("dlr", "dlr", "noise", 20),
    Stage("cross-entropy", "cross-entropy", "noise", 20),
    Stage("targeted", "targeted-dlr", "noise", 30, targets=3, reach=3.0),
)
ROUND: Final = FIRST[1:]
"""What a round repeats, with fresh noise."""
DEEP: Final = (
    Stage("deep-targeted", "targeted-dlr", "noise", 100, targets=9, reach=4.0),
    Stage("deep-cross-entropy", "cross-entropy", "noise", 100),
)
GUARD: Final = 1000
"""Queries of a search that looks whether scores alone do what slopes could not."""
LONG: Final = 5000
"""Queries where that is doubted, where there are no slopes, and for parity."""
