"""How far an audit came: stages in order, and what is left of it at most."""

from collections.abc import Mapping
from dataclasses import replace

from analyzers.contract import Analyzer, Case, Json, Passes
from service.core.driver import Course, Instance, instances_for
from service.core.stages import Itinerary, weight
from support.toys import CATALOGUE, a_case, toy_done
from support.verdicts import ATTACK, policy

N = 100


def costly(one: Analyzer) -> Analyzer:
    """The same analyzer, which says that it takes ten passes an image."""

    def cost(case: Case, config: Mapping[str, Json]) -> Passes:
        del config
        return Passes(10 * case.n, 0)

    return replace(one, cost=cost)


def course() -> Course:
    """A toy audit with nothing done."""
    found = instances_for([costly(one) for one in CATALOGUE], policy())
    return Course(a_case(N), found, seed=0, engine="toy", stops={})


def advance(over: Course) -> Instance:
    """Commit the next unit."""
    step = over.ready()[0]
    over.commit(step, toy_done(step.unit, step.shard.analyzer, broken=0.3))
    return step.instance


def test_stages_go_from_waiting_over_running_to_over() -> None:
    """At any commit one stage is at work, those before it are over, those behind it wait."""
    audit = course()
    way = Itinerary(audit)
    order = {"over": 0, "running": 1, "waiting": 2}
    while audit.ready():
        states = [one.state for one in way.stages()]
        assert states.count("running") == 1
        assert states == sorted(states, key=order.__getitem__)
        (at,) = [one for one in way.stages() if one.state == "running"]
        assert 0 <= at.done < at.most
        advance(audit)
    assert {one.state for one in way.stages()} == {"over"}
    assert all(one.done == one.most for one in way.stages())


def test_a_stage_names_its_threat() -> None:
    """An attack serves one threat, and says which; what serves none says none."""
    threats = {one.threat for one in Itinerary(course()).stages()}
    assert threats == {"", ATTACK.partition("@")[2]}


def test_what_is_left_falls_from_all_to_nothing() -> None:
    """It begins at the cost of every stage, never rises in a whole audit, and ends at none."""
    audit = course()
    way = Itinerary(audit)
    left = [way.left()]
    assert left[0] == 10 * N * len(audit.instances)
    while audit.ready():
        assert 0 < way.unit() <= left[-1]
        advance(audit)
        left.append(way.left())
    assert left == sorted(left, reverse=True)
    assert left[-1] == way.unit() == 0


def test_a_step_back_weighs_three_passes() -> None:
    """One of which is counted as a forward pass already."""
    assert weight(Passes(10, 0)) == 10
    assert weight(Passes(10, 10)) == 30
