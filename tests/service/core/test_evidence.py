"""Evidence: the newest word on every row, digests over facts alone, tallies without lies."""

from dataclasses import replace
from typing import Any

import pytest

from analyzers.contract import Done, Json, Tally, Unit
from service.core.canonical import digest
from service.core.driver import Course, instances_for
from service.core.evidence import evidence_digest, facts_of, sample_table, tally_of
from service.core.policy import parse_policy
from service.errors import AssayError, Code
from support.running import policy
from support.toys import CATALOGUE, a_case, toy_done, with_states

ATTACK = "attacks.toy@Linf:8/255:white:gate"


def done(rows: list[int], **columns: list[Json]) -> Done:
    """A committed unit with these columns."""
    unit = Unit((rows[0], rows[-1] + 1) if rows else (0, 0))
    return Done(unit, "measured", {}, {"row": rows, **columns}, {}, {"forward": len(rows)})


def course(n: int = 50, commits: int | None = None) -> Course:
    """A toy audit, whole or after so many commits."""
    found = instances_for(CATALOGUE, parse_policy(policy(), CATALOGUE))
    made = Course(a_case(n), found, seed=7, engine="toy", stops={})
    while (steps := made.ready()) and commits != 0:
        made.commit(steps[0], toy_done(steps[0].unit, steps[0].shard.analyzer))
        commits = None if commits is None else commits - 1
    return made


def facts(made: Course) -> dict[str, Any]:
    """The facts of a toy audit."""
    return facts_of(
        made,
        subject={"digest": "5" * 64},
        data={"n": made.case.n},
        engine={"device": "toy"},
        versions={"assay": "0"},
        labels=[row % 10 for row in range(made.case.n)],
    )


def test_table_is_in_row_order_whatever_was_committed_first() -> None:
    """Blocks committed in any order make one table."""
    blocks = [done([2, 3], state=["c", "d"]), done([0, 1], state=["a", "b"])]
    assert sample_table(blocks) == {"row": [0, 1, 2, 3], "state": ["a", "b", "c", "d"]}
    assert sample_table(blocks) == sample_table(blocks[::-1])


def test_a_later_word_replaces_an_earlier_one_and_leaves_the_rest() -> None:
    """A retry speaks of its rows alone; columns it does not have stay as they were."""
    first = done([0, 1], state=["pending", "broken"], stage=["x", "y"])
    again = done([0], state=["broken"])
    assert sample_table([first, again]) == {
        "row": [0, 1],
        "stage": ["x", "y"],
        "state": ["broken", "broken"],
    }


def test_columns_that_some_rows_lack_hold_nothing_there() -> None:
    """A column that only a later unit brought is None elsewhere."""
    table = sample_table([done([0], state=["a"]), done([1], state=["b"], became=[4])])
    assert table["became"] == [None, 4]


def test_units_without_rows_make_an_empty_table() -> None:
    """An analyzer of weights has no samples, or columns without rows."""
    bare = Done(Unit((0, 0)), "measured", {"layers": 3}, {}, {}, {})
    layers = replace(bare, samples={"layer": ["one", "two"]})
    assert sample_table([]) == sample_table([bare]) == sample_table([layers]) == {}


def test_states_are_counted_over_the_newest_word() -> None:
    """Evidence counts each row once, by what was said of it last."""
    made = course(20)
    first = toy_done(Unit((0, 20)), "attacks.toy")
    told = sample_table([with_states(first, row_3="pending"), with_states(first, row_3="broken")])
    assert "pending" not in told["state"]
    counted = facts(made)["samples"][ATTACK]
    assert sum(counted["states"].values()) == counted["rows"] == 20
    assert counted["columns"] == ["row", "state"]


def test_flips_tell_for_what_broken_images_were_taken() -> None:
    """By class and by answer, at each depth; what stands or is open is not among them."""
    made = course(20, commits=1)
    [step] = made.ready()[:1]
    told = with_states(toy_done(step.unit, step.shard.analyzer), row_3="broken", row_13="broken")
    broken = [one == "broken" for one in told.samples["state"]]
    became: list[Json] = [7 if one else None for one in broken]
    made.commit(step, replace(told, samples={**told.samples, "became": became}))
    found = facts(made)["samples"][ATTACK]
    assert found["flips"]["3"] == {"7": 2}
    assert sum(sum(one.values()) for one in found["flips"].values()) == sum(broken)
    assert found["flips8"] == {}
    assert facts(course(20))["samples"][ATTACK]["flips"] == {}


def test_sample_digest_covers_rows_and_states_only() -> None:
    """Anybody can compute it from the samples file."""
    made = course(20)
    table = sample_table(made.done(made.instances[1]))
    told = facts(made)["samples"][ATTACK]["digest"]
    assert told == digest({"row": table["row"], "state": table["state"]})


def test_analyzers_that_did_not_run_have_no_samples() -> None:
    """The plan names them nevertheless, and their metrics say that nothing was measured."""
    told = facts(course(50, commits=3))
    assert list(told["samples"]) == ["behaviour.toy"]
    assert [one["key"] for one in told["plan"]["analyzers"]] == ["behaviour.toy", ATTACK]
    attack = next(one for one in told["measurements"] if one["metric"] == "robust_accuracy")
    assert (attack["outcome"], attack["value"]) == ("out_of_budget", None)
    assert attack["counts"]["prefix"] == 0


def test_passes_are_summed_over_all_units() -> None:
    """Forward passes of both toys over 50 images each."""
    assert facts(course(50))["passes"] == {"backward": 0, "forward": 100}
    assert facts(course(50, commits=0))["passes"] == {}


def test_passes_of_the_parts_sum_to_those_of_the_whole() -> None:
    """Each analyzer has its own, so that a reader sees what the time went into."""
    told = facts(course(50))
    parts = [one["passes"] for one in told["plan"]["analyzers"]]
    assert len(parts) > 1
    for way, total in told["passes"].items():
        assert sum(one.get(way, 0) for one in parts) == total


def test_plan_says_what_a_repeat_needs() -> None:
    """Seed, config and what the analyzers promised stand in the facts."""
    plan = facts(course())["plan"]
    assert plan["seed"] == 7
    first, attack = plan["analyzers"]
    assert (first["first"], attack["first"]) == (True, False)
    told = {"norm": "Linf", "eps": "8/255", "knowledge": "white", "budget": "gate"}
    assert attack["config"] == told
    assert attack["indicators"] == ["zero_gradient"]


def test_equal_audits_have_equal_facts_and_the_run_does_not_matter() -> None:
    """The digest that names evidence is over its facts alone."""
    one, other = facts(course()), facts(course())
    assert one == other
    runs = [{"facts": one, "run": {"host": host}} for host in ("a", "b")]
    assert evidence_digest(runs[0]) == evidence_digest(runs[1]) == digest(other)
    assert evidence_digest({"facts": facts(course(49)), "run": {}}) != digest(other)


GOOD = {"population": 10, "prefix": 6, "standing": 3, "fallen": 2, "pending": 1, "full": 5}


def test_sound_counts_are_a_tally() -> None:
    """Counts that add up are read as they stand, an empty prefix among them."""
    assert tally_of(GOOD, 10) == Tally(10, 6, 3, 2, 1, 5)
    assert tally_of(dict.fromkeys(GOOD, 0), 0) == Tally(0, 0, 0, 0, 0, 0)
    assert tally_of({**GOOD, "extra": 1}, 10).prefix == 6


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"standing": None}, "missing"),
        ({"standing": "many"}, "missing"),
        ({"standing": float("nan")}, "missing"),
        ({"standing": -1, "fallen": 6}, "negative"),
        ({"full": -1}, "negative"),
        ({"standing": 4}, "add up"),
        ({"prefix": 7}, "add up"),
        ({"prefix": 11, "standing": 8}, "more images"),
        ({"full": 11}, "more images"),
        ({"population": 12}, "another number"),
    ],
)
def test_counts_that_contradict_themselves_are_refused(change: dict[str, Any], says: str) -> None:
    """Each contradiction has its own words and one code."""
    with pytest.raises(AssayError) as caught:
        tally_of({**GOOD, **change}, 10)
    assert caught.value.code is Code.EVIDENCE_INVALID
    assert says in caught.value.sentence


@pytest.mark.parametrize("name", GOOD)
def test_every_count_must_be_there(name: str) -> None:
    """A tally with a hole is none."""
    with pytest.raises(AssayError):
        tally_of({key: value for key, value in GOOD.items() if key != name}, 10)
