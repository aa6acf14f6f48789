"""What a pass consists of: which runs, in which order, with whose noise."""

from collections.abc import Mapping

import pytest

from analyzers.attacks.losses import LOSSES
from analyzers.attacks.passes import DEEPER, ONE, RETRY, ROUNDS, SMOKE, SQUARE, Run, runs_of
from analyzers.attacks.schedule import MOST_ROUNDS
from analyzers.attacks.stages import DEEP, FIRST, GUARD, LONG, MARGIN, ROUND, Stage
from analyzers.contract import Json

SEARCHES: list[Mapping[str, Json]] = [
    {"pass": SQUARE, "queries": GUARD},
    {"pass": SQUARE, "queries": LONG},
]
EVERY: list[Mapping[str, Json]] = [
    {"pass": SMOKE},
    {"pass": ONE},
    *({"pass": ROUNDS, "rounds": [number]} for number in range(1, MOST_ROUNDS + 1)),
    *SEARCHES,
    {"pass": DEEPER},
    {"pass": RETRY},
]


@pytest.mark.parametrize(
    ("which", "stages"),
    [(SMOKE, (MARGIN,)), (ONE, FIRST), (DEEPER, DEEP)],
    ids=[SMOKE, ONE, DEEPER],
)
def test_a_pass_runs_its_stages_in_order(which: str, stages: tuple[Stage, ...]) -> None:
    """Climbs, named after their stages."""
    runs = runs_of({"pass": which}, gradient=True)
    assert [run.stage for run in runs] == list(stages)
    assert [run.name for run in runs] == [stage.name for stage in stages]
    assert not any(run.queries for run in runs)


def test_targets_far_away_are_left_out_unless_every_one_is_asked_for() -> None:
    """The same climbs under the same noise, so that whoever asks for all of them loses none."""
    told: list[Mapping[str, Json]] = [{"pass": DEEPER}, {"pass": DEEPER, "every_target": True}]
    near, every = (runs_of(one, gradient=True) for one in told)
    assert [run.salt for run in near] == [run.salt for run in every]
    assert [run.stage for run in every] == [run.stage._replace(reach=0.0) for run in near]
    assert any(run.stage.reach for run in near)


def test_pass_one_begins_as_smoke_does() -> None:
    """From the image itself, so that more stages never lose what fewer found."""
    (smoke,) = runs_of({"pass": SMOKE}, gradient=True)
    first = runs_of({"pass": ONE}, gradient=True)[0]
    assert smoke.stage == first.stage
    assert smoke.stage.start == "image"


def test_rounds_repeat_all_but_the_first_climb_from_noise() -> None:
    """One after another, each break put down to its round."""
    runs = runs_of({"pass": ROUNDS, "rounds": [1, 2]}, gradient=True)
    assert [run.stage for run in runs] == [*ROUND, *ROUND]
    assert [run.name for run in runs] == ["round-1"] * len(ROUND) + ["round-2"] * len(ROUND)
    assert {run.stage.start for run in runs} == {"noise"}


def test_rounds_asked_together_are_those_asked_alone() -> None:
    """The same noise, whichever units they are asked in."""
    together = runs_of({"pass": ROUNDS, "rounds": [2, 3]}, gradient=True)
    alone = [runs_of({"pass": ROUNDS, "rounds": [number]}, gradient=True) for number in (2, 3)]
    assert together == [*alone[0], *alone[1]]


def test_a_retry_begins_at_noise_throughout() -> None:
    """It must not walk again the path whose end could not be confirmed."""
    runs = runs_of({"pass": RETRY}, gradient=True)
    assert {run.stage.start for run in runs} == {"noise"}
    assert [run.name for run in runs] == [stage.name for stage in FIRST]


def test_no_two_runs_share_their_noise() -> None:
    """Every run of every pass is salted by itself."""
    salts = [run.salt for told in EVERY for run in runs_of(told, gradient=True)]
    assert len(salts) == len(set(salts))
    asked = [{"pass": SMOKE}, {"pass": RETRY}, *SEARCHES]
    searches = [run.salt for told in asked for run in runs_of(told, gradient=False)]
    assert len(set(searches)) == len(asked)


@pytest.mark.parametrize(
    ("told", "queries"),
    [*zip(SEARCHES, (GUARD, LONG), strict=True), ({"pass": SMOKE}, GUARD), ({"pass": RETRY}, LONG)],
    ids=str,
)
def test_without_slopes_there_are_searches_alone(told: Mapping[str, Json], queries: int) -> None:
    """As long as the unit says, short for smoke, else long; a break is put down to scores."""
    (run,) = runs_of(told, gradient=False)
    assert (run.name, run.queries, run.cost) == (SQUARE, queries, queries)


def test_without_slopes_pass_one_looks_at_clean_images_alone() -> None:
    """So that it is quick however slow the model is; the searches come in small groups."""
    assert runs_of({"pass": ONE}, gradient=False) == []


def test_a_search_is_one_with_slopes_too() -> None:
    """The guard asks for scores whatever else there is."""
    (run,) = runs_of({"pass": SQUARE, "queries": GUARD}, gradient=True)
    assert (run.name, run.queries, run.cost) == (SQUARE, GUARD, GUARD)
    assert Run("s", "dlr", FIRST[1]).cost == FIRST[1].iterations


def test_stages_are_told_apart_and_can_be_climbed() -> None:
    """Names are what breaks are counted by; losses are those that exist; targets fit theirs."""
    named = [stage.name for stage in (*FIRST, *DEEP)]
    assert len(named) == len(set(named))
    for stage in (*FIRST, *DEEP):
        assert stage.loss in LOSSES
        assert stage.loss.startswith("targeted") == (stage.targets > 0)
        assert stage.iterations > 0
    assert 0 < GUARD < LONG


def test_cheap_stages_come_first() -> None:
    """None is shorter than the first, none longer than the long ones, which reach further."""
    lengths = [stage.iterations for stage in FIRST]
    assert min(lengths) == MARGIN.iterations
    assert max(lengths) <= min(stage.iterations for stage in DEEP)
    (short,), (far,) = ([one.reach for one in some if one.targets] for some in (FIRST, DEEP))
    assert 0 < short < far


@pytest.mark.parametrize(("classes", "runs"), [(2, 1), (3, 2), (4, 3), (1000, 3)])
def test_targets_are_never_more_than_other_classes(classes: int, runs: int) -> None:
    """Two classes have one target; an untargeted stage always runs once."""
    assert Stage("t", "targeted-dlr", "noise", 5, targets=3).runs(classes) == runs
    assert Stage("u", "margin", "image", 5).runs(classes) == 1
