"""Which pass which image is owed, driven to the end against attacks whose outcome is foretold."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzers.attacks.history import tags_of
from analyzers.attacks.passes import DEEPER, ONE, RETRY, ROUNDS, SMOKE, SQUARE
from analyzers.attacks.schedule import (
    DEEP_TOGETHER,
    DRY,
    ENOUGH,
    GUARDED,
    MOST_ROUNDS,
    SPAN,
    STILL_BREAKING,
    STILL_RISING,
    TOGETHER,
    Schedule,
)
from analyzers.attacks.stages import DEEP, GUARD, LONG
from analyzers.contract import Depth, Done, Stop, Tally, Unit, blocks
from service.core.evidence import sample_table, tally_of
from support.foretold import (
    HARD,
    NAMED,
    SALTS,
    Foretold,
    World,
    falls,
    in_round,
    salt,
    stored,
    table,
)

AT_ONCE = salt(ONE, "margin")
TARGETED = salt(ONE, "targeted")
BY_SCORES = salt(SQUARE, SQUARE, queries=GUARD)
DEEPLY = salt(DEEPER, DEEP[0].name)
RISING = Foretold(flags=frozenset({"rising"}))


def passes_of(done: Sequence[Done]) -> list[str]:
    """The passes of the units, each named once where it came several times in a row."""
    named = [str(one.unit.params["pass"]) for one in done]
    return [name for at, name in enumerate(named) if at == 0 or named[at - 1] != name]


def given_pass(done: Sequence[Done], tag: str) -> list[int]:
    """The rows that have had a pass, in order."""
    return sorted(
        row for one in done if tag in tags_of(one.unit.params) for row in one.samples["row"]
    )


def rows_of(unit: Unit) -> list[int]:
    """The images that a unit asks about."""
    return list(unit.params.get("of", range(*unit.rows)))


def tally(world: World, done: Sequence[Done], depth: Depth | None = None) -> Tally:
    """The counts at a prefix."""
    return Schedule(world.case, world.config, done).tally(depth or world.depths[0])


def newest(world: World, done: Sequence[Done], depth: Depth | None = None) -> dict[int, str]:
    """The state of each row by the project's own table of evidence, which knows no plan."""
    found = sample_table(done)
    name = "state8" if (depth or world.depths[0]) == "8-bit" else "state"
    return dict(zip(found["row"], found[name], strict=True))


# ----------------------------------------------------------------------------- known answers


def test_pass_one_goes_over_every_block_in_order() -> None:
    """One unit a block over all of its rows; committing one only removes it."""
    world = World(400, {})
    units = world.plan([])
    assert [unit.rows for unit in units] == blocks(400)
    assert all(unit.params == {"pass": ONE, "eight_bit": True} for unit in units)
    done: list[Done] = []
    while len(units) > 1:
        done.append(world.measured(units[0]))
        assert world.plan(done) == units[1:]
        units = units[1:]


def test_a_hard_set_goes_through_every_pass_once() -> None:
    """Pass one, two rounds, the guard over a sample, the long climbs; nothing again."""
    world = World(GUARDED + 40, {})
    done = world.run()
    assert passes_of(done) == [ONE, ROUNDS, SQUARE, DEEPER]
    everyone = list(range(world.n))
    for tag in (ONE, "round-1", f"round-{DRY}", DEEPER):
        assert given_pass(done, tag) == everyone
    assert given_pass(done, f"square-{GUARD}") == everyone[:GUARDED]
    for tag in (f"round-{DRY + 1}", f"square-{LONG}", RETRY):
        assert given_pass(done, tag) == []


@pytest.mark.parametrize("breaks", range(1 << MOST_ROUNDS))
def test_rounds_end_after_two_that_broke_nothing(breaks: int) -> None:
    """Every course: two always, another while one of the last two broke something."""
    broke = [bool(breaks >> at & 1) for at in range(MOST_ROUNDS)]
    world = World(60, {at: falls(in_round(at + 1)) for at in range(MOST_ROUNDS) if broke[at]})
    expected = DRY
    while expected < MOST_ROUNDS and any(broke[expected - DRY : expected]):
        expected += 1
    done = world.run()
    ran = [number for number in range(1, MOST_ROUNDS + 3) if given_pass(done, f"round-{number}")]
    assert ran == list(range(1, expected + 1))


def test_the_first_two_rounds_are_one_unit() -> None:
    """They are always both asked, so they share it."""
    units = [one.unit for one in World(30, {}).run() if one.unit.params["pass"] == ROUNDS]
    assert [unit.params["rounds"] for unit in units] == [list(range(1, DRY + 1))]


@pytest.mark.parametrize(
    ("changed", "searched"),
    [
        ({}, GUARDED),
        ({"channels": 1}, GUARDED + 40),
        ({"eps": "1/10"}, GUARDED + 40),
        ({"eps": "25/255"}, GUARDED),
    ],
    ids=["colours", "grey", "wide", "just less"],
)
def test_the_guard_takes_a_sample_or_everyone(changed: Mapping[str, str], searched: int) -> None:
    """Grey images and balls from a tenth on are all searched, else the first that stood."""
    fates = dict.fromkeys(range(0, 20, 2), falls(AT_ONCE))
    world = World(GUARDED + 50, fates, **changed)  # pyright: ignore[reportArgumentType]  # fields of mixed types
    found = given_pass(world.run(), f"square-{GUARD}")
    standing = [row for row in range(world.n) if row not in fates]
    assert found == standing[:searched]


@pytest.mark.parametrize(
    "world",
    [
        World(40, {3: falls(BY_SCORES)}),
        World(40, {}, budget="parity"),
        World(40, {}, twin="rounding: op Round"),
        World(40, {5: Foretold(flags=frozenset({"flat"}))}),
        World(100, dict.fromkeys(range(int(STILL_RISING * 100) + 1), RISING)),
        World(3 * ENOUGH, dict.fromkeys(range(ENOUGH), falls(DEEPLY))),
    ],
    ids=["broken by scores", "parity", "twin", "no slope", "still rising", "long climbs break"],
)
def test_everyone_is_searched_for_long_where_slopes_are_doubtful(world: World) -> None:
    """A break by scores, slopes lent, missing or not used up, late breaks: all that stand."""
    done = world.run()
    state = newest(world, done)
    standing = [row for row in range(world.n) if state[row] == "standing"]
    assert set(standing) <= set(given_pass(done, f"square-{LONG}"))


@pytest.mark.parametrize(
    "world",
    [
        World(40, {}),
        World(100, dict.fromkeys(range(int(STILL_RISING * 100)), RISING)),
        World(3 * ENOUGH, dict.fromkeys(range(int(STILL_BREAKING * ENOUGH)), falls(DEEPLY))),
    ],
    ids=["nothing", "just as many rising", "just as many late"],
)
def test_control_without_doubt_nobody_is_searched_for_long(world: World) -> None:
    """Nothing of that, or as much as is allowed."""
    assert not given_pass(world.run(), f"square-{LONG}")


def test_a_break_in_float32_alone_by_scores_is_no_doubt_where_8_bits_count() -> None:
    """Who stands at the depth of the verdict did not fall to scores there."""
    fate = Foretold(falls=frozenset({BY_SCORES}))
    done = World(40, {3: fate}).run()
    assert not given_pass(done, f"square-{LONG}")
    assert given_pass(World(40, {3: fate}, eight_bit=False).run(), f"square-{LONG}")


ANY_PASS = Stop("robust_accuracy", lambda _: False, lambda _: True)


@pytest.mark.parametrize("number", [MOST_ROUNDS - 1, MOST_ROUNDS])
@pytest.mark.parametrize("over", [0, 1])
def test_rounds_that_still_break_ask_the_long_climbs_of_everyone(over: int, number: int) -> None:
    """More than the share of what the last two got: no early end; at it there may be one."""
    many, n = int(STILL_BREAKING * 200) + over, 201
    last = dict.fromkeys(range(1, many + 1), falls(in_round(number)))
    world = World(n, {0: falls(in_round(MOST_ROUNDS - 2)), **last})
    done = world.run([ANY_PASS])
    counts = tally(world, done)
    assert bool(counts.survivors) == (not over)
    assert len(given_pass(done, DEEPER)) == (n - many - 1 if over else 0)
    assert counts.full == (n if over else counts.fallen)


@pytest.mark.parametrize("where", [AT_ONCE, TARGETED, in_round(1)])
def test_what_fell_before_the_last_rounds_does_not_count(where: str) -> None:
    """Breaks of earlier runs, however many, leave an early end possible once rounds are dry."""
    world = World(200, dict.fromkeys(range(100), falls(where)))
    assert tally(world, world.run([ANY_PASS])).survivors == 100


@pytest.mark.parametrize("late", [int(STILL_BREAKING * ENOUGH), ENOUGH])
def test_long_climbs_that_still_break_end_the_early_end(late: int) -> None:
    """Once enough had them and too many fell, everyone is asked, and nobody is a survivor."""
    world = World(4 * ENOUGH, dict.fromkeys(range(late), falls(DEEPLY)))
    enough = Stop(
        "robust_accuracy",
        lambda _: False,
        lambda counts: counts.full - counts.fallen + counts.late >= ENOUGH,
    )
    done = world.run([enough])
    counts = tally(world, done)
    given = len(given_pass(done, DEEPER))
    if late > STILL_BREAKING * ENOUGH:
        assert (counts.survivors, counts.full, given) == (0, world.n, world.n)
    else:
        assert counts.survivors == world.n
        assert ENOUGH <= given < world.n


FLAT = Foretold(flags=frozenset({"flat"}))


@pytest.mark.parametrize(
    ("world", "every"),
    [
        (World(30, {}), False),
        (World(30, {}, budget="parity"), True),
        (World(30, {}, twin="rounding: op Round"), True),
        (World(30, {3: FLAT}), True),
        (World(30, {3: falls(BY_SCORES, salt(SQUARE, SQUARE, queries=LONG))}), True),
    ],
    ids=["trusted", "parity", "lent", "flat", "by scores"],
)
def test_targets_are_left_out_only_by_slopes_that_can_be_trusted(world: World, every: bool) -> None:
    """How far a class lies is told by slopes; where those mislead, each class is tried."""
    deep = [one.unit for one in world.run() if one.unit.params["pass"] == DEEPER]
    assert deep
    assert {bool(unit.params.get("every_target")) for unit in deep} == {every}


def test_smoke_asks_for_the_first_climb_alone() -> None:
    """One pass, and never a row on which the full plan ran and which stands."""
    world = World(130, {4: falls(salt(SMOKE, "margin"))}, budget="smoke")
    done = world.run()
    assert passes_of(done) == [SMOKE]
    for depth in world.depths:
        counts = tally(world, done, depth)
        assert (counts.full, counts.fallen, counts.survivors) == (1, 1, 0)


def test_without_slopes_there_is_one_long_search() -> None:
    """After a look at all, a few at a time; never a row on which all ran and which stands."""
    world = World(130, {4: falls(salt(SQUARE, SQUARE, queries=LONG))}, gap="op Col2Im at node_3")
    done = world.run()
    assert passes_of(done) == [ONE, SQUARE]
    searched = [one for one in done if one.unit.params["pass"] == SQUARE]
    assert max(len(rows_of(one.unit)) for one in searched) == DEEP_TOGETHER
    assert given_pass(done, f"{SQUARE}-{LONG}") == list(range(world.n))
    counts = tally(world, done)
    assert (counts.full, counts.fallen, counts.survivors) == (1, 1, 0)


def test_unconfirmed_rows_are_tried_once_more_by_other_ways() -> None:
    """Before anything else, together, once; a break found then counts."""
    again = falls(AT_ONCE, salt(RETRY, "targeted"))
    rows: list[int] = [3, 4, 90]
    fates = dict.fromkeys(rows, replace(again, refuted=frozenset({ONE})))
    world = World(130, fates)
    done = world.run()
    (retried,) = [one for one in done if one.unit.params["pass"] == RETRY]
    assert rows_of(retried.unit) == rows
    assert passes_of(done)[:3] == [ONE, RETRY, ROUNDS]
    assert {newest(world, done)[row] for row in fates} == {"broken"}


def test_who_stays_unconfirmed_is_left_and_holds_an_early_end_back() -> None:
    """One retry; then it is pending for good, no pass follows, and nobody counts as survivor."""
    fate = replace(falls(AT_ONCE, salt(RETRY, "targeted")), refuted=frozenset({ONE, RETRY}))
    world = World(130, {7: fate})
    done = world.run()
    assert [given_pass(done, RETRY), table(done, "state8")[7]] == [[7], ["pending", "pending"]]
    for depth in world.depths:
        counts = tally_of(tally(world, done, depth)._asdict(), world.n)
        assert (counts.pending, counts.survivors) == (1, 0)
        assert counts.full == world.n - 1, "all others have had all"


def test_control_without_that_row_there_are_survivors() -> None:
    """The same set, had the claim been confirmed."""
    world = World(130, {7: falls(AT_ONCE)})
    assert tally(world, world.run()).survivors == 129


def test_a_claim_refuted_in_float32_alone_is_tried_again() -> None:
    """Though its 8 bits are broken: a verdict over float32 must not hang on it."""
    half = {3: "broken", 5: "standing"}
    world = World(30, {})
    units = world.plan([])
    done = [world.measured(unit) for unit in units]
    for row, state8 in half.items():
        done[0].samples["state"][row] = "pending"  # pyright: ignore[reportIndexIssue]  # a list
        done[0].samples["state8"][row] = state8  # pyright: ignore[reportIndexIssue]  # as above
    (retry,) = world.plan(done)
    assert (retry.params["pass"], rows_of(retry)) == (RETRY, [3, 5])
    done = world.run(done=done)
    for depth in world.depths:
        tally_of(tally(world, done, depth)._asdict(), world.n)
    assert newest(world, done)[3] == "broken", "what a retry does not find again stays found"


UNCLEAR = Foretold(falls=frozenset({AT_ONCE, in_round(1)}), refuted=frozenset({ONE, ROUNDS, RETRY}))
"""Claims in float32 alone that nobody can confirm, before its retry and after it."""


def test_a_claim_that_stays_open_in_float32_holds_no_attack_back_from_its_8_bits() -> None:
    """They get the whole plan and count as standing; in float32 the claim stays open to the end."""
    world = World(130, {7: UNCLEAR})
    done = world.run()
    assert passes_of(done) == [ONE, RETRY, ROUNDS, SQUARE, DEEPER]
    decided, other = (tally(world, done, depth) for depth in ("8-bit", "float32"))
    assert (decided.standing, decided.pending, decided.full) == (130, 0, 130)
    assert (other.standing, other.pending, other.full) == (129, 1, 129)
    assert newest(world, done, "float32")[7] == "pending"
    named = [one.unit.params.get("open") for one in done if 7 in rows_of(one.unit)]
    assert named == [None, None, None, [7], [7]]


def test_control_where_no_8_bits_are_stored_it_ends_the_attack() -> None:
    """There float32 decides: no pass follows, and the row is not said to have had them all."""
    world = World(130, {7: UNCLEAR}, eight_bit=False)
    done = world.run()
    assert 7 not in given_pass(done, DEEPER)
    assert tally(world, done).pending == 1


def test_a_break_that_a_retry_confirms_after_the_long_climbs_is_late() -> None:
    """It survived up to them, so leaving it out of the statistic would flatter the rest."""
    fate = replace(falls(DEEPLY, salt(RETRY, "margin")), refuted=frozenset({DEEPER}))
    world = World(130, {7: fate})
    counts = tally(world, world.run())
    assert (counts.survivors, counts.late, counts.fallen) == (130, 1, 1)


def test_who_fell_in_float32_before_is_not_late_there() -> None:
    """The long climbs break its 8 bits; in float32 it fell long ago, though fooled again."""
    fate = Foretold(falls=frozenset({AT_ONCE, DEEPLY}), falls8=frozenset({DEEPLY}))
    world = World(130, {7: fate})
    done = world.run()
    late = {depth: tally(world, done, depth).late for depth in world.depths}
    assert late == {"8-bit": 1, "float32": 0}
    assert tally(world, done, "float32").survivors == 129


def test_units_are_small_and_near_together() -> None:
    """No more images than agreed, all within a span, in order; nobody is named twice."""
    fates = {row: falls(AT_ONCE) for row in range(900) if row % 7}
    done = World(900, fates).run()
    for one in done[len(blocks(900)) :]:
        rows = rows_of(one.unit)
        most = DEEP_TOGETHER if one.unit.params["pass"] == DEEPER else TOGETHER
        assert len(rows) <= most
        assert rows == sorted(set(rows))
        assert one.unit.rows == (rows[0], rows[-1] + 1)
        assert rows[-1] - rows[0] < SPAN
    assert max(one.unit.rows[1] - one.unit.rows[0] for one in done) > TOGETHER


def test_a_unit_spans_as_many_rows_as_may_be_read() -> None:
    """The first row that is too far away begins another."""
    left = [0, SPAN - 1, SPAN]
    fates = {row: falls(AT_ONCE) for row in range(SPAN + 2) if row not in left}
    done = World(SPAN + 2, fates).run()
    units = [one.unit for one in done if one.unit.params["pass"] == ROUNDS]
    assert [rows_of(unit) for unit in units] == [left[:2], left[2:]]
    assert units[0].rows == (0, SPAN)


def test_nothing_is_asked_of_what_fell() -> None:
    """Wrong, failing and broken images are given no later pass; 8 bits decide where they count."""
    gone = {0: Foretold("wrong"), 1: Foretold("error"), 2: falls(AT_ONCE)}
    open8 = {3: Foretold(falls=frozenset({AT_ONCE}))}
    done = World(30, {**gone, **open8}).run()
    had = Counter(row for one in done[len(blocks(30)) :] for row in rows_of(one.unit))
    assert not {0, 1, 2} & had.keys()
    assert had[3] == had[29] == 3
    plain = World(30, {**gone, **open8}, eight_bit=False).run()
    assert 3 not in {row for one in plain[len(blocks(30)) :] for row in rows_of(one.unit)}


# -------------------------------------------------------------------------------------- laws

SOME = st.frozensets(st.sampled_from(SALTS), max_size=3)
ONES = st.sampled_from(("standing",) * 8 + ("wrong", "error"))
PASSES = st.frozensets(st.sampled_from(NAMED), max_size=2)
FLAGS = st.frozensets(st.sampled_from(("flat", "still", "rising", "disagree")), max_size=1)
FATES = st.builds(
    Foretold,
    clean=ONES,
    falls=SOME,
    falls8=SOME,
    refuted=st.one_of(st.just(frozenset[str]()), PASSES),
    refuted8=st.one_of(st.just(frozenset[str]()), PASSES),
    flags=st.one_of(st.just(frozenset[str]()), FLAGS),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Sets of which a few images fall, at any stage, and some claims cannot be confirmed."""
    n = draw(st.sampled_from((1, 19, 21, 70)))
    fates = draw(st.dictionaries(st.integers(0, n - 1), FATES, max_size=12))
    return World(
        n,
        fates,
        budget=draw(st.sampled_from(("gate", "gate", "gate", "parity", "smoke"))),
        eps=draw(st.sampled_from(("8/255", "1/10"))),
        eight_bit=draw(st.booleans()),
        gap=draw(st.sampled_from(("", "", "", "op X at node y"))),
        twin=draw(st.sampled_from(("", "", "rounding: op Round"))),
    )


def tallies_keep_the_laws_of_evidence_at_every_prefix(world: World) -> None:
    """At both depths: what the judge reads never contradicts itself, nor the table of states."""
    done = world.run()
    for cut in range(len(done) + 1):
        some, counts = done[:cut], dict[str, Tally]()
        for depth in world.depths:
            counts[depth] = tally_of(tally(world, some, depth)._asdict(), world.n)
            words = Counter(newest(world, some, depth).values()) if some else Counter[str]()
            assert counts[depth].standing == words["standing"]
            assert counts[depth].pending == words["pending"]
            assert counts[depth].prefix == sum(words.values())
            assert counts[depth].full >= counts[depth].fallen
        deep, flat = counts[world.depths[0]], counts["float32"]
        assert flat.fallen >= deep.fallen
        assert flat.fallen + flat.pending >= deep.fallen + deep.pending


def the_full_plan_ran_on_all_or_is_not_said_to_have_run(world: World) -> None:
    """In the end ``full`` is all but the unconfirmed; smoke and scores alone never get there."""
    done = world.run()
    counts = tally(world, done)
    if world.budget == "smoke" or world.gap:
        assert counts.full == counts.fallen
    else:
        assert counts.full == world.n - counts.pending


def every_standing_image_has_had_all_that_is_asked(world: World) -> None:
    """Derived from the table of what broke where, apart from the plan's own bookkeeping."""
    done = world.run()
    state = newest(world, done)
    standing = {row for row, word in state.items() if word == "standing"}
    owed = {ONE}
    if world.budget != "smoke" and not world.gap:
        owed |= {"round-1", f"round-{DRY}", DEEPER}
        if world.budget == "parity" or world.twin:
            owed.add(f"square-{LONG}")
        elif world.eps == "1/10":
            short = {f"square-{GUARD}", f"square-{LONG}"}
            assert all(_had(done, row) & short for row in standing)
    for row in standing:
        assert owed <= _had(done, row)


def _had(done: Sequence[Done], row: int) -> set[str]:
    return {tag for one in done if row in rows_of(one.unit) for tag in tags_of(one.unit.params)}


def only_what_stands_or_is_pending_is_attacked_again(world: World) -> None:
    """At any depth: a unit names nobody who is settled, and nobody has one pass twice."""
    done = world.run()
    seen = Counter[tuple[int, str]]()
    for cut, one in enumerate(done):
        seen.update((row, tag) for row in rows_of(one.unit) for tag in tags_of(one.unit.params))
        if "of" not in one.unit.params:
            continue
        fates = [newest(world, done[:cut], depth) for depth in world.depths]
        wanted = {"pending"} if one.unit.params["pass"] == RETRY else {"standing"}
        for row in rows_of(one.unit):
            assert wanted & {fate[row] for fate in fates}
    assert not seen or max(seen.values()) == 1


def a_plan_knows_nothing_but_what_is_done(world: World) -> None:
    """Read back from the store at any prefix, the same units are left; nothing is ordered twice."""
    done = world.run()
    back = stored(done)
    for cut, one in enumerate(done):
        left = world.plan(back[:cut])
        assert left == world.plan(done[:cut])
        assert left[0] == one.unit
        assert all(left.count(unit) == 1 for unit in left)
    assert world.plan(back) == []
    half = len(done) // 2
    assert [one.unit for one in world.run(done=back[:half])] == [one.unit for one in done]


def a_phase_over_everyone_depends_on_no_order_of_its_own_units(world: World) -> None:
    """What pass one and the rounds ask is fixed when they begin, however their units end."""
    done = world.run()
    for cut, one in enumerate(done):
        before, after = world.plan(done[:cut]), world.plan(done[: cut + 1])
        pending = [unit for unit in after if unit.params["pass"] == RETRY]
        if one.unit.params["pass"] in {ONE, SMOKE, ROUNDS} and len(before) > 1 and not pending:
            assert after == before[1:]


def survivors_wait_for_all_that_concerns_the_whole_set(world: World) -> None:
    """They are told only when nothing but long climbs is left, and those are not for everyone."""
    done = world.run()
    for cut in range(len(done) + 1):
        counts = tally(world, done[:cut])
        left = {str(unit.params["pass"]) for unit in world.plan(done[:cut])}
        if counts.survivors:
            assert left <= {DEEPER}
            assert (counts.pending, counts.prefix) == (0, world.n)
        if left - {DEEPER} or world.budget != "gate":
            assert counts.survivors == 0


LAWS = (
    tallies_keep_the_laws_of_evidence_at_every_prefix,
    the_full_plan_ran_on_all_or_is_not_said_to_have_run,
    every_standing_image_has_had_all_that_is_asked,
    only_what_stands_or_is_pending_is_attacked_again,
    a_plan_knows_nothing_but_what_is_done,
    a_phase_over_everyone_depends_on_no_order_of_its_own_units,
    survivors_wait_for_all_that_concerns_the_whole_set,
)
FEW = settings(max_examples=12, deadline=None, derandomize=True)
MANY = settings(FEW, max_examples=300, derandomize=False)
UNSETTLED = World(1, {0: UNCLEAR})
UNCONFIRMED = World(130, {0: replace(falls(*SALTS), refuted=frozenset(NAMED))})


@pytest.mark.parametrize("law", LAWS)
@settings(FEW)
@given(worlds())
@example(UNCONFIRMED)
@example(UNSETTLED)
def test_a_law_holds_in_any_world(law: Callable[[World], None], world: World) -> None:
    """What its own first line says, driven to the end from an empty plan."""
    law(world)


@pytest.mark.deep
@pytest.mark.parametrize("law", LAWS)
@settings(MANY)
@given(worlds())
def test_a_law_holds_in_many_worlds(law: Callable[[World], None], world: World) -> None:
    """The same, with fresh worlds each time."""
    law(world)


def stop_at(most: int, tried: int, depth: Depth) -> Stop:
    """Fails beyond so many fallen images, passes when so many survivors were tried."""
    return Stop(
        "robust_accuracy",
        lambda counts: counts.fallen > most,
        lambda counts: counts.survivors > 0 and counts.full - counts.fallen >= tried,
        depth,
    )


DEPTHS: tuple[Depth, ...] = ("8-bit", "float32")
STOPS = st.builds(stop_at, st.integers(0, 12), st.integers(0, 40), st.sampled_from(DEPTHS))


@settings(FEW)
@given(worlds(), st.lists(STOPS, min_size=1, max_size=2))
def test_stops_only_empty_the_plan(world: World, stops: list[Stop]) -> None:
    """A stopped audit is a prefix of the whole one, and ended for a reason that its counts show."""
    whole, cut = world.run(), world.run(stops)
    assert [one.unit for one in cut] == [one.unit for one in whole[: len(cut)]]
    for stop in stops if len(cut) < len(whole) else ():
        counts = tally(world, cut, stop.depth)
        assert stop.fails(counts) or (counts.survivors and stop.passes(counts))


def test_an_early_pass_waits_though_its_rule_always_says_yes() -> None:
    """Nothing but a FAIL may end an audit while a rule over the whole set is open."""
    always = Stop("robust_accuracy", lambda _: False, lambda _: True)
    world = World(GUARDED + 40, {1: falls(in_round(2))})
    done = world.run([always])
    assert passes_of(done) == [ONE, ROUNDS, SQUARE]
    assert {tag for tag in ("round-3", "round-4") if given_pass(done, tag)} == {
        "round-3",
        "round-4",
    }
    failing = Stop("robust_accuracy", lambda counts: counts.prefix >= 40)
    assert len(world.run([failing])) == 2
    never = Stop("robust_accuracy", lambda _: False)
    assert passes_of(world.run([always, never])) == [ONE, ROUNDS, SQUARE, DEEPER]


def test_a_hard_image_is_the_default() -> None:
    """The fates of this file are sparse: who is not named stands through everything."""
    world = World(3, {1: HARD})
    assert set(newest(world, world.run()).values()) == {"standing"}


def test_errors_in_the_long_climbs_end_the_early_end() -> None:
    """Images that leave the numbers there count as breaks do: no PASS on what is left of them."""
    world = World(200, {})
    stop = Stop("robust_accuracy", lambda _: False, lambda counts: counts.full > 30)
    done = [one for one in world.run([stop]) if one.unit.params["pass"] != DEEPER]
    units = Schedule(world.case, world.config, done).units()
    first = world.measured(units[0])
    spoiled = {**first.samples, "state": ["error"] * len(first.samples["row"])}
    spoiled["state8"] = spoiled["state"]
    after = [*done, replace(first, samples=spoiled)]
    late = Schedule(world.case, world.config, after).history.late("8-bit")
    assert late == list(first.samples["row"])
    assert tally(world, after).survivors == 0, "more than two in a hundred fell late"
    assert tally(world, [*done, first]).survivors == 200, "the control: as it was measured"
