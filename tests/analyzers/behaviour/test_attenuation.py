"""What pooling leaves of a change: closed forms, what is planned and what is said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from analyzers.behaviour.attenuation import (
    ANALYZER,
    ATTENUATION,
    COHERENCE,
    EDGES,
    NOISE,
    QUICK,
    cost,
    merge,
    plan,
)
from analyzers.behaviour.attenuation_child import (
    Change,
    Maps,
    change,
    coherence,
    measure,
    noisy,
)
from analyzers.contract import (
    Array,
    Batch,
    Case,
    DataFacts,
    Done,
    FloatArray,
    Json,
    LastMaps,
    Measurement,
    Partial,
    Places,
    Reduce,
    Refusal,
    Subject,
    Unit,
)
from analyzers.lens import NO_PROBE, NO_THREAT
from service.report.views import figure_of
from support.graphs import model, node
from support.inside import forward_subject
from support.subjects import ToySubject, batch_of, case_of, committed, shard_of, silent

THREAT = "Linf:8/255:white"
KEY = f"attacks.probe@{THREAT}:gate/probe"
SHAPE = (3, 6, 8)
MEAN = LastMaps("image", 1, "mean", (6, 8), 3)
RANDOM = np.random.default_rng(0)


def normal(*shape: int) -> Maps:
    """Standard normal numbers."""
    return RANDOM.standard_normal(shape)


# ---------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("positions", [1, 4, 16, 64])
def test_noise_at_each_position_is_divided_by_the_root_of_their_number(positions: int) -> None:
    """Over copies of one value: attenuation times the root of K is 1 within 5 % (2,000 draws)."""
    maps = np.ones((1, positions))
    draws = [change(maps, maps + 0.01 * normal(1, positions), "mean") for _ in range(2000)]
    energy = np.mean([one.attenuation**2 for one in draws if one.attenuation is not None])
    assert math.sqrt(energy * positions) == pytest.approx(1.0, rel=0.05)
    together = np.mean([one.coherence for one in draws if one.coherence is not None])
    assert together * positions == pytest.approx(1.0, rel=0.05)


def test_a_maximum_does_not_divide_noise() -> None:
    """The control: with sixteen times the positions a mean leaves a quarter, a maximum does not."""
    found: dict[Literal["mean", "max"], list[float]] = {"mean": [], "max": []}
    for pool, kept in found.items():
        for positions in (4, 64):
            maps = np.ones((8, positions))
            told = [
                change(maps, maps + 0.01 * normal(8, positions), pool).attenuation
                for _ in range(400)
            ]
            kept.append(float(np.mean([one for one in told if one is not None])))
    assert found["mean"][1] / found["mean"][0] == pytest.approx(0.25, rel=0.05)
    assert found["max"][1] / found["max"][0] > 1.0


def test_a_common_shift_comes_through_whole() -> None:
    """All positions alike: coherence 1, and of constant maps attenuation 1, by either pool."""
    maps = np.repeat(np.array([[1.0], [3.0]]), 12, axis=1)
    for pool in ("mean", "max"):
        found = change(maps, maps + np.array([[0.5], [-0.25]]), pool)
        assert found.coherence == pytest.approx(1.0)
        assert found.attenuation == pytest.approx(1.0)
        assert found.other == pytest.approx(1.0)


def test_a_checkerboard_vanishes_in_the_mean_and_not_in_the_maximum() -> None:
    """Steps that cancel: coherence 0, nothing is left in the mean, all of it in the maximum."""
    maps = np.full((2, 16), 2.0)
    signs = np.indices((4, 4)).sum(axis=0).reshape(-1) % 2 * 2.0 - 1.0
    found = change(maps, maps + 0.5 * signs, "mean")
    assert (found.coherence, found.attenuation) == (0.0, 0.0)
    assert found.other == pytest.approx(1.0)
    assert change(maps, maps + 0.5 * signs, "max").attenuation == pytest.approx(1.0)


def test_half_of_the_positions_have_half_the_coherence() -> None:
    """Some positions moving alike: their share, whatever the size and direction of the move."""
    moves = np.zeros((3, 16))
    moves[:, :4] = np.array([[2.0], [-1.0], [0.5]])
    assert coherence(moves) == pytest.approx(4 / 16)
    assert coherence(1e-3 * moves) == pytest.approx(4 / 16)


def test_the_two_numbers_are_tied_for_a_mean() -> None:
    """Attenuation squared is the coherence of the change over that of the maps."""
    maps, moves = np.abs(normal(5, 9)), 0.1 * normal(5, 9)
    found, at_rest = change(maps, maps + moves, "mean"), coherence(maps)
    assert found.attenuation is not None
    assert found.coherence is not None
    assert at_rest is not None
    assert found.attenuation**2 == pytest.approx(found.coherence / at_rest)
    assert found.alone == pytest.approx(1 / math.sqrt(9 * at_rest))


NOTHING = Change(None, None, None, None)


@pytest.mark.parametrize(
    ("maps", "moved", "expected"),
    [
        (np.ones((2, 4)), np.ones((2, 4)), NOTHING),
        (np.ones((2, 4)), np.ones((2, 4)) * (1 + 1e-7), NOTHING),
        (np.zeros((2, 4)), np.zeros((2, 4)), NOTHING),
        (np.ones((2, 4)), np.full((2, 4), np.nan), NOTHING),
        (np.zeros((2, 4)), np.ones((2, 4)), Change(1.0, None, None, None)),
        (np.ones((2, 1)), np.full((2, 1), 1.5), Change(1.0, 1.0, 1.0, 1.0)),
    ],
)
def test_nothing_is_divided_by_nothing(maps: Maps, moved: Maps, expected: Change) -> None:
    """Still, dead and broken maps have no number; a single position has both at 1."""
    assert change(maps, moved, "mean") == pytest.approx(expected)


def test_maps_that_cancel_have_no_attenuation() -> None:
    """A mean of zero is nothing to compare with; the maximum still is."""
    maps = np.array([[1.0, -1.0]])
    found = change(maps, maps + 0.5, "mean")
    assert (found.attenuation, found.alone) == (None, None)
    assert found.other is not None


# ----------------------------------------------------------------------------------- noise


def test_noise_is_not_cut_to_the_range_of_pixels() -> None:
    """On black pictures cutting would leave a common shift, which no mean removes."""
    batch = Batch([0], np.zeros((1, 3, 64, 64), np.float32), np.zeros(1, np.int64), ["a"])
    noise = noisy(batch, 0)
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0.0, abs=NOISE / 20)
    assert noise.std() == pytest.approx(NOISE, rel=0.02)


# ------------------------------------------------------------------------------------ plan


def attacked_case(n: int, *threats: str) -> Case:
    """A case with the probe's pictures of these threats."""
    rows = ((0, 20), (20, 40), (40, 60), (60, 100), (100, 180), (180, 200))
    pictures = {pair: f"{pair[0]:064x}" for pair in rows if pair[1] <= n}
    named = {KEY.replace(THREAT, threat): pictures for threat in threats}
    return replace(case_of(ToySubject(shape=SHAPE), n), inputs=named)


def test_noise_first_then_every_threat_up_to_the_plans_size() -> None:
    """A hundred images, or two hundred when all is asked for; attacked units name their blob."""
    case = attacked_case(400, THREAT, "Linf:2/255:white")
    for config, last in (({}, QUICK), ({"plan": "full"}, EDGES[-1])):
        units = plan(case, config, (), ())
        parts = [
            [unit for unit in units if unit.params == params]
            for params in ({"change": "noise"}, {"threat": "Linf:2/255:white"}, {"threat": THREAT})
        ]
        assert [unit for part in parts for unit in part] == list(units)
        for part in parts:
            assert [unit.rows for unit in part] == [
                (low, high) for low, high in zip((0, *EDGES), EDGES, strict=False) if high <= last
            ]
        assert [dict(unit.inputs) for unit in parts[1]] == [
            {"probe": f"{unit.rows[0]:064x}"} for unit in parts[1]
        ]
        assert not any(unit.inputs for unit in parts[0])


def test_few_images_are_one_block() -> None:
    """A set smaller than the first edge is taken whole, and the cost says two looks a change."""
    case = case_of(ToySubject(), 7)
    assert [unit.rows for unit in plan(case, {}, (), ())] == [(0, 7)]
    assert cost(case, {}).forward == 2 * 2 * 7
    assert cost(attacked_case(400, THREAT, "Linf:2/255:white"), {}).forward == 2 * 3 * QUICK


# --------------------------------------------------------------------------- from pictures on


class Mirror(ToySubject):
    """Its last maps are its images, so that every number is known."""

    def __init__(self, last: LastMaps | None = MEAN, *, refuses: bool = False) -> None:
        """``refuses``: nobody may look inside."""
        super().__init__(shape=SHAPE)
        self._last = last
        self._refuses = refuses
        self.shown: list[int] = []

    def places(self) -> Places:
        """The last maps, or none."""
        return Places([], None, "it is a toy", self._last, "no pool stands before the head")

    def activations(
        self, images: FloatArray, names: Sequence[str], reduce: Reduce
    ) -> Mapping[str, Array]:
        """The images, with their channels where they are said to be."""
        if self._refuses:
            code = "ACTIVATIONS_UNAVAILABLE"
            raise Refusal(code, "Looking changes the answers.", "")
        self.shown.append(len(images))
        last = self._last is not None and self._last.axis == -1
        turned = images.transpose(0, 2, 3, 1) if last else images
        return {name: reduce(name, turned) for name in names}


def looked_at(
    subject: Subject, unit: Unit, *, batch: Batch | None = None, probe: FloatArray | None = None
) -> Partial:
    """What a child says of a unit."""
    shard = shard_of(unit, ANALYZER.description.id)
    inputs = {} if probe is None else {"probe": probe}
    shown = batch_of(unit.rows, shape=SHAPE) if batch is None else batch
    return measure(shard, subject, shown, inputs, silent)


def told(
    subject: Subject, *, shift: float | None = 0.1, n: int = 20, case: Case | None = None
) -> list[Measurement]:
    """What the analyzer says; the attack shifts all pixels of every picture alike."""
    noise = Unit((0, n), {"change": "noise"})
    done = [committed(noise, looked_at(subject, noise))]
    if shift is not None:
        unit = Unit((0, n), {"threat": THREAT}, {"probe": "a" * 64})
        images = batch_of((0, n), shape=SHAPE).images
        probe = np.asarray(images + np.float32(shift), np.float32)
        done.append(committed(unit, looked_at(subject, unit, probe=probe)))
    return list(merge(case or attacked_case(n), {}, done))


def by_scope(found: Sequence[Measurement], metric: str) -> dict[str, Measurement]:
    """The measurements of one metric by what they speak of."""
    return {next(iter(one.scope.values())): one for one in found if one.metric == metric}


def test_noise_and_a_shift_are_told_apart() -> None:
    """On flat pictures noise is divided by the root of K = 48, and a shift by nothing."""
    found = told(Mirror(), n=40)
    assert {str(sorted(one.scope.items())) for one in found} == {
        "[('change', 'noise')]",
        f"[('threat', '{THREAT}')]",
    }
    kappa, rho = by_scope(found, COHERENCE), by_scope(found, ATTENUATION)
    assert kappa[THREAT].value == pytest.approx(1.0)
    assert rho[THREAT].value == pytest.approx(1.0, rel=1e-4)
    assert kappa["noise"].value == pytest.approx(1 / 48, rel=0.3)
    assert rho["noise"].value == pytest.approx(1 / math.sqrt(48), rel=0.2)
    assert rho["noise"].counts == {"images": 40}
    assert "40 images" in kappa["noise"].note
    assert "48 positions" in kappa["noise"].note
    assert "This is an association" in kappa["noise"].note


def test_the_channels_axis_is_followed() -> None:
    """The same maps with their channels last have the same numbers."""
    last = MEAN._replace(axis=-1)
    unit = Unit((0, 20), {"change": "noise"})
    assert looked_at(Mirror(last), unit).samples == looked_at(Mirror(), unit).samples


def test_results_depend_on_no_neighbour_and_no_block() -> None:
    """A row has the same numbers in another block, in another order, and among other rows."""
    subject = Mirror()
    whole = looked_at(subject, Unit((0, 20), {"change": "noise"})).samples
    every = batch_of((0, 20), shape=SHAPE)
    backwards = Batch(
        every.rows[::-1], every.images[::-1].copy(), every.labels[::-1], every.ids[::-1]
    )
    turned = looked_at(subject, Unit((0, 20), {"change": "noise"}), batch=backwards).samples
    part = looked_at(subject, Unit((5, 9), {"change": "noise"})).samples
    for name in Change._fields:
        assert turned[name] == list(whole[name])[::-1]
        assert part[name] == whole[name][5:9]


@pytest.mark.parametrize(
    ("size", "channels", "most"), [((6, 8), 3, 16), ((), 0, 2), ((9000, 9000), 3, 2)]
)
def test_no_more_maps_are_held_than_fit(size: tuple[int, ...], channels: int, most: int) -> None:
    """Large maps, and those of unknown size, come a picture and its twin at a time."""
    subject = Mirror(MEAN._replace(size=size, channels=channels))
    found = looked_at(subject, Unit((0, 20), {"change": "noise"}))
    assert max(subject.shown) == most
    assert sum(subject.shown) == found.passes["forward"] == 40


def test_a_maximum_is_pooled_as_a_maximum_with_the_mean_as_its_control() -> None:
    """The words, the bars and the numbers follow the pool that the model has."""
    found = by_scope(told(Mirror(MEAN._replace(pool="max"))), ATTENUATION)["noise"]
    mean = by_scope(told(Mirror()), ATTENUATION)["noise"]
    assert found.value is not None
    assert mean.value is not None
    assert found.value > 4 * mean.value
    assert "pools by maximum" in found.note
    assert found.view is not None
    assert mean.view is not None
    assert found.view.data["labels"][:2] == ["maximum, as it is", "control: mean"]
    assert found.view.data["values"][1] == pytest.approx(mean.value)
    assert mean.view.data["values"][1] == pytest.approx(found.value)


def test_a_single_position_says_that_nothing_is_averaged() -> None:
    """VGG nets that average one value: both numbers are 1, and it is said why."""
    built = model(
        [
            node("Conv", "image kernel", "x", strides=[6, 6]),
            node("GlobalAveragePool", "x", "p"),
            node("Flatten", "p", "flat"),
            node("Gemm", "flat head", "logits", transB=1),
        ],
        {
            "kernel": RANDOM.standard_normal((5, 3, 6, 6)).astype(np.float32),
            "head": RANDOM.standard_normal((4, 5)).astype(np.float32),
        },
        shape=("batch", 3, 6, 8),
    )
    found = told(forward_subject(built.SerializeToString()))
    for one in found:
        assert one.value == pytest.approx(1.0)
        assert "Of a single position" in one.note


def test_grey_pictures_go_through_a_real_graph() -> None:
    """One channel, no square, three classes: noise is measured and its shift is not coherent."""
    built = model(
        [
            node("Conv", "image kernel", "x"),
            node("GlobalAveragePool", "x", "p"),
            node("Flatten", "p", "flat"),
            node("Gemm", "flat head", "logits", transB=1),
        ],
        {
            "kernel": np.ones((5, 1, 1, 1), np.float32),
            "head": RANDOM.standard_normal((3, 5)).astype(np.float32),
        },
        shape=("batch", 1, 8, 16),
        classes=3,
    )
    subject = forward_subject(built.SerializeToString())
    unit = Unit((0, 20), {"change": "noise"})
    batch = batch_of((0, 20), shape=(1, 8, 16), classes=3)
    found = looked_at(subject, unit, batch=batch)
    assert found.numbers == {"positions": 128, "mean": 1}
    done = [committed(unit, found)]
    rho = by_scope(merge(case_of(ToySubject(), 20), {}, done), ATTENUATION)["noise"].value
    assert rho == pytest.approx(1 / math.sqrt(128), rel=0.3)


# ---------------------------------------------------------------------------- what is missing


def only(found: Sequence[Measurement], scope: Mapping[str, str]) -> set[tuple[str, str]]:
    """Outcomes and reasons of one scope."""
    return {(one.outcome, one.note) for one in found if one.scope == scope}


def test_without_pictures_under_attack_the_noise_is_still_told() -> None:
    """No gradient, or no threat in the policy: the reason is the right one of the two."""
    subject = Mirror()
    case = case_of(subject, 20)
    found = told(subject, shift=None, case=case)
    assert by_scope(found, COHERENCE)["noise"].outcome == "measured"
    assert only(found, {"change": "attack"}) == {("not_available", NO_PROBE)}
    open_case = replace(case, subject=replace(case.subject, gradient_gap=""))
    found = told(subject, shift=None, case=open_case)
    assert only(found, {"change": "attack"}) == {("not_available", NO_THREAT)}
    found = told(subject, shift=None, case=attacked_case(20, THREAT))
    assert only(found, {"change": "attack"}) == {("out_of_budget", "No picture was looked at.")}


def test_a_head_without_a_pool_is_not_applicable() -> None:
    """Flatten, tokens: noise and attack alike, with the graph's own reason."""
    found = told(Mirror(None), shift=None)
    assert {(one.outcome, one.note) for one in found} == {
        ("not_applicable", "No pool stands before the head.")
    }
    assert len(found) == 4
    found = told(Mirror(None))
    assert {one.outcome for one in found} == {"not_applicable"}


def test_a_model_that_cannot_be_looked_into_is_not_available() -> None:
    """The refusal's own sentence is the reason."""
    found = told(Mirror(refuses=True))
    assert {(one.outcome, one.note) for one in found} == {
        ("not_available", "Looking changes the answers.")
    }


def test_maps_that_never_move_have_no_number() -> None:
    """An attack that changed nothing, say: the noise is told, the threat is not."""
    found = told(Mirror(), shift=0.0)
    assert by_scope(found, COHERENCE)["noise"].outcome == "measured"
    assert {one.outcome for one in found if one.scope == {"threat": THREAT}} == {"not_available"}


def samples(**columns: Sequence[Json]) -> Done:
    """A committed block of noise with some columns changed."""
    body: dict[str, Sequence[Json]] = {
        "row": [0, 1],
        "coherence": [0.5, None],
        "attenuation": [0.8, None],
        "other": [0.9, None],
        "alone": [0.25, None],
    }
    unit = Unit((0, 2), {"change": "noise"})
    numbers = {"positions": 16, "mean": 1}
    return Done(unit, "measured", numbers, {**body, **columns}, {}, {})


def test_pictures_that_do_not_move_are_left_out_and_counted() -> None:
    """One of two: the number is of the other, and the note says so."""
    found = merge(case_of(ToySubject(), 2), {}, [samples()])
    noise = by_scope(found, COHERENCE)["noise"]
    assert (noise.value, noise.counts) == (0.5, {"images": 1})
    assert "On 1 of 2 images the maps did not move." in noise.note


def test_features_that_are_zero_have_no_attenuation() -> None:
    """The coherence of the change is told all the same."""
    found = merge(case_of(ToySubject(), 2), {}, [samples(attenuation=[None, None])])
    assert by_scope(found, COHERENCE)["noise"].value == 0.5
    assert by_scope(found, ATTENUATION)["noise"].outcome == "not_available"


def test_blocks_are_put_together_over_images() -> None:
    """Two blocks of unlike values: the mean is over their images."""
    first = samples(coherence=[0.2, 0.4])
    second = samples(row=[2, 3], coherence=[0.6, 0.8])
    data = Case(ToySubject().facts, DataFacts("d" * 64, 4, 10, eight_bit=True))
    found = by_scope(merge(data, {}, [first, second]), COHERENCE)["noise"]
    assert (found.value, found.counts) == (pytest.approx(0.5), {"images": 4})


def test_every_view_can_be_drawn() -> None:
    """A band from one over K to 1 for how far positions go together, bars for what is left."""
    found = told(Mirror())
    for one in found:
        assert one.view is not None
        view = one.view
        body = {"kind": view.kind, "title": view.title, "data": view.data, "caption": view.caption}
        assert not figure_of(body).note
    band = by_scope(found, COHERENCE)["noise"].view
    assert band is not None
    assert (band.kind, band.data["low"], band.data["high"]) == ("band", 1 / 48, 1.0)


def test_noise_is_the_one_that_is_said() -> None:
    """The words and the constant agree."""
    assert pytest.approx(8 / 255) == NOISE
    assert "8/255" in by_scope(told(Mirror()), COHERENCE)["noise"].note
