"""Texture on networks whose cue is known: what they keep, lose and follow can be foretold."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from analyzers.behaviour.texture import ANALYZER, EDGES
from analyzers.behaviour.texture_child import measure
from analyzers.contract import (
    Array,
    Batch,
    Case,
    DataFacts,
    Digest,
    Done,
    FloatArray,
    LabelArray,
    Measurement,
    Subject,
    Unit,
)
from support.cue_nets import (
    bag_of_pixels,
    bright_cell,
    bright_cells,
    outlines_only,
    striped_shapes,
    stripes_only,
)
from support.graphs import linear, noise, small_net, subject_of, unruled_net
from support.subjects import ToySubject, committed, shard_of, silent
from support.subjects import batch_of as toy_batch

FULL = {"plan": "full"}
THREAT = "Linf:8/255:white"


class Told(NamedTuple):
    """A whole run of the lens."""

    done: list[Done]
    measured: Sequence[Measurement]

    def one(self, metric: str, **scope: str) -> Measurement:
        """The measurement of a metric and scope."""
        named = [one for one in self.measured if one.metric == f"texture.{metric}"]
        (found,) = [one for one in named if dict(one.scope) == scope]
        return found

    def value(self, metric: str, **scope: str) -> float:
        """The value of one that is measured."""
        found = self.one(metric, **scope)
        assert found.value is not None, found.note
        return found.value


def ids_of(images: FloatArray) -> list[str]:
    """Names by content."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images]


def run(
    subject: Subject,
    images: FloatArray,
    labels: LabelArray,
    *,
    config: Mapping[str, str] | None = None,
    probe: FloatArray | None = None,
) -> Told:
    """Plan, measure and merge a set, as an audit would."""
    n, config, ids = len(images), config or {}, ids_of(images)
    blobs: dict[Digest, Array] = {}
    if probe is not None:
        blobs["a" * 64] = probe
    inputs = {f"attacks.probe@{THREAT}:gate/probe": {(0, n): "a" * 64}} if blobs else {}
    case = Case(subject.facts, DataFacts("d" * 64, n, 10, eight_bit=True), inputs)
    done: list[Done] = []
    while units := ANALYZER.plan(case, config, done, ()):
        low, high = units[0].rows
        batch = Batch(range(low, high), images[low:high], labels[low:high], ids[low:high])
        given = {name: blobs[digest] for name, digest in units[0].inputs.items()}
        shard = shard_of(units[0], ANALYZER.description.id, config=config)
        done.append(committed(units[0], measure(shard, subject, batch, given, silent)))
    return Told(done, ANALYZER.merge(case, config, done))


def named_by(subject: Subject, images: FloatArray) -> LabelArray:
    """Labels that the model agrees with."""
    return subject.predict(images).argmax(axis=1).astype(np.int64)


def shaded(count: int, shape: tuple[int, int, int] = (3, 32, 32)) -> FloatArray:
    """Noise between two colours that differ from picture to picture."""
    ends = noise(count, (2, shape[0], 1, 1), seed=3)
    return (ends[:, 0] + (ends[:, 1] - ends[:, 0]) * noise(count, shape, seed=4)).clip(0, 1)


def test_a_bag_of_pixels_keeps_everything() -> None:
    """Known answer: order-free, so every retention and the area are exactly 1, logits too."""
    subject, images = subject_of(bag_of_pixels()), shaded(60)
    told = run(subject, images, named_by(subject, images), config=FULL)
    kept = [told.value("shuffle_retention", tiles=f"{k}x{k}") for k in (2, 4, 8)]
    assert kept == [1, 1, 1]
    assert told.value("reliance") == 1
    assert told.one("shuffle_retention", tiles="8x8").counts == {"numerator": 60, "denominator": 60}
    assert told.value("cue_loss", cue="shape") == 0


def test_where_something_lies_is_lost_with_the_order() -> None:
    """Known answer: the bright cell of 16 stays in its place in 1 of 16 shuffles: chance.

    Among four tiles a given one stays in 5 of the 23 orders that are drawn.
    """
    images, labels = bright_cells(480)
    told = run(subject_of(bright_cell()), images, labels, config=FULL)
    two, four = (told.value("shuffle_retention", tiles=f"{k}x{k}") for k in (2, 4))
    assert four == pytest.approx(1 / 16, abs=0.03)
    assert two == pytest.approx(5 / 23, abs=0.05)
    above = [(kept - 1 / 16) * 16 / 15 for kept in (two, four)]
    area = ((1 + above[0]) / 2 + (above[0] + above[1]) / 2) / 2
    assert told.value("reliance") == pytest.approx(area)
    assert told.value("cue_loss", cue="shape") == pytest.approx(1 - four)


def test_stripes_alone_have_no_shape_bias() -> None:
    """Known answer: a net of stripe energy goes by the amplitude of every hybrid."""
    images, _, stripes = striped_shapes(60)
    told = run(subject_of(stripes_only()), images, stripes)
    assert told.value("shape_bias") == 0
    assert told.value("conflict_coverage") == 1
    assert told.one("shape_bias").counts == {"numerator": 0, "denominator": 60}
    assert told.value("cue_loss", cue="texture") == 1


def test_outlines_alone_have_all_of_it() -> None:
    """Known answer: a matched filter of outlines goes by the phase of every hybrid."""
    images, shapes, _ = striped_shapes(60)
    told = run(subject_of(outlines_only()), images, shapes)
    assert told.value("shape_bias") == 1
    assert told.value("conflict_coverage") == 1
    assert told.value("cue_loss", cue="texture") == 0


def test_a_slope_on_edges_and_an_attack_everywhere() -> None:
    """Known answer: a linear model of the two columns at a step has 8 times even, signs have 1."""
    weight = np.zeros((3, 1, 16, 16))
    weight[0, ..., 7:9], weight[1, ..., 7:9] = 1, -1
    images = np.zeros((20, 1, 16, 16), np.float32)
    images[..., 8:] = np.linspace(0.2, 0.9, 20, dtype=np.float32)[:, None, None, None]
    subject = subject_of(linear(weight.reshape(3, -1), np.zeros(3), (1, 16, 16)))
    labels, moved = named_by(subject, images), images.copy()
    moved[..., 7:9] -= np.float32(0.03)
    told = run(subject, images, labels, probe=images + np.float32(0.03))
    assert told.value("slope_alignment") == pytest.approx(8)
    assert told.value("edge_alignment", threat=THREAT) == pytest.approx(1, rel=1e-4)
    on_edges = run(subject, images, labels, probe=moved)
    assert on_edges.value("edge_alignment", threat=THREAT) == pytest.approx(8)


def test_colour_is_lost_by_who_looks_at_one_channel() -> None:
    """Known answer: red against blue cannot be told in grey, and a model of brightness can."""
    images = np.zeros((40, 3, 8, 8), np.float32)
    images[::2, 0], images[1::2, 2] = 0.8, 0.6
    labels = np.arange(40, dtype=np.int64) % 2
    weight = np.zeros((2, 3, 64))
    weight[0, 0], weight[1, 2] = 1, 1.5
    told = run(subject_of(linear(weight.reshape(2, -1), np.zeros(2), (3, 8, 8))), images, labels)
    assert told.value("cue_loss", cue="colour") == 0.5
    assert told.one("cue_loss", cue="colour").counts == {"images": 40, "lost": 20, "gained": 0}
    assert "-" not in told.one("cue_loss", cue="colour").note.split("points")[0]


def test_neighbours_change_nothing_but_the_partner() -> None:
    """Alone, each image gets the answers that it gets among others."""
    subject, images = subject_of(small_net(shape=(3, 16, 16))), noise(6, (3, 16, 16))
    labels, ids = named_by(subject, images), ids_of(images)
    shard = shard_of(Unit((0, 6)), "behaviour.texture")
    whole = measure(shard, subject, Batch(range(6), images, labels, ids), {}, silent).samples
    for at in range(6):
        batch = Batch([at], images[[at]], labels[[at]], [ids[at]])
        alone = measure(shard, subject, batch, {}, silent).samples
        for name in set(whole) - {"hybrid", "slope"}:
            assert alone[name] == [whole[name][at]], name
        assert alone["slope"] == [pytest.approx(whole["slope"][at], rel=1e-5)]


def test_passes_are_those_that_were_foretold() -> None:
    """All images coloured and mixed: exactly the cost, and half of it where nothing is right."""
    subject, images = subject_of(small_net(shape=(3, 16, 16))), noise(30, (3, 16, 16))
    case = Case(subject.facts, DataFacts("d" * 64, 30, 5, eight_bit=True))
    told = run(subject, images, named_by(subject, images), config=FULL)
    assert any(one.samples["hybrid"].count(None) == 0 for one in told.done)
    spent = [sum(one.passes[name] for one in told.done) for name in ("forward", "backward")]
    assert tuple(spent) == ANALYZER.cost(case, FULL)
    wrong = run(subject, images, (named_by(subject, images) + 1) % 5, config=FULL)
    assert sum(one.passes["forward"] for one in wrong.done) == spent[0] - 30


def test_a_model_without_slopes_is_still_shuffled() -> None:
    """Only what needs a slope is missing, and says why."""
    subject, images = subject_of(unruled_net((3, 8, 8))), noise(25, (3, 8, 8))
    told = run(subject, images, named_by(subject, images))
    assert told.one("slope_alignment").outcome == "not_available"
    assert "Col2Im" in told.one("slope_alignment").note
    assert told.one("edge_alignment").outcome == "not_available"
    assert told.one("shuffle_retention", tiles="2x2").outcome == "measured"


def test_answers_without_numbers_are_wrong_ones() -> None:
    """A model that says NaN of changed pictures has not kept its answer."""

    class Broken(ToySubject):
        """NaN for every picture that is not of one shade."""

        def logits(self, fed: FloatArray) -> FloatArray:
            """Logits with holes."""
            found = super().logits(fed)
            found[np.ptp(fed, axis=(1, 2, 3)) > 0] = np.nan
            return found

    toy = Broken(shape=(1, 12, 12))
    batch = toy_batch((0, 10), shape=(1, 12, 12))
    images = batch.images.copy()
    images[:, :, 0, 0] += np.float32(0.01)
    for shown, right in ((batch.images, True), (images, False)):
        told = run(toy, shown, batch.labels)
        assert told.done[0].samples["right"] == [right] * 10


def test_blocks_end_where_the_plan_does() -> None:
    """Quick looks at 200 images, full at 500, and the probe's blocks are among them."""
    subject = subject_of(small_net())
    case = Case(subject.facts, DataFacts("d" * 64, 2000, 5, eight_bit=True))
    quick, full = (ANALYZER.plan(case, config, (), ()) for config in ({}, FULL))
    assert [unit.rows for unit in quick] == [unit.rows for unit in full[: len(quick)]]
    assert (quick[-1].rows[1], full[-1].rows[1]) == (200, 500)
    assert EDGES[:6] == (20, 40, 60, 100, 180, 200)
