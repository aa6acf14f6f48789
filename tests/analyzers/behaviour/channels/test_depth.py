"""How a change grows over depth: networks whose gains are known from their spectra."""

import numpy as np
import pytest

from analyzers.contract import Array, FloatArray, Subject
from support.channelling import Course, Pictures, course_of
from support.graphs import node, raw, subject_of

GROWN, FADED = 2.0, 4.0
MOVE = 0.1
GREY = 0.4
START = MOVE * 2**0.5 / (GREY * 3**0.5)
"""How far the move is, over how long the picture is."""


def stacked(layers: int = 3, first: Array | None = None) -> Subject:
    """1x1 convolutions of colours: 4 on their sum, 2 on their differences, ReLUs that idle."""
    spectrum = GROWN * np.eye(3) + (FADED - GROWN) / 3 * np.ones((3, 3))
    both = spectrum.astype(np.float32)[:, :, None, None]
    unit = np.eye(3, dtype=np.float32)[:, :, None, None] if first is None else first
    nodes = [node("Conv", "image k0", "x0"), node("Relu", "x0", "y0")]
    stored: dict[str, Array] = {"k0": unit}
    for at in range(1, layers):
        stored[f"k{at}"] = both
        nodes += [
            node("Conv", f"y{at - 1} k{at}", f"x{at}"),
            node("Relu", f"x{at}", f"y{at}"),
        ]
    nodes += [
        node("GlobalAveragePool", f"y{layers - 1}", "p"),
        node("Flatten", "p", "flat"),
        node("Gemm", "flat w b", "logits", transB=1),
    ]
    weight = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]], np.float32)
    stored |= {"w": weight, "b": np.zeros(2, np.float32)}
    return subject_of(raw(nodes, stored, shape=("batch", 3, 16, 16), classes=2))


def grey(count: int = 21) -> FloatArray:
    """Pictures along the sum."""
    return np.full((count, 3, 16, 16), GREY, np.float32)


def apart(images: FloatArray) -> FloatArray:
    """Moved along a difference."""
    way = np.array([MOVE, -MOVE, 0.0], np.float32)[:, None, None]
    return (images + way).astype(np.float32)


@pytest.fixture(scope="module")
def found() -> Course:
    """Three layers, and a move along the smaller direction of each."""
    shown = Pictures(grey(), np.zeros(21, np.int64), apart(grey()))
    return course_of(stacked(), shown)


def test_gains_are_the_quotients_of_the_spectrum(found: Course) -> None:
    """That of the picture first, and from layer to layer two over four of what it was."""
    wanted = {
        "Conv_0, before its bend": START,
        "Conv_0": START,
        "Conv_1": START * GROWN / FADED,
        "Conv_2": START * (GROWN / FADED) ** 2,
    }
    for layer, gain in wanted.items():
        told = found.value("channels.noise_gain", noise="attack", layer=layer)
        assert told == pytest.approx(gain, rel=1e-5), layer


def test_growth_is_from_the_first_layer_to_the_last(found: Course) -> None:
    """Twice a half: a quarter is left, and the figure says that it fades."""
    one = found.one("channels.noise_growth", noise="attack")
    assert one.value == pytest.approx((GROWN / FADED) ** 2, rel=1e-5)
    assert one.view is not None
    assert "fades with depth" in one.view.title
    assert len(one.view.data["y"]) == 4
    assert "From Conv_0, before its bend to Conv_2" in one.note


def test_the_noise_is_as_long_as_the_attack(found: Course) -> None:
    """At a first layer that passes all on, both are the same length; deeper the noise spreads.

    A third of its energy lies on the sum, the rest on differences, so the next layer keeps the
    root of the mean of 1, 1/4 and 1/4.
    """
    attack, noise = (
        found.value("channels.noise_gain", noise=kind, layer="Conv_0, before its bend")
        for kind in ("attack", "gaussian")
    )
    assert noise == pytest.approx(attack, rel=1e-4)
    deeper = found.value("channels.noise_gain", noise="gaussian", layer="Conv_1")
    assert deeper / noise == pytest.approx(np.sqrt((1 + 0.25 + 0.25) / 3), rel=0.02)


def test_without_an_attack_the_noise_has_a_fixed_size() -> None:
    """A standard deviation of 8/255 on pictures of grey 0.4."""
    found = course_of(stacked(), Pictures(grey(), np.zeros(21, np.int64)))
    told = found.value("channels.noise_gain", noise="gaussian", layer="Conv_0, before its bend")
    assert told == pytest.approx(8 / 255 / GREY, rel=0.01)
    assert "8/255" in found.one("channels.noise_growth", noise="gaussian").note


def test_a_deep_network_is_looked_at_in_a_few_places() -> None:
    """Eight at most, the first and the last among them."""
    shown = Pictures(grey(2), np.zeros(2, np.int64), apart(grey(2)))
    found = course_of(stacked(layers=12), shown)
    layers = [
        dict(one.scope)["layer"]
        for one in found.found
        if one.metric == "channels.noise_gain" and dict(one.scope)["noise"] == "attack"
    ]
    assert len(layers) == 8
    assert (layers[0], layers[-1]) == ("Conv_0, before its bend", "Conv_11")


def test_layers_that_are_silent_have_no_gain() -> None:
    """A first layer of zeros: nothing to divide by, and nothing that grew."""
    shown = Pictures(grey(3), np.zeros(3, np.int64), apart(grey(3)))
    found = course_of(stacked(first=np.zeros((3, 3, 1, 1), np.float32)), shown)
    for noise in ("attack", "gaussian"):
        assert found.one("channels.noise_growth", noise=noise).outcome == "not_available"
        assert found.one("channels.noise_gain", noise=noise, layer="Conv_1").value is None
