"""The order of targets on models where the distance to each border is known in closed form."""

import numpy as np
import pytest

from analyzers.attacks.ranking import FEW, MANY, THOUSAND, Ranking, considered, rank
from analyzers.contract import Array, FloatArray, LabelArray, Subject
from support.graphs import linear, noise, subject_of

SHAPE = (1, 4, 4)


def ranked(weight: Array, images: FloatArray, labels: LabelArray | None = None) -> Ranking:
    """The ranking on a linear model, of whose answers the labels are unless they are given."""
    subject: Subject = subject_of(linear(weight, np.zeros(len(weight)), SHAPE))
    logits = subject.predict(images)
    assert subject.gradient is not None
    told = logits.argmax(1).astype(np.int64) if labels is None else labels
    return rank(subject.gradient, images, told, logits)


def weights(classes: int, seed: int = 1) -> Array:
    """Rows of a linear model."""
    return noise(classes, (16,), seed=seed) - np.float32(0.5)


def distances(weight: Array, image: FloatArray, label: int) -> Array:
    """Closed form: the gap of the logits over the L1 norm of its slope, for every other class."""
    exact = weight.astype(np.float64)
    lead = exact[label] - exact
    gap = lead @ image.ravel().astype(np.float64)
    return np.delete(gap / np.abs(lead).sum(axis=1).clip(1e-300), label)


@pytest.mark.parametrize("classes", [2, 3, 7, FEW + 1])
def test_distances_of_a_linear_model_are_exact(classes: int) -> None:
    """Every other class with its true distance, the nearest first."""
    weight, images = weights(classes), noise(12, SHAPE)
    found = ranked(weight, images)
    assert found.targets.shape == found.distance.shape == (12, classes - 1)
    labels = (images.reshape(12, -1) @ weight.T).argmax(1)
    for image, label, targets, told in zip(images, labels, *found[:2], strict=True):
        others = np.delete(np.arange(classes), label)
        known = dict(zip(others.tolist(), distances(weight, image, int(label)), strict=True))
        assert sorted(targets.tolist()) == others.tolist()
        assert told == pytest.approx([known[int(one)] for one in targets], rel=1e-4, abs=1e-7)
        assert (np.diff(told) >= 0).all()


def test_the_order_is_not_that_of_the_logits() -> None:
    """Control: ranking by scores alone would begin with another class on some image."""
    weight, images = weights(7), noise(60, SHAPE)
    found = ranked(weight, images)
    logits = images.reshape(60, -1) @ weight.T
    assert (found.targets[:, 0] != np.argsort(-logits, axis=1)[:, 1]).any()


def test_what_has_no_slope_comes_last_and_is_infinitely_far() -> None:
    """A class whose gap no pixel moves; the others keep their order before it."""
    weight = weights(4)
    weight[2] = weight[0]
    images = noise(30, SHAPE)
    labels = np.zeros(30, np.int64)
    found = ranked(weight, images, labels)
    assert (found.targets[:, -1] == 2).all()
    assert np.isinf(found.distance[:, -1]).all()
    assert np.isfinite(found.distance[:, :-1]).all()


def test_a_model_without_any_slope_ranks_by_logits() -> None:
    """All equally far: the likelier class first, ties by number."""
    found = ranked(np.zeros((5, 16), np.float32), noise(3, SHAPE), np.array([0, 3, 4]))
    assert np.isinf(found.distance).all()
    assert found.targets.tolist() == [[1, 2, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3]]


def test_a_class_that_is_ahead_already_is_at_no_distance() -> None:
    """A wrong image's own answer comes first, at zero."""
    weight, images = weights(5), noise(10, SHAPE)
    answers = (images.reshape(10, -1) @ weight.T).argmax(1)
    found = ranked(weight, images, (answers + 1) % 5)
    assert np.array_equal(found.targets[:, 0], answers)
    assert not found.distance[:, 0].any()


def test_of_many_classes_the_likeliest_are_measured() -> None:
    """No more than agreed, all of them with larger logits than those left out."""
    weight, images = weights(FEW + 15), noise(6, SHAPE)
    found = ranked(weight, images)
    logits = images.reshape(6, -1) @ weight.T
    for row, targets in zip(logits, found.targets, strict=True):
        likely = np.argsort(-row)[1 : FEW + 1]
        assert sorted(targets.tolist()) == sorted(likely.tolist())


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (2, 1),
        (10, 9),
        (FEW + 1, FEW),
        (FEW + 2, FEW),
        (THOUSAND - 1, FEW),
        (THOUSAND, MANY),
    ],
)
def test_how_many_are_considered(classes: int, expected: int) -> None:
    """All others where there are few, else those of the largest logits."""
    assert considered(classes) == expected


def test_each_image_is_ranked_by_itself() -> None:
    """Alone, or among others: the same order and the same bits."""
    weight, images = weights(6), noise(9, SHAPE)
    whole = ranked(weight, images)
    for at in range(9):
        alone = ranked(weight, images[at : at + 1])
        assert np.array_equal(alone.targets[0], whole.targets[at])
        assert np.array_equal(alone.distance[0], whole.distance[at])
    assert whole.passes == 9 * considered(6)
