"""What counts say of a share, at any commit: valid however often one looks."""

from analyzers.contract import Tally
from analyzers.statistics.intervals import Interval, clopper_pearson
from analyzers.statistics.sequential import population_interval, set_interval
from analyzers.statistics.two_phase import phase_interval
from service.core.stops import last_pass


def range_of(tally: Tally, claim: str, alpha: float) -> Interval:
    """Shares that are not excluded. What had only a part of the plan bounds from above alone."""
    found = _of_population(tally, alpha) if claim == "population" else _of_set(tally, alpha)
    whole = tally.full >= tally.prefix - tally.pending or (claim == "set" and tally.survivors > 0)
    return found if whole and not (claim == "set" and tally.pending) else Interval(0.0, found.high)


def _of_population(tally: Tally, alpha: float) -> Interval:
    settled = tally.prefix - tally.pending
    if settled == tally.population:
        return clopper_pearson(tally.standing, settled, 1 - alpha)
    return population_interval(tally.standing, settled, alpha)


def _of_set(tally: Tally, alpha: float) -> Interval:
    if tally.pending:
        return Interval(0.0, (tally.population - tally.fallen) / tally.population)
    if tally.survivors:
        return phase_interval(tally.population, tally.survivors, *last_pass(tally), alpha)
    return set_interval(tally.population, tally.prefix, tally.standing, alpha)
