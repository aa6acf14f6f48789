"""Stop rules: when a prefix settles a FAIL, and that nothing else ever stops an attack."""

from fractions import Fraction

import pytest

from analyzers.contract import Tally
from service.core.driver import instances_for
from service.core.policy import Policy, Requirement, parse_policy
from service.core.stops import (
    certainly_fails,
    fails,
    last_pass,
    passes_early,
    stops_for,
    survivors_needed,
)
from support.toys import CATALOGUE

HALF = Fraction(1, 2)


def rules(*lines: str, threats: str = "near: {norm: Linf, eps: 8/255}") -> Policy:
    """A policy with these requirements."""
    text = "apiVersion: assay/v1\nthreats: {" + threats + "}\nrequire:\n"
    return parse_policy(text + "".join(f"  - {{{line}}}\n" for line in lines), CATALOGUE)


def attack(gte: str, name: str = "wc", threat: str = "near", level: str = "95%") -> str:
    """One requirement on the toy attack."""
    parts = f"id: {name}, metric: robust_accuracy, threat: {threat}"
    return f"{parts}, gte: {gte}, level: {level}"


def counts(prefix: int, standing: int, *, pending: int = 0, population: int = 100) -> Tally:
    """A tally without contradictions."""
    fallen = prefix - standing - pending
    return Tally(population, prefix, standing, fallen, pending, prefix - pending)


@pytest.mark.parametrize(
    ("threshold", "population", "needed"),
    [
        (Fraction(2, 5), 100, 40),
        (Fraction(2, 5), 99, 40),
        (Fraction(1, 3), 100, 34),
        (Fraction(1, 3), 99, 33),
        (Fraction(1), 7, 7),
        (Fraction(1, 1000), 1, 1),
        (Fraction(7, 10), 10, 7),
        (Fraction("0.57"), 100, 57),
    ],
)
def test_needed_survivors_are_rounded_up_exactly(
    threshold: Fraction, population: int, needed: int
) -> None:
    """No float takes part: 0.57 of 100 is 57, a third of 100 is 34."""
    assert survivors_needed(threshold, population) == needed


def test_a_float_threshold_would_have_asked_for_one_more() -> None:
    """The control: 0.07 of 100 is 7, and the float nearest to 0.07 lies above it."""
    assert survivors_needed(Fraction("0.07"), 100) == 7
    assert survivors_needed(Fraction(0.07), 100) == 8


@pytest.mark.parametrize(("fallen", "certain"), [(0, False), (50, False), (51, True), (100, True)])
def test_certainty_begins_one_beyond_the_allowed_falls(fallen: int, certain: bool) -> None:
    """Of 100 images 50 may fall under a threshold of one half."""
    assert certainly_fails(counts(fallen, 0), HALF) is certain


def test_nothing_looked_at_settles_nothing() -> None:
    """A prefix of zero images is no evidence for either claim."""
    line = rules(attack("1.0")).require[0]
    assert not fails(counts(0, 0), line, "set")
    assert not fails(counts(0, 0), line, "population")


@pytest.mark.parametrize("claim", ["set", "population"])
def test_a_bad_prefix_settles_a_fail(claim: str) -> None:
    """Twenty of twenty fallen is beyond doubt under a threshold of one half."""
    line = rules(attack("0.5")).require[0]
    assert fails(counts(20, 0), line, claim)
    assert not fails(counts(20, 10), line, claim)
    assert not fails(counts(20, 20), line, claim)


@pytest.mark.parametrize("claim", ["set", "population"])
def test_a_stricter_level_waits_longer(claim: str) -> None:
    """What is beyond doubt at 95% need not be at 99.99999%."""
    loose = rules(attack("0.5")).require[0]
    strict = rules(attack("0.5", level="99.99999%")).require[0]
    assert fails(counts(20, 2), loose, claim)
    assert not fails(counts(20, 2), strict, claim)


def test_one_pending_row_leaves_a_set_only_certainty() -> None:
    """The interval no longer decides; more fallen than may fall still does."""
    line = rules(attack("0.5")).require[0]
    assert fails(counts(20, 0), line, "set")
    assert not fails(counts(20, 0, pending=1), line, "set")
    assert fails(counts(60, 8, pending=1), line, "set")


def test_one_pending_row_leaves_a_population_nothing() -> None:
    """A population claim is never settled while a claim is open."""
    line = rules(attack("0.5")).require[0]
    assert fails(counts(100, 0), line, "population")
    assert not fails(counts(100, 0, pending=1), line, "population")


def test_whole_set_at_the_threshold_does_not_fail() -> None:
    """At the full prefix the counts alone decide, and equality is enough."""
    line = rules(attack("0.5")).require[0]
    assert not fails(counts(100, 50), line, "set")
    assert fails(counts(100, 49), line, "set")


def test_stops_are_of_the_requirements_that_the_instance_serves() -> None:
    """One stop for each requirement on this threat: none for another, none for clean accuracy."""
    policy = rules(
        attack("0.5"),
        attack("0.9", "strict"),
        attack("0.2", "wide", "far"),
        "id: clean, metric: accuracy, gte: 0.9",
        threats="near: {norm: Linf, eps: 8/255}, far: {norm: Linf, eps: 16/255}",
    )
    found = {one.key: stops_for(one, policy) for one in instances_for(CATALOGUE, policy)}
    assert {key: len(stops) for key, stops in found.items()} == {
        "behaviour.toy": 0,
        "attacks.toy@Linf:16/255:white:gate": 1,
        "attacks.toy@Linf:8/255:white:gate": 2,
    }


def test_two_names_for_one_threat_are_one_instance_with_both_stops() -> None:
    """Labels are only labels: the threat itself decides what a stop belongs to."""
    policy = rules(
        attack("0.5"),
        attack("0.9", "strict", "same"),
        threats="near: {norm: Linf, eps: 8/255}, same: {norm: Linf, eps: 16/510}",
    )
    attacks = [one for one in instances_for(CATALOGUE, policy) if "eps" in one.config]
    assert [len(stops_for(one, policy)) for one in attacks] == [2]


def test_each_stop_holds_its_own_threshold() -> None:
    """Made in a loop, they do not all speak of the last requirement."""
    policy = rules(attack("0.95", "strict"), attack("0.05", "mild"))
    one = next(one for one in instances_for(CATALOGUE, policy) if "eps" in one.config)
    strict, mild = stops_for(one, policy)
    assert (strict.metric, mild.metric) == ("robust_accuracy", "robust_accuracy")
    assert strict.fails(counts(20, 10))
    assert not mild.fails(counts(20, 10))


def last_pass_at(tried: int, late: int, *, survivors: int = 60, population: int = 100) -> Tally:
    """Everyone had the cheap passes; so many survivors had the last one, and these of them fell."""
    standing = survivors - late
    fallen = population - standing
    full = fallen + tried - late
    return Tally(population, population, standing, fallen, 0, full, survivors, late)


def line(gte: str) -> Requirement:
    """The one requirement of a policy."""
    return rules(attack(gte)).require[0]


def test_how_many_had_the_last_pass_is_read_from_the_counts() -> None:
    """Those who fell late had it, and those who stand and are full."""
    assert last_pass(last_pass_at(25, 3)) == (25, 22)
    assert last_pass(last_pass_at(0, 0)) == (0, 0)
    assert last_pass(last_pass_at(60, 7)) == (60, 53)


def test_enough_survivors_pass_early_and_only_then() -> None:
    """Nothing tried decides nothing; a few that all stand do where the threshold is far."""
    assert not passes_early(last_pass_at(0, 0), line("0.4"), "set")
    assert passes_early(last_pass_at(30, 0), line("0.4"), "set")
    assert not passes_early(last_pass_at(30, 0), line("0.6"), "set"), "all of them would have to"
    assert passes_early(last_pass_at(60, 0), line("0.6"), "set")
    assert not passes_early(last_pass_at(30, 15), line("0.4"), "set"), "half of them fell"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"survivors": 0},
        {"prefix": 99},
        {"pending": 1},
    ],
)
def test_nothing_passes_early_while_something_is_open(spoiled: dict[str, int]) -> None:
    """An open rule, an image not looked at or a claim not settled: each alone forbids it."""
    assert passes_early(last_pass_at(30, 0), line("0.4"), "set")
    assert not passes_early(last_pass_at(30, 0)._replace(**spoiled), line("0.4"), "set")


def test_a_population_never_passes_early() -> None:
    """The rule speaks of these images alone."""
    assert not passes_early(last_pass_at(59, 0), line("0.1"), "population")


def test_stops_carry_both_answers_and_the_depth() -> None:
    """What the plan is handed says FAIL, PASS and which states to count."""
    found = rules(attack("0.4"))
    (instance,) = [one for one in instances_for(CATALOGUE, found) if one.config]
    (stop,) = stops_for(instance, found)
    assert stop.depth == "8-bit"
    assert stop.passes(last_pass_at(30, 0))
    assert not stop.passes(last_pass_at(0, 0))
    assert stop.fails(last_pass_at(60, 30))
    floating = found.model_copy(update={"domain": "float"})
    assert stops_for(instance, floating)[0].depth == "float32"


def test_a_waiver_with_a_floor_lets_no_plan_end_before_the_floor_is_settled() -> None:
    """An early FAIL would leave the low end of the interval at nothing, and the waiver void."""
    policy = parse_policy(
        "apiVersion: assay/v1\nthreats: {near: {norm: Linf, eps: 8/255}}\nrequire:\n"
        "  - {id: wc, metric: robust_accuracy, threat: near, gte: 0.8}\n",
        CATALOGUE,
    )
    (attack,) = [one for one in instances_for(CATALOGUE, policy) if one.config.get("eps")]
    assert len(stops_for(attack, policy)) == 1
    assert len(stops_for(attack, policy, {"other": Fraction(1, 10)})) == 1
    line, floor = stops_for(attack, policy, {"wc": Fraction(3, 10)})
    assert line.fails(counts(40, 20))
    assert not floor.fails(counts(40, 20))
    assert floor.fails(counts(60, 2))
