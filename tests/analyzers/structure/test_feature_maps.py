"""The feature-map analyzer end to end: a graph in, measurements, words and the finding out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest

from analyzers.contract import (
    Array,
    Case,
    ConvLayer,
    DataFacts,
    FloatArray,
    LastMaps,
    Measurement,
    Partial,
    Places,
    Reduce,
    Refusal,
    Shrink,
    Subject,
    SubjectFacts,
)
from analyzers.structure.feature_map_rows import MOST_STEPS, columns, rows_of, steps
from analyzers.structure.feature_map_summary import MODEL_METRICS
from analyzers.structure.feature_maps import ANALYZER, FINDINGS, measure, merge, plan
from analyzers.structure.polyphase import aliasing
from service.report.views import figure_of
from support.graphs import model, node
from support.inside import forward_subject
from support.subjects import ToySubject, batch_of, committed, shard_of, silent

RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "first": RANDOM.standard_normal((4, 3, 3, 3)).astype(np.float32),
    "next": RANDOM.standard_normal((4, 4, 3, 3)).astype(np.float32),
    "blur": np.tile(np.outer((1, 2, 1), (1, 2, 1)) / 16.0, (4, 1, 1, 1)).astype(np.float32),
    "head": RANDOM.standard_normal((5, 4)).astype(np.float32),
}
MEAN, MAXIMUM = "GlobalAveragePool", "GlobalMaxPool"


def nodes_of(strides: Sequence[int], pool: str = MEAN) -> list[onnx.NodeProto]:
    """A small net with these strides; a pool of no name means that the head reads all."""
    nodes: list[onnx.NodeProto] = []
    before = "image"
    for place, stride in enumerate(strides):
        weight = "next" if place else "first"
        told = {"strides": [stride] * 2, "pads": [1] * 4}
        nodes += [
            node("Conv", f"{before} {weight}", f"x{place}", **told),
            node("Relu", f"x{place}", f"y{place}"),
        ]
        before = f"y{place}"
    if not pool:
        return [*nodes, node("Flatten", before, "flat"), _head(pool)]
    return [*nodes, node(pool, before, "pooled"), node("Flatten", "pooled", "flat"), _head(pool)]


def _head(pool: str) -> onnx.NodeProto:
    if pool:
        return node("Gemm", "flat head", "logits", transB=1)
    return node("Identity", "flat", "logits")


def net(strides: Sequence[int], pool: str = MEAN, *, side: tuple[int, int] = (32, 32)) -> Subject:
    """The subject that such a net becomes."""
    nodes = nodes_of(strides, pool)
    classes: int | str = 5 if pool else "classes"
    built = model(nodes, WEIGHTS, shape=("batch", 3, *side), classes=classes)
    return forward_subject(built.SerializeToString())


def case_for(subject: Subject) -> Case:
    """A case of a few images."""
    return Case(subject.facts, DataFacts("d" * 64, 10, subject.facts.classes, eight_bit=True))


def looked_at(subject: Subject) -> Partial:
    """What a child says of a subject."""
    (unit,) = plan(case_for(subject), {}, (), ())
    return measure(shard_of(unit, ANALYZER.description.id), subject, batch_of((0, 0)), {}, silent)


def measured(subject: Subject) -> list[Measurement]:
    """What the analyzer says of a subject."""
    case = case_for(subject)
    (unit,) = plan(case, {}, (), ())
    return list(merge(case, {}, [committed(unit, looked_at(subject))]))


def of_model(found: Sequence[Measurement]) -> Mapping[str, Measurement]:
    """The measurements that speak of the whole model."""
    return {one.metric: one for one in found if not one.scope}


def fires(found: Mapping[str, Measurement]) -> bool:
    """Whether the finding is set off."""
    (rule,) = FINDINGS
    value = found[rule.metric].value
    assert rule.comparison == "below"
    return value is not None and value < rule.threshold


def test_one_unit_without_images_that_knows_the_uploads_weights() -> None:
    """Done once; weights that an upload brought along decide the result and so the unit's key."""
    subject = net((1, 2))
    case = case_for(subject)
    (unit,) = plan(case, {}, (), ())
    assert (unit.rows, dict(unit.params)) == ((0, 0), {})
    assert plan(case, {}, [committed(unit, looked_at(subject))], ()) == ()
    named = SubjectFacts("5" * 64, 5, (3, 8, 8), source_weights="e" * 64)
    (unit,) = plan(Case(named, case.data), {}, (), ())
    assert dict(unit.params) == {"weights": "e" * 64}


@pytest.mark.parametrize(
    ("strides", "positions", "factor", "fired"),
    [
        ((1, 2, 2, 2), 16, 8, False),
        ((1, 1, 2, 2), 64, 4, False),
        ((2, 2, 2, 2), 4, 16, True),
        ((2, 2, 2, 2, 2), 1, 32, True),
    ],
)
def test_strides_decide_positions_and_finding(
    strides: Sequence[int], positions: int, factor: int, *, fired: bool
) -> None:
    """32 pixels come down by the product of the strides; four positions and fewer are few."""
    found = of_model(measured(net(strides)))
    assert found["feature_maps.positions"].value == positions
    assert found["feature_maps.averaged"].value == positions
    assert found["feature_maps.downsampling"].value == factor
    assert fires(found) is fired


def test_a_maximum_suppresses_the_finding_and_the_bound() -> None:
    """Positions are told, but no gain is known for a maximum, and a stride changes nothing."""
    found = of_model(measured(net((2, 2, 2, 2), MAXIMUM)))
    assert found["feature_maps.positions"].value == 4
    assert "takes the maximum" in found["feature_maps.positions"].note
    assert not fires(found)
    for name in ("averaged", "alias_strided", "alias_plain", "alias_ratio"):
        told = found[f"feature_maps.{name}"]
        assert told.outcome == "not_applicable"
        assert "by maximum" in told.note


def test_a_head_that_reads_every_position_is_not_applicable() -> None:
    """Flatten: every metric says why, and no value is made up."""
    found = measured(net((2, 2), ""))
    assert {one.metric for one in found} == set(MODEL_METRICS)
    assert {one.outcome for one in found} == {"not_applicable"}
    assert {one.note for one in found} == {
        "No pool stands before the head: it reads every position by itself, so nothing is averaged."
    }


def test_small_images_have_small_maps() -> None:
    """On 8 pixels four positions are no choice of the architecture: told, never a finding."""
    found = of_model(measured(net((2, 2), side=(8, 8))))
    assert found["feature_maps.positions"].value == 4
    assert found["feature_maps.averaged"].outcome == "not_applicable"
    assert "8x8 pixels" in found["feature_maps.averaged"].note
    assert not fires(found)


def test_what_is_no_square_has_a_mean_side() -> None:
    """The factor is of areas, so a square of as many positions has the side that is shown."""
    found = of_model(measured(net((2, 2), side=(32, 64))))
    assert found["feature_maps.positions"].value == 8 * 16
    assert found["feature_maps.downsampling"].value == 4
    assert "32x64 pixels come down to maps of 8x16" in found["feature_maps.positions"].note
    uneven = of_model(measured(Told(LastMaps("image", 1, "mean", (4, 24)))))
    assert uneven["feature_maps.downsampling"].value == 4


def test_strided_layers_are_told_one_by_one_and_by_their_median() -> None:
    """Two strided layers of three; the model's numbers lie between theirs."""
    found = measured(net((1, 2, 2)))
    layers = [one for one in found if one.scope]
    assert len({one.scope["layer"] for one in layers}) == 2
    weight = WEIGHTS["next"]
    known = aliasing(weight, (2, 2), (1, 1))
    assert known is not None
    for name, value in (("strided", known.strided), ("plain", known.plain), ("ratio", known.ratio)):
        told = of_model(found)[f"feature_maps.alias_{name}"]
        assert told.value == pytest.approx(value)
        assert told.counts == {"layers": 2, "excluded": 0}
        same = [one.value for one in layers if one.metric == told.metric]
        assert same == pytest.approx([value, value])


def test_without_strides_there_is_nothing_to_alias() -> None:
    """A net that never steps says so; its positions are told all the same."""
    found = of_model(measured(net((1, 1))))
    assert found["feature_maps.positions"].value == 1024
    assert found["feature_maps.downsampling"].note == "No node steps over positions."
    assert found["feature_maps.alias_ratio"].note == (
        "No convolution of more than one tap has a stride."
    )


def test_a_blur_before_the_step_is_counted_and_left_out() -> None:
    """A fixed binomial kernel attenuates by itself and has no place in a median of learned ones."""
    nodes = [
        node("Conv", "image first", "a", pads=[1] * 4),
        node("Conv", "a blur", "b", strides=[2, 2], pads=[1] * 4, group=4),
        node("Conv", "b next", "c", strides=[2, 2], pads=[1] * 4),
        node(MEAN, "c", "pooled"),
        node("Flatten", "pooled", "flat"),
        _head(MEAN),
    ]
    built = model(nodes, WEIGHTS, shape=("batch", 3, 32, 32), classes=5)
    found = of_model(measured(forward_subject(built.SerializeToString())))
    assert found["feature_maps.blurs"].value == 1
    assert found["feature_maps.alias_ratio"].counts == {"layers": 1, "excluded": 0}


class Told(ToySubject):
    """A subject of given places, whose maps are its images."""

    def __init__(self, last: LastMaps, layers: Sequence[ConvLayer] = (), *, why: str = "") -> None:
        """``why`` keeps it from being looked into."""
        super().__init__(shape=(3, 32, 48), layers=layers)
        self._last = last
        self._why = why

    def places(self) -> Places:
        """The given ones."""
        return Places([], None, "it is a toy", self._last)

    def activations(
        self, images: FloatArray, names: Sequence[str], reduce: Reduce
    ) -> Mapping[str, Array]:
        """The images for every name."""
        if self._why:
            code = "ACTIVATIONS_UNAVAILABLE"
            raise Refusal(code, self._why, "")
        return super().activations(images, names, reduce)


def test_a_size_that_the_graph_does_not_tell_is_seen_on_a_black_image() -> None:
    """One forward pass, which is said; channels may come first or last."""
    sizes: dict[Literal[1, -1], int] = {1: 32 * 48, -1: 3 * 32}
    for axis, size in sizes.items():
        subject = Told(LastMaps("image", axis, "mean", ()))
        assert looked_at(subject).passes == {"forward": 1}
        assert of_model(measured(subject))["feature_maps.positions"].value == size
    known = Told(LastMaps("image", 1, "mean", (4, 4)), why="Nobody may look.")
    assert looked_at(known).passes == {"forward": 0}


def test_a_model_that_cannot_be_looked_into_is_not_available() -> None:
    """The refusal's own sentence is the reason."""
    found = measured(Told(LastMaps("image", 1, "mean", ()), why="Looking changes the answers."))
    assert {(one.outcome, one.note) for one in found} == {
        ("not_available", "Looking changes the answers.")
    }


def test_kernels_without_a_constant_part_leave_the_ratio_out() -> None:
    """A difference across a step has no constant part: its ratio has no value, the rest has."""
    weight = np.zeros((2, 3, 3, 3), np.float32)
    weight[:, :, 0, 0], weight[:, :, 0, 1] = 1.0, -1.0
    layer = ConvLayer("edge", weight, 1, 0.0, strides=(2, 2), dilations=(1, 1))
    found = measured(Told(LastMaps("image", 1, "mean", (4, 4)), [layer]))
    assert of_model(found)["feature_maps.alias_ratio"].outcome == "not_applicable"
    assert of_model(found)["feature_maps.alias_strided"].value == 1.0
    told = {one.metric: one for one in found if one.scope}
    assert told["feature_maps.alias_ratio"].outcome == "not_applicable"
    assert told["feature_maps.alias_plain"].value == 0.0


def test_steps_come_back_as_they_went_and_are_bounded() -> None:
    """Columns and rows are the same thing, and a hostile file fills no frame."""
    many = [Shrink(f"n{place}" * 99, "max", (2, 2), (4, 4)) for place in range(2 * MOST_STEPS)]
    rows = steps(many)
    assert len(rows) == MOST_STEPS
    assert max(len(row.name) for row in rows) == 80
    assert rows_of(columns(rows)) == rows


def test_every_view_can_be_drawn() -> None:
    """The bars of sizes end with the last maps; the dumbbell has a row a strided layer."""
    found = of_model(measured(net((1, 2, 2))))
    drawn = {name: one.view for name, one in found.items() if one.view is not None}
    assert set(drawn) == {
        "feature_maps.positions",
        "feature_maps.downsampling",
        "feature_maps.alias_strided",
    }
    for view in drawn.values():
        body = {"kind": view.kind, "title": view.title, "data": view.data, "caption": view.caption}
        assert not figure_of(body).note
    assert drawn["feature_maps.positions"].data["values"] == [32.0, 16.0, 8.0, 8.0]
    assert len(drawn["feature_maps.alias_strided"].data["labels"]) == 2


@pytest.mark.reference
def test_reference_models_are_told_apart_by_their_tails(reference_models: Path) -> None:
    """ResNet-20 averages 8x8 positions; the sequential nets flatten and are not applicable."""
    resnet = forward_subject((reference_models / "cifar_resnet20_nat_akamaster.onnx").read_bytes())
    assert of_model(measured(resnet))["feature_maps.positions"].value == 64
    flat = forward_subject((reference_models / "cifar_base_kw_dyn.onnx").read_bytes())
    assert {one.outcome for one in measured(flat)} == {"not_applicable"}
