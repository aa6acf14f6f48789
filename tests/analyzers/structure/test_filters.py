"""The filter analyzer end to end: layers in, measurements, words and findings out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from analyzers.structure.filter_layers import MOST_LAYERS, LayerRow, columns, rows_of
from analyzers.structure.filter_summary import (
    MODEL_METRICS,
    Network,
    layer_measurements,
    model_measurements,
)
from analyzers.structure.filters import ANALYZER, FINDINGS, measure, merge, plan
from analyzers.structure.kernel_statistics import randomness_threshold
from analyzers.structure.reference_models import CIFAR_10, CIFAR_100, reference_for
from support.subjects import ToySubject, batch_of, case_of, committed, shard_of, silent

NETS = Path(__file__).parents[3] / "service" / "demo" / "nets"


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
    many, one = patterns(9, 4, 9), np.ones((8, 9, 3, 3))
    one[6:] = 0
    found = of_model(measured([layer(many), layer(one, 1.0, name="late")]))
    entropy = 36 * math.log10(9) / (36 + 54)
    assert found["filters.entropy"].value == pytest.approx(entropy, abs=1e-8)
    assert found["filters.entropy"].counts == {"kept": 90, "kernels": 108, "layers": 2}
    assert found["filters.sparsity"].counts == {"numerator": 18, "denominator": 108}
    assert found["filters.sparsity_robust"].counts == {"numerator": 0, "denominator": 90}
    assert found["filters.dead_outputs"].counts == {"numerator": 2, "denominator": 12}
    alone = of_layer(measured([layer(many)]), "conv")["filters.orthogonality"].value
    assert alone is not None
    assert found["filters.orthogonality"].value == pytest.approx(alone * 4 / 12, abs=1e-8)


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


@pytest.mark.parametrize(
    ("shape", "classes", "unlike", "kernels", "name", "says"),
    [
        ((3, 32, 32), 10, (), 10**6, "CIFAR-10", ""),
        ((3, 64, 64), 43, (), 10**6, "CIFAR-100", ""),
        ((1, 28, 28), 10, (), 10**6, "", "1 channel."),
        ((3, 224, 224), 10, (), 10**6, "", "224 pixels"),
        ((3, 32, 32), 10, ("depthwise 3x3",), 10**6, "", "depthwise"),
        ((3, 32, 32), 10, (), 30_000, "", "small"),
        ((3, 32, 32), 1000, (), 10**6, "", "1000 classes"),
    ],
)
def test_reference_only_inside_its_family(
    shape: tuple[int, int, int],
    classes: int,
    unlike: Sequence[str],
    kernels: int,
    name: str,
    says: str,
) -> None:
    """A model outside the family of the reference set is compared with nothing."""
    found, why = reference_for(shape, classes, unlike=unlike, kernels=kernels)
    assert (found.name if found else "") == name
    assert says in why


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (0.2, "below the 5 %"),
        (0.263, "between the 5 % and 25 %"),
        (0.6, "between the 50 % and 75 %"),
        (0.657, "at the 95 %"),
        (0.7, "above the 95 %"),
    ],
)
def test_place_among_models(value: float, where: str) -> None:
    """A value is placed between the quantiles that are known."""
    assert CIFAR_10.normal.place(value).startswith(where)


def test_band_follows_depth() -> None:
    """The first convolution has its own medians; then tenths of depth, the last included."""
    assert CIFAR_10.band(0.0) == (0.676, 0.737)
    assert CIFAR_10.band(0.1) == (0.785, 0.806)
    assert CIFAR_10.band(0.11) == (0.782, 0.830)
    assert CIFAR_10.band(1.0) == (0.292, 0.647)
    assert CIFAR_100.band(0.5) is None


def test_entropy_is_drawn_over_its_band_where_there_is_one() -> None:
    """With a reference: dots over a band, by depth; without: bars against random kernels."""
    rows = [a_row(name="b", depth=1.0), a_row(name="a", depth=0.0), a_row(name="1", kernel="1x1")]
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
