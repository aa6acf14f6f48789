"""The course of an audit depends on results alone: on no worker count and no order of finishing."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from analyzers.contract import (
    Analyzer,
    Case,
    Digest,
    Done,
    Json,
    Measurement,
    Rows,
    Stop,
    Unit,
    blocks,
)
from service.core.canonical import digest
from service.core.driver import Course, Step, instances_for
from service.core.policy import Policy, parse_policy
from service.core.stops import stops_for
from service.errors import AssayError, Code
from support.toys import ATTACK, CATALOGUE, CLEAN, a_case, toy_done

POLICY = """
apiVersion: assay/v1
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.9}
  - {id: wc, metric: robust_accuracy, threat: near, gte: GTE}
"""


def policy(gte: float = 0.5) -> Policy:
    """A policy over the toys with one threshold."""
    return parse_policy(POLICY.replace("GTE", str(gte)), CATALOGUE)


def course(n: int, gte: float, *, stop: bool = True) -> Course:
    """An audit of the toys that has not begun."""
    rules = policy(gte)
    found = instances_for(CATALOGUE, rules)
    stops = {one.key: stops_for(one, rules) if stop else () for one in found}
    return Course(a_case(n), found, seed=0, engine="toy", stops=stops)


def drive(one: Course, workers: int, cache: dict[str, Done] | None = None) -> Mapping[str, int]:
    """Run a course with workers that finish in any order; commits stay in order."""
    cache = {} if cache is None else cache
    shuffle = random.Random(workers)  # noqa: S311 - an order, not a secret
    ran = 0
    while steps := one.ready(workers):
        for step in shuffle.sample(steps, len(steps)):
            if name(step) not in cache:
                cache[name(step)] = toy_done(step.unit, step.shard.analyzer, broken=0.6)
                ran += 1
        one.commit(steps[0], cache[name(steps[0])])
    return {"ran": ran}


def name(step: Step) -> str:
    """The cache key of a step."""
    return digest(step.shard.as_json())


def outcome(one: Course) -> str:
    """All that a course measured, as text."""
    return "\n".join(str(one.measurements(instance)) for instance in one.instances)


@pytest.mark.parametrize("gte", [0.3, 0.5, 0.9])
def test_worker_count_changes_nothing(gte: float) -> None:
    """1, 4 and 7 workers commit the same units and measure the same."""
    found: set[str] = set()
    for workers in (1, 4, 7):
        one = course(700, gte)
        drive(one, workers)
        found.add(outcome(one))
    assert len(found) == 1


def test_early_stop_ends_before_the_last_block_and_only_there() -> None:
    """A threshold far above the truth ends the attack early; one below it never does."""
    far, near = course(700, 0.95), course(700, 0.2)
    drive(far, 1)
    drive(near, 1)
    attack = far.instances[1]
    assert len(far.done(attack)) < len(near.done(attack))
    assert near.done(near.instances[1])[-1].unit.rows[1] == 700


def test_edited_threshold_runs_only_what_is_missing() -> None:
    """A lower threshold adds blocks to the same prefix; back again, nothing runs."""
    cache: dict[str, Done] = {}
    first, again, back = course(700, 0.95), course(700, 0.2), course(700, 0.95)
    drive(first, 1, cache)
    kept = set(cache)
    more = drive(again, 1, cache)
    fresh = course(700, 0.2)
    drive(fresh, 1)
    assert kept < set(cache)
    assert more["ran"] == len(set(cache) - kept)
    assert outcome(again) == outcome(fresh)
    assert drive(back, 1, cache) == {"ran": 0}
    assert outcome(back) == outcome(first)


def test_only_the_first_ready_step_may_be_committed() -> None:
    """A result that overtook another waits: committing it is refused."""
    one = course(100, 0.5)
    steps = one.ready(2)
    with pytest.raises(ValueError, match="not the next step"):
        one.commit(steps[1], toy_done(steps[1].unit, steps[1].shard.analyzer))


def test_thresholds_enter_no_key() -> None:
    """The same unit under two thresholds has one key."""
    assert name(course(100, 0.2).ready()[0]) == name(course(100, 0.9).ready()[0])


def test_preflight_runs_first_and_attacks_once_a_threat() -> None:
    """Two names for one threat are one instance; the analyzer that must come first does."""
    text = POLICY.replace("GTE", "0.5").replace(
        "  near: {norm: Linf, eps: 8/255}",
        "  near: {norm: Linf, eps: 8/255}\n  same: {norm: Linf, eps: 16/510}\n"
        "  far: {norm: Linf, eps: 0.1}",
    )
    keys = [one.key for one in instances_for(CATALOGUE, parse_policy(text, CATALOGUE))]
    assert keys == [
        "behaviour.toy",
        "attacks.toy@Linf:1/10:white:gate",
        "attacks.toy@Linf:8/255:white:gate",
    ]


def test_wanted_analyzers_are_checked() -> None:
    """An unknown analyzer and a config out of schema are refused with their codes."""
    with pytest.raises(AssayError) as unknown:
        instances_for(CATALOGUE, policy(), {"attacks.none": {}})
    assert unknown.value.code is Code.ANALYZER_UNKNOWN
    with pytest.raises(AssayError) as wrong:
        instances_for(CATALOGUE, policy(), {"behaviour.toy": {"speed": 1}})
    assert wrong.value.code is Code.CONFIG_INVALID


def test_wanted_analyzers_narrow_the_audit() -> None:
    """Asked for one analyzer by name, only that one runs, under the config given."""
    config = {"norm": "Linf", "eps": "1/255", "knowledge": "white"}
    found = instances_for(CATALOGUE, None, {"attacks.toy": config})
    assert [one.key for one in found] == ["attacks.toy@Linf:1/255:white:gate"]
    assert instances_for(CATALOGUE, None, {"behaviour.toy": {}})[0].key == "behaviour.toy"


def a_lens(heard: list[Mapping[str, Mapping[Rows, Digest]]]) -> Analyzer:
    """An analyzer that needs the toy attack's blobs and notes what it is handed."""

    def look(
        case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
    ) -> Sequence[Unit]:
        del config, stop
        heard.append(case.inputs)
        return () if done else [Unit((0, 1), inputs=dict(_first(case.inputs)))]

    told = replace(ATTACK.description, id="behaviour.lens", needs=("attacks.toy",), threats=())
    told = replace(told, metrics=(), indicators=(), findings=(), schema={"type": "object"})
    return replace(ATTACK, description=told, plan=look, merge=_nothing)


def _nothing(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    del case, config, done
    return ()


def _first(inputs: Mapping[str, Mapping[Rows, Digest]]) -> dict[str, Digest]:
    return {name: next(iter(rows.values())) for name, rows in inputs.items()}


def with_blob(step: Step) -> Done:
    """A result of the toy with a blob that names its rows."""
    plain = toy_done(step.unit, "attacks.toy")
    return replace(plain, blobs={"seen": f"{step.unit.rows}"})


def test_blobs_are_handed_on_when_they_are_whole() -> None:
    """A lens sees nothing until the analyzer that it needs has ended, then every block of it."""
    heard: list[Mapping[str, Mapping[Rows, Digest]]] = []
    on_demand = replace(ATTACK, description=replace(ATTACK.description, on_demand=True))
    rules = policy()
    instances = instances_for((on_demand, a_lens(heard)), rules)
    attack = next(one for one in instances if one.config)
    course = Course(a_case(50), [attack, instances[-1]], seed=0, engine="toy", stops={})
    while (step := course.ready()[0]).instance.key == attack.key:
        course.commit(step, with_blob(step))
    assert not any(heard[:-1])
    (name,) = heard[-1]
    assert name == f"{attack.key}/seen"
    assert heard[-1][name] == {rows: f"{rows}" for rows in blocks(50)}
    assert step.shard.inputs == {name: str(blocks(50)[0])}


def test_what_runs_on_demand_runs_for_whoever_needs_it() -> None:
    """Nobody needs it: it does not run. Somebody does, or it is named: it does."""
    on_demand = replace(ATTACK, description=replace(ATTACK.description, on_demand=True))
    rules = policy()
    assert not instances_for((on_demand,), rules)
    assert len(instances_for((on_demand, a_lens([])), rules)) > 1
    config = {"norm": "Linf", "eps": "1/255", "knowledge": "white"}
    assert instances_for((on_demand,), None, {"attacks.toy": config})


def test_a_lens_that_does_not_run_needs_nothing() -> None:
    """What only a sleeping lens needs sleeps too; waking the lens wakes both."""
    on_demand = replace(ATTACK, description=replace(ATTACK.description, on_demand=True))
    lens = a_lens([])
    sleeping = replace(lens, description=replace(lens.description, on_demand=True))
    rules = policy()
    assert not instances_for((on_demand, sleeping), rules)
    asked = instances_for((on_demand, sleeping), rules, {lens.description.id: {}})
    assert {one.analyzer.description.id for one in asked} == {"attacks.toy", lens.description.id}


def test_who_vouches_is_not_asked_about_a_threat_that_failed() -> None:
    """Its units run where the attack stands, and not where it settled a FAIL."""
    told = replace(ATTACK.description, id="trust.toy", vouches=True)
    beside = replace(ATTACK, description=told)
    rules = policy()
    for broken, asked in ((0.0, True), (1.0, False)):
        instances = [one for one in instances_for((ATTACK, beside), rules) if one.config]
        stops = {one.key: stops_for(one, rules) for one in instances}
        course = Course(a_case(50), instances, seed=0, engine="toy", stops=stops)
        ran = set[str]()
        while steps := course.ready():
            ran.add(steps[0].instance.analyzer.description.id)
            course.commit(steps[0], toy_done(steps[0].unit, "attacks.toy", broken=broken))
        assert ("trust.toy" in ran) is asked


def test_what_is_remembered_is_what_a_course_without_memory_would_say() -> None:
    """Plans and sums stand until what they read changes: after each commit both courses agree."""
    vouching = replace(ATTACK, description=replace(ATTACK.description, id="trust.t", vouches=True))
    catalogue, rules = (CLEAN, ATTACK, vouching, a_lens([])), policy(0.2)
    found = instances_for(catalogue, rules)
    stops = {one.key: stops_for(one, rules) for one in found}
    remembering, history = (
        Course(a_case(90), found, seed=0, engine="toy", stops=stops),
        list[Done](),
    )
    while steps := remembering.ready(99):
        anew = Course(a_case(90), found, seed=0, engine="toy", stops=stops)
        for done in history:
            anew.commit(anew.ready()[0], done)
        assert steps == anew.ready(99)
        assert outcome(remembering) == outcome(anew)
        assert remembering.unfinished() == anew.unfinished()
        history.append(with_blob(steps[0]))
        remembering.commit(steps[0], history[-1])
    assert len(history) == 4 * 4 - 3  # the lens has one unit, the others one a block


def test_a_plan_is_asked_once_until_something_that_it_reads_is_committed() -> None:
    """Reading everything that is done takes long: an unchanged question is not put again."""
    asked = list[int]()

    def counting(
        case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
    ) -> Sequence[Unit]:
        asked.append(len(done))
        return ATTACK.plan(case, config, done, stop)

    found = instances_for((replace(ATTACK, plan=counting), CLEAN), policy())
    course = Course(a_case(90), found, seed=0, engine="toy", stops={})
    while steps := course.ready():
        course.commit(steps[0], with_blob(steps[0]))
        course.unfinished()
    assert asked == sorted(set(asked))
