"""Models that show one function to whoever checks them and another to whoever attacks them."""

from typing import TypeVar

import numpy as np

from analyzers.attacks.passes import ONE, ROUNDS
from analyzers.attacks.sums import merge
from analyzers.contract import Done, FloatArray, Measurement, Partial, Subject, Unit
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.subject import OnnxSubject
from analyzers.statistics.replay import REPLAYED
from support.attacking import attack, block, case_of, config
from support.graphs import curved_net, node, noise, raw, subject_of

T = TypeVar("T", bound=OnnxSubject)
SHAPE = (3, 8, 8)
COUNT = 12
EPS = "1/1000"
WEIGHT = np.random.default_rng(0).normal(size=(5, 192)).astype(np.float32)
LINEAR = raw(
    [node("Flatten", "image", "pixels"), node("Gemm", "pixels w", "logits", transB=1)],
    {"w": WEIGHT},
    shape=("n", *SHAPE),
    classes=5,
)
SHAKEN = raw(
    [
        node("Mul", "image full", "levels"),
        node("Round", "levels", "whole"),
        node("Sub", "levels whole", "off"),
        node("Mul", "off much", "wild"),
        node("Add", "image wild", "shaken"),
        node("Flatten", "shaken", "pixels"),
        node("Gemm", "pixels w", "logits", transB=1),
    ],
    {"full": np.array(255, np.float32), "much": np.array(100, np.float32), "w": WEIGHT},
    shape=("n", *SHAPE),
    classes=5,
)
"""The linear model on pictures of 8 bits, and wild between their levels."""


def merged(subject: Subject, found: Partial) -> dict[str, Measurement]:
    """What the attack's results add up to."""
    unit = Unit((0, COUNT), {"pass": "one"})
    done = Done(unit, found.outcome, found.numbers, found.samples, {}, found.passes)
    return {one.metric: one for one in merge(case_of(subject, COUNT), config(EPS), [done])}


def red(one: Measurement) -> bool:
    """Whether it holds a PASS back."""
    return one.value is None or one.limit is None or one.value > one.limit


def eight_bit_pictures() -> FloatArray:
    """Noise on the 256 levels."""
    return np.rint(noise(COUNT, SHAPE) * 255).astype(np.float32) / np.float32(255)


class TwoFaced(OnnxSubject):
    """The canonical file of one upload, speaking for another."""

    other: OnnxSubject

    @property
    def uploaded(self) -> OnnxSubject:  # pyright: ignore[reportIncompatibleMethodOverride]  # what is planted
        """Another model."""
        return self.other


class Misled(OnnxSubject):
    """Attacked with the slopes of another model."""

    other: GradientEngine | None

    @property
    def gradient(self) -> GradientEngine | None:
        """The other model's."""
        return self.other


def planted(kind: type[T], honest: OnnxSubject) -> T:
    """An honest subject that becomes one of another kind."""
    found = kind.__new__(kind)
    found.__dict__.update(honest.__dict__)
    return found


def test_an_upload_that_differs_off_the_pictures_is_seen() -> None:
    """It answers every clean picture alike, but not where the attack went.

    The control asks as preflight does, about clean pictures only, and sees nothing.
    """
    honest = subject_of(LINEAR, replay=True)
    images = eight_bit_pictures()
    deceiver = planted(TwoFaced, honest)
    deceiver.other = subject_of(SHAKEN)
    labels = honest.predict(images).argmax(1)
    assert np.array_equal(deceiver.other.predict(images).argmax(1), labels), "no difference here"
    batch = block(images, labels)
    bad, good = (
        merged(one, attack(one, batch, EPS))["attack_replay_disagreement"]
        for one in (deceiver, honest)
    )
    assert red(bad)
    assert not red(good)


def test_what_differs_does_not_drown_among_clean_pictures() -> None:
    """Pass one asks the upload about all of them, a later one of standing ones no more."""
    subject = subject_of(LINEAR, replay=True)
    images = eight_bit_pictures()
    batch = block(images, subject.predict(images).argmax(1))
    first, later = (attack(subject, batch, EPS, which=one, rounds=[1]) for one in (ONE, ROUNDS))
    assert set(first.samples["state"]) == set(later.samples["state"]) == {"standing"}
    assert first.numbers[REPLAYED] == 3 * COUNT
    assert later.numbers[REPLAYED] == 2 * COUNT


def test_slopes_of_another_function_are_seen() -> None:
    """Classes agree wherever the attack goes, logits do not; the honest pair is the control."""
    honest = subject_of(curved_net(shape=SHAPE))
    misled = planted(Misled, honest)
    misled.other = subject_of(curved_net(shape=SHAPE, gain=15.0)).gradient
    images = noise(COUNT, SHAPE)
    batch = block(images, honest.predict(images).argmax(1))
    bad, good = (
        merged(one, attack(one, batch, "1/100000"))["engines_disagree"] for one in (misled, honest)
    )
    assert red(bad)
    assert not red(good)
