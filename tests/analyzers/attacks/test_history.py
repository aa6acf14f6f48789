"""What committed units say of one image: newest words, marks that stay, passes it has had."""

from collections.abc import Mapping

import pytest

from analyzers.attacks.history import FLAGS, History, Row, tags_of
from analyzers.attacks.passes import DEEPER, ONE, RETRY, ROUNDS, SMOKE, SQUARE
from analyzers.attacks.stages import GUARD, LONG
from analyzers.contract import Depth, Done, Json, Unit

QUIET: Mapping[str, Json] = {
    "state": "standing",
    "stage": "",
    "iterations": 5,
    "queries": 0,
    "rising": False,
    **dict.fromkeys(FLAGS, False),
}


def unit(which: str = ONE, params: Mapping[str, Json] = QUIET, /, **told: Json) -> Done:
    """A committed unit over one image, row 4."""
    samples = {"row": [4], **{name: [value] for name, value in {**QUIET, **told}.items()}}
    return Done(Unit((4, 5), {**params, "pass": which}), "measured", {}, samples, {}, {})


def row(*done: Done) -> Row:
    """What is known of it after these units."""
    return History(done).rows[4]


def test_nobody_is_known_before_anything_is_done() -> None:
    """An empty past has no rows, in no state."""
    past = History([])
    assert not past.rows
    assert past.among("standing", "pending", depth="float32") == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("standing", "broken", "broken"),
        ("pending", "standing", "standing"),
        ("pending", "broken", "broken"),
        ("standing", "pending", "pending"),
        ("broken", "standing", "broken"),
        ("broken", "pending", "broken"),
        ("standing", "error", "error"),
    ],
)
def test_the_newest_word_counts_but_a_break_stays(before: str, after: str, expected: str) -> None:
    """At each depth on its own."""
    past = row(unit(state=before, state8="standing"), unit(RETRY, state=after, state8="standing"))
    assert (past.at("float32").state, past.at("8-bit").state) == (expected, "standing")
    past = row(unit(state="broken", state8=before), unit(RETRY, state="broken", state8=after))
    assert (past.at("float32").state, past.at("8-bit").state) == ("broken", expected)


def test_without_8_bits_both_depths_are_one() -> None:
    """Asked for 8 bits, images that are not stored so answer with what they have."""
    past = row(unit(state="broken", stage="dlr"))
    assert past.at("8-bit") is past.at("float32")
    assert (past.at("8-bit").state, past.at("8-bit").stage) == ("broken", "dlr")


def test_a_stage_is_that_of_the_break_at_its_depth() -> None:
    """An image fooled again in float32 fell there where it fell first, in 8 bits later."""
    past = History(
        [
            unit(state="broken", state8="standing", stage="margin"),
            unit(ROUNDS, {"rounds": [1]}, state="broken", state8="broken", stage="round-1"),
            unit(DEEPER, state="standing", state8="standing", stage=""),
        ]
    )
    stages = {depth: past.rows[4].at(depth).stage for depth in ("float32", "8-bit")}
    assert stages == {"float32": "margin", "8-bit": "round-1"}
    assert past.broken_in({"margin"}, "float32") == [4]
    assert past.broken_in({"margin"}, "8-bit") == []
    assert past.broken_in({"round-1", "dlr"}, "8-bit") == [4]


def test_a_stage_of_what_stands_is_no_break() -> None:
    """A search that fooled float32 says nothing of 8 bits that stand."""
    past = History([unit(SQUARE, {"queries": GUARD}, state="broken", state8="standing")])
    assert past.broken_in({""}, "8-bit") == []


DEPTHS: tuple[Depth, ...] = ("float32", "8-bit")


@pytest.mark.parametrize("after", [DEEPER, RETRY])
def test_late_is_who_fell_when_it_had_had_the_long_climbs(after: str) -> None:
    """By them, or by a retry of what they claimed; not who fell before, at its depth."""
    deep = unit(DEEPER, state="broken", state8="pending" if after == RETRY else "broken")
    again = [unit(RETRY, state="standing", state8="broken")] if after == RETRY else []
    past = History([unit(state="broken", state8="standing"), deep, *again])
    assert {depth: past.late(depth) for depth in DEPTHS} == {"float32": [], "8-bit": [4]}
    early = History([unit(state="broken", state8="broken")])
    assert [early.late(depth) for depth in DEPTHS] == [[], []]


@pytest.mark.parametrize("flag", FLAGS)
def test_marks_stay_once_they_are_set(flag: str) -> None:
    """A later unit without the mark does not wipe it."""
    assert row(unit(**{flag: True}), unit(DEEPER)).flags == {flag}
    assert row(unit(), unit(DEEPER)).flags == set()


def test_rising_speaks_of_the_last_climb() -> None:
    """The newest climb decides; a search by scores climbs nothing and says nothing of it."""
    search = unit(SQUARE, {"queries": GUARD}, iterations=0, queries=GUARD)
    assert row(unit(rising=True)).rising
    assert not row(unit(rising=True), unit(DEEPER)).rising
    assert row(unit(rising=True), search).rising
    assert not row(unit(), search).rising


def test_queries_add_up_and_refutations_are_kept() -> None:
    """Over all units, at either depth."""
    assert row(unit(queries=3), unit(RETRY, queries=4)).queries == 7
    assert row(unit(state="pending"), unit(RETRY)).refuted
    assert row(unit(state="broken", state8="pending"), unit(RETRY)).refuted
    assert not row(unit(state="broken", state8="broken")).refuted


@pytest.mark.parametrize(
    ("params", "tags"),
    [
        ({"pass": ONE}, {ONE}),
        ({"pass": SMOKE}, {ONE}),
        ({"pass": RETRY}, {RETRY}),
        ({"pass": DEEPER}, {DEEPER}),
        ({"pass": ROUNDS, "rounds": [1, 2]}, {"round-1", "round-2"}),
        ({"pass": ROUNDS, "rounds": [4]}, {"round-4"}),
        ({"pass": SQUARE, "queries": GUARD}, {f"square-{GUARD}"}),
        ({"pass": SQUARE, "queries": LONG}, {f"square-{LONG}"}),
    ],
)
def test_what_a_unit_counts_as(params: Mapping[str, Json], tags: set[str]) -> None:
    """Each round by itself, a search by its length, smoke as a first pass; all are kept."""
    assert tags_of(params) == tags
    which = str(params["pass"])
    assert row(unit(), unit(which, params)).had == {ONE, *tags}


@pytest.mark.parametrize("end", ["broken", "error", "wrong"])
def test_whoever_falls_in_the_long_climbs_falls_late(end: str) -> None:
    """An answer that is no number there is a fall like any other: it leaves no survivor behind."""
    past = History([unit(), unit(DEEPER, state=end, stage="deep-targeted")])
    assert past.late("float32") == [4]
    assert past.broken_in({"deep-targeted"}, "float32") == [4]
    assert History([unit(state=end)]).late("float32") == [], "the first pass is not late"
