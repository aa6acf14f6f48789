"""Two trained networks of one architecture, one of them adversarially: known directions."""

from pathlib import Path

import numpy as np
import pytest

from analyzers.attacks import probe, probe_child
from analyzers.behaviour.channels.words import RISES_FROM
from analyzers.contract import FloatArray, LabelArray, Shard
from analyzers.engines.subject import OnnxSubject
from service.demo.shapes import draw
from support.attacking import config
from support.channelling import Course, Pictures, course_of
from support.graphs import subject_of
from support.reference import picture_set, rows_of, spec_of
from support.subjects import silent

NETS = Path(__file__).parents[4] / "service" / "demo" / "nets"
COUNT = 30


def looked_at(subject: OnnxSubject, images: FloatArray, labels: LabelArray, eps: str) -> Course:
    """A network on pictures and on the probe's of them."""
    shown = Pictures(np.ascontiguousarray(images), labels)
    told, rows = probe.ANALYZER.description, (0, len(images))
    shard = Shard(told.id, told.version, config(eps), "s", "d", rows, {}, {}, 0, "test")
    attacked = probe_child.measure(shard, subject, shown.rows(rows), {}, silent)
    shown.attacked = attacked.blobs[probe.BLOB]
    return course_of(subject, shown)


def demo(name: str) -> Course:
    """A demo network on its pictures, at 8/255."""
    drawn = draw(COUNT, seed=3)
    images = (drawn.images.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    subject = subject_of((NETS / f"{name}.onnx").read_bytes())
    return looked_at(subject, images, drawn.labels.astype(np.int64), "8/255")


@pytest.fixture(scope="module")
def normal() -> Course:
    """Trained on clean pictures."""
    return demo("normal")


@pytest.fixture(scope="module")
def robust() -> Course:
    """Trained adversarially."""
    return demo("robust")


def test_adversarial_training_keeps_channels_where_they_were(
    normal: Course, robust: Course
) -> None:
    """Its activation moves less and keeps its direction, as the papers found."""
    assert robust.value("channels.relative_change") < normal.value("channels.relative_change")
    assert robust.value("channels.cosine") > normal.value("channels.cosine")


def test_channels_against_the_class_rise_in_both_and_less_in_the_robust_one(
    normal: Course, robust: Course
) -> None:
    """Over-activation remains after adversarial training; what argues for the class shrinks."""
    assert 0 < robust.value("channels.nr_rise") < normal.value("channels.nr_rise")
    for one in (normal, robust):
        assert one.value("channels.nr_over") > 1
        assert one.value("channels.pr_keep") < 1


def test_a_change_grows_less_with_depth_in_the_robust_one(normal: Course, robust: Course) -> None:
    """And an attack grows more than noise as long as it in both."""
    for noise in ("attack", "gaussian"):
        grown = [one.value("channels.noise_growth", noise=noise) for one in (normal, robust)]
        assert grown[0] > grown[1]
    for one in (normal, robust):
        attack, noise = (
            one.value("channels.noise_growth", noise=kind) for kind in ("attack", "gaussian")
        )
        assert attack > noise


@pytest.mark.deep
@pytest.mark.reference
def test_the_line_of_the_finding_lies_between_third_party_networks(reference_models: Path) -> None:
    """What the help page says of ten CIFAR-10 networks at 4/255, on a hundred images each."""
    rises: dict[bool, list[float]] = {True: [], False: []}
    for row in rows_of(reference_models):
        if "cifar" not in row["dataset"]:
            continue
        subject = subject_of((reference_models / row["onnx"]).read_bytes(), spec_of(row))
        found = looked_at(subject, *picture_set(reference_models, row, 100), "4/255")
        rises[row["trained"] == "normal"].append(found.value("channels.nr_rise"))
    assert (len(rises[True]), len(rises[False])) == (4, 6)
    assert 0.125 < min(rises[True]) <= max(rises[True]) < 0.335
    assert max(rises[False]) < 0.0235 < RISES_FROM < min(rises[True])
