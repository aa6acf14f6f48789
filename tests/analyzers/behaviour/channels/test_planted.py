"""A channel that only an attack wakes, planted by hand: every number is known beforehand."""

import numpy as np
import pytest

from analyzers.contract import FloatArray
from support.channelling import THREAT, Course, Pictures, course_of
from support.graphs import node, raw, subject_of

EPS = 0.05
SIDE = 8
CHECKER = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)


def planted() -> bytes:
    """Channel 0 is the mean of 2x2 pixels, channel 1 what they have of a checkerboard."""
    kernel = np.stack([np.full((2, 2), 0.25), CHECKER / 4])[:, None].astype(np.float32)
    weight = np.array([[2 / 7, -6.0], [-2 / 7, 6.0]], np.float32)
    nodes = [
        node("Conv", "image kernel", "x", strides=[2, 2]),
        node("Relu", "x", "y"),
        node("GlobalAveragePool", "y", "pooled"),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat weight bias", "logits", transB=1),
    ]
    stored = {"kernel": kernel, "weight": weight, "bias": np.zeros(2, np.float32)}
    return raw(nodes, stored, shape=("batch", 1, SIDE, SIDE), classes=2)


def flat(count: int) -> FloatArray:
    """Grey pictures, all alike."""
    return np.full((count, 1, SIDE, SIDE), 0.7, np.float32)


def woken(images: FloatArray, height: float = EPS) -> FloatArray:
    """The same with a checkerboard on top."""
    board = np.tile(CHECKER, (SIDE // 2, SIDE // 2))
    return (images + np.float32(height) * board).astype(np.float32)


@pytest.fixture(scope="module")
def found() -> Course:
    """Twenty-four pictures of class 0, whose logits the checkerboard turns over."""
    images = flat(24)
    subject = subject_of(planted())
    assert np.allclose(subject.predict(images)[0], [0.2, -0.2], atol=1e-6)
    assert np.allclose(subject.predict(woken(images))[0], [-0.1, 0.1], atol=1e-6)
    shown = Pictures(images, np.zeros(24, np.int64), woken(images))
    return course_of(subject, shown, plan="full")


def test_the_share_against_the_class_is_known(found: Course) -> None:
    """From nothing to eps over the whole: 0.05 of 0.75."""
    after = EPS / (0.7 + EPS)
    assert found.value("channels.nr_share", on="clean") == 0
    assert found.value("channels.nr_share", on="attacked") == pytest.approx(after, abs=1e-6)
    assert found.value("channels.nr_rise", threat=THREAT) == pytest.approx(after, abs=1e-6)


def test_the_channel_is_named_with_its_contribution(found: Course) -> None:
    """Channel 1 takes 6 eps from the logit; it is the only one named, and class 0 loses."""
    one = found.one("channels.over_activated")
    assert one.value == 1
    assert one.view is not None
    assert one.view.data["labels"] == ["1 (class 0)"]
    assert one.view.data["before"] == [0]
    assert one.view.data["after"] == pytest.approx([6 * EPS], abs=1e-6)
    assert found.value("channels.nr_contribution", on="attacked") == pytest.approx(-0.3, abs=1e-6)
    assert found.value("channels.nr_contribution", on="clean") == 0


def test_nothing_is_divided_by_nothing(found: Course) -> None:
    """On clean pictures no channel argues against the class, so there is no ratio of it."""
    one = found.one("channels.nr_over")
    assert (one.outcome, one.value) == ("not_available", None)
    assert "nothing to divide by" in one.note
    assert found.value("channels.pr_keep") == pytest.approx(1, abs=1e-6)


def test_the_move_is_known(found: Course) -> None:
    """(0.7, 0) becomes (0.7, 0.05)."""
    length = float(np.hypot(0.7, EPS))
    assert found.value("channels.relative_change") == pytest.approx(EPS / 0.7, abs=1e-6)
    assert found.value("channels.cosine") == pytest.approx(0.7 / length, abs=1e-6)
    assert found.value("channels.magnitude_ratio") == pytest.approx(0.75 / 0.7, abs=1e-6)
    part = np.array([0.7, EPS]) / 0.75
    entropy = -(part * np.log2(part)).sum()
    assert found.value("channels.uniformity") == pytest.approx(entropy, abs=1e-6)


def test_a_clamp_at_the_clean_height_undoes_it(found: Course) -> None:
    """The planted channel is never awake on clean pictures, so the cut silences it."""
    assert found.value("channels.clip_gain", on="attacked") == 1
    assert found.value("channels.clip_gain", on="clean") == 0
    assert "not adaptive" in found.one("channels.clip_gain", on="attacked").note


def test_one_image_of_next_to_nothing_does_not_decide_a_ratio() -> None:
    """Nine images double what argues against the class and one has it a hundredfold: 2."""
    clean = np.concatenate([woken(flat(9), 0.01), woken(flat(1), 0.0002)])
    shown = Pictures(clean, np.zeros(10, np.int64), woken(flat(10), 0.02))
    found = course_of(subject_of(planted()), shown)
    assert found.value("channels.nr_over") == pytest.approx(2, rel=1e-3)
