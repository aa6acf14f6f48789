"""A user's own pictures in conflict: what models that see one cue come to, and who has none."""

from dataclasses import replace

import numpy as np
import pytest

from analyzers.behaviour.texture import ANALYZER
from analyzers.behaviour.texture_child import measure
from analyzers.behaviour.texture_own import OWN
from analyzers.contract import (
    Array,
    Batch,
    Case,
    Cues,
    DataFacts,
    Done,
    Measurement,
    Subject,
    Unit,
    blocks,
)
from analyzers.lens import ASSOCIATION
from analyzers.statistics.intervals import wilson
from support.conflicts import CLASSES, SIDE, by_neither, by_shape, by_texture, pairs, pictures
from support.graphs import subject_of
from support.subjects import committed, shard_of, silent

BIAS, NEITHER = "texture.own_shape_bias", "texture.own_neither"
KEPT = {name: name[:1] * 64 for name in ("pictures", "shape", "texture")}


def case_of(subject: Subject, count: int) -> Case:
    """An audit that was given a set of its own."""
    cues = Cues(count, **KEPT) if count else None
    return Case(subject.facts, DataFacts("d" * 64, 4, CLASSES, eight_bit=True), cues=cues)


def done_of(subject: Subject, case: Case, shown: tuple[Array, Array, Array]) -> list[Done]:
    """Every unit over the user's set, measured."""
    inputs: dict[str, Array] = dict(
        zip(("own_pictures", "own_shape", "own_texture"), shown, strict=True)
    )
    nothing = Batch([], np.zeros((0, 1, SIDE, SIDE), np.float32), np.zeros(0, np.int64), [])
    units = [one for one in ANALYZER.plan(case, {}, (), ()) if OWN in one.params]
    return [
        committed(
            unit, measure(shard_of(unit, "behaviour.texture"), subject, nothing, inputs, silent)
        )
        for unit in units
    ]


def told_by(body: bytes, count: int = 24, same: int = 0) -> dict[str, Measurement]:
    """What a model comes to on squares and discs, stored in bytes."""
    subject = subject_of(body)
    shapes, textures = pairs(count, same=same)
    stored = np.rint(255 * pictures(shapes, textures)).astype(np.uint8)
    case = case_of(subject, count + same)
    done = done_of(subject, case, (stored, shapes, textures))
    found = ANALYZER.merge(case, {}, done)
    return {one.metric: one for one in found if one.metric in (BIAS, NEITHER)}


def test_a_model_that_sees_shapes_alone_is_all_shape() -> None:
    """Known answer 1, with Wilson's interval of 24 of 24."""
    found = told_by(by_shape())
    assert found[BIAS].value == 1
    assert found[BIAS].counts == {"numerator": 24, "denominator": 24}
    low, high = wilson(24, 24)
    assert f"{100 * low:.1f} % to {100 * high:.1f} %, 24 images" in found[BIAS].note
    assert found[BIAS].note.endswith(ASSOCIATION)
    assert found[NEITHER].value == 0
    assert found[BIAS].grade == "C"


def test_a_model_that_sees_textures_alone_is_none() -> None:
    """Known answer 0, over more pictures than one unit looks at."""
    found = told_by(by_texture(), count=50)
    assert found[BIAS].value == 0
    assert found[BIAS].counts == {"numerator": 0, "denominator": 50}
    assert found[NEITHER].value == 0


def test_a_model_that_names_neither_has_no_bias() -> None:
    """A share of nothing is none; how many it is of is told."""
    found = told_by(by_neither())
    assert found[BIAS].outcome == "not_available"
    assert "Of 24 pictures none" in found[BIAS].note
    assert found[NEITHER].value == 1


def test_pictures_without_a_conflict_are_left_out() -> None:
    """Whatever a model answers to them, they say nothing of either cue."""
    found = told_by(by_texture(), same=6)
    assert found[BIAS].counts == {"numerator": 0, "denominator": 24}
    assert "6 pictures whose two classes are the same are left out." in found[BIAS].note
    alone = told_by(by_texture(), count=0, same=6)
    for metric in (BIAS, NEITHER):
        assert alone[metric].outcome == "not_applicable"
        assert "all 6 pictures" in alone[metric].note


def test_a_set_is_part_of_what_decides_a_unit() -> None:
    """Its digests are inputs and its rows a parameter; every picture is in one unit."""
    case = case_of(subject_of(by_shape()), 45)
    units = [one for one in ANALYZER.plan(case, {}, (), ()) if OWN in one.params]
    assert [tuple(one.params[OWN]) for one in units] == blocks(45)
    for one in units:
        assert set(one.inputs.values()) == set(KEPT.values())
    assert case.cues is not None
    other = replace(case, cues=case.cues._replace(texture="9" * 64))
    assert ANALYZER.plan(other, {}, (), ()) != ANALYZER.plan(case, {}, (), ())
    assert (
        ANALYZER.cost(case, {}).forward == ANALYZER.cost(replace(case, cues=None), {}).forward + 45
    )


def test_without_a_set_the_way_to_give_one_is_told() -> None:
    """Not measured, for the reason that nobody gave pictures."""
    case = case_of(subject_of(by_shape()), 0)
    assert not [one for one in ANALYZER.plan(case, {}, (), ()) if OWN in one.params]
    attacked = Done(Unit((0, 1), {"threat": "Linf:1/255:white"}), "measured", {}, {}, {}, {})
    found = [one for one in ANALYZER.merge(case, {}, [attacked]) if one.metric in (BIAS, NEITHER)]
    assert [one.outcome for one in found] == ["not_available"] * 2
    assert all("--cues FILE" in one.note for one in found)


@pytest.mark.parametrize("numbers", [{}, {"same": 0}])
def test_a_set_that_nobody_came_to_is_open(numbers: dict[str, int]) -> None:
    """Cut by a deadline before its first unit."""
    case = case_of(subject_of(by_shape()), 20)
    done = [Done(Unit((0, 0), {OWN: [0, 0]}), "measured", numbers, {}, {}, {})] if numbers else []
    found = [one for one in ANALYZER.merge(case, {}, done) if one.metric in (BIAS, NEITHER)]
    assert {one.outcome for one in found} == {"out_of_budget"}


def test_two_classes_are_told_of() -> None:
    """Then every answer is one of the two, and chance is a half."""
    case = case_of(subject_of(by_shape()), 20)
    two = replace(case, subject=replace(case.subject, classes=2))
    unit = Unit((0, 0), {OWN: [0, 20]})
    counts = {"shape": 12, "texture": 8, "neither": 0, "same": 0}
    found = ANALYZER.merge(two, {}, [Done(unit, "measured", counts, {}, {}, {})])
    (bias,) = [one for one in found if one.metric == BIAS]
    assert bias.value == 0.6
    assert "With two classes every answer is one of the two." in bias.note


def test_a_model_near_chance_has_no_bias() -> None:
    """Its answers to pictures in conflict say as little as those to plain ones."""
    case = case_of(subject_of(by_shape()), 20)
    clean = {
        "row": [0, 1, 2],
        "right": [False] * 3,
        **dict.fromkeys(("tiles_2", "tiles_4", "smooth"), [False] * 3),
        **dict.fromkeys(("grey", "hybrid", "slope"), [None] * 3),
    }
    counts = {"shape": 12, "texture": 8, "neither": 0, "same": 0}
    done = [
        Done(Unit((0, 3)), "measured", {}, clean, {}, {}),
        Done(Unit((0, 0), {OWN: [0, 20]}), "measured", counts, {}, {}, {}),
    ]
    found = [one for one in ANALYZER.merge(case, {}, done) if one.metric in (BIAS, NEITHER)]
    assert {one.outcome for one in found} == {"not_applicable"}
    assert all("right about 0 of 3 images" in one.note for one in found)
