"""What committed units add up to: robust accuracy at each depth, where images fell, indicators."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from analyzers.attacks.cascade import ANALYZER
from analyzers.attacks.passes import DEEPER, ONE, RETRY, SQUARE
from analyzers.attacks.schedule import MOST_ROUNDS, Schedule
from analyzers.attacks.stages import DEEP, FIRST, GUARD, LONG, threat_of
from analyzers.attacks.sums import merge
from analyzers.contract import Done, Measurement
from analyzers.statistics.replay import ATTACKED, DIFFERS, REPLAYED
from support.foretold import Foretold, World, falls, in_round, salt

N = 130
AT_ONCE = salt(ONE, "margin")
BY_SCORES = [salt(SQUARE, SQUARE, queries=queries) for queries in (GUARD, LONG)]
DEEPLY = salt(DEEPER, DEEP[0].name)
FATES = {
    **{row: Foretold("wrong") for row in range(0, N, 10)},
    5: Foretold("error"),
    **{row: falls(AT_ONCE) for row in range(1, N, 3) if row % 10},
    2: falls(salt(ONE, "targeted")),
    3: falls(in_round(2)),
    6: falls(*BY_SCORES),
    8: falls(DEEPLY),
    9: Foretold(falls=frozenset({AT_ONCE})),
}
WORLD = World(N, FATES)
WRONG = [row for row, fate in FATES.items() if fate.clean == "wrong"]
BROKEN = [row for row, fate in FATES.items() if fate.falls8]
STANDING = [row for row in range(N) if row not in {*WRONG, *BROKEN, 5}]


def all_of(world: World, done: Sequence[Done]) -> list[Measurement]:
    """What the results add up to."""
    return list(merge(world.case, world.config, done))


def measured(
    world: World = WORLD, done: Sequence[Done] | None = None, depth: str = "8-bit"
) -> dict[str, Measurement]:
    """The same by metric, at one depth where there are several."""
    found = all_of(world, world.run() if done is None else done)
    return {one.metric: one for one in found if one.scope.get("depth", depth) == depth}


@pytest.mark.parametrize(("depth", "more"), [("8-bit", 0), ("float32", 1)])
def test_robust_accuracy_is_standing_over_prefix(depth: str, more: int) -> None:
    """An upper bound for this threat and depth; in float32 whoever 8 bits saved has fallen."""
    done = WORLD.run()
    found = measured(done=done, depth=depth)["robust_accuracy"]
    standing = len(STANDING) - more
    assert found.value == standing / N
    assert (found.bound, found.grade) == ("upper", "A")
    assert found.scope == {"threat": "Linf:8/255:white:gate", "depth": depth}
    assert found.counts["standing"] == standing
    assert found.counts["fallen"] == N - standing
    assert (found.counts["prefix"], found.counts["pending"]) == (N, 0)


def test_counts_are_those_of_the_plan() -> None:
    """At any prefix: the tally over which stops decide, at each depth, and its picture."""
    done = WORLD.run()
    for cut in range(1, len(done) + 1, 3):
        schedule = Schedule(WORLD.case, WORLD.config, done[:cut])
        for depth in WORLD.depths:
            found = measured(done=done[:cut], depth=depth)["robust_accuracy"]
            counts = schedule.tally(depth)
            assert found.counts == counts._asdict()
            assert found.view is not None
            assert found.view.kind == "bracket"
            assert found.view.data == {**counts._asdict(), "certified": 0}
            assert depth in found.view.title


def test_without_8_bits_there_is_one_robust_accuracy() -> None:
    """Of float32, and how many breaks 8 bits would hold is not asked."""
    world = replace(WORLD, eight_bit=False)
    found = all_of(world, world.run())
    scopes = [one.scope["depth"] for one in found if one.metric == "robust_accuracy"]
    assert scopes == ["float32"]
    (held,) = [one for one in found if one.metric == "breaks_in_8_bits"]
    assert (held.outcome, held.value) == ("not_applicable", None)


def test_breaks_are_told_by_stage() -> None:
    """The bars count what fell without attack and in every stage, and leave out nobody."""
    found = measured()["breaks"]
    assert found.value == len(BROKEN)
    assert found.view is not None
    labels = found.view.data["labels"]
    bars = dict(zip(labels, found.view.data["values"], strict=True))
    once = sum(fate == falls(AT_ONCE) for fate in FATES.values())
    fell = {"without attack": len(WRONG) + 1, "margin": once, DEEP[0].name: 1}
    assert {name: count for name, count in bars.items() if count} == {
        **fell,
        "targeted": 1,
        "round-2": 1,
        SQUARE: 1,
    }
    rounds = [f"round-{number}" for number in range(1, MOST_ROUNDS + 1)]
    stages = [[stage.name for stage in some] for some in (FIRST, DEEP)]
    assert labels == ["without attack", *stages[0], *rounds, SQUARE, *stages[1]]


def test_passes_are_a_ledger_by_stage() -> None:
    """Forward and backward over all units, each stage once, in the order of its first cost."""
    spent = [
        {"forward:clean": 9, "forward:margin": 30, "backward:margin": 20, REPLAYED: 4},
        {"forward:clean": 1, "forward:deep-targeted": 7, "backward:deep-targeted": 7},
    ]
    units = WORLD.plan([])[:2]
    done = [
        replace(WORLD.measured(one), numbers=cost) for one, cost in zip(units, spent, strict=True)
    ]
    found = measured(done=done)["attack_passes"]
    assert found.value == 9 + 30 + 20 + 1 + 7 + 7
    assert found.counts["forward:clean"] == 10
    assert REPLAYED not in found.counts
    assert found.view is not None
    assert found.view.data["labels"] == ["clean", "margin", "deep-targeted"]
    assert found.view.data["values"] == [10, 50, 14]


def test_breaks_that_a_file_can_hold() -> None:
    """Of those in float32, the share that is broken in 8 bits as well."""
    found = measured()["breaks_in_8_bits"]
    assert found.counts == {"numerator": len(BROKEN), "denominator": len(BROKEN) + 1}
    assert found.value == len(BROKEN) / (len(BROKEN) + 1)
    none = World(30, {})
    assert measured(none)["breaks_in_8_bits"].outcome == "not_applicable"


ATTACKED_ROWS = N - len(WRONG) - 1


def with_flag(flag: str) -> World:
    """The same set with a mark on two standing images and on one that falls."""
    chosen = frozenset({flag})
    rows = [STANDING[1], STANDING[2], BROKEN[0]]
    fates = {row: replace(FATES.get(row, Foretold()), flags=chosen) for row in rows}
    return replace(WORLD, fates={**FATES, **fates})


@pytest.mark.parametrize(
    ("metric", "flag", "marked", "of"),
    [
        ("zero_gradient", "flat", 2, len(STANDING)),
        ("loss_never_rose", "still", 2, len(STANDING)),
        ("still_rising", "rising", 2, len(STANDING)),
        ("engines_disagree", "disagree", 3, ATTACKED_ROWS),
    ],
)
def test_indicators_count_what_they_speak_of(metric: str, flag: str, marked: int, of: int) -> None:
    """Masking concerns standing images only; engines must agree on every attacked one."""
    found = measured(with_flag(flag))[metric]
    assert found.counts == {"numerator": marked, "denominator": of}
    assert found.value == marked / of
    assert (found.bound, found.grade, found.outcome) == ("indicator", "D", "measured")
    assert measured()[metric].value == 0.0


def test_a_climb_that_still_rose_is_not_forgotten_by_a_search() -> None:
    """A search after the last climb leaves the mark of that climb."""
    done = [one for one in with_flag("rising").run() if one.unit.params["pass"] != DEEPER]
    assert done[-1].unit.params["pass"] == SQUARE
    assert measured(done=done)["still_rising"].counts["numerator"] == 2


def test_a_twin_lends_its_slopes_to_all_that_stands() -> None:
    """Which is one whole share, or none."""
    assert measured(replace(WORLD, twin="rounding: op Round"))["slopes_lent"].value == 1.0
    assert measured()["slopes_lent"].value == 0.0


def test_scores_that_beat_slopes_are_told_of_those_searched() -> None:
    """Who fell to the search, of all that it was given to."""
    found = measured()["black_box_beats_white_box"]
    done = WORLD.run()
    searched = {
        row for one in done if one.unit.params["pass"] == SQUARE for row in one.samples["row"]
    }
    assert found.counts == {"numerator": 1, "denominator": len(searched)}
    before = [one for one in done if one.unit.params["pass"] != SQUARE]
    assert measured(done=before)["black_box_beats_white_box"].outcome == "not_applicable"


@pytest.mark.parametrize(
    ("searched", "fell", "outcome"),
    [
        (1, 1, "not_applicable"),
        (19, 1, "not_applicable"),
        (20, 1, "measured"),
        (2, 2, "measured"),
        (1, 0, "measured"),
    ],
)
def test_one_image_of_a_few_is_no_share(searched: int, fell: int, outcome: str) -> None:
    """A single image that fell by scores doubts nothing where one in twenty would be allowed."""
    early = {row: falls(AT_ONCE) for row in range(searched, 25)}
    late = {row: falls(*BY_SCORES) for row in range(fell)}
    found = measured(World(25, {**early, **late}))["black_box_beats_white_box"]
    assert found.outcome == outcome
    assert found.counts == {"numerator": fell, "denominator": searched}


def test_refuted_claims_are_remembered() -> None:
    """Though a retry settled them; of everyone attacked."""
    fate = replace(falls(AT_ONCE, salt(RETRY, "margin")), refuted=frozenset({ONE}))
    found = measured(replace(WORLD, fates={**FATES, 7: fate}))["claims_refuted"]
    assert found.counts == {"numerator": 1, "denominator": ATTACKED_ROWS}
    assert measured()["claims_refuted"].value == 0.0


def test_nothing_left_is_not_the_same_as_nothing_wrong() -> None:
    """With every image fallen, indicators of standing ones do not apply."""
    world = World(30, dict.fromkeys(range(30), falls(AT_ONCE)))
    found = measured(world)
    assert found["robust_accuracy"].value == 0.0
    for metric in ("zero_gradient", "loss_never_rose", "still_rising", "slopes_lent"):
        assert (found[metric].outcome, found[metric].value) == ("not_applicable", None)


def test_without_slopes_nothing_can_pass() -> None:
    """The search by scores counts, but every indicator of slopes is missing, and says why."""
    gap = "op Col2Im at node_3"
    fates = {**FATES, **{row: falls(f"{SQUARE}:{LONG}") for row in BROKEN}}
    found = measured(replace(WORLD, fates=fates, gap=gap))
    counts = found["robust_accuracy"].counts
    assert found["robust_accuracy"].outcome == "measured"
    assert gap in found["robust_accuracy"].note
    assert (counts["full"], counts["survivors"]) == (counts["fallen"], 0)
    assert 0 < counts["full"] < N
    for metric in set(ANALYZER.description.indicators) - {ATTACKED, "claims_refuted"}:
        assert found[metric].outcome == "not_available"
        assert gap in found[metric].note
    assert found["claims_refuted"].outcome == "measured"
    assert found["breaks"].view is not None
    bars = Counter(
        dict(zip(*(found["breaks"].view.data[key] for key in ("labels", "values")), strict=True))
    )
    assert bars[SQUARE] == len(BROKEN)
    assert bars.total() == N - counts["standing"]


def test_nothing_committed_measures_nothing() -> None:
    """An empty prefix has no value and raises nothing, whatever the metric."""
    for one in all_of(WORLD, []):
        assert one.value is None
        assert one.outcome == "out_of_budget"


def test_replays_of_all_units_are_added() -> None:
    """Labels that the uploaded bytes give differently, over everything that was asked of them."""
    world = replace(WORLD, n=20)
    case = replace(world.case, subject=replace(world.case.subject, uploaded=True))
    (unit,) = world.plan([])
    done = [replace(world.measured(unit), numbers={REPLAYED: 40, DIFFERS: 3})]
    (found,) = [one for one in merge(case, world.config, done) if one.metric == ATTACKED]
    assert found.counts == {"numerator": 3, "denominator": 40}


@pytest.mark.parametrize(
    "world", [WORLD, replace(WORLD, eight_bit=False), World(5, {}, gap="op X")]
)
def test_every_promise_is_kept(world: World) -> None:
    """Each declared metric is told, once a depth, and each indicator is among them."""
    about = ANALYZER.description
    found = all_of(world, world.run())
    assert {one.metric for one in found} == {metric.name for metric in about.metrics}
    assert set(about.indicators) < {metric.name for metric in about.metrics}
    assert Counter(one.metric for one in found) == Counter(
        {**dict.fromkeys([one.metric for one in found], 1), "robust_accuracy": len(world.depths)}
    )
    limits = {one.metric for one in found if one.limit is not None}
    assert limits == set(about.indicators)


def test_a_threat_is_named_with_its_budget() -> None:
    """Gate where nothing is said; evidence of one budget never speaks for another."""
    told = {"norm": "Linf", "eps": "8/255", "knowledge": "white"}
    assert threat_of(told) == "Linf:8/255:white:gate"
    assert threat_of({**told, "budget": "smoke"}) == "Linf:8/255:white:smoke"
