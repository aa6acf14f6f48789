"""Two audits without a policy: what differs, which images changed, and of which classes."""

from typing import Any

import pytest

from service.core.comparing import SHOWN, compared
from support.verdicts import ATTACK, N, evidence

ROBUST = ("robust_accuracy", "Linf:8/255:white:gate")


def change(found: dict[str, Any], depth: str = "float32") -> dict[str, Any]:
    """What became of robust accuracy."""
    return next(
        one
        for one in found["changes"]
        if (one["metric"], one["threat"], one["depth"]) == (*ROBUST, depth)
    )


def test_nothing_changed_is_the_same() -> None:
    """Not one image, so no interval is needed to say so."""
    found = compared(evidence(broken=0.3), evidence(broken=0.3))
    assert found["comparable"]
    assert found["differences"] == []
    assert {one["label"] for one in found["changes"]} == {"same"}


def test_a_worse_model_is_worse_by_the_images_that_fell() -> None:
    """Counted from the states by hand, image by image and class by class."""
    old, new = evidence(broken=0.3), evidence(broken=0.6)
    found = change(compared(old, new))
    before, after = (one["facts"]["samples"][ATTACK]["each"] for one in (old, new))
    fell = [row for row in range(N) if (before[row], after[row]) == ("s", "b")]
    assert (found["label"], found["newly_standing"]) == ("worse", 0)
    assert found["newly_broken"] == len(fell) > SHOWN
    assert found["broken_rows"] == fell[:SHOWN]
    assert found["difference"] == -len(fell) / N
    lost = {one["class"]: one["old"] - one["new"] for one in found["classes"]}
    assert lost == {str(label): sum(row % 10 == label for row in fell) for label in range(10)}
    losses = [one["old"] - one["new"] for one in found["classes"]]
    assert losses == sorted(losses, reverse=True)
    back = change(compared(new, old))
    assert (back["label"], back["newly_broken"]) == ("better", 0)


def test_a_few_images_may_be_chance() -> None:
    """Two images of three hundred tell nothing."""
    old, new = evidence(broken=0.3), evidence(broken=0.3)
    told = new["facts"]["samples"][ATTACK]
    told["each"] = told["each"].replace("s", "b", 2)
    told["states"]["standing"] -= 2
    told["states"]["broken"] += 2
    found = change(compared(old, new))
    assert (found["label"], found["newly_broken"]) == ("unknown", 2)


@pytest.mark.parametrize("group", [("data", "digest"), ("plan", "seed")])
def test_other_images_are_not_compared(group: tuple[str, str]) -> None:
    """No number is told where pairs would be of different pictures."""
    old, new = evidence(), evidence()
    new["facts"][group[0]][group[1]] = "7"
    found = compared(old, new)
    assert not found["comparable"]
    assert {one["label"] for one in found["changes"]} == {"incomparable"}
    assert "difference" not in found["changes"][0]


def test_classes_are_called_by_their_names() -> None:
    """Where the newer evidence has any."""
    old, new = evidence(broken=0.3), evidence(broken=0.5)
    new["facts"]["data"]["class_names"] = [f"kind {label}" for label in range(10)]
    assert {one["class"] for one in change(compared(old, new))["classes"]} == {
        f"kind {label}" for label in range(10)
    }


def test_only_what_counts_images_is_compared() -> None:
    """Neither indicators nor what an analyzer without states measured."""
    found = compared(evidence(broken=0.3), evidence(broken=0.3))
    assert {one["metric"] for one in found["changes"]} == {"accuracy", "robust_accuracy"}


def test_clean_classes_count_those_that_are_right() -> None:
    """By hand from the letters; a class that one side does not speak of has none there."""
    old, new = evidence(), evidence()
    each = new["facts"]["samples"]["behaviour.toy"]["each"]
    right = {str(kind): each[kind::10].count("r") for kind in range(10)}
    del old["facts"]["samples"]["behaviour.toy"]["by_class"]["3"]
    found = next(one for one in compared(old, new)["changes"] if one["metric"] == "accuracy")
    assert {one["class"]: one["new"] for one in found["classes"]} == right
    assert {one["class"]: one["old"] for one in found["classes"]} == {**right, "3": 0}
    back = next(one for one in compared(new, old)["changes"] if one["metric"] == "accuracy")
    assert {one["class"]: one["new"] for one in back["classes"]} == {**right, "3": 0}


def test_audits_without_a_common_image_are_told_so() -> None:
    """The reason stands where numbers would."""
    old, new = evidence(broken=0.3), evidence(broken=0.3)
    old["facts"]["samples"][ATTACK] |= {"each": "-" * N, "states": {}}
    found = change(compared(old, new))
    assert (found["label"], found["why"]) == ("incomparable", "no image was settled in both")


def test_every_pair_of_images_is_in_one_of_four_places() -> None:
    """Stood or fell, stands or falls: the four add up to the pairs, by hand from the states."""
    old, new = evidence(broken=0.6), evidence(broken=0.3)
    found = change(compared(old, new))
    before, after = (one["facts"]["samples"][ATTACK]["each"] for one in (old, new))
    both = sum(pair == ("s", "s") for pair in zip(before, after, strict=True))
    assert found["stands_in_both"] == both > 0
    assert both + found["newly_standing"] == after.count("s")
    assert both + found["newly_broken"] == before.count("s")


@pytest.mark.parametrize(("old", "new"), [(None, None), (0.9, None), (None, 0.9), (0.9, 0.9)])
def test_an_audit_that_ended_early_is_named(old: float | None, new: float | None) -> None:
    """A side that a threshold stopped did not try every attack on what stands."""
    sides = [evidence(broken=0.6, stop_at=stop) for stop in (old, new)]
    found = change(compared(*sides))
    assert found["partial"] == [
        name for name, stop in (("old", old), ("new", new)) if stop is not None
    ]


def test_classes_are_counted_over_whole_pairs_only() -> None:
    """The same model, once stopped early: no class gained what was not looked at before."""
    whole, part = evidence(broken=0.6), evidence(broken=0.6, stop_at=0.9)
    assert change(compared(part, whole))["n"] < N
    assert change(compared(part, whole))["classes"] == []
    assert change(compared(whole, part))["classes"] == []
    assert change(compared(whole, whole))["classes"]
