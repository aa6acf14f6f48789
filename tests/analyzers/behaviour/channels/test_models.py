"""Models of every kind: what the lens takes for a channel, and what it says where it has none."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest

from analyzers.behaviour.channels.channels import ANALYZER
from analyzers.contract import Array, FloatArray, Reduce, Refusal, Subject
from analyzers.lens import NO_PROBE, NO_THREAT
from support.channelling import THREAT, Course, Pictures, course_of
from support.graphs import node, noise, raw, small_net, subject_of, unruled_net
from support.subjects import ToySubject

DRAWN = np.random.default_rng(5)
EPS = np.float32(0.05)
OF_RELEVANCE = (
    "channels.nr_share",
    "channels.nr_rise",
    "channels.nr_contribution",
    "channels.nr_over",
    "channels.pr_keep",
    "channels.over_activated",
    "channels.stability",
    "channels.alignment",
    "channels.clip_gain",
)
OF_ACTIVATION = ("channels.relative_change", "channels.cosine", "channels.magnitude_ratio")


def drawn(*shape: int) -> Array:
    """Random weights."""
    return DRAWN.standard_normal(shape).astype(np.float32)


def net(
    tail: Sequence[onnx.NodeProto],
    weights: Mapping[str, Array],
    *,
    shape: tuple[int, int, int] = (3, 6, 8),
    classes: int = 4,
    opset: int = 18,
) -> bytes:
    """A convolution to five channels, ``x``, and a tail from there."""
    stored = {"k": drawn(5, shape[0], 3, 3), **weights}
    nodes = [node("Conv", "image k", "x", pads=[1, 1, 1, 1]), *tail]
    return raw(nodes, stored, shape=("batch", *shape), classes=classes, opset=opset)


def gemm(features: str = "flat") -> onnx.NodeProto:
    """The linear layer at the end."""
    return node("Gemm", f"{features} w b", "logits", transB=1)


def seen(
    subject: Subject, *, count: int = 30, plan: str = "quick", attacked: bool = True
) -> Course:
    """Noise labelled by the model itself, and the same under other noise of eps."""
    images = noise(count, subject.facts.shape)
    labels = subject.predict(images).argmax(axis=1).astype(np.int64)
    moved = images + EPS * np.sign(noise(count, subject.facts.shape, seed=1) - np.float32(0.5))
    shown = Pictures(images, labels, np.clip(moved, 0, 1).astype(np.float32) if attacked else None)
    return course_of(subject, shown, plan=plan)


def hold_exact(subject: Subject, found: Course) -> None:
    """What argues for and against, and the bias, are the logit of the true class, exactly."""
    images = noise(30, subject.facts.shape)
    logits = subject.predict(images)
    head = subject.places().head
    assert head is not None
    labels = logits.argmax(axis=1)
    wanted = float((logits.max(axis=1) - head.bias[labels]).mean())
    one = found.one("channels.nr_contribution", on="attacked")
    assert one.view is not None
    assert sum(one.view.data["before"]) == pytest.approx(wanted, rel=1e-4)
    assert found.value("channels.nr_contribution", on="clean") < 0


POOLED = {"w": drawn(4, 5), "b": drawn(4)}
TAILS: dict[str, tuple[list[onnx.NodeProto], Mapping[str, Array], str]] = {
    "mean pool": (
        [
            node("Relu", "x", "y"),
            node("GlobalAveragePool", "y", "p"),
            node("Flatten", "p", "flat"),
            gemm(),
        ],
        POOLED,
        "the mean over all positions of one of 5 channels",
    ),
    "max pool": (
        [
            node("Relu", "x", "y"),
            node("GlobalMaxPool", "y", "p"),
            node("Flatten", "p", "flat"),
            gemm(),
        ],
        POOLED,
        "one of 5 pooled channels",
    ),
    "silu": (
        [
            node("Sigmoid", "x", "s"),
            node("Mul", "x s", "y"),
            node("GlobalAveragePool", "y", "p"),
            node("Flatten", "p", "flat"),
            gemm(),
        ],
        POOLED,
        "the mean over all positions of one of 5 channels",
    ),
    "flat": (
        [node("Relu", "x", "y"), node("Flatten", "y", "flat"), gemm()],
        {"w": drawn(4, 240), "b": drawn(4)},
        "each of 240 values is a channel",
    ),
    "hidden layer": (
        [
            node("Relu", "x", "y"),
            node("Flatten", "y", "f"),
            node("Gemm", "f v c", "h", transB=1),
            node("Relu", "h", "flat"),
            gemm(),
        ],
        {"v": drawn(7, 240), "c": drawn(7), "w": drawn(4, 7), "b": drawn(4)},
        "each of its 7 units is a channel",
    ),
    "token": (
        [
            node("Reshape", "x line", "r"),
            node("Transpose", "r", "t", perm=[0, 2, 1]),
            node("MatMul", "t up", "m"),
            node("Gelu", "m", "g"),
            node("MatMul", "g down", "n"),
            node("Gather", "n first", "flat", axis=1),
            gemm(),
        ],
        {
            "line": np.array([0, 5, -1]),
            "up": drawn(5, 20),
            "down": drawn(20, 5),
            "first": np.array(0),
            **POOLED,
        },
        "one of 5 channels of the token",
    ),
}


@pytest.mark.parametrize("name", TAILS)
def test_what_the_head_reads_adds_up_to_its_logits(name: str) -> None:
    """Whatever stands before the head, contributions are exact; pictures need not be square."""
    tail, weights, told = TAILS[name]
    subject = subject_of(net(tail, weights, opset=20))
    found = seen(subject)
    hold_exact(subject, found)
    assert told in found.one("channels.nr_rise").note
    share = found.value("channels.nr_share", on="attacked")
    assert 0 < share < 1


def test_a_contribution_is_what_is_lost_without_the_channel() -> None:
    """Ablation: with one column of the head at zero the logit of the class falls by z times w."""
    tail, weights, _ = TAILS["mean pool"]
    whole = net(tail, weights)
    body = onnx.ModelProto.FromString(whole)
    images = noise(6, (3, 6, 8))
    subject = subject_of(whole)
    logits = subject.predict(images)
    head = subject.places().head
    assert head is not None
    read = subject.activations(images, [head.features], lambda _, values: values)[head.features]
    for channel in range(5):
        cut = weights["w"].copy()
        cut[:, channel] = 0
        (place,) = [at for at, one in enumerate(body.graph.initializer) if one.name == "w"]
        body.graph.initializer[place].CopyFrom(onnx.numpy_helper.from_array(cut, "w"))
        without = subject_of(body.SerializeToString()).predict(images)
        for label in range(4):
            told = read.reshape(6, 5)[:, channel] * head.weight[label, channel]
            assert logits[:, label] - without[:, label] == pytest.approx(told, abs=1e-5)


def test_pictures_that_nobody_attacked_show_no_change() -> None:
    """Identity: cosine 1, no change, ratios 1, evenness as it was, nothing rises or grows."""
    tail, weights, _ = TAILS["mean pool"]
    subject = subject_of(net(tail, weights))
    images = noise(25, (3, 6, 8))
    labels = subject.predict(images).argmax(axis=1).astype(np.int64)
    found = course_of(subject, Pictures(images, labels, images.copy()))
    assert found.value("channels.cosine") == pytest.approx(1)
    for metric in ("channels.relative_change", "channels.uniformity", "channels.nr_rise"):
        assert found.value(metric) == 0
    for metric in ("channels.magnitude_ratio", "channels.nr_over", "channels.pr_keep"):
        assert found.value(metric) == 1
    assert found.one("channels.over_activated").outcome == "not_available"
    assert found.one("channels.stability").outcome == "not_available"
    assert found.one("channels.noise_growth", noise="attack").outcome == "not_available"


def test_without_a_linear_end_and_without_slopes_the_activation_is_still_told() -> None:
    """No relevance: the reasons are the graph's own; how far channels move needs none."""
    tail, weights, _ = TAILS["mean pool"]
    nodes = [
        node("Reshape", "image rows", "columns"),
        node("Col2Im", "columns size block", "pixels"),
        node("Conv", "pixels k", "x", pads=[1, 1, 1, 1]),
        *tail[:-1],
        node("Gemm", "flat w b", "m", transB=1),
        node("Tanh", "m", "logits"),
    ]
    places = {"rows": [0, 3, 48], "size": [6, 8], "block": [1, 1]}
    stored = {name: np.array(one) for name, one in places.items()}
    stored |= {"k": drawn(5, 3, 3, 3), **weights}
    subject = subject_of(raw(nodes, stored, shape=("batch", 3, 6, 8)))
    found = seen(subject, plan="full")
    for metric in OF_RELEVANCE:
        for one in (one for one in found.found if one.metric == metric):
            assert one.outcome == "not_available"
            assert "No head weights: the last operator is Tanh" in one.note
            assert "No slopes either: op Col2Im" in one.note
    for metric in OF_ACTIVATION:
        assert found.one(metric).outcome == "measured"
        assert "mean over the positions of" in found.one(metric).note
    assert found.value("channels.noise_gain", noise="attack", layer="Conv_0") > 0


def test_without_a_head_positions_are_averaged_wherever_the_channels_are() -> None:
    """Tokens keep their channels on the last axis: the mean is over tokens, not over channels."""
    tail, weights, _ = TAILS["token"]
    tail = [*tail[:-1], node("Gemm", "flat w b", "end", transB=1), node("Tanh", "end", "logits")]
    subject = subject_of(net(tail, weights, opset=20))
    place = subject.places().of("tokens")[0]
    assert (place.axis, place.channels) == (-1, 5)
    images = noise(22, (3, 6, 8))
    moved = noise(22, (3, 6, 8), seed=1)
    before, after = (
        subject.activations(one, [place.tensor], lambda _, values: values.mean(axis=1))[
            place.tensor
        ]
        for one in (images, moved)
    )
    wanted = np.linalg.norm(after - before, axis=1) / np.linalg.norm(before, axis=1)
    found = course_of(subject, Pictures(images, np.zeros(22, np.int64), moved))
    assert found.value("channels.relative_change") == pytest.approx(wanted.mean(), rel=1e-5)


@pytest.mark.parametrize("first", [[], [node("Relu", "image", "bent")]])
def test_a_head_on_the_picture_itself_has_no_channels(first: list[onnx.NodeProto]) -> None:
    """Pixels are no channels: nothing applies, and it is said once for every metric."""
    nodes = [*first, node("Flatten", "bent" if first else "image", "flat"), gemm()]
    stored = {"w": drawn(3, 12), "b": drawn(3)}
    found = seen(subject_of(raw(nodes, stored, shape=("batch", 3, 2, 2), classes=3)))
    assert {one.outcome for one in found.found} == {"not_applicable"}
    assert {one.metric for one in found.found} == {one.name for one in ANALYZER.description.metrics}


def test_layers_without_positions_have_channels_and_no_depth() -> None:
    """A perceptron's hidden units are what its head reads; no maps can be followed."""
    nodes = [
        node("Flatten", "image", "f"),
        node("Gemm", "f v c", "h", transB=1),
        node("Relu", "h", "flat"),
        gemm(),
    ]
    stored = {"v": drawn(9, 12), "c": drawn(9), "w": drawn(3, 9), "b": drawn(3)}
    subject = subject_of(raw(nodes, stored, shape=("batch", 3, 2, 2), classes=3))
    found = seen(subject)
    hold_exact(subject, found)
    assert found.one("channels.noise_growth", noise="attack").outcome == "not_applicable"


def test_without_a_threat_clean_pictures_are_looked_at() -> None:
    """No attacked pictures: what needs them says why, the rest is there."""
    found = seen(subject_of(small_net()), attacked=False, plan="full")
    for metric in (*OF_ACTIVATION, "channels.nr_rise", "channels.over_activated"):
        assert found.one(metric).outcome == "not_available"
        assert found.one(metric).note == NO_THREAT
    assert found.value("channels.nr_share", on="clean") > 0
    assert found.one("channels.noise_growth", noise="attack").note == NO_THREAT
    assert found.one("channels.noise_growth", noise="gaussian").outcome == "measured"


def test_without_slopes_that_is_the_reason() -> None:
    """The model has no gradient here, so nobody could have attacked it."""
    found = seen(subject_of(unruled_net()), attacked=False)
    assert found.one("channels.nr_rise").note == NO_PROBE


def test_a_model_at_chance_has_no_channels_that_argue() -> None:
    """Labels of another world: right no more often than twice chance, of five classes."""
    subject = subject_of(small_net())
    images = noise(25, subject.facts.shape)
    labels = (subject.predict(images).argmax(axis=1) + 1 + np.arange(25) % 4) % 5
    found = course_of(subject, Pictures(images, labels.astype(np.int64), images[::-1].copy()))
    assert found.one("channels.nr_rise").outcome == "not_applicable"
    assert "too near to chance" in found.one("channels.nr_rise").note
    assert found.one("channels.relative_change").outcome == "measured"


def test_three_classes_are_enough() -> None:
    """Nothing here needs more classes than there are."""
    tail, _, _ = TAILS["mean pool"]
    found = seen(subject_of(net(tail, {"w": drawn(3, 5), "b": drawn(3)}, classes=3)))
    assert found.one("channels.nr_rise").outcome == "measured"


def test_a_model_whose_channels_are_all_dead_has_no_shares() -> None:
    """Zero everywhere: the same answer to everything, and not one division by zero."""
    stored = {"k": drawn(5, 3, 3, 3), "low": np.full(5, -99, np.float32), **POOLED}
    nodes = [node("Conv", "image k low", "x"), *TAILS["mean pool"][0]]
    found = seen(subject_of(raw(nodes, stored)), plan="full")
    for one in found.found:
        assert one.value is None or one.metric in {
            "channels.nr_contribution",
            "channels.noise_gain",
            "channels.clip_gain",
        }, one
    assert found.one("channels.nr_rise").outcome == "not_available"
    assert found.one("channels.over_activated").outcome == "not_available"
    assert found.one("channels.alignment", **{"class": "0"}).outcome == "not_available"


def test_answers_without_a_number_are_left_out_and_counted() -> None:
    """Pictures whose activation overflows have no numbers; the others keep theirs."""
    board = np.indices((3, 6, 8)).sum(axis=0) % 2
    pattern = (200 * (2 * board - 1) / board.size).astype(np.float32)
    nodes = [node("Conv", "image k", "x"), node("Exp", "x", "y"), *TAILS["mean pool"][0][1:]]
    stored = {"k": np.tile(pattern, (5, 1, 1, 1)), **POOLED}
    subject = subject_of(raw(nodes, stored, shape=("batch", 3, 6, 8)))
    images = noise(25, subject.facts.shape)
    labels = subject.predict(images).argmax(axis=1).astype(np.int64)
    moved = images.copy()
    moved[:3] = board
    assert np.isfinite(subject.predict(moved)).all(axis=1).tolist() == [False] * 3 + [True] * 22
    found = course_of(subject, Pictures(images, labels, moved), plan="full")
    assert found.one("channels.relative_change").counts == {"images": 22}
    assert "3 images without such a number" in found.one("channels.relative_change").note
    for metric in ("channels.nr_rise", "channels.nr_over"):
        assert found.one(metric).counts == {"images": 22}
    assert found.one("channels.nr_contribution", on="attacked").counts == {"images": 22}


def test_labels_that_the_head_has_no_row_for_are_left_out() -> None:
    """Data may know more classes than the model."""
    subject = subject_of(small_net())
    images = noise(25, subject.facts.shape)
    labels = subject.predict(images).argmax(axis=1).astype(np.int64)
    labels[:4] = 7
    found = course_of(subject, Pictures(images, labels, images[::-1].copy()), plan="full")
    assert found.one("channels.nr_rise").counts == {"images": 21}
    assert found.one("channels.relative_change").counts == {"images": 25}
    assert found.one("channels.clip_gain", on="clean").counts["images"] == 21


def test_every_threat_has_its_own_numbers() -> None:
    """Clean ones are told once."""
    subject = subject_of(small_net())
    images = noise(25, subject.facts.shape)
    labels = subject.predict(images).argmax(axis=1).astype(np.int64)
    both = (THREAT, "Linf:2/255:white")
    found = course_of(subject, Pictures(images, labels, images[::-1].copy()), threats=both)
    assert {found.value("channels.nr_rise", threat=one) for one in both} == {
        found.value("channels.nr_rise", threat=THREAT)
    }
    assert found.one("channels.nr_share", on="clean").scope == {"on": "clean"}


class ClosedSubject(ToySubject):
    """A model whose inside is too large to be looked at."""

    def activations(
        self, images: FloatArray, names: Sequence[str], reduce: Reduce
    ) -> Mapping[str, Array]:
        """Refused, as the engine does."""
        raise Refusal("ACTIVATIONS_UNAVAILABLE", "The asked tensors take 900 MiB.", "Ask for less.")


def test_a_model_that_cannot_be_looked_into_ends_no_audit() -> None:
    """The engine's sentence becomes the reason of every metric."""
    found = seen(ClosedSubject(), count=21)
    assert {one.outcome for one in found.found} == {"not_available"}
    assert {one.note for one in found.found} == {"The asked tensors take 900 MiB."}
