"""Two trained networks of one architecture, one of them adversarially: known directions."""

from pathlib import Path

import numpy as np
import pytest

from analyzers.attacks import probe, probe_child
from analyzers.contract import Shard
from service.demo.shapes import draw
from support.attacking import config
from support.channelling import Course, Pictures, course_of
from support.graphs import subject_of
from support.subjects import silent

NETS = Path(__file__).parents[4] / "service" / "demo" / "nets"
COUNT = 40


def looked_at(name: str) -> Course:
    """A demo network on its pictures and on the probe's, at 8/255."""
    drawn = draw(COUNT, seed=3)
    images = (drawn.images.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    shown = Pictures(np.ascontiguousarray(images), drawn.labels.astype(np.int64))
    subject = subject_of((NETS / f"{name}.onnx").read_bytes())
    told = probe.ANALYZER.description
    rows = (0, COUNT)
    shard = Shard(told.id, told.version, config("8/255"), "s", "d", rows, {}, {}, 0, "test")
    attacked = probe_child.measure(shard, subject, shown.rows(rows), {}, silent)
    shown.attacked = attacked.blobs[probe.BLOB]
    return course_of(subject, shown)


@pytest.fixture(scope="module")
def normal() -> Course:
    """Trained on clean pictures."""
    return looked_at("normal")


@pytest.fixture(scope="module")
def robust() -> Course:
    """Trained adversarially."""
    return looked_at("robust")


def test_adversarial_training_keeps_channels_where_they_were(
    normal: Course, robust: Course
) -> None:
    """Its activation moves less and keeps its direction, as the papers found."""
    assert robust.value("channels_relative_change") < normal.value("channels_relative_change")
    assert robust.value("channels_cosine") > normal.value("channels_cosine")


def test_channels_against_the_class_rise_in_both_and_less_in_the_robust_one(
    normal: Course, robust: Course
) -> None:
    """Over-activation remains after adversarial training; what argues for the class shrinks."""
    assert 0 < robust.value("channels_nr_rise") < normal.value("channels_nr_rise")
    for one in (normal, robust):
        assert one.value("channels_nr_over") > 1
        assert one.value("channels_pr_keep") < 1


def test_a_change_grows_less_with_depth_in_the_robust_one(normal: Course, robust: Course) -> None:
    """And an attack grows more than noise as long as it in both."""
    for noise in ("attack", "gaussian"):
        grown = [one.value("channels_noise_growth", noise=noise) for one in (normal, robust)]
        assert grown[0] > grown[1]
    for one in (normal, robust):
        attack, noise = (
            one.value("channels_noise_growth", noise=kind) for kind in ("attack", "gaussian")
        )
        assert attack > noise
