"""What the cascade takes at most: what it costs when every image stands to the end."""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.attacks.passes import DEEPER, ONE, ROUNDS, SMOKE, SQUARE, Run, runs_of
from analyzers.attacks.schedule import MOST_ROUNDS
from analyzers.attacks.stages import LONG, threat_of
from analyzers.contract import Case, Json, Passes

_RANKED: Final = 20
"""Classes whose distance is measured before targets are chosen, once a unit that has targets."""
_ASKED: Final = 2
"""Passes of the forward engine for a step of a climb, at most: the point, and it in 8 bits."""

_SHOWN: Final = 5
"""Passes for a picture of an earlier model: clean, shown, in 8 bits, and twice for the replay."""


def cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """Over all images: clean answers, every climb to its end, and the longest search.

    Claims that nobody confirms are tried once more, which is rare and not counted.
    """
    slopes = case.subject.gradient
    units = _units(str(config.get("budget", "gate")))
    runs = [one for params in units for one in _runs(params, slopes)]
    climbs = sum(_steps(case, one) for one in runs if not one.queries)
    searches = sum(one.queries for one in runs)
    asked = len(units) + (1 + _ASKED) * climbs + searches
    told = case.earlier.get(threat_of(config), ())
    shown = sum(len(rows) for one in told for rows in one.rows.values())
    return Passes(case.n * asked + _SHOWN * shown, case.n * climbs)


def _units(budget: str) -> Sequence[Mapping[str, Json]]:
    """Params of all units that one image may be in."""
    if budget == "smoke":
        return ({"pass": SMOKE},)
    rounds = {"pass": ROUNDS, "rounds": list(range(1, MOST_ROUNDS + 1))}
    return ({"pass": ONE}, rounds, {"pass": SQUARE, "queries": LONG}, {"pass": DEEPER})


def _runs(params: Mapping[str, Json], slopes: bool) -> list[Run]:
    if not slopes and params["pass"] not in {SMOKE, SQUARE}:
        return []
    return runs_of(params, gradient=slopes)


def _steps(case: Case, run: Run) -> int:
    """Steps of a climb for one image, all its targets together."""
    stage = run.stage
    classes = case.subject.classes
    ranked = min(classes - 1, _RANKED) if stage.targets else 0
    lanes = stage.runs(classes) if stage.targets else 1
    return ranked + lanes * (stage.iterations + 1)
