"""Relevance by gradient: the head's weights where both exist, and said to be what it is."""

import numpy as np
import onnx
import pytest

from analyzers.contract import Array, FloatArray, LabelArray, Subject
from support.channelling import Course, Pictures, course_of
from support.graphs import node, noise, raw, subject_of

SHAPE = (3, 6, 8)
CHANNELS = 6
CLASSES = 4
DRAWN = np.random.default_rng(11)
KERNEL = DRAWN.standard_normal((CHANNELS, 3, 3, 3)).astype(np.float32)
WEIGHT = DRAWN.standard_normal((CLASSES, CHANNELS)).astype(np.float32)
HEAD = [node("Gemm", "flat w b", "logits", transB=1)]
HALVES = [
    node("Gemm", "flat half b", "one", transB=1),
    node("Gemm", "flat rest b", "other", transB=1),
    node("Add", "one other", "logits"),
]
"""The same linear layer as a sum of two, which is no head that anybody finds."""
BEYOND_HEADS = ("channels.clip_gain",)


def net(tail: list[onnx.NodeProto], weight: Array = WEIGHT, tilt: float = 0.0) -> Subject:
    """Six channels after a ReLU, their mean over positions, and an end."""
    half = (weight / 3).astype(np.float32)
    stored = {
        "k": KERNEL,
        "w": weight,
        "half": half,
        "rest": weight - half,
        "b": np.full(CLASSES, tilt, np.float32),
    }
    nodes = [
        node("Conv", "image k", "x", pads=[1, 1, 1, 1]),
        node("Relu", "x", "maps"),
        node("GlobalAveragePool", "maps", "mean"),
        node("Flatten", "mean", "flat"),
        *tail,
    ]
    used = {name for one in nodes for name in one.input}
    kept = {name: value for name, value in stored.items() if name in used}
    return subject_of(raw(nodes, kept, shape=("batch", *SHAPE), classes=CLASSES))


def shown_to(subject: Subject, count: int = 45) -> Pictures:
    """Noise labelled by the model itself, and other noise on top."""
    images = noise(count, SHAPE)
    labels: LabelArray = subject.predict(images).argmax(axis=1).astype(np.int64)
    moved = np.clip(images + (noise(count, SHAPE, 1) - 0.5) / 5, 0, 1)
    return Pictures(images, labels, moved.astype(np.float32))


def last_maps(subject: Subject) -> str:
    """What the maps are called in the canonical file."""
    return subject.places().of("active")[-1].tensor


@pytest.fixture(scope="module")
def both() -> tuple[Course, Course]:
    """One function in two spellings: with a head that is found, and with one that is not."""
    exact, other = net(HEAD), net(HALVES)
    assert exact.places().head is not None
    assert other.places().head is None
    pictures = shown_to(exact)
    return course_of(exact, pictures, plan="full"), course_of(other, pictures, plan="full")


def test_behind_a_linear_end_slopes_are_its_weights(both: tuple[Course, Course]) -> None:
    """Every number of the lens is the same whichever way it came about, channels and classes too.

    Only the interval of an alignment may differ: slopes are drawn again with their images.
    """
    exact, other = both
    told = {(one.metric, tuple(sorted(one.scope.items()))): one for one in exact.found}
    measured = 0
    for one in other.found:
        known = told[one.metric, tuple(sorted(one.scope.items()))]
        if one.metric in BEYOND_HEADS:
            continue
        assert one.outcome == known.outcome, one
        if one.value is not None:
            assert one.value == pytest.approx(known.value, rel=1e-4, abs=1e-5), one
            measured += 1
    assert measured > 20
    ends = [one.one("channels.over_activated").view for one in both]
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0].data["labels"] == ends[1].data["labels"]
    assert ends[0].data["after"] == pytest.approx(ends[1].data["after"], rel=1e-4)


def test_what_rests_on_slopes_says_so(both: tuple[Course, Course]) -> None:
    """In the title and in the note, with why; what rests on weights says nothing of slopes."""
    exact, other = both
    for metric, scope in (
        ("channels.nr_share", {"on": "clean"}),
        ("channels.nr_rise", {}),
        ("channels.nr_over", {}),
        ("channels.pr_keep", {}),
        ("channels.over_activated", {}),
    ):
        one = other.one(metric, **scope)
        assert "Relevance is by gradient" in one.note
        assert "adds two results of the image" in one.note
        assert one.view is not None
        assert one.view.title.endswith("(by gradient)")
        assert one.grade == "C"
        assert "by gradient" not in exact.one(metric, **scope).note
    whole = [one for one in other.found if one.metric == "channels.alignment" and not one.scope]
    assert whole[0].view is not None
    assert whole[0].view.title.endswith("(by gradient)")


def test_a_cut_needs_a_head_that_can_answer_anew(both: tuple[Course, Course]) -> None:
    """The experiment is not available, and says what it would take."""
    one = both[1].one("channels.clip_gain", on="attacked")
    assert one.outcome == "not_available"
    assert "Only a linear head" in one.note


def test_the_way_back_is_counted(both: tuple[Course, Course]) -> None:
    """One forward and one back more an image, and none where weights tell."""
    for exact, other in zip(both[0].done[:-1], both[1].done[:-1], strict=True):
        low, high = other.unit.rows
        assert dict(exact.passes) == {"forward": 3 * (high - low) + 1, "backward": 0}
        assert dict(other.passes) == {"forward": 4 * (high - low) + 1, "backward": high - low}


def test_the_slope_of_what_bends_is_its_own() -> None:
    """Known answer: behind tanh a weight counts by how far the logit is from its ends."""
    bent = [node("Gemm", "flat w b", "m", transB=1), node("Tanh", "m", "logits")]
    subject = net(bent, WEIGHT / 8)
    shown = shown_to(subject)
    found = course_of(subject, shown)
    name = last_maps(subject)
    maps = subject.activations(shown.images, [name], lambda _, values: values)[name]
    mean = maps.mean(axis=(2, 3), dtype=np.float64)
    away = 1 - np.square(np.tanh(mean @ WEIGHT.T / 8))[np.arange(45), shown.labels]
    relevance = WEIGHT[shown.labels] / 8 * away[:, None]
    against = np.minimum(mean * relevance, 0).sum(axis=1)
    told = found.value("channels.nr_contribution", on="clean")
    assert told == pytest.approx(against.mean(), rel=1e-4)


def test_scores_in_maps_are_not_taken_for_channels() -> None:
    """Maps of one channel a class are the answer itself; those before them are looked at."""
    nodes = [
        node("Conv", "image k", "x", pads=[1, 1, 1, 1]),
        node("Relu", "x", "maps"),
        node("Conv", "maps one b", "scores"),
        node("GlobalAveragePool", "scores", "mean"),
        node("Flatten", "mean", "logits"),
    ]
    stored = {"k": KERNEL, "one": WEIGHT[:, :, None, None], "b": np.zeros(CLASSES, np.float32)}
    subject = subject_of(raw(nodes, stored, shape=("batch", *SHAPE), classes=CLASSES))
    assert subject.places().head is None
    pictures = shown_to(net(HEAD))
    found, exact = course_of(subject, pictures), course_of(net(HEAD), pictures)
    for on in ("clean", "attacked"):
        assert found.value("channels.nr_contribution", on=on) == pytest.approx(
            exact.value("channels.nr_contribution", on=on), rel=1e-4
        )


def test_a_saturated_end_has_no_relevance() -> None:
    """Slopes of zero tell no channel from another; there is a reason and no share of nothing."""
    bent = [node("Gemm", "flat w b", "m", transB=1), node("Tanh", "m", "logits")]
    subject = net(bent, WEIGHT, tilt=60.0)
    pictures: FloatArray = noise(25, SHAPE)
    shown = Pictures(pictures, np.zeros(25, np.int64), pictures[::-1].copy())
    found = course_of(subject, shown)
    for metric in ("channels.nr_rise", "channels.over_activated"):
        assert found.one(metric).outcome == "not_available"
        assert "No image has a slope" in found.one(metric).note
    assert found.one("channels.relative_change").outcome == "measured"


@pytest.mark.parametrize("at", [0, 17, 19])
def test_neighbours_change_no_slope(at: int) -> None:
    """Each image alone has the slopes that it has among others, to the bit."""
    subject = net(HALVES)
    shown, name = shown_to(subject), last_maps(subject)
    whole, alone = (
        subject.slopes_inside(shown.images[rows], shown.labels[rows], name, lambda _, one: one)
        for rows in (slice(0, 45), slice(at, at + 1))
    )
    assert whole is not None
    assert alone is not None
    assert np.array_equal(whole.slope[at], alone.slope[0])
    assert np.array_equal(whole.logits[at], alone.logits[0])
