"""The course of the lens: what is planned, what depends on what, and how it is shown."""

import hashlib
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from analyzers.behaviour.channels.channels import ANALYZER, EDGES
from analyzers.behaviour.channels.channels_child import measure
from analyzers.behaviour.channels.words import METRICS
from analyzers.contract import Batch, Case, Partial, Unit, ViewKind, blocks
from service.report.views import figure_of
from support.channelling import THREAT, Course, Pictures, case_of, course_of
from support.graphs import noise, small_net, subject_of
from support.subjects import shard_of, silent


@pytest.fixture(scope="module")
def shown() -> Pictures:
    """Forty-five pictures of noise, with labels of the model's own, and others in their place."""
    images = noise(45, (3, 8, 8))
    labels = subject_of(small_net()).predict(images).argmax(axis=1).astype(np.int64)
    moved = np.clip(images + (noise(45, (3, 8, 8), 1) - 0.5) / 5, 0, 1)
    return Pictures(images, labels, moved.astype(np.float32))


@pytest.fixture(scope="module")
def found(shown: Pictures) -> Course:
    """Everything that there is to measure of them."""
    return course_of(subject_of(small_net()), shown, plan="full")


def test_blocks_come_first_and_the_sums_last(found: Course) -> None:
    """The blocks of the probe beside its pictures, then one unit over what they kept."""
    assert [one.unit.rows for one in found.done] == [*blocks(45, EDGES), (0, 0)]
    assert all("probe" in one.unit.inputs for one in found.done[:-1])
    assert len(found.done[-1].unit.inputs) == 2 * len(blocks(45, EDGES))


def test_no_more_images_are_looked_at_than_the_probe_has() -> None:
    """Of a thousand the first two hundred, attacked or not."""
    subject = subject_of(small_net())
    many = replace(case_of(subject, Pictures(noise(2, (3, 8, 8)), np.zeros(2, np.int64)), ())[0])
    case = Case(many.subject, replace(many.data, n=1000))
    assert [unit.rows for unit in ANALYZER.plan(case, {}, (), ())] == blocks(200, EDGES)
    assert ANALYZER.cost(case, {}).forward >= 600


def test_passes_are_those_that_were_made(found: Course) -> None:
    """Clean, attacked and noisy, and one image to learn how large the maps are."""
    for one in found.done[:-1]:
        low, high = one.unit.rows
        assert dict(one.passes) == {"forward": 3 * (high - low) + 1, "backward": 0}


def alone(at: int, shown: Pictures) -> Partial:
    """One image by itself."""
    assert shown.attacked is not None
    subject = subject_of(small_net())
    unit = Unit((at, at + 1), {"do": "look", "threat": THREAT})
    one = hashlib.sha256(shown.images[at].tobytes()).hexdigest()
    batch = Batch([at], shown.images[[at]], shown.labels[[at]], [one])
    inputs = {"probe": shown.attacked[[at]]}
    return measure(shard_of(unit, "behaviour.channels"), subject, batch, inputs, silent)


@pytest.mark.parametrize("at", [0, 17, 19])
def test_neighbours_change_nothing(at: int, found: Course, shown: Pictures) -> None:
    """Each image alone comes to the numbers that it has among others."""
    single, whole = alone(at, shown), found.done[0]
    assert set(single.samples) == set(whole.samples)
    for name, column in single.samples.items():
        assert column[0] == whole.samples[name][at], name


def test_quick_leaves_classes_and_the_experiment_out(shown: Pictures, found: Course) -> None:
    """Both are measured when everything is asked for, and say so when it is not."""
    quick = course_of(subject_of(small_net()), shown)
    for metric, scope in (("channels.alignment", {}), ("channels.clip_gain", {"on": "clean"})):
        told = [one for one in quick.found if one.metric == metric]
        assert {one.outcome for one in told} == {"out_of_budget"}
        assert "--lenses full" in told[0].note
        full = [one for one in found.found if one.metric == metric]
        assert any(one.outcome == "measured" for one in full), scope
    assert quick.value("channels.nr_rise") == found.value("channels.nr_rise")


def test_every_class_has_an_alignment_or_a_reason(found: Course, shown: Pictures) -> None:
    """Those of fewer than five images have none, and say how many they have."""
    counts = np.bincount(shown.labels, minlength=5)
    assert (counts < 5).any()
    for label in range(5):
        one = found.one("channels.alignment", **{"class": str(label)})
        assert (one.outcome == "measured") == (counts[label] >= 5)
        if counts[label] < 5:
            assert one.note == f"{counts[label]} images of this class, 5 are needed."
    (whole,) = [one for one in found.found if one.metric == "channels.alignment" and not one.scope]
    enough = counts[counts >= 5]
    assert whole.counts == {"classes": len(enough), "images": int(enough.sum())}


def test_an_alignment_is_the_rank_correlation_of_a_class(found: Course, shown: Pictures) -> None:
    """Of the mean of what the head reads over all images of the class, with its weights."""
    subject = subject_of(small_net())
    head = subject.places().head
    assert head is not None
    label = int(np.bincount(shown.labels).argmax())
    images = shown.images[shown.labels == label]
    read = subject.activations(images, [head.features], lambda _, values: values)[head.features]
    pair = [read.reshape(len(images), -1).mean(axis=0, dtype=np.float64), head.weight[label]]
    below = [(one[:, None] > one[None]).sum(axis=1) for one in pair]
    equal = [(one[:, None] == one[None]).sum(axis=1) for one in pair]
    ranked = [low + some / 2 for low, some in zip(below, equal, strict=True)]
    wanted = float(np.corrcoef(*ranked)[0, 1])
    told = found.value("channels.alignment", **{"class": str(label)})
    assert told == pytest.approx(wanted, abs=1e-3)


def test_before_the_sums_what_rests_on_them_is_open(found: Course) -> None:
    """Numbers of images are there block by block; lists and layers when all is seen."""
    half = ANALYZER.merge(found.case, {"plan": "full"}, found.done[:2])
    outcomes = {one.metric: one.outcome for one in half}
    assert outcomes["channels.nr_rise"] == "measured"
    for metric in ("channels.over_activated", "channels.noise_growth", "channels.alignment"):
        assert outcomes[metric] == "out_of_budget"


def test_every_figure_can_be_drawn(found: Course) -> None:
    """None of the views becomes a note, and they are of several kinds."""
    views = [one.view for one in found.found if one.view is not None]
    for view in views:
        body = {"kind": view.kind, "title": view.title, "data": view.data, "caption": view.caption}
        assert figure_of(body).drawing is not None, (view.title, figure_of(body).note)
    assert {"dumbbell", "curve", "number", "dots_over_band"} <= {view.kind for view in views}
    assert {view.kind for view in views} <= set(get_args(ViewKind))


def test_every_metric_is_told_once_a_scope(found: Course) -> None:
    """Whatever was measured, no metric is missing and no scope comes twice."""
    keys = [(one.metric, tuple(sorted(one.scope.items()))) for one in found.found]
    assert len(set(keys)) == len(keys)
    assert {one.metric for one in found.found} == {one.name for one in METRICS}


def test_a_list_that_two_halves_do_not_share_is_called_unstable() -> None:
    """One picture again and again: attacked alike both halves agree, attacked in turns not."""
    subject = subject_of(small_net())
    images = np.repeat(noise(1, (3, 8, 8)), 40, axis=0)
    labels = np.repeat(subject.predict(images[:1]).argmax(axis=1).astype(np.int64), 40)
    alike = np.repeat(noise(1, (3, 8, 8), seed=4), 40, axis=0)
    turns = np.tile(noise(2, (3, 8, 8), seed=5), (20, 1, 1, 1))
    stable, unstable = (
        course_of(subject, Pictures(images, labels, one)).one("channels.stability")
        for one in (alike, turns)
    )
    assert stable.value == 1
    assert "is stable" in stable.note
    assert unstable.value is not None
    assert unstable.value < 0.5
    assert "is unstable" in unstable.note
