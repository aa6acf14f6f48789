"""The live bracket of a threat: certified below, attacked above, with what is still open."""

from analyzers.contract import Json, Measurement, Tally
from analyzers.statistics.sequential import population_interval, set_interval
from service.core.driver import Course, Instance

LEVEL = 0.95


def brackets_of(course: Course, instance: Instance, claim: str) -> list[dict[str, Json]]:
    """Brackets of every upper bound that an instance has measured at its committed prefix."""
    return [
        bracket(one, claim)
        for one in course.measurements(instance)
        if one.bound == "upper" and one.scope.get("threat") and one.counts.get("prefix")
    ]


def bracket(one: Measurement, claim: str) -> dict[str, Json]:
    """One bracket as an event body."""
    tally = Tally(*(one.counts[name] for name in Tally._fields))
    settled = tally.prefix - tally.pending
    if claim == "population":
        low, high = population_interval(tally.standing, settled, 1 - LEVEL)
    elif tally.pending:
        low, high = 0.0, (tally.population - tally.fallen) / tally.population
    else:
        low, high = set_interval(tally.population, tally.prefix, tally.standing, 1 - LEVEL)
    return {
        "kind": "bracket",
        "threat": one.scope["threat"],
        "population": tally.population,
        "prefix": tally.prefix,
        "standing": tally.standing,
        "fallen": tally.fallen,
        "pending": tally.pending,
        "certified": 0,
        "low": low,
        "high": high,
        "level": LEVEL,
        "claim": claim,
    }
