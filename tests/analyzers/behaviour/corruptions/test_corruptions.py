"""The lens: what it plans, what a child answers, and what its numbers say and do not say."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from analyzers.behaviour.corruptions.apply import corrupted
from analyzers.behaviour.corruptions.corruptions import (
    ANALYZER,
    EDGES,
    FULL_ROWS,
    QUICK_ROWS,
    kinds,
    levels,
    merge,
    plan,
)
from analyzers.behaviour.corruptions.corruptions_child import measure
from analyzers.contract import Batch, Done, Json, Measurement, Partial, Subject, Unit, blocks
from analyzers.statistics.intervals import wilson
from service.report.views import figure_of
from support.graphs import noise, small_net, subject_of
from support.spoiling import names
from support.subjects import (
    SilentSubject,
    ToySubject,
    batch_of,
    case_of,
    committed,
    shard_of,
    silent,
)

QUICK: Mapping[str, Json] = {}
FULL: Mapping[str, Json] = {"plan": "full"}
ID = ANALYZER.description.id
COPIES = 45
"""Of an image in the quick plan: fifteen kinds at three severities."""


def asked(subject: Subject, batch: Batch, config: Mapping[str, Json] = QUICK) -> Partial:
    """What a child finds in one block."""
    unit = Unit((batch.rows[0], batch.rows[-1] + 1))
    return measure(shard_of(unit, ID, config=config), subject, batch, {}, silent)


def answered(
    clean: Sequence[bool],
    lost: Mapping[str, Sequence[int]],
    *,
    labels: Sequence[int] | None = None,
    config: Mapping[str, Json] = QUICK,
) -> Done:
    """A committed unit in which a copy is right when its image is and it was not ``lost``.

    ``lost`` names columns, or kinds for all their severities, and the rows that are wrong there.
    """
    n = len(clean)
    samples: dict[str, Sequence[Json]] = {
        "row": list(range(n)),
        "label": list(labels or [row % 2 for row in range(n)]),
        "clean": list(clean),
    }
    for kind in kinds(config):
        for one in levels(config):
            name = f"{kind}@{one}"
            gone = {*lost.get(kind, ()), *lost.get(name, ())}
            samples[name] = [right and row not in gone for row, right in enumerate(clean)]
    return Done(Unit((0, n)), "measured", {}, samples, {}, {})


def told(
    done: Sequence[Done], *, classes: int = 10, config: Mapping[str, Json] = QUICK
) -> dict[str, Measurement]:
    """The measurements by metric and scope."""
    found = merge(case_of(ToySubject(classes=classes), 1000), config, done)
    return {":".join([one.metric, *one.scope.values()]): one for one in found}


def test_it_covers_the_first_images_in_small_blocks() -> None:
    """Quick stops at sixty images and full at two hundred, each block once, short sets whole."""
    case = case_of(ToySubject(), 1000)
    for config, rows in ((QUICK, QUICK_ROWS), (FULL, FULL_ROWS)):
        units = plan(case, config, (), ())
        assert [one.rows for one in units] == blocks(rows, EDGES)
        assert all(one.rows[1] - one.rows[0] <= 10 for one in units)
        done = [Done(one, "measured", {}, {}, {}, {}) for one in units[:2]]
        assert list(plan(case, config, done, ())) == list(units[2:])
    short = plan(case_of(ToySubject(), 45), FULL, (), ())
    assert [one.rows for one in short] == [(0, 10), (10, 20), (20, 30), (30, 40), (40, 45)]


def test_its_cost_is_what_its_units_pass() -> None:
    """An image once as it is and once a copy: 46 passes when quick, 86 in full."""
    for config, rows, passes in ((QUICK, QUICK_ROWS, 46), (FULL, FULL_ROWS, 86)):
        assert ANALYZER.cost(case_of(ToySubject(), 1000), config).forward == rows * passes
        found = asked(ToySubject(), batch_of((0, 10)), config)
        assert dict(found.passes) == {"forward": 10 * passes, "backward": 0}


def test_a_child_asks_about_every_copy() -> None:
    """Each column is what the model answers to that corruption of those rows; others are clean."""
    subject, batch = ToySubject(), batch_of((20, 40), wrong=[25])
    found = asked(subject, batch, FULL)
    assert found.samples["row"] == list(range(20, 40))
    assert found.samples["clean"] == [row != 25 for row in range(20, 40)]
    assert len(found.samples) == 3 + 17 * 5
    for kind, severity in (("brightness", 5), ("impulse_noise", 1), ("rotation", 3)):
        shown = corrupted(batch.images, batch.ids, kind, severity)
        right = subject.predict(shown).argmax(axis=1) == batch.labels
        assert found.samples[f"{kind}@{severity}"] == right.tolist()
    brighter = found.samples["brightness@5"]
    assert sum(brighter) < 8, "every shade but the last becomes another class"


def test_an_answer_that_is_no_number_is_wrong() -> None:
    """A model that answers NaN about dark pictures is wrong about them, clean or not."""
    found = asked(SilentSubject(), batch_of((0, 20)))
    assert found.samples["clean"] == [row % 10 >= 3 for row in range(20)]
    assert found.samples["contrast@1"] == found.samples["clean"]


def test_neighbours_change_no_answer() -> None:
    """Rows of one unit come to the same in two."""
    subject = subject_of(small_net(shape=(1, 8, 8)))
    images = noise(8, (1, 8, 8))
    labels = subject.predict(images).argmax(1).astype(np.int64)
    whole = asked(subject, Batch(range(8), images, labels, names(8)))
    parts = [
        asked(
            subject,
            Batch(range(low, low + 4), images[low:][:4], labels[low:][:4], names(8)[low:][:4]),
        )
        for low in (0, 4)
    ]
    for name, column in whole.samples.items():
        assert list(column) == [one for part in parts for one in part.samples[name]]


def test_shares_are_of_copies() -> None:
    """Known answers: 20 images, 18 right; glass loses ten of them at every severity."""
    found = told([answered([True] * 18 + [False] * 2, {"glass_blur": range(10)})])
    glass, fog = found["corruptions.accuracy:glass_blur"], found["corruptions.accuracy:fog"]
    assert (glass.value, glass.counts["numerator"], glass.counts["denominator"]) == (0.4, 24, 60)
    assert fog.value == 0.9
    assert found["corruptions.mean"].value == pytest.approx((14 * 0.9 + 0.4) / 15)
    assert found["corruptions.worst"].value == 0.4
    assert found["corruptions.worst"].note.startswith("Glass blur, the lowest of 15.")
    assert found["corruptions.retention"].value == pytest.approx((14 + 8 / 18) / 15)
    assert found["corruptions.worst_retention"].value == pytest.approx(8 / 18)
    assert found["corruptions.worst_retention"].counts["images"] == 18


def test_copies_that_come_right_by_chance_keep_nothing() -> None:
    """A copy of an image that is wrong as it is counts as right there, but not as kept."""
    done = answered([True] * 10 + [False] * 10, {})
    samples = {**done.samples, "fog@1": [True] * 20}
    found = told([Done(done.unit, "measured", {}, samples, {}, {})])
    assert found["corruptions.accuracy:fog"].counts["numerator"] == 40
    assert found["corruptions.retention"].value == 1.0


def test_an_image_is_one_observation() -> None:
    """Known answer: however many copies, intervals are Wilson's over images; some hold at once."""
    found = told([answered([True] * 20, {kind: range(10) for kind in kinds(QUICK)})])
    low, high = wilson(10, 20)
    wanted = f"{100 * low:.1f} % to {100 * high:.1f} %, 20 images, {20 * COPIES} copies."
    assert wanted in found["corruptions.mean"].note
    low, high = wilson(10, 20, 1 - 0.05 / 15)
    assert f"{100 * low:.1f} % to {100 * high:.1f} %" in found["corruptions.worst"].note
    assert "one of 15 that hold at once" in found["corruptions.worst"].note


def test_an_interval_contains_its_share() -> None:
    """Shares between whole images are rounded outward, never into the interval."""
    found = told([answered([True] * 20, {"fog@1": range(7)})])
    part = found["corruptions.accuracy:fog"]
    assert part.value == pytest.approx(53 / 60)
    low, high = wilson(17, 20).low, wilson(18, 20).high
    assert f"{100 * low:.1f} % to {100 * high:.1f} %" in part.note


def test_severities_are_told_in_full() -> None:
    """Full has a value for each severity and for two more kinds, which count into no mean."""
    lost = {"fog@3": range(5), "rotation": range(20)}
    full = told([answered([True] * 20, lost, config=FULL)], config=FULL)
    assert full["corruptions.accuracy:fog:3"].value == 0.75
    assert full["corruptions.accuracy:fog:4"].value == 1.0
    assert full["corruptions.accuracy:fog"].value == 0.95
    assert full["corruptions.accuracy:rotation"].value == 0.0
    assert full["corruptions.worst"].value == 0.95
    assert full["corruptions.mean"].value == pytest.approx((14 + 0.95) / 15)
    quick = told([answered([True] * 20, {})])
    assert "corruptions.accuracy:fog:3" not in quick
    assert "corruptions.accuracy:rotation" not in quick


@pytest.mark.parametrize(
    ("classes", "right", "known"),
    [(10, 4, True), (10, 3, False), (3, 14, True), (3, 13, False), (2, 15, True), (2, 14, False)],
)
def test_at_chance_nothing_is_kept(classes: int, right: int, known: bool) -> None:
    """Of 20: twice chance is 4 for ten classes and 13.3 for three; two need half way, 15."""
    found = told([answered([True] * right + [False] * (20 - right), {})], classes=classes)
    for metric in ("corruptions.retention", "corruptions.worst_retention"):
        one = found[metric]
        assert one.outcome == ("measured" if known else "not_available")
        assert known or f"{right} of 20 images" in one.note
    assert found["corruptions.mean"].outcome == "measured"


def test_no_right_image_is_no_zero_denominator() -> None:
    """With very many classes chance is next to nothing, but nothing right keeps nothing."""
    found = told([answered([False] * 20, {})], classes=1000)
    assert found["corruptions.retention"].outcome == "not_available"
    assert found["corruptions.worst"].value == 0


def test_the_lowest_class_is_named_with_its_interval() -> None:
    """Known answer: class 7 loses half of its images under everything; small classes are left."""
    labels = [7] * 10 + [2] * 8 + [5] * 2
    lost = {kind: [*range(5), 18, 19] for kind in kinds(QUICK)}
    one = told([answered([True] * 20, lost, labels=labels)])["corruptions.worst_class"]
    assert one.value == 0.5
    assert one.counts == {"numerator": 5 * COPIES, "denominator": 10 * COPIES, "images": 10}
    assert one.note.startswith("Class 7, the lowest of 2 with at least 5 images:")
    low, high = wilson(5, 10, 1 - 0.05 / 2)
    assert f"{100 * low:.1f} % to {100 * high:.1f} %" in one.note
    assert one.view is not None
    assert one.view.data["labels"] == ["class 7 (10 images)", "class 2 (8 images)"]
    assert (one.view.data["before"], one.view.data["after"]) == ([1.0, 1.0], [0.5, 1.0])


def test_too_few_images_a_class_say_nothing() -> None:
    """A class of four, or one class alone, is no comparison."""
    for labels in ([0] * 16 + [1] * 4, [3] * 20, list(range(20))):
        one = told([answered([True] * 20, {}, labels=labels)])["corruptions.worst_class"]
        assert one.outcome == "not_available"
        assert "5 images" in one.note


def test_its_figures_can_be_drawn() -> None:
    """Bars with the clean baseline, a curve from severity 0 on, classes before and after."""
    found = told([answered([True] * 18 + [False] * 2, {"glass_blur": range(10)})])
    views = {name: one.view for name, one in found.items() if one.view is not None}
    kinds_of = {name: view.kind for name, view in views.items()}
    assert kinds_of == {
        "corruptions.mean": "bars",
        "corruptions.worst": "curve",
        "corruptions.retention": "curve",
        "corruptions.worst_retention": "number",
        "corruptions.worst_class": "dumbbell",
    }
    assert views["corruptions.mean"].data["baseline"] == 0.9
    assert views["corruptions.worst"].data["x"] == [0, 1, 3, 5]
    assert views["corruptions.worst"].data["y"] == [0.9, 0.4, 0.4, 0.4]
    for view in views.values():
        body = {"kind": view.kind, "title": view.title, "data": view.data}
        figure = figure_of(body)
        assert figure.drawing is not None, figure.note


def test_a_failed_unit_is_left_out() -> None:
    """Numbers are of what was measured; nothing measured has no value."""
    failed = Done(Unit((20, 40)), "error", {}, {}, {}, {}, "out of memory")
    found = told([answered([True] * 20, {}), failed])
    assert found["corruptions.mean"].counts["images"] == 20
    assert {one.outcome for one in told([failed]).values()} == {"out_of_budget"}


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 12), (1, 5, 7)])
def test_small_grey_and_oblong_models_are_measured(shape: tuple[int, int, int]) -> None:
    """A network of any such input is asked and told about, with values where it is right."""
    subject = subject_of(small_net(shape=shape))
    images = noise(20, shape)
    labels = subject.predict(images).argmax(1).astype(np.int64)
    partial = asked(subject, Batch(range(20), images, labels, names(20)))
    done = committed(Unit((0, 20)), partial)
    found = merge(case_of(ToySubject(shape=shape, classes=5), 20), QUICK, [done])
    values = {one.metric: one.value for one in found if not one.scope}
    assert values["corruptions.retention"] is not None
    assert values["corruptions.worst"] is not None
    assert values["corruptions.worst"] <= values["corruptions.retention"] <= 1
