"""The live bracket: what is known of the share that stands while an attack runs."""

import pytest

from analyzers.contract import Measurement, Tally
from analyzers.statistics.intervals import clopper_pearson
from analyzers.statistics.sequential import population_interval, set_interval
from service.core.brackets import LEVEL, bracket, brackets_of
from service.core.driver import Course, instances_for
from service.core.policy import parse_policy
from support.running import policy
from support.toys import CATALOGUE, a_case, toy_done

SCOPE = {"threat": "Linf:8/255:white:gate"}


def measured(tally: Tally) -> Measurement:
    """An upper bound with these counts."""
    return Measurement("robust_accuracy", "measured", SCOPE, 0.5, tally._asdict(), "upper", "A")


def span(tally: Tally, claim: str = "set") -> tuple[float, float]:
    """Low and high of a bracket."""
    body = bracket(measured(tally), claim)
    return body["low"], body["high"]


def test_whole_set_leaves_nothing_open() -> None:
    """With every image looked at, the bracket of a set is one exact number."""
    assert span(Tally(100, 100, 37, 63, 0, 100)) == (0.37, 0.37)


def test_whole_set_leaves_a_population_open() -> None:
    """Of the population behind the images only an interval is known."""
    low, high = span(Tally(100, 100, 37, 63, 0, 100), "population")
    assert 0 < low < 0.37 < high < 1
    assert (low, high) == tuple(clopper_pearson(37, 100, LEVEL)), "as the judge has it"


def test_prefix_is_the_interval_of_the_set() -> None:
    """A prefix speaks of the whole set through draws without replacement."""
    tally = Tally(100, 20, 8, 12, 0, 20)
    assert span(tally) == tuple(set_interval(100, 20, 8, 1 - LEVEL))
    assert span(tally)[1] <= 0.88


def test_pending_claims_leave_only_what_is_certain() -> None:
    """While a claim is open nothing is sure to stand, and all that has not fallen may."""
    assert span(Tally(100, 20, 8, 10, 2, 18)) == (0.0, 0.9)
    assert span(Tally(100, 100, 60, 38, 2, 98)) == (0.0, 0.62)


def test_pending_claims_are_no_draws_of_a_population() -> None:
    """The population's interval rests on settled images alone."""
    found = span(Tally(100, 20, 8, 10, 2, 18), "population")
    assert found == tuple(population_interval(8, 18, 1 - LEVEL))


@pytest.mark.parametrize("claim", ["set", "population"])
def test_everything_pending_is_nothing_known(claim: str) -> None:
    """No settled image, no knowledge."""
    assert span(Tally(50, 20, 0, 0, 20, 0), claim) == (0.0, 1.0)


@pytest.mark.parametrize("claim", ["set", "population"])
@pytest.mark.parametrize("standing", [0, 20])
def test_extremes_touch_the_end(claim: str, standing: int) -> None:
    """None or all standing in a prefix: one end is the end of the range."""
    low, high = span(Tally(100, 20, standing, 20 - standing, 0, 20), claim)
    assert (low == 0.0) if not standing else (high == 1.0)
    assert 0 <= low < high <= 1


def test_bracket_body_carries_its_counts_and_certifies_nothing() -> None:
    """The event is complete by itself."""
    body = bracket(measured(Tally(100, 20, 8, 10, 2, 18)), "set")
    counts = {name: body[name] for name in ("population", "prefix", "standing", "fallen")}
    assert counts == {"population": 100, "prefix": 20, "standing": 8, "fallen": 10}
    assert (body["kind"], body["pending"], body["certified"]) == ("bracket", 2, 0)
    assert (body["threat"], body["claim"], body["level"]) == (SCOPE["threat"], "set", 0.95)


def toy_course(commits: int) -> Course:
    """A toy audit after so many commits."""
    rules = parse_policy(policy(), CATALOGUE)
    course = Course(a_case(100), instances_for(CATALOGUE, rules), seed=0, engine="t", stops={})
    for _ in range(commits):
        step = course.ready()[0]
        course.commit(step, toy_done(step.unit, step.shard.analyzer))
    return course


def test_nothing_committed_has_no_bracket() -> None:
    """An attack that has not begun shows none."""
    course = toy_course(0)
    assert brackets_of(course, course.instances[1], "set") == []


def test_clean_accuracy_is_no_bracket() -> None:
    """What is no upper bound under a threat has no bracket, whatever is committed."""
    course = toy_course(8)
    assert brackets_of(course, course.instances[0], "set") == []


@pytest.mark.parametrize(("commits", "prefix"), [(5, 20), (6, 40), (7, 60), (8, 100)])
def test_brackets_follow_the_commits(commits: int, prefix: int) -> None:
    """One bracket an attack, at the prefix that is committed; indicators have none."""
    course = toy_course(commits)
    (found,) = brackets_of(course, course.instances[1], "set")
    assert (found["prefix"], found["population"]) == (prefix, 100)
    assert found["low"] <= found["standing"] / prefix <= found["high"]
