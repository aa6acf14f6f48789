"""Bands of whole models beside attacks: models whose side is known, and all that has none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from analyzers.contract import Array, Case, DataFacts, Done, Measurement, Unit
from analyzers.lens import NO_THREAT
from analyzers.structure import filters
from analyzers.structure.filter_sides import Side, sides
from analyzers.trust.bands import LINE, LOOKED_AT, METRIC, band_measurements
from service.report.wording import measure as told_with_unit
from support.fates import attacked
from support.graphs import node, raw, subject_of
from support.subjects import batch_of, committed, shard_of, silent

ROBUST, NORMAL, BETWEEN = 6, 3, 5
"""Patterns: an entropy of .778, .477 and .699, of which the last lies between both bands."""
KEY8 = "attacks.linf@Linf:8/255:white:gate"
N = 100
CENTRE = 0.6
ENTROPY = "variety of the kernels (entropy)"
STEM = "first layer's weight on the centre, beside reference models"


def patterns(count: int, outputs: int, inputs: int) -> Array:
    """A layer of so many orthogonal patterns, each as often with either sign: log10 of them."""
    kernels = np.concatenate([np.eye(9)[:count], -np.eye(9)[:count]]).astype(np.float32)
    return np.resize(kernels, (outputs, inputs, 3, 3))


def stem(centre: float) -> Array:
    """A first layer with this share of its energy on the centre tap."""
    kernel = np.full((3, 3), np.sqrt((1 - centre) / 8), np.float32)
    kernel[1, 1] = np.sqrt(centre)
    return np.broadcast_to(kernel, (64, 3, 3, 3)).copy()


@cache
def from_a_file() -> tuple[Case, Done]:
    """A network of the family in a file, looked at as a child does: half a million 3x3 kernels."""
    nodes = [
        node("Conv", "image first", "a", pads=[1, 1, 1, 1], strides=[4, 4]),
        node("Relu", "a", "b"),
        node("Conv", "b second", "c", pads=[1, 1, 1, 1], strides=[4, 4]),
        node("Relu", "c", "d"),
        node("Conv", "d third", "e", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", "e", "maps"),
        node("GlobalAveragePool", "maps", "mean"),
        node("Flatten", "mean", "flat"),
        node("Gemm", "flat weight", "logits", transB=1),
    ]
    stored = {
        "first": stem(CENTRE),
        "second": patterns(ROBUST, 512, 64),
        "third": patterns(ROBUST, 1024, 512),
        "weight": np.random.default_rng(1).normal(size=(10, 1024)).astype(np.float32) / 1024,
    }
    subject = subject_of(raw(nodes, stored, shape=("batch", 3, 32, 32), classes=10))
    case = Case(subject.facts, DataFacts("d" * 64, N, 10, eight_bit=False))
    (unit,) = filters.plan(case, {}, (), ())
    found = filters.measure(shard_of(unit, LOOKED_AT), subject, batch_of((0, 0)), {}, silent)
    return case, committed(Unit((0, 0)), found)


def looked_at(
    count: int = ROBUST, centre: float = CENTRE, *, side: int = 32, wide: int = 1
) -> tuple[Case, Done]:
    """The same of other patterns, pictures and width: what was read of its layers is changed."""
    case, done = from_a_file()
    samples = dict(done.samples)
    first = [bool(one) for one in samples["stem"]]
    entropy = zip(first, samples["entropy"], strict=True)
    samples["entropy"] = [one if stem else np.log10(count) for stem, one in entropy]
    samples["centre_share"] = [centre if stem else None for stem in first]
    samples["kernels"] = [int(one) // wide for one in samples["kernels"]]
    subject = replace(case.subject, shape=(3, side, side))
    return replace(case, subject=subject), replace(done, samples=samples)


def test_the_control_is_the_file_itself() -> None:
    """What the other tests change was read of a model file: its entropy, its stem, its size."""
    case, done = from_a_file()
    every = sides(case, [done])
    assert {one.lies for one in every.values() if isinstance(one, Side)} == {"robust"}
    for name, value in (("filters.entropy", np.log10(ROBUST)), ("filters.stem_centre_share", 0.6)):
        one = every[name]
        assert isinstance(one, Side)
        assert f"it is {value:.3f}, " in one.told
    assert looked_at()[1].samples["entropy"][1:] == pytest.approx(done.samples["entropy"][1:])


def told(
    count: int, standing: int, *, centre: float = CENTRE, key: str = KEY8
) -> Mapping[str, Measurement]:
    """By reading, what stands beside an attack that leaves so many of a hundred images."""
    case, done = looked_at(count, centre)
    states = ["standing"] * standing + ["broken"] * (N - standing)
    needed = {LOOKED_AT: [done], **attacked(states, key=key)}
    return named(band_measurements(replace(case, needed=needed), [key]))


def named(found: Sequence[Measurement]) -> Mapping[str, Measurement]:
    """By reading; each comes once."""
    kept = {one.scope["reading"]: one for one in found}
    assert len(kept) == len(found) == 2
    assert {one.metric for one in found} == {METRIC}
    return kept


@pytest.mark.parametrize(
    ("count", "lies"), [(ROBUST, "robust"), (NORMAL, "normal"), (BETWEEN, "neither")]
)
def test_the_side_is_that_of_the_published_quantiles(count: int, lies: str) -> None:
    """CIFAR-10: normally trained up to .657, adversarially trained from .700 on."""
    case, done = looked_at(count)
    found = sides(case, [done])["filters.entropy"]
    assert isinstance(found, Side)
    assert found.lies == lies
    assert f"it is {np.log10(count):.3f}"[:9] in found.told
    assert "CIFAR-10 models" in found.told


@pytest.mark.parametrize(
    ("count", "standing", "word"),
    [
        (ROBUST, 60, "agrees"),
        (ROBUST, 5, "disagrees"),
        (NORMAL, 5, "agrees"),
        (NORMAL, 60, "disagrees"),
    ],
)
def test_side_and_attacks_agree_or_not(count: int, standing: int, word: str) -> None:
    """All four ways; the word stands in the note and is what the report shows for the value."""
    one = told(count, standing)[ENTROPY]
    assert one.outcome == "measured"
    assert one.value == float(word == "agrees")
    assert told_with_unit(one.value, "agrees") == word
    assert f"the band {word} with the attacks" in one.note
    assert f"{standing} of 100 images that were right stand" in one.note
    assert "Neither is the cause" in one.note
    assert one.counts == {"standing": standing, "right": 100}
    assert one.grade == "C"
    assert dict(one.scope) == {"threat": "Linf:8/255:white", "reading": ENTROPY}


@pytest.mark.parametrize(
    ("centre", "standing", "value"), [(0.6, 60, 1.0), (0.2, 60, 0.0), (0.2, 2, 1.0)]
)
def test_the_first_layer_has_a_side_of_its_own(centre: float, standing: int, value: float) -> None:
    """Centre share: normal stems up to .312, robust ones from .331 on; between lies neither."""
    assert told(ROBUST, standing, centre=centre)[STEM].value == value
    between = told(ROBUST, standing, centre=0.32)[STEM]
    assert between.outcome == "not_available"
    assert "does not tell one kind from the other" in between.note


def test_between_the_bands_nothing_is_said() -> None:
    """Whatever the attacks found."""
    for standing in (2, 60):
        one = told(BETWEEN, standing)[ENTROPY]
        assert (one.outcome, one.value) == ("not_available", None)
        assert one.note.startswith("Cannot be compared: the reading does not tell")


def test_too_near_the_line_nothing_is_said() -> None:
    """The interval of what stands must leave a quarter out."""
    assert float(LINE) == 0.25
    one = told(ROBUST, 27)[ENTROPY]
    assert one.outcome == "not_available"
    assert "27 of 100 images that were right stand, too near the line of a quarter" in one.note


@pytest.mark.parametrize(
    ("eps", "compared"),
    [("8/255", True), ("4/255", True), ("3/255", False), ("9/255", False), ("16/255", False)],
)
def test_only_threats_that_tell_both_kinds_apart_are_compared(eps: str, compared: bool) -> None:
    """From half of what the reference models were trained against up to that."""
    one = told(ROBUST, 60, key=f"attacks.linf@Linf:{eps}:white:gate")[ENTROPY]
    assert (one.outcome == "measured") is compared
    if not compared:
        assert one.outcome == "not_applicable"
        assert "trained against Linf 8/255" in one.note


@pytest.mark.parametrize(("side", "wide", "why"), [(96, 1, "96 pixels"), (32, 9, "so small")])
def test_outside_the_family_nothing_applies(side: int, wide: int, why: str) -> None:
    """The reason is that of the reading itself."""
    case, done = looked_at(side=side, wide=wide)
    needed = {LOOKED_AT: [done], **attacked(["standing"] * N)}
    for one in band_measurements(replace(case, needed=needed), [KEY8]):
        assert one.outcome == "not_applicable"
        assert one.note.startswith("Cannot be compared. No applicable reference")
        assert why in one.note


def test_without_weights_or_attack_the_reason_is_told() -> None:
    """Each by its own sentence, and nothing is made up."""
    case, done = looked_at(ROBUST)
    (one,) = band_measurements(case, [KEY8])
    assert (one.outcome, one.scope) == ("not_available", {})
    seen = replace(case, needed={LOOKED_AT: [done]})
    assert {one.note for one in band_measurements(seen, [])} == {NO_THREAT}
    failed = Done(Unit((0, 0)), "not_applicable", {}, {}, {}, {}, filters.NO_LAYERS)
    needed = {LOOKED_AT: [failed], **attacked(["standing"] * N)}
    for none in named(band_measurements(replace(case, needed=needed), [KEY8])).values():
        assert none.outcome == "not_applicable"
        assert filters.NO_LAYERS in none.note


def test_images_that_were_wrong_or_open_do_not_count() -> None:
    """Of those that were right, at the depth of the data."""
    case, done = looked_at(ROBUST)
    states = ["standing"] * 50 + ["broken"] * 10 + ["wrong"] * 30 + ["pending"] * 10
    deep = ["standing"] * 60 + ["wrong"] * 30 + ["pending"] * 10
    needed = {LOOKED_AT: [done], **attacked(states)}
    one = named(band_measurements(replace(case, needed=needed), [KEY8]))[ENTROPY]
    assert one.counts == {"standing": 50, "right": 60}
    eight = replace(case, data=replace(case.data, eight_bit=True))
    needed = {LOOKED_AT: [done], **attacked(states, deep)}
    one = named(band_measurements(replace(eight, needed=needed), [KEY8]))[ENTROPY]
    assert one.counts == {"standing": 60, "right": 60}
    none = {LOOKED_AT: [done], **attacked(["wrong"] * N)}
    one = named(band_measurements(replace(case, needed=none), [KEY8]))[ENTROPY]
    assert (one.outcome, "no image that is right was attacked" in one.note) == (
        "not_available",
        True,
    )
