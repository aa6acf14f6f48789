"""The filter analyzer end to end: layers in, measurements, words and findings out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from analyzers.contract import (
    Array,
    Case,
    ConvLayer,
    ConvWeights,
    Done,
    Measurement,
    Partial,
    Skipped,
    Unit,
)
from analyzers.graph.weights import conv_layers
from analyzers.structure.filter_details import layer_measurements
from analyzers.structure.filter_layers import MOST_LAYERS, LayerRow, columns, rows_of
from analyzers.structure.filter_network import Network
from analyzers.structure.filter_spectrum import spectrum_numbers
from analyzers.structure.filter_summary import MODEL_METRICS, model_measurements
from analyzers.structure.filters import ANALYZER, FINDINGS, measure, merge, plan
from analyzers.structure.kernel_spectrum import divergence, sampling_limit
from analyzers.structure.kernel_statistics import (
    moments,
    randomness_threshold,
    resampled_entropies,
    resamples,
)
from analyzers.structure.reference_models import KNOWN
from service.report.views import figure_of
from support.subjects import ToySubject, batch_of, case_of, committed, shard_of, silent

NETS = Path(__file__).parents[3] / "service" / "demo" / "nets"
SPECTRUM = (0.5, 0.2, 0.1, 0.06, 0.05, 0.04, 0.02, 0.02, 0.01)


def layer(weight: Array, depth: float = 0.0, *, groups: int = 1, name: str = "conv") -> ConvLayer:
    """A convolution of given weights."""
    return ConvLayer(name, weight, groups, depth)


def gaussian(*shape: int, seed: int = 0) -> Array:
    """Weights of a layer that was never trained."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def untrained() -> list[ConvLayer]:
    """A small network as initialised, uniformly as the usual framework does it."""
    random, widths = np.random.default_rng(5), (3, 16, 32, 32, 64, 64)
    return [
        layer(
            random.uniform(-1, 1, (widths[place + 1], widths[place], 3, 3)) / widths[place],
            place / 4,
            name=f"conv{place}",
        )
        for place in range(5)
    ]


def patterns(count: int, outputs: int, inputs: int) -> Array:
    """A layer of ``count`` orthogonal patterns, each as often with either sign."""
    kernels = np.concatenate([np.eye(9)[:count], -np.eye(9)[:count]])
    return np.resize(kernels, (outputs, inputs, 3, 3))


def looked_at(layers: Sequence[ConvLayer] | ConvWeights, *, seed: int = 0) -> tuple[Case, Partial]:
    """What a child finds in these layers."""
    subject = ToySubject(shape=(3, 32, 32), layers=layers)
    case = case_of(subject, 10)
    (unit,) = plan(case, {}, (), ())
    shard = shard_of(unit, ANALYZER.description.id, seed=seed)
    return case, measure(shard, subject, batch_of((0, 0)), {}, silent)


def measured(layers: Sequence[ConvLayer] | ConvWeights) -> list[Measurement]:
    """What the analyzer says of these layers."""
    case, found = looked_at(layers)
    return list(merge(case, {}, [committed(Unit((0, 0)), found)]))


def of_model(found: Sequence[Measurement]) -> Mapping[str, Measurement]:
    """The measurements that speak of the whole model."""
    return {one.metric: one for one in found if not one.scope}


def of_layer(found: Sequence[Measurement], name: str) -> Mapping[str, Measurement]:
    """The measurements that speak of one layer."""
    return {one.metric: one for one in found if one.scope == {"layer": name}}


def a_row(**changed: object) -> LayerRow:
    """A plain 3x3 layer of a large network, with some statistics changed."""
    body: dict[str, object] = {
        "name": "conv",
        "depth": 0.5,
        "kernel": "3x3",
        "groups": 1,
        "outputs": 512,
        "inputs": 512,
        "stem": False,
        "kernels": 262144,
        "sparse": 0,
        "sparse_robust": 0,
        "compared": 262144,
        "dead": 0,
        "kept": 262144,
        "entropy": 0.6,
        "orthogonality": 0.95,
        "coherence": 2.0,
        "sampled": False,
        "centre_share": None,
        "thresholding_share": None,
        "antipair_share": None,
    }
    return LayerRow(**{**body, **changed})  # pyright: ignore[reportArgumentType] - built by name


def summed(
    rows: Sequence[LayerRow], *, shape: tuple[int, int, int] = (3, 32, 32), classes: int = 10
) -> Mapping[str, Measurement]:
    """Model-level measurements of given rows."""
    case = case_of(ToySubject(shape=shape, classes=classes), 10)
    return of_model(model_measurements(Network(case, rows, {})))


def fires(found: Mapping[str, Measurement]) -> set[str]:
    """Ids of the findings that these measurements set off."""
    fired: set[str] = set()
    for rule in FINDINGS:
        value = found[rule.metric].value
        if value is not None:
            above = value > rule.threshold
            below = value < rule.threshold
            fired |= {rule.id} if (above if rule.comparison == "above" else below) else set()
    return fired


def test_one_unit_without_images() -> None:
    """The plan is one unit over no rows, and nothing once it is done."""
    case, found = looked_at(untrained())
    (unit,) = plan(case, {}, (), ())
    assert unit.rows == (0, 0)
    assert plan(case, {}, [committed(unit, found)], ()) == ()


def test_untrained_net_is_random_like_and_nothing_else() -> None:
    """A fresh network is reported as random-like, and is held against no trained model."""
    found = of_model(measured(untrained()))
    assert found["filters.random_like"].value == 1
    assert "random-like, as an untrained one" in found["filters.random_like"].note
    assert "adversarially" not in found["filters.entropy"].note
    assert found["filters.stem_centre_share"].outcome == "not_applicable"
    assert fires(found) == {"FIL-RANDOM", "FIL-UNTRAINED"}


def test_large_untrained_net_is_not_placed_among_robust_models() -> None:
    """Even where a reference exists, random kernels are not compared with trained ones."""
    rows = [a_row(name=f"c{place}", entropy=0.9541, depth=place / 3) for place in range(4)]
    found = summed(rows)
    assert found["filters.random_like"].value == 1
    assert "quantile" not in found["filters.entropy"].note
    trained = summed([*rows[:1], *(a_row(entropy=0.8) for _ in range(3))])
    assert trained["filters.random_like"].value == 0.25
    assert "quantile" in trained["filters.entropy"].note
    assert fires(trained) == {"FIL-RANDOM"}


def test_four_of_five_random_layers_make_a_random_like_net() -> None:
    """The edge of 80 % belongs to the random-like side, in words and in findings."""
    rows = [a_row(entropy=0.9541) for _ in range(4)] + [a_row(entropy=0.7)]
    found = summed(rows)
    assert found["filters.random_like"].value == 0.8
    assert "as an untrained one" in found["filters.random_like"].note
    assert "FIL-UNTRAINED" in fires(found)


def test_small_layers_are_not_called_random() -> None:
    """Below 64 kernels the threshold is too low to tell a trained layer from a random one."""
    found = summed([a_row(kept=48, entropy=0.93)])
    assert found["filters.random_like"].outcome == "not_applicable"


def test_aggregates_weigh_layers_as_defined() -> None:
    """Entropy by kept kernels, sparsity by kernels, angles by outputs, dead by outputs."""
    many, one = patterns(9, 4, 9), np.ones((8, 18, 3, 3))
    one[6:] = 0
    found = of_model(measured([layer(many), layer(one, 1.0, name="late")]))
    entropy = 36 * math.log10(9) / (36 + 108)
    assert found["filters.entropy"].value == pytest.approx(entropy, abs=1e-8)
    assert found["filters.entropy"].counts == {"kept": 144, "kernels": 180, "layers": 2}
    assert found["filters.sparsity"].counts == {"numerator": 36, "denominator": 180}
    assert found["filters.sparsity_robust"].counts == {"numerator": 0, "denominator": 144}
    assert found["filters.dead_outputs"].counts == {"numerator": 2, "denominator": 12}
    straight = np.eye(81)[:4].reshape(4, 9, 3, 3)  # of orthogonality 1, beside one of 0
    found = of_model(measured([layer(straight), layer(one, 1.0, name="late")]))
    assert found["filters.orthogonality"].value == pytest.approx(4 / 12, abs=1e-8)


def test_interval_comes_from_outputs_and_holds_the_value() -> None:
    """The bootstrap interval holds the value, repeats with the seed and shrinks with size."""
    small, again = (looked_at([layer(gaussian(24, 4, 3, 3))])[1].numbers for _ in range(2))
    other = looked_at([layer(gaussian(24, 4, 3, 3))], seed=7)[1].numbers
    large = looked_at([layer(gaussian(240, 40, 3, 3))])[1]
    assert small == again
    assert small != other
    value = large.samples["entropy"][0]
    assert large.numbers["entropy_low"] < value < large.numbers["entropy_high"]
    width = {
        name: numbers["entropy_high"] - numbers["entropy_low"]
        for name, numbers in (("small", small), ("large", large.numbers))
    }
    assert width["large"] < width["small"] / 5


def test_interval_is_that_of_a_normal_spread() -> None:
    """Its ends are quantiles of 2.5 % and 97.5 %: about 1.96 deviations to either side."""
    weight = gaussian(200, 8, 3, 3) * np.linspace(0.2, 1, 9).reshape(3, 3).astype(np.float32)
    numbers = looked_at([layer(weight)])[1].numbers
    sums = moments(weight)
    draws = resamples(200, 2000, seed=9, stream=9)
    spread = float(resampled_entropies(sums, draws).std())
    width = numbers["entropy_high"] - numbers["entropy_low"]
    assert width == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_layer_measurements_of_a_plain_layer() -> None:
    """A layer carries its own numbers, with counts and its name as scope."""
    found = of_layer(measured([layer(patterns(3, 4, 9))]), "conv")
    assert found["filters.entropy"].value == pytest.approx(math.log10(3), abs=1e-8)
    assert found["filters.entropy_over_random"].value == pytest.approx(
        math.log10(3) / randomness_threshold(36), abs=1e-8
    )
    assert found["filters.sparsity"].value == 0
    assert found["filters.centre_share"].outcome == "measured"
    assert {one.outcome for one in found.values()} == {"measured"}


@pytest.mark.parametrize(
    ("shape", "groups", "missing", "says"),
    [
        ((16, 8, 1, 1), 1, {"filters.entropy", "filters.entropy_over_random"}, "one tap"),
        ((16, 8, 5, 5), 1, {"filters.entropy_over_random"}, "5x5"),
        ((16, 8, 11, 1), 1, {"filters.entropy_over_random"}, "11x1"),
        ((16, 8, 9, 9), 1, {"filters.entropy", "filters.entropy_over_random"}, "49 taps"),
        ((16, 4, 3, 3), 2, {"filters.entropy_over_random"}, "grouped 3x3"),
        (
            (16, 1, 3, 3),
            16,
            {
                "filters.entropy_over_random",
                "filters.sparsity_robust",
                "filters.orthogonality",
                "filters.coherence",
            },
            "depthwise 3x3",
        ),
        ((1, 8, 3, 3), 1, {"filters.orthogonality", "filters.coherence"}, "share a group"),
        ((2, 2, 3, 3), 1, {"filters.entropy_over_random"}, "Fewer than 8"),
        ((2, 1, 3), 1, {"filters.entropy_over_random", "filters.sparsity_robust"}, "3"),
    ],
)
def test_other_kinds_of_layers(
    shape: tuple[int, ...], groups: int, missing: set[str], says: str
) -> None:
    """What is not defined for a kind of layer does not apply, with a reason; the rest stands."""
    first = layer(gaussian(8, 8, 3, 3), name="first")
    found = of_layer(
        measured([first, layer(gaussian(*shape), 1.0, groups=groups, name="odd")]), "odd"
    )
    absent = {metric for metric, one in found.items() if one.outcome == "not_applicable"}
    assert absent == missing
    assert says in " ".join(one.note for one in found.values())
    assert all(found[metric].note for metric in missing)


def test_dead_layer_says_so_everywhere() -> None:
    """A layer of zeros has dead outputs and no number that would need a live one."""
    found = of_layer(measured([layer(np.zeros((8, 4, 3, 3)))]), "conv")
    assert found["filters.dead_outputs"].value == 1
    assert found["filters.sparsity"].value == 1
    for metric in ("filters.entropy", "filters.sparsity_robust", "filters.orthogonality"):
        assert found[metric].outcome == "not_applicable"
        assert found[metric].note


def test_first_layer_is_the_one_at_depth_zero() -> None:
    """Only the first convolution has a centre share, wherever the graph lists it."""
    late = layer(gaussian(8, 8, 3, 3), 1.0, name="late")
    found = measured([late, layer(patterns(9, 8, 9), 0.0, name="first")])
    assert of_layer(found, "first")["filters.centre_share"].value == pytest.approx(1 / 9, abs=0.02)
    assert "filters.centre_share" not in of_layer(found, "late")
    assert not any(one.metric == "filters.centre_share" for one in measured([late]))


def test_no_convolution_is_not_applicable() -> None:
    """Without convolutions every metric of the model does not apply, and none has a value."""
    found = of_model(measured([]))
    assert set(found) == set(MODEL_METRICS)
    assert {one.outcome for one in found.values()} == {"not_applicable"}
    assert all("no convolution" in one.note for one in found.values())


def test_nothing_done_and_failed_units_are_told_apart() -> None:
    """An audit that did not get here ran out of budget; a failed unit is an error."""
    case, _ = looked_at([])
    assert {one.outcome for one in merge(case, {}, ())} == {"out_of_budget"}
    failed = Done(Unit((0, 0)), "error", {}, {}, {}, {}, "it broke")
    assert {(one.outcome, one.note) for one in merge(case, {}, [failed])} == {("error", "it broke")}


def test_broken_layers_are_left_out_and_counted() -> None:
    """Infinite weights, impossible groups and a flood of layers never reach the numbers."""
    bad = gaussian(8, 4, 3, 3)
    bad[0, 0, 0, 0] = np.inf
    good = layer(gaussian(8, 4, 3, 3), name="good")
    odd = [layer(bad, 1.0, name="bad"), layer(gaussian(9, 4, 3, 3), 1.0, groups=2, name="odd")]
    _, found = looked_at([good, *odd])
    assert found.samples["name"] == ["good"]
    assert found.numbers["left_out"] == 2
    assert "2 of 3" in found.note
    _, flood = looked_at([layer(gaussian(2, 2, 1, 1)) for _ in range(MOST_LAYERS + 5)])
    assert len(flood.samples["name"]) == MOST_LAYERS
    assert flood.numbers["left_out"] == 5


def test_names_of_layers_are_told_apart() -> None:
    """Equal, empty and endless names become different scopes."""
    weight = gaussian(4, 4, 3, 3)
    names = ["a", "a", "", "x" * 500, "x" * 501]
    _, found = looked_at([layer(weight, name=name) for name in names])
    assert len(set(found.samples["name"])) == 5
    assert max(len(name) for name in found.samples["name"]) <= 90


def test_columns_survive_the_way() -> None:
    """Rows written as columns read back as the same rows."""
    rows = [a_row(), a_row(name="b", entropy=None, kept=None, kernel="1x1")]
    assert rows_of(columns(rows)) == rows


def test_collapsed_late_layers_are_found() -> None:
    """Two late layers of very few patterns set off a finding; with zeros, a second one."""
    early = a_row(name="early", depth=0.1, entropy=0.1)
    late = [a_row(name=f"late{place}", depth=0.8 + place / 10, entropy=0.2) for place in range(2)]
    once = summed([early, a_row(name="fine", depth=0.9), late[0]])
    assert once["filters.collapsed_layers"].value == 1
    assert fires(once) == set()
    found = summed([early, *late])
    assert found["filters.collapsed_layers"].counts == {"numerator": 2, "denominator": 2}
    assert "late0, late1" in found["filters.collapsed_layers"].note
    assert fires(found) == {"FIL-COLLAPSED"}
    empty = [a_row(name=one.name, depth=one.depth, entropy=0.2, sparse=100_000) for one in late]
    assert fires(summed([early, *empty])) == {"FIL-COLLAPSED", "FIL-UNUSED"}


@pytest.mark.parametrize(("share", "fired"), [(0.32, {"FIL-STEM"}), (0.33, set[str]())])
def test_stem_like_a_normal_one_is_information(share: float, fired: set[str]) -> None:
    """A centre share below .33 in a large network on small colour images is worth a line."""
    first = a_row(stem=True, depth=0.0, centre_share=share)
    assert fires(summed([first, a_row(), a_row()])) == fired
    elsewhere = summed([first, a_row(), a_row()], shape=(3, 224, 224))
    assert elsewhere["filters.stem_centre_share"].outcome == "not_applicable"


def test_entropy_is_drawn_over_its_band_where_there_is_one() -> None:
    """With medians at that depth: dots over a band, by layer; without: bars against random ones."""
    rows = [a_row(name="b", depth=0.7), a_row(name="a", depth=0.0), a_row(name="1", kernel="1x1")]
    view = summed(rows)["filters.entropy"].view
    assert view is not None
    assert view.kind == "dots_over_band"
    assert view.data["labels"][0] == "a"
    assert view.data["low"][0] == 0.676
    assert view.data["low"][1] is None
    bars = summed(rows[:2], classes=100)["filters.entropy"].view
    assert bars is not None
    assert bars.kind == "bars"
    assert bars.data["baseline"] == pytest.approx(0.9542, abs=1e-4)


def test_late_entropy_weighs_the_last_three_tenths() -> None:
    """By kernels that are not near zero, plain 3x3 layers beyond 70 % of the depth only."""
    rows = [
        a_row(depth=0.7, entropy=0.9),
        a_row(depth=0.8, entropy=0.5, kept=300),
        a_row(depth=1.0, entropy=0.1, kept=100),
        a_row(depth=1.0, entropy=0.9, kernel="5x5"),
    ]
    late = summed(rows, classes=2000)["filters.entropy_late"]
    assert late.value == pytest.approx(0.4)
    assert late.counts == {"kept": 400, "kernels": 2 * 262144, "layers": 2}
    assert "No applicable reference" in late.note
    early = summed(rows[:1])["filters.entropy_late"]
    assert early.outcome == "not_applicable"
    assert "last 30 %" in early.note


def test_late_entropy_has_an_interval_of_its_own() -> None:
    """Drawn from the late layers alone: it holds their value, and says so in the note."""
    layers = [layer(patterns(2, 40, 9), at / 4, name=f"c{at}") for at in range(4)]
    layers.append(layer(gaussian(40, 10, 3, 3), 1.0, name="late"))
    _, found = looked_at(layers)
    low, high = (found.numbers[f"entropy_late_{end}"] for end in ("low", "high"))
    late = of_model(measured(layers))["filters.entropy_late"]
    assert late.value is not None
    assert late.counts["layers"] == 2  # at 0.75 and at 1
    assert 0 <= low < late.value < high < found.numbers["entropy_high"] + 0.5
    assert (low, high) != (found.numbers["entropy_low"], found.numbers["entropy_high"])
    assert f"(95 % interval {low:.3f} to {high:.3f})" in late.note
    _, early = looked_at(layers[:2])
    assert "entropy_late_low" not in early.numbers


def test_late_medians_of_the_family_stand_beside_the_value() -> None:
    """Medians of both kinds of models, at the late tenths that are published."""
    rows = [a_row(depth=at / 10) for at in range(11)]
    note = summed(rows)["filters.entropy_late"].note
    assert "to 80 % of depth 0.690 and 0.816; to 90 % of depth 0.497 and 0.794; to 100 %" in note
    hundred = summed(rows, classes=100)["filters.entropy_late"].note
    assert "CIFAR-100 models: to 90 % of depth 0.454 and 0.649; to 100 % of depth" in hundred
    assert "not known to make a model robust" in hundred


def test_tenths_of_depth_are_drawn_where_there_is_a_layer() -> None:
    """The first convolution, then each tenth with its own mean; no row for an empty one."""
    rows = [
        a_row(depth=0.0, entropy=0.7),
        a_row(depth=0.05, entropy=0.6, kept=100, sparse=262144),
        a_row(depth=0.1, entropy=0.3, kept=200),
        a_row(depth=1.0, entropy=0.5),
    ]
    found = summed(rows)
    view = found["filters.entropy_late"].view
    assert view is not None
    assert view.kind == "dots_over_band"
    assert view.data["labels"] == ["first", "to 10 %", "to 100 %"]
    assert view.data["values"] == pytest.approx([0.7, 0.4, 0.5])
    assert view.data["low"] == [0.676, 0.785, 0.292]
    assert view.data["high"] == [0.737, 0.806, 0.647]
    sparse = found["filters.sparsity"].view
    assert sparse is not None
    assert sparse.kind == "dots_over_band"
    assert sparse.data["values"] == pytest.approx([0, 0.5, 0])
    assert sparse.data["high"][1] == 0.107
    elsewhere = summed(rows, classes=2000)
    bars = elsewhere["filters.entropy_late"].view
    number = elsewhere["filters.sparsity"].view
    assert bars is not None
    assert number is not None
    assert (bars.kind, number.kind) == ("bars", "number")
    assert bars.data["baseline"] == pytest.approx(math.log10(9))


def test_every_view_of_the_family_can_be_drawn() -> None:
    """What stands in a report is a drawing, for small pictures and for large ones."""
    rows = [a_row(depth=at / 10, name=f"c{at}") for at in range(11)]
    stem = replace(rows[0], kernel="7x7", stem=True, entropy=None, kept=None)
    numbers = spectrum_numbers(np.array(SPECTRUM), 10**6, 5000)
    for shape, classes, first in (((3, 32, 32), 10, rows[0]), ((3, 224, 224), 1000, stem)):
        case = case_of(ToySubject(shape=shape, classes=classes), 10)
        found = model_measurements(Network(case, [first, *rows[1:]], numbers))
        views = [asdict(one.view) for one in found if one.view]
        assert sum(view["kind"] == "dots_over_band" for view in views) >= 3
        assert all(figure_of(view).drawing for view in views)


def test_orthogonality_is_drawn_only_where_no_output_is_dead() -> None:
    """The published medians count dead outputs as orthogonal, and ours leaves them out."""
    rows = [a_row(depth=0.5, orthogonality=0.9), a_row(depth=1.0, orthogonality=0.8)]
    for dead, kind in ((0, "dots_over_band"), (1, "number")):
        view = summed([*rows, a_row(depth=0.2, dead=dead)])["filters.orthogonality"].view
        assert view is not None
        assert view.kind == kind


def test_stems_are_placed_among_those_of_their_set() -> None:
    """CIFAR-100 stems have quantiles of their own, and a 7x7 stem none at all."""
    rows = [a_row(stem=True, depth=0.0, centre_share=0.3), a_row(depth=1.0, kernels=10**6)]
    note = summed(rows, classes=100)["filters.stem_centre_share"].note
    assert "Among 11 normally trained CIFAR-100 stems that lies above the 95 %" in note
    assert "among 17 adversarially trained ones below the 5 %" in note
    large = [replace(rows[0], kernel="7x7"), rows[1]]
    found = summed(large, shape=(3, 224, 224), classes=1000)
    assert found["filters.stem_centre_share"].outcome == "not_applicable"
    assert "Among 3 normally trained ImageNet models" in found["filters.entropy"].note
    assert "In 66.7 % of pairs" in found["filters.entropy"].note
    assert found["filters.collapsed_layers"].outcome == "not_applicable"


def test_distance_to_both_pools_of_kernels() -> None:
    """The divergences from both published spectra, with what chance makes of n kernels."""
    numbers = spectrum_numbers(np.array(SPECTRUM), 10**6, 5000)
    case = case_of(ToySubject(shape=(3, 32, 32), classes=10), 10)
    rows = [a_row(), a_row(), a_row()]
    found = of_model(model_measurements(Network(case, rows, numbers)))
    for kind in ("normal", "robust"):
        one = found[f"filters.spectrum_distance_{kind}"]
        assert one.value == pytest.approx(divergence(np.array(SPECTRUM), KNOWN.spectra[kind]))
        assert one.counts == {"kernels": 10**6, "outputs": 5000}
        limits = [sampling_limit(KNOWN.spectra[kind], count) for count in (10**6, 5000)]
        assert f"below {limits[0]:.2g} for 1000000 kernels and {limits[1]:.2g} for" in one.note
        assert "ImageNet" in one.note
        assert "not known to make a model robust" in one.note
    view = found["filters.spectrum_distance_robust"].view
    assert view is not None
    assert view.data["values"] == list(SPECTRUM)
    assert view.data["low"][0] == pytest.approx(0.392, abs=1e-3)
    assert view.data["high"][0] == pytest.approx(0.670, abs=2e-3)
    assert "unit" not in view.data  # it would become the unit of the distance beside it


def test_distance_needs_kernels_of_the_family_in_every_direction() -> None:
    """Outside the family, without kernels that vary, or with a direction left out: no distance."""
    rows, case = [a_row(), a_row()], case_of(ToySubject(shape=(3, 32, 32), classes=10), 10)
    missing = spectrum_numbers(np.array([0.5, 0.3, 0.2, 0, 0, 0, 0, 0, 0]), 10**6, 5000)
    odd = case_of(ToySubject(shape=(3, 32, 32), classes=2000), 10)
    full = spectrum_numbers(np.array(SPECTRUM), 10**6, 5000)
    none: dict[str, float | int] = {}
    told = [(odd, full, "No applicable"), (case, none, "that vary"), (case, missing, "nine dir")]
    for where, numbers, says in told:
        found = of_model(model_measurements(Network(where, rows, numbers)))
        for kind in ("normal", "robust"):
            one = found[f"filters.spectrum_distance_{kind}"]
            assert one.outcome == "not_applicable"
            assert says in one.note


def test_the_child_pools_plain_layers_only() -> None:
    """One spectrum of all 3x3 kernels that are not near zero; other kinds take no part."""
    layers = [layer(patterns(3, 6, 9)), layer(gaussian(8, 8, 5, 5), 1.0, name="large")]
    dead = np.zeros((2, 9, 3, 3))
    _, found = looked_at([layer(np.concatenate([patterns(3, 4, 9), dead])), *layers[1:]])
    shares = [found.numbers[f"spectrum_{place}"] for place in range(9)]
    assert shares == pytest.approx([1 / 3] * 3 + [0] * 6, abs=1e-9)
    assert (found.numbers["spectrum_kernels"], found.numbers["spectrum_outputs"]) == (36, 4)
    _, none = looked_at(layers[1:])
    assert "spectrum_0" not in none.numbers


def test_folding_is_flagged_beside_sparsity() -> None:
    """Sparsity and entropy say whether batch norm was folded into the weights."""
    found = of_model(measured(untrained()))
    for metric in ("filters.sparsity", "filters.entropy"):
        assert "Batch norm folded: unknown" in found[metric].note


def test_the_source_of_the_weights_is_told() -> None:
    """Weights as uploaded hold no folded batch norm, whatever is known of the file."""
    uploaded = ConvWeights(untrained(), source="upload", bn_folded="no")
    of_file = ConvWeights(untrained(), why_file="The upload holds no weights that fit conv0.")
    told = {
        one.source: of_model(measured(one))["filters.entropy"].note for one in (uploaded, of_file)
    }
    assert "Weights: those of the upload. Batch norm folded: no." in told["upload"]
    assert "Weights: those of the file. Batch norm folded: unknown." in told["file"]
    assert told["file"].endswith("The upload holds no weights that fit conv0.")


def test_skipped_layers_are_named_with_their_reason() -> None:
    """What could not be looked at is part of the answer, also when it is everything."""
    skipped = [Skipped(f"conv{at}", "its weights are computed") for at in range(5)]
    words = "Skipped: conv0: its weights are computed; conv1: its weights are computed; "
    some = measured(ConvWeights(untrained(), skipped))
    note = of_model(some)["filters.entropy"].note
    assert words in note
    assert note.endswith("and 2 more.")
    _, none = looked_at(ConvWeights([], skipped))
    assert none.outcome == "not_applicable"
    assert words in none.note


def test_uploaded_weights_are_part_of_the_unit() -> None:
    """The same file with and without its source gives two results, so it needs two keys."""
    case = case_of(ToySubject(), 10)
    with_source = replace(case, subject=replace(case.subject, source_weights="9" * 64))
    (plain,), (known,) = (plan(one, {}, (), ()) for one in (case, with_source))
    assert plain.params == {}
    assert known.params == {"weights": "9" * 64}


def test_words_claim_no_cause() -> None:
    """No sentence says "because"; every finding says "association" and none is above medium."""
    rows = [a_row(stem=True, depth=0.0, centre_share=0.1), a_row(depth=0.9, entropy=0.1)]
    texts = [one.note for one in summed(rows).values()]
    texts += [one.note for one in layer_measurements(a_row())]
    for rule in FINDINGS:
        assert "association" in rule.statement
        assert rule.severity in {"info", "low", "medium"}
        assert rule.grade == "C"
        texts += [rule.statement, rule.remedy]
    assert not [text for text in texts if "because" in text.lower()]
    assert "changing the statistic directly is not known" in summed(rows)["filters.entropy"].note


def test_demo_pair_differs_in_its_first_layer() -> None:
    """The robust demo net's first convolution has less entropy than the normal one's."""
    entropy: dict[str, float] = {}
    for name in ("normal", "robust"):
        model = onnx.ModelProto.FromString((NETS / f"{name}.onnx").read_bytes())
        _, found = looked_at(conv_layers(model))
        assert len(found.samples["entropy"]) == 6
        entropy[name] = found.samples["entropy"][found.samples["stem"].index(True)]
    assert entropy["robust"] < entropy["normal"]
