"""The plan and what results add up to: counts, retries, stops and indicators."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from analyzers.attacks.cascade import ANALYZER, ONE, PLAN, RETRY, STAGES, Stage, plan, tally
from analyzers.contract import (
    Case,
    DataFacts,
    Done,
    Json,
    Measurement,
    Rows,
    Stop,
    SubjectFacts,
    Tally,
    Unit,
    blocks,
)
from analyzers.statistics.replay import ATTACKED

CONFIG = {"norm": "Linf", "eps": "8/255", "knowledge": "white"}
COUNT = 130


def case(gap: str = "") -> Case:
    """A case of 130 images: four blocks."""
    facts = SubjectFacts("5" * 64, 10, (3, 4, 4), gradient_gap=gap)
    return Case(facts, DataFacts("d" * 64, COUNT, 10, eight_bit=True))


def state_of(row: int) -> str:
    """Every tenth image is wrong, of the rest every third is broken."""
    return "wrong" if row % 10 == 0 else "broken" if row % 3 == 0 else "standing"


def done(
    rows: Rows,
    *,
    which: str = ONE,
    pending: Sequence[int] = (),
    flat: Sequence[int] = (),
    disagree: Sequence[int] = (),
    still: Sequence[int] = (),
) -> Done:
    """A committed unit."""
    places = list(range(*rows))
    words = ["pending" if row in pending else state_of(row) for row in places]
    samples = {
        "row": places,
        "state": words,
        "stage": ["margin" if word == "broken" else "" for word in words],
        "iterations": [3] * len(places),
        "attacked": [word != "wrong" for word in words],
        "flat": [row in flat for row in places],
        "disagree": [row in disagree for row in places],
        "rose": [row not in still for row in places],
    }
    return Done(Unit(rows, {"pass": which}), "measured", {}, samples, {}, {})


def all_done(**told: Json) -> list[Done]:
    """Pass one over the whole set."""
    return [done(rows, **told) for rows in blocks(COUNT)]


def measured(committed: Sequence[Done], gap: str = "") -> dict[str, Measurement]:
    """What the results add up to, by metric."""
    return {one.metric: one for one in ANALYZER.merge(case(gap), CONFIG, committed)}


def test_pass_one_covers_every_block_once() -> None:
    """One unit a block in order; committing one only removes it."""
    units = plan(case(), CONFIG, [], ())
    assert [unit.rows for unit in units] == blocks(COUNT)
    committed: list[Done] = []
    while units:
        committed.append(done(units[0].rows))
        following = plan(case(), CONFIG, committed, ())
        assert list(following) == list(units[1:])
        units = following


def test_unconfirmed_rows_get_one_retry() -> None:
    """Neighbours go together, blocks do not; what stays pending after that stays so."""
    committed = all_done(pending=[3, 4, 6, 19, 20])
    units = plan(case(), CONFIG, committed, ())
    assert [unit.rows for unit in units] == [(3, 5), (6, 7), (19, 20), (20, 21)]
    assert all(unit.params == {"pass": RETRY} for unit in units)
    for unit in units:
        committed.append(done(unit.rows, which=RETRY, pending=[19]))
    assert not plan(case(), CONFIG, committed, ())
    counts = tally(case(), committed)
    assert counts.pending == 1
    assert counts.full == COUNT


def test_a_retry_waits_for_pass_one() -> None:
    """Rows to retry are known when pass one has covered the set."""
    committed = all_done(pending=[3])[:2]
    assert all(unit.params == {"pass": ONE} for unit in plan(case(), CONFIG, committed, ()))


def test_the_newest_word_counts() -> None:
    """What a retry says of a row replaces what pass one said."""
    before = all_done(pending=[3, 4])
    counts = tally(case(), before)
    assert (counts.pending, counts.full) == (2, COUNT - 2)
    after = tally(case(), [*before, done((3, 5), which=RETRY)])
    assert (after.pending, after.full) == (0, COUNT)
    assert after.standing == counts.standing + 1
    assert after.fallen == counts.fallen + 1


def settled(tallied: Tally) -> bool:
    """A stop rule that has enough after forty images."""
    return tallied.prefix >= 40


def test_stops_only_empty_the_plan() -> None:
    """All must agree, on something committed; an open one leaves every unit as it was."""
    enough, never = Stop("robust_accuracy", settled), Stop("robust_accuracy", lambda _: False)
    assert plan(case(), CONFIG, [], (enough,)) == plan(case(), CONFIG, [], ())
    two = all_done()[:2]
    assert plan(case(), CONFIG, two, (enough,)) == ()
    assert plan(case(), CONFIG, two, (enough, never)) == plan(case(), CONFIG, two, ())


def test_counts_add_up() -> None:
    """Robust accuracy is standing over prefix, bounded from above, for this threat alone."""
    found = measured(all_done()[:2])["robust_accuracy"]
    words = [state_of(row) for row in range(40)]
    standing = words.count("standing")
    assert found.value == standing / 40
    assert found.counts == Tally(COUNT, 40, standing, 40 - standing, 0, 40)._asdict()
    assert (found.bound, found.grade) == ("upper", "A")
    assert found.scope == {"threat": f"Linf:8/255:white:{PLAN}"}
    assert found.view is not None
    assert found.view.kind == "bracket"
    assert found.view.data["certified"] == 0


def test_breaks_are_told_by_stage() -> None:
    """The bars count what fell without attack and in every stage."""
    found = measured(all_done())["breaks"]
    words = [state_of(row) for row in range(COUNT)]
    assert found.value == words.count("broken")
    assert found.view is not None
    assert found.view.data["labels"] == ["without attack", *[stage.name for stage in STAGES]]
    rest = [0] * (len(STAGES) - 1)
    assert found.view.data["values"] == [words.count("wrong"), words.count("broken"), *rest]


STANDING = [row for row in range(COUNT) if state_of(row) == "standing"]
BROKEN = [row for row in range(COUNT) if state_of(row) == "broken"]


@pytest.mark.parametrize(
    ("metric", "told", "marked", "of"),
    [
        ("zero_gradient", "flat", 1, len(STANDING)),
        ("loss_never_rose", "still", 1, len(STANDING)),
        ("engines_disagree", "disagree", 2, COUNT - COUNT // 10),
    ],
)
def test_indicators_count_what_they_speak_of(metric: str, told: str, marked: int, of: int) -> None:
    """Masking concerns standing images only; engines must agree on every attacked one."""
    found = measured(all_done(**{told: [STANDING[0], BROKEN[0]]}))[metric]
    assert found.counts == {"numerator": marked, "denominator": of}
    assert found.value == marked / of
    assert found.bound == "indicator"
    assert found.limit is not None
    assert marked / of > found.limit
    assert measured(all_done())[metric].value == 0.0


def test_indicators_about_nobody_do_not_apply() -> None:
    """Where no image stands, masking has nothing to speak of: no zero is made up."""
    fallen = [
        replace(one, samples={**one.samples, "state": ["wrong"] * len(one.samples["row"])})
        for one in all_done()
    ]
    found = measured(fallen)
    assert found["robust_accuracy"].value == 0.0
    assert found["zero_gradient"].outcome == "not_applicable"
    assert found["zero_gradient"].value is None


def test_without_gradients_nothing_can_pass() -> None:
    """Standing images are not counted as attacked, and every indicator is missing."""
    gap = "op Col2Im at node_3"
    assert not plan(case(gap), CONFIG, all_done(), ())
    found = measured(all_done(), gap)
    counts = found["robust_accuracy"].counts
    assert found["robust_accuracy"].outcome == "measured"
    assert counts["full"] == counts["fallen"]
    assert counts["full"] < COUNT
    for metric in set(ANALYZER.description.indicators) - {ATTACKED}:
        assert found[metric].outcome == "not_available"
        assert gap in found[metric].note


@pytest.mark.parametrize("metric", ["robust_accuracy", "breaks", "zero_gradient"])
def test_nothing_committed_measures_nothing(metric: str) -> None:
    """An empty prefix has no value and raises nothing."""
    assert measured([])[metric].outcome == "out_of_budget"


def test_every_promise_is_kept() -> None:
    """Each declared metric is measured, and each indicator is among them."""
    told = ANALYZER.description
    assert set(measured(all_done())) == {metric.name for metric in told.metrics}
    assert set(told.indicators) < {metric.name for metric in told.metrics}


@pytest.mark.parametrize(("classes", "runs"), [(2, 1), (3, 2), (4, 3), (1000, 3)])
def test_targets_are_never_more_than_other_classes(classes: int, runs: int) -> None:
    """Two classes have one target; an untargeted stage always runs once."""
    assert Stage("t", "targeted-dlr", "noise", 5, targets=3).runs(classes) == runs
    assert Stage("u", "margin", "image", 5).runs(classes) == 1
