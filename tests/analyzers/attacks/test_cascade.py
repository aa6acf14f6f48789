"""What the attack says of itself, and how its plan answers to stops."""

import contextlib

import pytest

from analyzers.attacks.cascade import ANALYZER, PLAN, plan
from analyzers.contract import Stop
from service.core.driver import instances_for
from service.errors import AssayError
from support.attacking import config
from support.foretold import World, falls, salt

WORLD = World(130, {row: falls(salt("one", "margin")) for row in range(0, 130, 4)})
ENOUGH = Stop("robust_accuracy", lambda counts: counts.prefix >= 40)
NEVER = Stop("robust_accuracy", lambda _: False)


def test_nothing_stops_before_anything_is_done() -> None:
    """Even a stop that is always satisfied leaves the first plan whole."""
    always = Stop("robust_accuracy", lambda _: True)
    assert WORLD.plan([], [always]) == WORLD.plan([])


def test_all_stops_must_agree() -> None:
    """An open one leaves every unit as it was."""
    two = [WORLD.measured(unit) for unit in WORLD.plan([])[:2]]
    assert WORLD.plan(two, [ENOUGH]) == []
    assert WORLD.plan(two, [ENOUGH, NEVER]) == WORLD.plan(two)
    assert WORLD.plan(two[:1], [ENOUGH]) == WORLD.plan(two[:1])


def test_a_stop_reads_the_counts_of_its_own_depth() -> None:
    """What fell in float32 alone settles a verdict over float32, not one over 8 bits."""
    world = World(20, {1: falls(salt("one", "margin"))})
    done = [world.measured(unit) for unit in world.plan([])]
    done[0].samples["state"][2] = "broken"  # pyright: ignore[reportIndexIssue]  # a list
    two = {
        depth: Stop("robust_accuracy", lambda counts: counts.fallen > 1, depth=depth)
        for depth in world.depths
    }
    assert world.plan(done, [two["float32"]]) == []
    assert world.plan(done, [two["8-bit"]]) == world.plan(done) != []


def test_the_budget_is_gate_where_nothing_is_said() -> None:
    """The same units, from the first to the last."""
    said, unsaid = config("8/255", budget="gate"), config("8/255")
    done = WORLD.run()
    for cut in range(0, len(done) + 1, 4):
        assert plan(WORLD.case, said, done[:cut], ()) == plan(WORLD.case, unsaid, done[:cut], ())


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        (config("8/255"), True),
        (config("0"), True),
        (config("8/255", budget="parity"), True),
        (config("8/255", budget="quick"), False),
        (config("0.03"), False),
        (config("8/0"), False),
        (config("-1/255"), False),
        ({**config("8/255"), "norm": "L2"}, False),
        ({**config("8/255"), "knowledge": "black"}, False),
        ({**config("8/255"), "seed": "1"}, False),
        ({"norm": "Linf", "eps": "8/255"}, False),
    ],
)
def test_a_config_is_checked_before_anything_runs(told: dict[str, str], fits: bool) -> None:
    """Exact sizes, known budgets, and nothing that it does not know."""
    refused = contextlib.nullcontext() if fits else pytest.raises(AssayError)
    with refused:
        instances_for([ANALYZER], None, {"attacks.linf": told})


def test_one_meaning_has_one_key() -> None:
    """A budget that is presumed and one that is said are the same instance."""
    told = [config("8/255"), config("8/255", budget="gate"), config("8/255", budget="smoke")]
    keys = [instances_for([ANALYZER], None, {"attacks.linf": one})[0].key for one in told]
    assert keys[0] == keys[1] == "attacks.linf@Linf:8/255:white:gate"
    assert keys[2] == "attacks.linf@Linf:8/255:white:smoke"


def test_it_describes_itself() -> None:
    """The version is the plan's name; what is judged is an upper bound on Linf threats."""
    about = ANALYZER.description
    assert about.version == PLAN
    assert about.threats == ("Linf",)
    assert [one.name for one in about.metrics if one.judged] == ["robust_accuracy"]
    assert {rule.metric for rule in about.findings} <= set(about.indicators)
