"""What lenses share: which pictures they get, what they still owe, how their numbers are told."""

import pytest

from analyzers.contract import Case, DataFacts, Done, SubjectFacts, Unit
from analyzers.lens import full, least_accuracy, mean, owed, probes, share, without
from analyzers.statistics.bootstrap import mean_spread

FACTS = SubjectFacts("s" * 64, 10, (3, 8, 8))
DATA = DataFacts("d" * 64, 40, 10, eight_bit=True)


def test_pictures_come_by_threat_and_once_whatever_the_budget() -> None:
    """Two budgets of one threat made the same pictures; another blob is none."""
    rows = {(0, 20): "a" * 64}
    case = Case(
        FACTS,
        DATA,
        {
            "attacks.probe@Linf:8/255:white:gate/probe": rows,
            "attacks.probe@Linf:8/255:white:parity/probe": {(0, 20): "b" * 64},
            "attacks.probe@Linf:2/255:white:gate/probe": rows,
            "attacks.linf@Linf:2/255:white:gate/claims": rows,
        },
    )
    assert [one.threat for one in probes(case)] == ["Linf:2/255:white", "Linf:8/255:white"]
    assert probes(case)[1].pictures == rows
    assert probes(Case(FACTS, DATA)) == []


def test_a_unit_is_owed_until_its_rows_and_params_are_done() -> None:
    """The same rows under other params are another unit, whatever the order of the params."""
    first, second = Unit((0, 20), {"a": 1, "b": 2}), Unit((0, 20), {"a": 2, "b": 2})
    done = Done(Unit((0, 20), {"b": 2, "a": 1}), "measured", {}, {}, {}, {})
    assert owed([first, second], [done]) == [second]


def test_full_is_asked_for() -> None:
    """Quick unless told."""
    assert full({"plan": "full"})
    assert not full({"plan": "quick"})
    assert not full({})


def test_a_share_tells_its_counts_and_interval() -> None:
    """Wilson's interval of 8 in 20 is 21.9 % to 61.3 %."""
    told = share("texture.shuffle_retention", 8, 20, title="Kept", scope={"tiles": "4"})
    assert told.value == pytest.approx(0.4)
    assert told.counts == {"numerator": 8, "denominator": 20}
    assert "21.9 % to 61.3 %, 20 images" in told.note


def test_a_mean_tells_how_many_images_it_is_of() -> None:
    """Equal values have no spread; what is absent says why."""
    told = mean("channels.relative_change", mean_spread([2.0] * 30), title="Change")
    assert (told.value, told.counts) == (2.0, {"images": 30})
    assert "2 to 2, 30 images" in told.note
    assert without("channels.nr_share", "not_applicable", "No head.").value is None


@pytest.mark.parametrize(("classes", "limit"), [(2, 0.75), (3, 2 / 3), (10, 0.2), (1000, 0.002)])
def test_the_limit_of_chance_can_be_reached(classes: int, limit: float) -> None:
    """Twice chance among two classes is 1, which no honest model reaches."""
    assert least_accuracy(classes) == pytest.approx(limit)
