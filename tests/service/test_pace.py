"""How long an audit takes at most, by what was measured of it so far."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from analyzers.contract import Analyzer, Case, Json, Passes
from service.core.driver import Course, instances_for
from service.pace import Pace, Way
from support.toys import CATALOGUE, a_case, toy_done
from support.verdicts import policy

N = 100


class Clock:
    """A time that goes on when it is told to."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.now = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


def costly(one: Analyzer) -> Analyzer:
    """The same analyzer, which says that it takes one pass an image."""

    def cost(case: Case, config: Mapping[str, Json]) -> Passes:
        del config
        return Passes(case.n, 0)

    return replace(one, cost=cost)


def course() -> Course:
    """A toy audit with nothing done."""
    found = instances_for([costly(one) for one in CATALOGUE], policy())
    return Course(a_case(N), found, seed=0, engine="toy", stops={})


def advance(audit: Course, pace: Pace, clock: Clock, seconds: float | None) -> None:
    """Measure and commit the next unit; without seconds it comes from memory."""
    step = audit.ready()[0]
    low, high = step.unit.rows
    done = toy_done(step.unit, step.shard.analyzer, broken=0.3)
    if seconds is not None:
        with pace.timed():
            clock.now += seconds
    audit.commit(step, replace(done, passes={"forward": high - low}))
    pace.committed(step)


def test_nothing_is_told_before_there_is_a_pace() -> None:
    """The first moments say more about opening sessions than about the model."""
    audit, clock = course(), Clock()
    pace = Pace(audit, clock)
    assert pace.way().seconds is None
    advance(audit, pace, clock, 1.0)
    assert pace.way().seconds is None
    assert len(pace.way().stages) == len(audit.instances)


def test_the_rest_takes_as_long_as_its_passes_at_the_pace_so_far() -> None:
    """A pass took a tenth of a second, so what is left takes a tenth of its passes."""
    audit, clock = course(), Clock()
    pace = Pace(audit, clock)
    while audit.ready():
        low, high = audit.ready()[0].unit.rows
        advance(audit, pace, clock, 0.1 * (high - low))
        left = pace.way().left(clock.now)
        if left is not None:
            assert left == pytest.approx(0.1 * N * len(audit.instances) - clock.now)
    assert pace.way().seconds == 0


def test_the_stage_at_work_has_a_place_in_the_plan() -> None:
    """Counted from one; the last one keeps its place when all is over."""
    audit, clock = course(), Clock()
    pace = Pace(audit, clock)
    places = [pace.way().place]
    while audit.ready():
        advance(audit, pace, clock, 1.0)
        places.append(pace.way().place)
    assert places == sorted(places)
    assert (places[0], places[-1]) == (1, len(audit.instances))
    assert Way().place == 0


def test_time_goes_on_while_a_unit_is_in_flight() -> None:
    """What was said at a commit gets less by itself, and never less than nothing."""
    way = Way(seconds=10.0, since=100.0)
    assert [way.left(now) for now in (100.0, 104.0, 200.0)] == [10.0, 6.0, 0.0]
    assert Way().left(5.0) is None


def test_what_came_from_memory_says_nothing_of_the_pace() -> None:
    """Units that took no time do not make the rest look fast."""
    audit, clock = course(), Clock()
    pace = Pace(audit, clock)
    low, high = audit.ready()[0].unit.rows
    advance(audit, pace, clock, 5.0 * (high - low))
    known = pace.way()
    advance(audit, pace, clock, None)
    way = pace.way()
    assert known.seconds is not None
    assert way.seconds is not None
    assert 0 < known.seconds - way.seconds < known.seconds


def test_a_unit_that_failed_counts_neither_time_nor_passes() -> None:
    """What was abandoned is no measure of anything."""
    audit, clock = course(), Clock()
    pace = Pace(audit, clock)

    def fail() -> None:
        with pace.timed():
            clock.now += 100.0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    advance(audit, pace, clock, None)
    assert pace.way().seconds is None
