"""What counts say of a share, wherever a plan is cut."""

import pytest

from analyzers.contract import Tally
from analyzers.statistics.sequential import set_interval
from analyzers.statistics.two_phase import phase_interval
from service.core.ranges import range_of

ALPHA = 0.05


def test_images_with_a_part_of_the_plan_bound_from_above_alone() -> None:
    """Everyone had the cheap climbs and nobody the long ones: all of them may still fall."""
    assert tuple(range_of(Tally(300, 300, 300, 0, 0, 0), "set", ALPHA)) == (0.0, 1.0)
    half = range_of(Tally(300, 100, 90, 10, 0, 10), "set", ALPHA)
    assert half.low == 0.0
    assert half.high == set_interval(300, 100, 90, ALPHA).high


def test_control_the_same_counts_with_the_whole_plan_bound_from_below() -> None:
    """Then those that stand, stand."""
    assert tuple(range_of(Tally(300, 300, 290, 10, 0, 300), "set", ALPHA)) == (290 / 300,) * 2


def test_survivors_bound_from_below_by_those_that_were_tried() -> None:
    """The last pass on some of them speaks of all of them."""
    tally = Tally(300, 300, 240, 60, 0, 100, 240, 0)
    found = range_of(tally, "set", ALPHA)
    assert found == phase_interval(300, 240, 40, 40, ALPHA)
    assert 0.5 < found.low < found.high == 0.8


@pytest.mark.parametrize("survivors", [0, 240])
def test_a_population_waits_for_the_whole_plan(survivors: int) -> None:
    """Its lower end is nothing until every image had all of it."""
    part = Tally(300, 300, 240, 60, 0, 100, survivors, 0)
    assert range_of(part, "population", ALPHA).low == 0.0
    assert range_of(part._replace(full=300), "population", ALPHA).low > 0.7
