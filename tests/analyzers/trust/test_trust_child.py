"""The tools of the attack hold on honest models and fail, each in its way, on those that lie."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from analyzers.contract import Array, Batch, FloatArray, InputSpec
from analyzers.engines.subject import OnnxSubject
from analyzers.trust.liars_child import LIARS, batch_peeking, random_layer
from analyzers.trust.planted_child import BORDER, readout
from support.attacking import block
from support.graphs import linear, noise, small_net, subject_of, unruled_net
from support.liars import Pictures, demo_pictures, right
from support.quantised import int8
from support.reference import picture_set, rows_of, spec_of
from support.running import NETS
from support.trusting import answers, merged, raised, red, tried

EPS = "8/255"
COUNT = 8
FEW = 4
SHAPE = (3, 8, 8)
ALL: Final = {
    "slopes_add_up",
    "slope_true_nearby",
    "answers_stable",
    "unbounded_works",
    "planted_found",
}
FLAT: Final = {"slopes_add_up", "slope_true_nearby", "planted_found"}
"""What slopes of zero turn red at least."""
WEIGHT: Final = np.random.default_rng(0).normal(size=(5, 192)).astype(np.float32)
GIVEN_AWAY: Final[Mapping[str, set[str]]] = {
    "probabilities": FLAT,
    "clipped": FLAT,
    "rounded_input": FLAT,
    "rounded_inside": FLAT,
    "thresholded": FLAT,
    "shattered": {"slopes_add_up", "slope_true_nearby"},
    "shaken": {"slopes_add_up", "slope_true_nearby"},
    "decoy": {"slopes_add_up"},
    "off_grid": {"slopes_add_up"},
    "scaled": set(),
}
"""Scores times a thousand deceive the cross-entropy alone: their slopes are true and found."""


def honest_file(name: str = "normal") -> bytes:
    """A demo net."""
    return (NETS / f"{name}.onnx").read_bytes()


@cache
def honest_net(name: str = "normal") -> OnnxSubject:
    """The same as a subject."""
    return subject_of(honest_file(name))


@cache
def pictures() -> Pictures:
    """Pictures of its test set, which the demo net names rightly."""
    shown = demo_pictures(2 * FEW)
    kept = right(honest_net(), shown).nonzero()[0][:FEW]
    return Pictures(shown.images[kept], shown.labels[kept])


def linear_net() -> OnnxSubject:
    """Logits that are linear in the pixels."""
    return subject_of(linear(WEIGHT, np.zeros(5, np.float32), SHAPE))


def test_a_linear_model_is_known_in_advance() -> None:
    """Slopes add up exactly, foretell every step, and lead to all that is planted."""
    subject, images = linear_net(), noise(COUNT, SHAPE)
    found = tried(subject, block(images, answers(subject, images)))
    assert max(found.samples["path_gap"]) < 1e-3
    assert found.samples["step_ratio"] == pytest.approx([1.0] * COUNT, abs=1e-2)
    assert not any(any(found.samples[metric]) for metric in ALL)
    assert found.samples["row"] == list(range(COUNT))


@pytest.mark.parametrize("name", ["normal", "robust"])
def test_an_honest_net_is_believed(name: str) -> None:
    """The control of every liar: nothing is red without the surgery."""
    shown = pictures()
    kept = right(honest_net(name), shown)
    assert kept.sum() >= FEW - 1
    assert raised(honest_net(name), *shown, EPS) == set()


def lies(raw: bytes) -> set[str]:
    """What gives a small liar away, on noise that it names as it likes."""
    liar, images = subject_of(raw), noise(COUNT, SHAPE)
    return raised(liar, images, answers(liar, images), EPS)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_honest_net_is_believed(seed: int) -> None:
    """The control of small liars."""
    assert lies(small_net(seed=seed)) == set()


@pytest.mark.parametrize("name", LIARS)
def test_a_liar_is_given_away(name: str) -> None:
    """Each way of hiding slopes fails the trials that it has to fail."""
    found = lies(LIARS[name](small_net()))
    assert found >= GIVEN_AWAY[name]
    assert bool(found) == bool(GIVEN_AWAY[name])


def test_a_batch_that_answers_otherwise_is_given_away() -> None:
    """A model that peeks at its neighbours is asked about single images as well."""
    liar = subject_of(batch_peeking(honest_file(), hidden=True))
    assert "answers_stable" in raised(liar, *pictures(), EPS)


class Moody(OnnxSubject):
    """Answers real points anew each time."""

    calls = 0

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """Off by a little more with every question."""
        self.calls += 1
        return super().predict(images, input_spec) * np.float32(1 + 0.02 * self.calls)


def test_a_model_that_changes_its_mind_is_given_away() -> None:
    """The same picture asked twice must get the same logits; a growing factor moves them."""
    raw, images = small_net(), noise(COUNT, SHAPE)
    honest = subject_of(raw)
    moody = Moody(raw, honest.facts, honest.input_spec, threads=1)
    labels = answers(honest, images)
    assert "answers_stable" in raised(moody, images, labels, EPS)
    assert "answers_stable" not in raised(honest, images, labels, EPS)


class Silent(OnnxSubject):
    """Answers what is no stored picture with no number."""

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """NaN off the 256 levels."""
        logits = super().predict(images, input_spec)
        levels = images * np.float32(255)
        off = np.abs(levels - np.rint(levels)).max(axis=(1, 2, 3)) > 1e-2
        return np.where(off[:, None], np.float32(np.nan), logits)


def test_no_number_for_an_answer_is_given_away() -> None:
    """A model that answers NaN inside the ball is not stable, and nothing is planted in it."""
    raw = small_net()
    images = np.rint(noise(COUNT, SHAPE) * 255).astype(np.float32) / np.float32(255)
    honest = subject_of(raw)
    mute = Silent(raw, honest.facts, honest.input_spec, threads=1)
    found = raised(mute, images, answers(honest, images), EPS)
    assert found >= {"answers_stable", "planted_found", "slope_true_nearby"}


def test_flat_slopes_leave_images_standing_in_the_whole_box() -> None:
    """Where no slope leads anywhere, a climb fails though every picture is allowed."""
    assert "unbounded_works" in lies(LIARS["rounded_input"](small_net()))


def test_neither_order_nor_place_decides() -> None:
    """The same images in another order, with other rows, get the same answers."""
    subject, images = subject_of(small_net()), noise(COUNT, SHAPE)
    shown = Pictures(images, answers(subject, images))
    batch = block(*shown)
    order = np.random.default_rng(1).permutation(COUNT)
    turned = Batch(
        [int(row) for row in order],
        shown.images[order],
        shown.labels[order],
        [batch.ids[int(row)] for row in order],
    )
    one, other = (tried(subject, each).samples for each in (batch, turned))
    assert one.keys() == other.keys()
    for name, column in one.items():
        assert [column[int(row)] for row in order] == list(other[name])


def test_a_seed_decides_the_draws() -> None:
    """Other points are drawn for another seed, the same for the same."""
    subject, images = subject_of(small_net()), noise(COUNT, SHAPE)
    batch = block(images, answers(subject, images))
    ratios = [tried(subject, batch, seed=seed).samples["step_ratio"] for seed in (0, 0, 1)]
    assert ratios[0] == ratios[1] != ratios[2]


def test_images_that_are_named_wrongly_are_left_out() -> None:
    """They have fallen already, so no tool is tried on them."""
    subject, images = linear_net(), noise(COUNT, SHAPE)
    labels = answers(subject, images)
    labels[::2] = (labels[::2] + 1) % 5
    found = tried(subject, block(images, labels))
    assert found.samples["row"] == list(range(1, COUNT, 2))
    nothing = tried(subject, block(images, (answers(subject, images) + 1) % 5))
    assert nothing.samples["row"] == []
    assert {one.outcome for one in merged(subject, [nothing], COUNT)} == {"out_of_budget"}


def test_a_single_class_needs_no_partner() -> None:
    """Where all images are of one class, paths lead to noise, and an honest net is believed."""
    subject, images = subject_of(small_net()), noise(4 * COUNT, SHAPE)
    labels = answers(subject, images)
    kept = (labels == np.bincount(labels).argmax()).nonzero()[0][:COUNT]
    assert len(kept) > 1
    assert raised(subject, images[kept], labels[kept], EPS) == set()


class Counting(OnnxSubject):
    """Counts the images that it is asked about."""

    asked = 0

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """As it is."""
        self.asked += len(images)
        return super().predict(images, input_spec)


def test_passes_are_counted_and_few() -> None:
    """Every image asked about is in the ledger, and the cost an image has a ceiling."""
    raw, images = small_net(), noise(COUNT, SHAPE)
    honest = subject_of(raw)
    counting = Counting(raw, honest.facts, honest.input_spec, threads=1)
    spent = tried(counting, block(images, answers(honest, images))).passes
    assert counting.asked == spent["forward"] - spent["backward"]
    assert spent["backward"] <= 100 * COUNT
    assert spent["forward"] <= 200 * COUNT


def test_without_slopes_nothing_is_tried() -> None:
    """A model without gradients says which operator has none."""
    subject = subject_of(unruled_net())
    images = noise(2, SHAPE)
    found = tried(subject, block(images, answers(subject, images)))
    assert found.outcome == "not_available"
    assert "Col2Im" in found.note


@pytest.mark.parametrize("operator", ["RandomNormalLike", "Bernoulli"])
def test_noise_drawn_inside_is_not_available(operator: str) -> None:
    """Random operators have no gradient here, so every indicator is missing."""
    liar = subject_of(random_layer(honest_file(), operator, hidden=True))  # pyright: ignore[reportArgumentType]  # parametrize widens a Literal
    assert {one.outcome for one in merged(liar, [], COUNT)} == {"not_available"}


def test_a_twin_is_tried_without_a_crash(tmp_path: Path) -> None:
    """A quantised net with lent slopes is tried, and its answers are stable."""
    images = noise(COUNT, SHAPE)
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(small_net())
    subject = subject_of(int8(plain, tmp_path / "int8.onnx", images).read_bytes())
    assert subject.facts.twin
    assert "answers_stable" not in raised(subject, images, answers(subject, images), EPS)


def scores(*rows: tuple[float, ...]) -> FloatArray:
    """Logits."""
    return np.array(rows, np.float32)


def test_a_readout_tells_the_furthest_corner() -> None:
    """Its direction points there, and its border lies between it and what is near."""
    told = readout(scores((0, 0, 0), (0.1, 0, -0.1)), scores((1, 0, -1), (3, 0, -3)))
    assert told is not None
    assert told.weights == pytest.approx([0.5**0.5, 0, -(0.5**0.5)])
    assert told.border == pytest.approx((0.1 + BORDER * 2.9) * 2**0.5)


@pytest.mark.parametrize(
    "corners", [scores((0, 0), (0, 0)), scores((5, 5), (7, 7)), scores((0, 1), (np.nan, 0))]
)
def test_what_is_answered_alike_has_no_readout(corners: Array) -> None:
    """Nothing tells points apart whose logits are equal, shifted alike, or no numbers."""
    assert readout(scores((0, 0), (0, 0)), corners) is None


QUICK = ("cifar_small_adv4_abcrown", "cifar_marabou_small_nat", "mnist_madrytiny_adv_abcrown")


def doubts(folder: Path, name: str) -> dict[str, set[str]]:
    """What is red on a third-party network, at each of its published sizes."""
    (entry,) = [row for row in rows_of(folder) if row["name"] == name]
    subject = subject_of((folder / entry["onnx"]).read_bytes(), spec_of(entry))
    images, labels = picture_set(folder, entry, 40)
    found: dict[str, set[str]] = {}
    for eps in entry["autoattack"]:
        parts = [
            tried(subject, block(images, labels, rows), str(Fraction(eps)))
            for rows in ((0, 20), (20, 40))
        ]
        found[eps] = red(merged(subject, parts, 40))
    return found


@pytest.mark.reference
@pytest.mark.parametrize("name", QUICK)
def test_a_third_party_net_is_believed(reference_models: Path, name: str) -> None:
    """Honest networks that others trained turn nothing red."""
    assert set().union(*doubts(reference_models, name).values()) == set()


@pytest.mark.deep
@pytest.mark.reference
def test_every_third_party_net_is_believed(reference_models: Path) -> None:
    """All of them, at every size that was published."""
    for entry in rows_of(reference_models):
        found = doubts(reference_models, entry["name"])
        assert all(one == set() for one in found.values()), f"{entry['name']}: {found}"


@pytest.mark.deep
@pytest.mark.parametrize("base", ["normal", "robust"])
@pytest.mark.parametrize("name", LIARS)
def test_a_liar_of_full_size_is_given_away(name: str, base: str) -> None:
    """What hides the slopes of the demo nets fails the same trials."""
    liar = subject_of(LIARS[name](honest_file(base)))
    shown = demo_pictures(40)
    parts = [tried(liar, block(*shown, rows)) for rows in ((0, 20), (20, 40))]
    found = red(merged(liar, parts, 40))
    assert found >= GIVEN_AWAY[name]
    assert bool(found) == bool(GIVEN_AWAY[name])
