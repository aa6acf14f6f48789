"""Each liar is valid, answers as the honest model, deceives a naive attack, and is no more robust.

That it deceives is the control of every test elsewhere that an evaluation sees through it.
"""

import copy
from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest

from analyzers.contract import FloatArray, Refusal
from analyzers.engines.subject import OnnxSubject
from analyzers.graph.reading import opset_of
from analyzers.trust.grafting_child import Graft
from analyzers.trust.liars_child import (
    LIARS,
    Disguise,
    Randomness,
    batch_peeking,
    decoy,
    probabilities,
    random_layer,
    rounded_inside,
    scaled,
    shaken,
    thresholded,
)
from support.graphs import linear, noise, small_net, subject_of, unruled_net
from support.liars import Pictures, climb, demo_pictures, moved, right, share
from support.running import NETS

EPS = "8/255"
COUNT = 16  # a batch of the engines
SEEN_THROUGH: tuple[Disguise, ...] = ("product", "sum", "turned")
DRAWING: tuple[Randomness, ...] = ("RandomNormalLike", "RandomUniformLike", "Bernoulli")
EXACT = ("scaled", "probabilities", "clipped", "decoy", "off_grid")
"""Those that decide everywhere as the honest model does."""


@cache
def honest_file(name: str = "normal") -> bytes:
    """A demo net."""
    return (NETS / f"{name}.onnx").read_bytes()


@cache
def honest_net(name: str = "normal") -> OnnxSubject:
    """The same as a subject."""
    return subject_of(honest_file(name))


@cache
def pictures(count: int = COUNT) -> Pictures:
    """Pictures of its test set, which it names rightly."""
    shown = demo_pictures(count + 4)
    kept = right(honest_net(), shown).nonzero()[0][:count]
    return Pictures(shown.images[kept], shown.labels[kept])


@cache
def breaking(name: str = "normal", count: int = COUNT) -> FloatArray:
    """The points where a strong attack on the honest net ended."""
    return climb(honest_net(name), pictures(count), EPS, "margin").broken


def assert_deceives(liar: OnnxSubject, *, name: str = "normal", count: int = COUNT) -> None:
    """What holds of every liar: it answers well, stands a naive attack, and falls to a witness."""
    shown = pictures(count)
    honest = honest_net(name)
    clean = share(right(honest, shown))
    truth = share(right(honest, moved(shown, breaking(name, count))))
    assert share(right(liar, shown)) >= clean - 0.13
    naive = share(climb(liar, shown, EPS).right)
    found = share(right(liar, moved(shown, breaking(name, count))))
    assert naive >= truth + 0.6 * (clean - truth), "the naive attack is not deceived"
    assert found <= truth + 0.25 * (clean - truth), "it withstands what breaks the honest net"


def test_the_honest_net_falls_to_the_naive_attack() -> None:
    """The control: without surgery the same attack breaks nearly everything."""
    honest = honest_net()
    assert share(right(honest, pictures())) >= 0.9
    assert share(climb(honest, pictures(), EPS).right) <= 0.1
    assert share(right(honest, moved(pictures(), breaking()))) <= 0.1


@pytest.mark.parametrize("name", LIARS)
def test_it_is_taken_in_and_deceives(name: str) -> None:
    """The intake takes it, with slopes; a naive attack finds far less than there is."""
    assert_deceives(subject_of(LIARS[name](honest_file())))


@pytest.mark.parametrize("name", EXACT)
def test_every_decision_is_the_honest_one(name: str) -> None:
    """On pictures, on noise, and where the honest net breaks."""
    honest, liar = honest_net(), subject_of(LIARS[name](honest_file()))
    for images in (pictures().images, noise(8, (3, 32, 32)), breaking()):
        assert np.array_equal(honest.predict(images).argmax(1), liar.predict(images).argmax(1))


@pytest.mark.parametrize("disguise", SEEN_THROUGH)
def test_a_softmax_behind_what_changes_nothing_is_recognised(disguise: Disguise) -> None:
    """A product with one, a sum with nothing and two turns do not hide the scores."""
    cut = subject_of(probabilities(honest_file(), disguise))
    larger = subject_of(scaled(honest_file(), 100.0))
    assert np.allclose(cut.predict(pictures().images), larger.predict(pictures().images))


def test_a_softmax_that_is_written_out_is_not_recognised() -> None:
    """Rows are probabilities, and those of confident pictures are zero and one exactly."""
    liar = subject_of(probabilities(honest_file(), "written_out"))
    found = liar.predict(pictures().images)
    assert np.allclose(found.sum(axis=1), 1)
    assert share(found.max(axis=1) == 1) > 0.8


def test_a_plain_softmax_is_recognised() -> None:
    """The control: what is not disguised is cut off, and scores remain."""
    graft = Graft(honest_file())
    plain = subject_of(graft.instead(graft.scores, graft.make("Softmax", graft.scores, axis=1)))
    honest = honest_net()
    assert np.allclose(plain.predict(pictures().images), honest.predict(pictures().images))


@pytest.mark.parametrize("operator", DRAWING)
def test_noise_drawn_inside_is_refused(operator: Randomness) -> None:
    """Two answers to one plain picture differ."""
    with pytest.raises(Refusal) as refused:
        subject_of(random_layer(honest_file(), operator))
    assert refused.value.code == "MODEL_UNSTABLE"


@pytest.mark.parametrize("operator", DRAWING)
def test_noise_that_spares_plain_pictures_has_no_slopes(operator: Randomness) -> None:
    """The intake takes it; it answers a real picture anew each time, and no gradient exists."""
    liar = subject_of(random_layer(honest_file(), operator, hidden=True))
    images = pictures().images
    assert not np.array_equal(liar.predict(images), liar.predict(images))
    assert liar.facts.gradient_gap.startswith(f"op {operator}")
    assert share(right(liar, pictures())) >= 0.85


def test_dropout_in_training_has_no_slopes() -> None:
    """The runtime drops nothing, so two answers agree; the engine of slopes refuses it."""
    liar = subject_of(random_layer(honest_file(), "Dropout"))
    assert "training" in liar.facts.gradient_gap


def test_a_batch_that_changes_answers_is_run_one_by_one() -> None:
    """Caught at intake: alone it is honest, and alone it is asked from then on."""
    liar = subject_of(batch_peeking(honest_file()))
    assert liar.facts.batch == "one"
    honest = honest_net()
    shown = pictures().images[:4]
    assert np.allclose(liar.predict(shown), honest.predict(shown), atol=1e-4)


def test_a_batch_that_spares_plain_pictures_is_taken_in() -> None:
    """Where only real pictures get other answers together, the intake sees nothing."""
    liar = subject_of(batch_peeking(honest_file(), hidden=True))
    assert liar.facts.batch == "free"
    assert_deceives(liar)
    alone = np.concatenate([liar.predict(one[None]) for one in pictures().images])
    assert not np.allclose(alone, liar.predict(pictures().images), atol=1.0)


@pytest.mark.parametrize("opset", [11, 24])
@pytest.mark.parametrize("name", [*LIARS, "batch_peeking"])
def test_opset_and_names_stay(name: str, opset: int) -> None:
    """Whatever the file speaks, its liar is a valid file of the same opset, input and output."""
    given = onnx.ModelProto.FromString(small_net(opset=opset))
    liar = {**LIARS, "batch_peeking": batch_peeking}[name](given.SerializeToString())
    made = onnx.ModelProto.FromString(liar)
    onnx.checker.check_model(made, full_check=True)  # pyright: ignore[reportUnknownMemberType]  # a bare PathLike in onnx
    assert opset_of(made) == opset
    assert made.graph.input == given.graph.input
    assert made.graph.output == given.graph.output
    assert np.isfinite(subject_of(liar).predict(noise(2, (3, 8, 8)))).all()


@pytest.mark.parametrize("make", [shaken, decoy])
def test_a_seed_decides_the_bytes(make: Callable[[bytes, int], bytes]) -> None:
    """The same seed gives the same file, another one another."""
    net = small_net()
    assert make(net, 1) == make(net, 1)
    assert make(net, 1) != make(net, 2)


def test_no_file_is_changed_in_place() -> None:
    """A graft works on a copy of what it was given."""
    raw = honest_file()
    before = copy.copy(raw)
    scaled(raw)
    assert raw == before


def test_what_cannot_be_grafted_is_said() -> None:
    """No convolution, no ReLU behind one, an opset too old."""
    weight = np.ones((2, 12), np.float32)
    flat = linear(weight, np.zeros(2, np.float32), (3, 2, 2))
    with pytest.raises(ValueError, match="no convolution"):
        rounded_inside(flat)
    with pytest.raises(ValueError, match="no ReLU"):
        thresholded(flat)
    old = onnx.ModelProto.FromString(unruled_net())
    old.opset_import[0].version = 8
    with pytest.raises(ValueError, match="opset 8"):
        scaled(old.SerializeToString())


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("make", [shaken, decoy])
def test_every_seed_deceives(make: Callable[[bytes, int], bytes], seed: int) -> None:
    """None of the random directions gives the way away."""
    assert_deceives(subject_of(make(honest_file(), seed)), count=48)


@pytest.mark.deep
@pytest.mark.parametrize("name", LIARS)
def test_a_robust_net_gains_as_little(name: str) -> None:
    """What a robust net has left to lie about, each liar lies about."""
    assert_deceives(subject_of(LIARS[name](honest_file("robust"))), name="robust", count=48)
