"""The live bracket of a threat: certified below, attacked above, with what is still open."""

from analyzers.contract import Json, Measurement, Tally
from service.core.driver import Course, Instance
from service.core.ranges import range_of

LEVEL = 0.95


def brackets_of(course: Course, instance: Instance, claim: str) -> list[dict[str, Json]]:
    """Brackets of every upper bound that an instance has measured at its committed prefix."""
    if not any(spec.judged for spec in instance.analyzer.description.metrics):
        return []  # what explains has none, and adding up what a lens saw takes a while
    found: dict[str, dict[str, Json]] = {}
    for one in course.measurements(instance):
        threat = one.scope.get("threat", "")
        if one.bound == "upper" and threat and one.counts.get("prefix"):
            found.setdefault(threat, bracket(one, claim))  # the deciding depth comes first
    return list(found.values())


def bracket(one: Measurement, claim: str) -> dict[str, Json]:
    """One bracket as an event body."""
    tally = Tally(**one.counts)
    low, high = range_of(tally, claim, 1 - LEVEL)
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
