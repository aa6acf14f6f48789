"""Models and pictures that the lens, or a part of it, does not apply to."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analyzers.behaviour.frequency.analyzer import ANALYZER
from analyzers.behaviour.frequency.answers import answers
from analyzers.behaviour.frequency.columns import near_chance
from analyzers.behaviour.frequency.course import CELLS, SIGHT
from analyzers.behaviour.frequency.polar import polar_of, tell_polar
from analyzers.behaviour.frequency.spectra import CUT_AT
from analyzers.behaviour.frequency.waves import cells
from analyzers.contract import Case, DataFacts, Done, FloatArray, Measurement, SubjectFacts, Unit
from analyzers.lens import NO_PROBE, NO_THREAT
from service.core.driver import Instance
from service.core.findings import findings
from service.report.views import figure_of
from support.frequencies import THREAT, Answering, Audit, Through, coarse, mild
from support.graphs import small_net, subject_of, unruled_net

ALL = {one.name for one in ANALYZER.description.metrics} - {"frequency.map_peak"}
ID = ANALYZER.description.id
OF_CHANGES = (
    "perturbation_centroid",
    "perturbation_low_share",
    "relative_centroid",
    "relative_low_share",
)


def drawn(measured: Sequence[Measurement]) -> int:
    """How many views there are; each of them can be drawn."""
    views = [one.view for one in measured if one.view is not None]
    for view in views:
        body = {"kind": view.kind, "title": view.title, "data": view.data, "caption": view.caption}
        figure = figure_of(body)
        assert figure.drawing is not None, (view.title, figure.note)
        assert view.kind == "number" or view.caption
    return len(views)


def sighted(
    right: Sequence[bool], low: Sequence[float], high: Sequence[float], *, classes: int
) -> dict[str, Measurement]:
    """What is told of images of which so many shares are right at each cut."""
    count = len(right)

    def column(share: float) -> list[bool]:
        return [place < round(share * count) for place in range(count)]

    samples = {
        "row": list(range(count)),
        "right": list(right),
        "fine": [0.1] * count,
        **{f"low:{place}": column(share) for place, share in enumerate(low)},
        **{f"high:{place}": column(share) for place, share in enumerate(high)},
    }
    facts = SubjectFacts("s" * 64, classes, (3, 32, 32), gradient_gap="op A at node b")
    case = Case(facts, DataFacts("d" * 64, count, classes, eight_bit=True))
    done = Done(Unit((0, count), {"look": SIGHT}), "measured", {}, samples, {}, {})
    measured = ANALYZER.merge(case, {}, [done])
    instance = Instance(ID, ANALYZER, {})
    found = {one["id"]: one for one in findings(instance, measured)}
    return {**{one.metric: one for one in measured}, **found}  # type: ignore[dict-item]


def raised(classes: int, clean: float, low: Sequence[float], high: Sequence[float]) -> set[str]:
    """The findings of such images."""
    right = [place < clean * 200 for place in range(200)]
    return {name for name in sighted(right, low, high, classes=classes) if name.startswith("FRQ")}


def test_a_small_net_is_told_in_full() -> None:
    """Convolution, slopes, pictures under attack: every metric has a value and a view."""
    subject = subject_of(small_net(shape=(3, 16, 16)))
    images = mild(40, (3, 16, 16))
    moved = images + np.sign(images - np.float32(0.5)) * np.float32(8 / 255)
    audit = Audit(subject, images, moved=moved).run()
    told = audit.told()
    assert {one.metric for one in told} == ALL
    assert {one.outcome for one in told} == {"measured"}
    assert drawn(told) == len(told)


def test_eight_pixels_have_no_slow_waves() -> None:
    """The lowest ring holds the constant alone: no number, and nothing to hold against it."""
    audit = Audit(subject_of(small_net(shape=(3, 8, 8))), mild(20, (3, 8, 8))).run()
    bands = {one.scope["band"] for one in audit.told() if "band" in one.scope}
    assert bands == {"0.75-1.5", "1.5-2.25", "2.25-3", "3-4", "4-5.66"}
    assert audit.one("low_fragility").outcome == "not_applicable"
    drawn(audit.told())


def test_without_slopes_the_rest_is_told() -> None:
    """The gap is named, and nothing but slopes and pictures under attack is missing."""
    subject = subject_of(unruled_net((3, 16, 16)))
    audit = Audit(subject, mild(40, (3, 16, 16))).run()
    gradient = audit.one("gradient_centroid")
    assert gradient.outcome == "not_available"
    assert subject.facts.gradient_gap in gradient.note
    assert {(audit.one(name).outcome, audit.one(name).note) for name in OF_CHANGES} == {
        ("not_available", NO_PROBE)
    }
    missing = {one.metric for one in audit.told() if one.outcome != "measured"}
    assert missing == {f"frequency.{name}" for name in ("gradient_centroid", *OF_CHANGES)}


def test_without_a_threat_it_says_so() -> None:
    """Slopes are there, pictures under attack are not."""
    audit = Audit(subject_of(small_net(shape=(3, 8, 8))), mild(20, (3, 8, 8))).run()
    assert {audit.one(name).note for name in OF_CHANGES} == {NO_THREAT}
    assert audit.one("gradient_centroid").outcome == "measured"


def test_at_chance_errors_say_nothing() -> None:
    """Labels that the model does not know: what rests on accuracy has no value, the rest has."""
    shape = (1, 16, 16)
    subject, images = Through(coarse(1.0), shape, classes=10), mild(40, shape)
    labels = (subject.predict(images).argmax(axis=1).astype(np.int64) + 1) % 10
    audit = Audit(subject, images, labels).run()
    for name in ("r50", "high_reliance", "lowpass_retention", "peak_error", "low_fragility"):
        assert audit.one(name).outcome == "not_applicable"
        assert "right on 0 of 40 images" in audit.one(name).note
    assert audit.one("logit_change", band="1.5-3").outcome == "measured"


@pytest.mark.parametrize(
    ("right", "classes", "enough"),
    [(19, 10, False), (20, 10, True), (66, 3, False), (67, 3, True), (74, 2, False), (75, 2, True)],
)
def test_what_is_too_near_to_chance(right: int, classes: int, enough: bool) -> None:
    """Twice chance; with two classes, where that is perfection, halfway to always."""
    assert (near_chance(right, 100, classes) == "") == enough


def test_answers_that_are_no_numbers_are_wrong_and_have_no_size() -> None:
    """Half of the pictures get NaN: nothing crashes, and no number is NaN."""
    shape = (1, 16, 16)

    def answer(images: FloatArray) -> FloatArray:
        found = np.stack([images[:, 0, 0, 0], 1 - images[:, 0, 0, 0]], axis=1)
        found[images.mean(axis=(1, 2, 3)) < 0.5] = np.nan
        return found

    images = mild(40, shape)
    images[::2] *= np.float32(0.5)
    labels = (images[:, 0, 0, 0] < 0.5).astype(np.int64)
    audit = Audit(Answering(answer, shape, 2), images, labels).run()
    assert {one.outcome for one in audit.told()} <= {"measured", "not_applicable", "not_available"}
    assert audit.one("r50").outcome == "not_applicable"


def test_no_number_is_right_by_no_label() -> None:
    """NaN comes first in any order, so class 0 would seem right."""
    logits = np.array([[np.nan, np.nan], [np.nan, 1.0], [np.inf, 0.0], [1.0, 0.0]], np.float32)
    found = answers(logits, np.zeros(4, np.int64))
    assert found.right.tolist() == [False, False, False, True]
    assert found.fit.tolist() == [False, False, False, True]
    assert found.logits.tolist() == [[0, 0], [0, 0], [0, 0], [0.5, -0.5]]


def test_excess_is_over_both_phases_less_the_same_images_clean() -> None:
    """Five wrong in both phases, ten in one, four of twenty without: 50 % - 20 %."""
    count = len(cells(32, 32, 4))
    wrong = {f"wrong:{at}": [2] * 5 + [1] * 10 + [0] * 5 for at in range(count)}
    change = {f"change:{at}": [0.5] * 20 for at in range(count)}
    columns = {"row": list(range(20)), "right": [False] * 4 + [True] * 16, "size": [2.0] * 20}
    params = {"look": CELLS, "turns": 4, "cells": list(range(count))}
    numbers = {"waves": 40 * count, "wave_cut": 10.0 * count}
    done = Done(Unit((0, 20), params), "measured", numbers, {**columns, **wrong, **change}, {}, {})
    facts = SubjectFacts("s" * 64, 10, (3, 32, 32))
    case = Case(facts, DataFacts("d" * 64, 20, 10, eight_bit=True))
    told = {(one.metric, one.scope.get("band")): one for one in tell_polar(polar_of(case, [done]))}
    assert told["frequency.excess_error", "3-6"].value == pytest.approx(0.3)
    assert told["frequency.peak_error", None].value == pytest.approx(0.3)
    assert told["frequency.low_fragility", None].value == pytest.approx(0)
    assert told["frequency.logit_change", "3-6"].value == pytest.approx(0.25)
    assert "-0.161 to 0.161, 20 images" in told["frequency.low_fragility", None].note, "all alike"
    assert "4 orientations on 20 images each" in told["frequency.excess_error", "3-6"].note
    assert told["frequency.clip_share", None].value == pytest.approx(0.25)


def test_logits_that_are_all_alike_have_nothing_to_change_against() -> None:
    """A zero denominator is told, ring by ring."""
    shape = (1, 16, 16)
    subject = Answering(lambda images: np.ones((len(images), 3)), shape, 3)
    audit = Audit(subject, mild(20, shape), np.zeros(20, np.int64)).run()
    found = audit.one("logit_change", band="1.5-3")
    assert (found.outcome, found.value) == ("not_applicable", None)
    assert audit.one("peak_error").outcome == "measured", "it is right on all of these"


def test_slopes_that_are_all_zero_have_no_centroid() -> None:
    """A network whose last layer is zero."""
    subject = subject_of(small_net(shape=(3, 8, 8), factor=0.0))
    audit = Audit(subject, mild(20, (3, 8, 8))).run()
    assert audit.one("gradient_centroid").outcome == "not_applicable"


def test_an_attack_that_moves_nothing_has_no_spectrum() -> None:
    """And over flat pictures there is no power to hold a change against."""
    shape = (3, 8, 8)
    subject, images = subject_of(small_net(shape=shape)), mild(20, shape)
    still = Audit(subject, images, moved=images.copy()).run()
    assert {still.one(name, threat=THREAT).outcome for name in OF_CHANGES} == {"not_applicable"}
    black = np.zeros_like(images)
    audit = Audit(subject, black, moved=np.float32(0.01) * images).run()
    assert audit.one("perturbation_centroid", threat=THREAT).outcome == "measured"
    assert audit.one("relative_centroid", threat=THREAT).outcome == "not_applicable"


@pytest.mark.parametrize("shape", [(1, 8, 24), (3, 15, 9), (4, 28, 28)])
def test_other_shapes(shape: tuple[int, int, int]) -> None:
    """Long, odd and four-channel pictures are told, radii by their shorter side."""
    audit = Audit(Through(coarse(1.5), shape), mild(20, shape)).run()
    told = audit.told()
    drawn(told)
    edge = min(shape[1:]) / 2
    assert audit.one("lowpass_retention", radius=f"{edge:g}").value is not None
    gaps = {one.metric for one in told if one.outcome != "measured"}
    assert gaps == {f"frequency.{name}" for name in ("gradient_centroid", *OF_CHANGES)}


def test_pictures_of_a_pixel_have_no_waves() -> None:
    """What can be cut is cut; the map does not apply."""
    shape = (3, 1, 1)
    audit = Audit(Through(lambda images: images, shape), mild(20, shape)).run()
    assert audit.one("peak_error").outcome == "not_applicable"
    assert audit.value("lowpass_retention", radius="0.5") == 1


def test_what_was_not_reached_is_out_of_budget() -> None:
    """Ended after the cuts: these are told, the map is not."""
    shape = (1, 16, 16)
    audit = Audit(Through(coarse(0.5), shape), mild(20, shape)).run()
    audit.done = audit.done[:1]
    assert audit.one("r50").outcome == "measured"
    assert audit.one("peak_error").outcome == "out_of_budget"


def test_all_waves_of_large_pictures_do_not_apply() -> None:
    """Asked for in full, said to be too large; not asked for, not said."""
    facts = SubjectFacts("s" * 64, 4, (1, 8, 96))
    case = Case(facts, DataFacts("d" * 64, 20, 4, eight_bit=True))
    shape = (1, 8, 96)
    audit = Audit(Through(coarse(0.5), shape), mild(20, shape)).run()
    named = {
        plan: [
            one for one in ANALYZER.merge(case, {"plan": plan}, audit.done) if "map" in one.metric
        ]
        for plan in ("quick", "full")
    }
    assert named["quick"] == []
    assert [one.outcome for one in named["full"]] == ["not_applicable"]


def test_none_right_at_a_cut_leaves_doubt() -> None:
    """0 of 200 still allows 1.9 %, and resampling nothing would hide that."""
    found = sighted([True] * 200, [0.0] * 6, [0.0] * 6, classes=10)["frequency.lowpass_retention"]
    assert found.value == 0
    assert "0 to 0.0188" in found.note


def test_half_of_the_accuracy_is_found_where_it_comes_back() -> None:
    """At the first radius that reaches half; at the corner where none does."""
    right = [True] * 160 + [False] * 40
    found = sighted(right, [0.1, 0.39, 0.4, 0.5, 0.7, 0.8], [0.0] * 6, classes=10)
    assert found["frequency.r50"].value == CUT_AT[2]
    assert "6 cycles per image (0.375 of Nyquist)" in found["frequency.r50"].note
    none = sighted(right, [0.1] * 6, [0.0] * 6, classes=10)["frequency.r50"]
    assert none.value == pytest.approx(2**0.5)


def test_findings_follow_their_numbers() -> None:
    """Fine detail that keeps more than .35 above chance; half of the accuracy beyond 8 cycles."""
    level = [0.8] * 6
    assert raised(10, 0.8, level, [0.2] * 6) == set()
    assert raised(10, 0.8, level, [0.1, 0.1, 0.1, 0.36, 0.1, 0.1]) == {"FRQ-HIGH"}
    assert raised(10, 0.8, [0.1, 0.1, 0.1, 0.39, 0.8, 0.8], [0.1] * 6) == {"FRQ-HALF"}
    assert raised(10, 0.8, [0.1, 0.1, 0.1, 0.4, 0.8, 0.8], [0.1] * 6) == set()


def test_few_classes_do_not_look_like_reliance() -> None:
    """Guessing among three keeps .37 of an accuracy of .9; above chance that is nothing."""
    assert raised(3, 0.9, [0.9] * 6, [1 / 3] * 6) == set()
    assert raised(3, 0.9, [0.9] * 6, [0.6] * 6) == {"FRQ-HIGH"}


def test_coarse_waves_that_hurt_most_are_a_finding() -> None:
    """A model of coarse content alone loses to slow changes and to nothing in the middle."""
    shape = (3, 32, 32)
    audit = Audit(Through(coarse(2.9 / 16), shape), mild(60, shape)).run()
    found = findings(Instance(ID, ANALYZER, {}), audit.told())
    assert {one["id"] for one in found} == {"FRQ-LOW"}
    assert audit.value("low_fragility") == pytest.approx(audit.value("excess_error", band="0-3"))


def test_nothing_done_is_out_of_budget() -> None:
    """Every metric of the quick plan says so."""
    facts = replace(SubjectFacts("s" * 64, 4, (1, 8, 8)))
    told = ANALYZER.merge(Case(facts, DataFacts("d" * 64, 4, 4, eight_bit=True)), {}, ())
    assert {one.metric for one in told} == ALL
    assert {one.outcome for one in told} == {"out_of_budget"}
