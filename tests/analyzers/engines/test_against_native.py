"""Whole nets say the same in both engines as the native torch modules that they were exported from.

The oracle is the module itself in float64. Slopes are held to 1e-5 on pictures that rounding
carries over no kink of the module; on the others two honest float32 programs may differ.
"""

from functools import cache
from typing import cast

import numpy as np
import pytest

from analyzers.attacks.losses import margin
from analyzers.contract import FloatArray, InputSpec
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.selfcheck import self_check
from analyzers.graph.canonical import canonicalise
from analyzers.graph.reading import NEWEST_OPSET
from tools import zoo
from tools.bench.native import Word, gap, word_of

PICTURES = 16
TOLERANCE = 1e-5
SIGNS = 0.9999
FEWEST_CLEAR = 2
EVERY = [(exporter, opset) for exporter in zoo.OPSETS for opset in zoo.OPSETS[exporter]]


@cache
def images() -> FloatArray:
    """The pictures of every test."""
    return zoo.pictures(PICTURES, seed=7)


@cache
def oracle(name: str) -> Word:
    """What the native module says of them."""
    return word_of(zoo.build(name, small=True), images())


def exported(name: str, exporter: str, opset: int, *, batch_free: bool) -> bytes:
    """A small net as a file."""
    module = zoo.build(name, small=True)
    return zoo.export(module, cast("zoo.Exporter", exporter), opset, batch_free=batch_free)


def hold_to_oracle(raw: bytes, right: Word) -> None:
    """The file loads, runs in batches, has slopes, and agrees with the module."""
    model = canonicalise(raw)
    check = self_check(model)
    assert (check.batch, check.gradient_gap) == ("free", "")
    hold_logits(model.raw, right)
    engine = GradientEngine(model.raw, InputSpec(), threads=1, batch="free")
    hold_slopes(engine.step(images(), right.labels, margin).slope, right)


def hold_logits(canonical: bytes, right: Word) -> None:
    """Every logit within 1e-5 of the largest, and the same classes."""
    logits = ForwardEngine(canonical, 1, "free").run(images())
    assert np.abs(logits - right.logits).max() <= TOLERANCE * np.abs(right.logits).max()
    assert np.array_equal(logits.argmax(1), right.labels)


def hold_slopes(slopes: FloatArray, right: Word) -> None:
    """Every clear picture, and half of all, within 1e-5; signs on every clear one."""
    clear = gap(slopes[right.clear], right.slopes[right.clear])
    assert clear.worst <= TOLERANCE
    assert clear.signs >= SIGNS
    assert gap(slopes, right.slopes).median <= TOLERANCE


@pytest.mark.parametrize("name", zoo.NAMES)
def test_the_oracle_has_clear_pictures(name: str) -> None:
    """Enough pictures lie clear of kinks for the strict tolerance to mean something."""
    assert oracle(name).clear.sum() >= FEWEST_CLEAR


@pytest.mark.parametrize("name", zoo.NAMES)
def test_files_of_the_older_exporter_agree(name: str) -> None:
    """Logits, classes and slopes of every net at the exporter's usual opset."""
    hold_to_oracle(exported(name, "older", 17, batch_free=True), oracle(name))


@pytest.mark.parametrize("name", zoo.NAMES)
def test_files_fixed_at_one_picture_agree(name: str) -> None:
    """A file exported for one picture runs in batches and says the same."""
    hold_to_oracle(exported(name, "older", 17, batch_free=False), oracle(name))


def test_a_file_of_the_newer_exporter_agrees() -> None:
    """The net with the most operators, at the opset that the exporter writes unless told."""
    hold_to_oracle(exported("vit", "newer", 20, batch_free=True), oracle("vit"))


@pytest.mark.deep
@pytest.mark.parametrize("batch_free", [True, False], ids=["free", "one"])
@pytest.mark.parametrize(("exporter", "opset"), EVERY)
@pytest.mark.parametrize("name", zoo.NAMES)
def test_files_of_every_opset_agree(
    name: str, exporter: str, opset: int, *, batch_free: bool
) -> None:
    """Every net from both exporters at every opset, free and fixed.

    The newer exporter does not bring every operator to the newest opset.
    """
    try:
        raw = exported(name, exporter, opset, batch_free=batch_free)
    except zoo.NotMade:
        assert (exporter, opset) == ("newer", NEWEST_OPSET)
        return
    hold_to_oracle(raw, oracle(name))


def test_control_a_forgotten_statistic_is_noticed() -> None:
    """The logits of a net whose batch norms were moved by a hundredth do not pass."""
    module = zoo.build("mobilenet", small=True)
    for name, values in module.named_buffers():
        if name.endswith("running_mean"):
            values.add_(0.01 * values.abs().mean())
    moved = canonicalise(zoo.export(module, "older", 17)).raw
    with pytest.raises(AssertionError):
        hold_logits(moved, oracle("mobilenet"))


def test_control_a_slope_of_another_class_is_noticed() -> None:
    """Slopes of the margin for the next class are off on every picture."""
    right = oracle("lenet")
    model = canonicalise(exported("lenet", "older", 17, batch_free=True))
    engine = GradientEngine(model.raw, InputSpec(), threads=1, batch="free")
    wrong = engine.step(images(), (right.labels + 1) % zoo.CLASSES, margin).slope
    with pytest.raises(AssertionError):
        hold_slopes(wrong, right)
