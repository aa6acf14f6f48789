"""Texture told: what each number is of, and who has none and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from analyzers.behaviour.texture import ANALYZER
from analyzers.contract import (
    Case,
    DataFacts,
    Done,
    Json,
    Measurement,
    SubjectFacts,
    Unit,
)
from analyzers.lens import ASSOCIATION, NO_PROBE, NO_THREAT
from analyzers.statistics.intervals import wilson
from analyzers.statistics.paired import difference_interval
from service.report.views import figure_of

THREAT = "Linf:8/255:white"
GRAPH = {"masks": 0, "patch_height": 0, "patch_width": 0}
OWN = ("texture.own_shape_bias", "texture.own_neither")
ANSWERED = ("shuffle_retention", "reliance", "cue_loss", "shape_bias", "conflict_coverage")


def case(
    *, shape: tuple[int, int, int] = (3, 32, 32), classes: int = 10, gap: str = "", n: int = 10
) -> Case:
    """An audit of a model of one shape."""
    facts = SubjectFacts("s" * 64, classes, shape, gradient_gap=gap)
    return Case(facts, DataFacts("d" * 64, n, classes, eight_bit=True))


def clean(numbers: Mapping[str, int] = GRAPH, note: str = "", **changed: Sequence[Json]) -> Done:
    """Ten images, nine of them right, with the answers that are given."""
    columns: dict[str, Sequence[Json]] = {
        "row": list(range(10)),
        "right": [True] * 9 + [False],
        "tiles_2": [True] * 6 + [False] * 4,
        "tiles_4": [True] * 3 + [False] * 6 + [True],
        "smooth": [True] * 8 + [False] * 2,
        "grey": [None] * 5 + [False] + [True] * 3 + [None],
        "hybrid": ["shape"] * 3 + ["texture"] * 2 + ["neither"] * 4 + [None],
        "slope": [2.0] * 9 + [None],
        **changed,
    }
    return Done(Unit((0, 10)), "measured", dict(numbers), columns, {}, {}, note)


def attacked(*values: float | None) -> Done:
    """Where the change of an attack lay."""
    rows = (0, len(values))
    columns = {"row": list(range(*rows)), "edge": list(values)}
    return Done(Unit(rows, {"threat": THREAT}), "measured", {}, columns, {}, {})


def merged(about: Case, *done: Done, config: Mapping[str, str] | None = None) -> list[Measurement]:
    """What the units add up to, but for pictures of the user's own (test_texture_own.py)."""
    every = ANALYZER.merge(about, config or {}, done)
    return [each for each in every if each.metric not in OWN]


def one(found: Sequence[Measurement], metric: str, **scope: str) -> Measurement:
    """The measurement of a metric and scope."""
    (picked,) = [
        each
        for each in found
        if each.metric == f"texture.{metric}" and {**each.scope, **scope} == dict(each.scope)
    ]
    return picked


def test_retention_is_of_images_that_were_right() -> None:
    """6 and 3 of the 9, with Wilson's intervals; what became right by shuffling does not count."""
    found = merged(case(), clean())
    two, four = (one(found, "shuffle_retention", tiles=tiles) for tiles in ("2x2", "4x4"))
    assert (two.counts, four.counts) == (
        {"numerator": 6, "denominator": 9},
        {"numerator": 3, "denominator": 9},
    )
    low, high = wilson(6, 9)
    assert f"{100 * low:.1f} % to {100 * high:.1f} %, 9 images" in two.note
    assert ASSOCIATION in two.note


def test_reliance_is_the_area_from_chance_to_everything() -> None:
    """By hand: (2/3 - .1) / .9 = 17/27, (1/3 - .1) / .9 = 7/27, mean of two trapezoids."""
    told = one(merged(case(), clean()), "reliance")
    assert told.value == pytest.approx(((1 + 17 / 27) / 2 + (17 / 27 + 7 / 27) / 2) / 2)
    assert "falls to chance at once has 0.25" in told.note
    assert "9 images" in told.note


def test_a_longer_plan_has_the_same_reliance() -> None:
    """Eight tiles a side are told beside it and do not enter it."""
    quick = one(merged(case(), clean()), "reliance").value
    found = merged(case(), clean(tiles_8=[False] * 10), config={"plan": "full"})
    assert one(found, "shuffle_retention", tiles="8x8").value == 0
    assert one(found, "reliance").value == quick


def test_cue_losses_are_paired_and_of_all_images() -> None:
    """Shape by the finest tiles: six lost, one gained of ten; colour keeps what was grey."""
    found = merged(case(), clean())
    lost = {cue: one(found, "cue_loss", cue=cue) for cue in ("shape", "texture", "colour")}
    assert {cue: told.value for cue, told in lost.items()} == {
        "shape": pytest.approx(0.5),
        "texture": pytest.approx(0.1),
        "colour": pytest.approx(0.1),
    }
    assert lost["shape"].counts == {"images": 10, "lost": 6, "gained": 1}
    low, high = difference_interval(6, 1, 10)
    assert f"{100 * low:.1f} to {100 * high:.1f} points, 10 images" in lost["shape"].note
    assert lost["colour"].counts == {"images": 10, "lost": 1, "gained": 0}


def test_conflict_tells_its_coverage() -> None:
    """Three by the phase and two by the amplitude, of nine hybrids."""
    found = merged(case(), clean())
    bias, coverage = one(found, "shape_bias"), one(found, "conflict_coverage")
    assert bias.counts == {"numerator": 3, "denominator": 5}
    assert coverage.counts == {"numerator": 5, "denominator": 9}
    assert "4 by neither" in bias.note
    assert "style transfer" in bias.note


def test_hybrids_taken_for_something_else_have_no_bias() -> None:
    """Coverage 0 is a measurement; a share of nothing is none."""
    found = merged(case(), clean(hybrid=["neither"] * 9 + [None]))
    assert one(found, "conflict_coverage").value == 0
    assert one(found, "shape_bias").outcome == "not_available"


def test_nobody_to_mix_with() -> None:
    """One class was right: no hybrid, and both numbers say so."""
    found = merged(case(), clean(hybrid=[None] * 10))
    for name in ("shape_bias", "conflict_coverage"):
        assert one(found, name).outcome == "not_available"
        assert "different classes" in one(found, name).note


def test_slopes_and_attacks_on_edges() -> None:
    """Means over the images that have both, the others told; one measurement a threat."""
    found = merged(case(), clean(), attacked(1.0, 2.0, None))
    assert one(found, "slope_alignment").value == 2
    assert "Left out: 1 " in one(found, "slope_alignment").note
    told = one(found, "edge_alignment", threat=THREAT)
    assert (told.value, told.counts) == (1.5, {"images": 2})
    flat = merged(case(), clean(slope=[None] * 10), attacked(None))
    assert one(flat, "slope_alignment").outcome == "not_applicable"
    assert one(flat, "edge_alignment").outcome == "not_applicable"


def test_slopes_of_a_twin_are_called_that() -> None:
    """Where the model itself has none, whose slopes they are is said."""
    about = case()
    twin = Case(replace(about.subject, twin="rounding: op Round"), about.data)
    assert "twin (rounding: op Round)" in one(merged(twin, clean()), "slope_alignment").note
    assert "twin" not in one(merged(about, clean()), "slope_alignment").note


def test_without_a_probe_the_reason_is_the_right_one() -> None:
    """No threat, no gradient, or not looked at yet."""
    assert one(merged(case(), clean()), "edge_alignment").note == NO_THREAT
    blind = merged(case(gap="op X"), clean(slope=[None] * 10))
    assert one(blind, "edge_alignment").note == NO_PROBE
    assert one(blind, "slope_alignment").outcome == "not_available"
    about = case()
    pictures = {f"attacks.probe@{THREAT}:gate/probe": {(0, 10): "a" * 64}}
    waiting = Case(about.subject, about.data, pictures)
    assert one(merged(waiting, clean()), "edge_alignment").outcome == "out_of_budget"


@pytest.mark.parametrize(
    ("classes", "right", "measured"),
    [(10, 2, True), (10, 1, False), (3, 7, True), (3, 6, False), (2, 8, True), (2, 7, False)],
)
def test_a_model_near_chance_has_no_explanation(classes: int, right: int, measured: bool) -> None:
    """From twice chance on, and for two classes from half-way between chance and everything."""
    answers = [True] * right + [False] * (10 - right)
    found = merged(case(classes=classes), clean(right=answers), attacked(1.0))
    outcomes = {each.outcome for each in found if each.metric != "texture.fixed_masks"}
    assert ("measured" in outcomes) is measured
    if not measured:
        assert outcomes == {"not_applicable"}
        assert f"right about {right} of 10 images" in one(found, "reliance").note
    assert one(found, "fixed_masks").outcome == "measured"


def test_a_model_of_one_class_cannot_change_its_answer() -> None:
    """Right about everything, and still nothing is said."""
    found = merged(case(classes=1), clean(right=[True] * 10))
    assert one(found, "reliance").outcome == "not_applicable"


@pytest.mark.parametrize(
    ("shape", "grey", "why"),
    [
        ((1, 32, 32), None, "greyscale"),
        ((3, 32, 32), None, "grey already"),
        ((4, 32, 32), None, "4 channels"),
    ],
)
def test_grey_images_have_no_colour_to_lose(
    shape: tuple[int, int, int], grey: None, why: str
) -> None:
    """Other cues are measured, and the bars leave colour out."""
    found = merged(case(shape=shape), clean(grey=[grey] * 10))
    told = one(found, "cue_loss", cue="colour")
    assert told.outcome == "not_applicable"
    assert why in told.note
    view = one(found, "cue_loss", cue="shape").view
    assert view is not None
    assert view.data["labels"] == ["shape", "texture"]


def test_small_images_have_fewer_tiles_or_none() -> None:
    """8 x 8 pixels have four tiles, 6 x 6 have none; then texture carries the bars."""
    some = merged(case(shape=(1, 8, 8)), clean())
    tiles = [each.scope for each in some if each.metric == "texture.shuffle_retention"]
    assert tiles == [{"tiles": "2x2"}]
    assert (
        "Over 1, 2 tiles a side. One that falls to chance at once has 0.5"
        in one(some, "reliance").note
    )
    none = merged(case(shape=(1, 6, 6)), clean())
    for name in ("shuffle_retention", "reliance"):
        assert one(none, name).outcome == "not_applicable"
        assert "6 x 6" in one(none, name).note
    assert one(none, "cue_loss", cue="shape").outcome == "not_applicable"
    assert one(none, "cue_loss", cue="texture").view is not None


def test_tiles_say_what_they_are() -> None:
    """Size, borders, and rows that stay where they are."""
    notes = [
        one(merged(case(shape=shape), clean()), "shuffle_retention", tiles="4x4").note
        for shape in ((3, 32, 64), (1, 28, 28), (3, 33, 40))
    ]
    assert "8 x 16 pixels" in notes[0]
    assert "border" not in notes[0]
    assert "mostly border" in notes[1]
    assert "stay in place" in notes[2]
    assert "stay in place" not in notes[0]


@pytest.mark.parametrize(
    ("patch", "shape", "said"),
    [
        (4, (3, 32, 32), True),
        (16, (3, 32, 32), False),
        (4, (3, 33, 40), False),
        (4, (3, 35, 35), False),
        (0, (3, 32, 32), False),
    ],
)
def test_tiles_of_whole_patches_test_positions(
    patch: int, shape: tuple[int, int, int], said: bool
) -> None:
    """Only where each tile of 8 pixels holds whole patches, on their grid."""
    graph = {"masks": 0, "patch_height": patch, "patch_width": patch}
    found = merged(case(shape=shape), clean(graph))
    note = one(found, "shuffle_retention", tiles="4x4").note
    assert ("position embeddings" in note) is said


def test_masks_are_counted_and_named() -> None:
    """Whatever the accuracy; a file without them says so."""
    graph = {"masks": 2, "patch_height": 0, "patch_width": 0}
    found = one(merged(case(), clean(graph, "after stem 50 % of 99 values are 0")), "fixed_masks")
    assert found.value == 2
    assert "after stem 50 %" in found.note
    assert "black-box" in found.note
    none = one(merged(case(), clean()), "fixed_masks")
    assert none.value == 0
    assert "black-box" not in none.note


def test_every_view_can_be_drawn() -> None:
    """Each measurement has one, and none becomes a note in its place."""
    for each in merged(case(), clean(), attacked(1.0, 1.5)):
        assert each.view is not None, each.metric
        view = {"kind": each.view.kind, "title": each.view.title, "data": dict(each.view.data)}
        figure = figure_of({**view, "caption": each.view.caption})
        assert figure.drawing is not None, figure.note


def test_the_curve_starts_with_the_image_as_it_is() -> None:
    """Everything at one tile, then the shares with their bands."""
    view = one(merged(case(), clean()), "shuffle_retention", tiles="2x2").view
    assert view is not None
    assert view.kind == "curve"
    assert view.data["x"] == [1, 2, 4]
    assert view.data["y"] == pytest.approx([1, 6 / 9, 3 / 9])


def test_nothing_is_told_as_a_cause_or_a_verdict() -> None:
    """Words of an association, in every note that holds a value of the answers."""
    found = merged(case(), clean(), attacked(1.0, 1.5))
    for each in found:
        assert "because" not in each.note
        if each.metric not in {"texture.fixed_masks", "texture.conflict_coverage"}:
            assert ASSOCIATION in each.note, each.metric
    for rule in ANALYZER.description.findings:
        assert rule.severity in {"info", "low"}
        assert "black-box" in rule.remedy.lower()


def test_nothing_done_is_out_of_budget() -> None:
    """Every metric once, without a value."""
    found = merged(case())
    named = [spec.name for spec in ANALYZER.description.metrics if spec.name not in OWN]
    assert [each.metric for each in found] == named
    assert {each.outcome for each in found} == {"out_of_budget"}
    assert {f"texture.{name}" for name in ANSWERED} < {each.metric for each in found}


def test_pictures_under_attack_come_after_the_images() -> None:
    """One unit a block and threat, each once, with the blob it is about."""
    about = case(n=30)
    rows = {(0, 20): "a" * 64, (20, 30): "b" * 64}
    inputs = {f"attacks.probe@{THREAT}:gate/probe": rows}
    both = Case(about.subject, about.data, inputs)
    units = ANALYZER.plan(both, {}, (), ())
    assert [unit.rows for unit in units] == [(0, 20), (20, 30)] * 2
    assert [dict(unit.inputs) for unit in units[2:]] == [
        {"probe": "a" * 64},
        {"probe": "b" * 64},
    ]
    assert {unit.params["threat"] for unit in units[2:]} == {THREAT}
    done = [Done(units[2], "measured", {}, {}, {}, {})]
    assert list(ANALYZER.plan(both, {}, done, ())) == [*units[:2], units[3]]
