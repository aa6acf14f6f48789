"""Preflight on a subject with closed-form logits: accuracy, and who was fed wrongly."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from analyzers.behaviour.preflight import ANALYZER, TRIED_ROWS, measure, merge, plan
from analyzers.behaviour.preprocessing import known, named
from analyzers.behaviour.variants import first_tried
from analyzers.contract import (
    Batch,
    Done,
    FloatArray,
    InputSpec,
    Json,
    Measurement,
    Partial,
    Refusal,
    Stop,
    Tally,
    Unit,
    blocks,
)
from analyzers.statistics.intervals import wilson
from support.subjects import (
    RedSubject,
    SilentSubject,
    ToySubject,
    batch_of,
    case_of,
    committed,
    shard_of,
    silent,
)

CIFAR = named(3)["cifar10"]
FLIP = "--channels bgr (rgb if you gave bgr)"
Show = Callable[[FloatArray], FloatArray]


def as_drawn(images: FloatArray) -> FloatArray:
    """Pictures as they are: the same in every channel."""
    return images


def blue_first(images: FloatArray) -> FloatArray:
    """Pictures whose class stands in red, in a set that holds blue first."""
    coloured = images.copy()
    coloured[:, 1], coloured[:, 0] = 0.5, 1 - images[:, 0]
    return coloured


def red_first(images: FloatArray) -> FloatArray:
    """The same pictures in the usual order."""
    return blue_first(images)[:, ::-1]


def asked(subject: ToySubject, batch: Batch) -> Partial:
    """What a child finds in one block."""
    rows = (batch.rows[0], batch.rows[-1] + 1)
    unit = next(one for one in plan(case_of(subject, rows[1]), {}, (), ()) if one.rows == rows)
    return measure(shard_of(unit, ANALYZER.description.id), subject, batch, {}, silent)


def audited(
    subject: ToySubject,
    n: int,
    *,
    wrong: Sequence[int] = (),
    blocks_run: int | None = None,
    show: Show = as_drawn,
) -> dict[str, Measurement]:
    """The measurements of an audit of n images, or of its first units."""
    done = driven(subject, n, wrong=wrong, blocks_run=blocks_run, show=show)
    return {one.metric: one for one in merge(case_of(subject, n), {}, done)}


def driven(
    subject: ToySubject,
    n: int,
    *,
    wrong: Sequence[int] = (),
    blocks_run: int | None = None,
    show: Show = as_drawn,
) -> list[Done]:
    """What is committed when the plan is asked again after each unit."""
    case, done = case_of(subject, n), list[Done]()
    while (units := plan(case, {}, done, ())) and len(done) != blocks_run:
        batch = batch_of(units[0].rows, wrong=wrong, shape=subject.facts.shape)
        batch = batch._replace(images=show(batch.images))
        shard = shard_of(units[0], ANALYZER.description.id)
        done.append(committed(units[0], measure(shard, subject, batch, {}, silent)))
    return done


def test_plan_is_the_blocks_whatever_a_stop_says() -> None:
    """One unit a block in order; a settled requirement never cuts clean accuracy short."""
    case = case_of(ToySubject(), 700)
    units = plan(case, {}, (), (Stop("accuracy", lambda tally: True),))
    assert [one.rows for one in units] == blocks(700)
    assert units[0].rows == (0, 20)


def test_known_accuracy() -> None:
    """Three wrong labels of 50 give 47 right, as counts that close."""
    found = audited(ToySubject(), 50, wrong=(3, 20, 49))["accuracy"]
    assert found.value == 0.94
    assert Tally(**found.counts) == Tally(50, 50, 47, 3, 0, 50)
    assert found.grade == "B"
    assert found.view is not None
    assert "47 of 50" in found.note


def test_part_of_the_set_is_a_prefix() -> None:
    """After two blocks the counts speak of 40 images, the population of all."""
    found = audited(ToySubject(), 100, wrong=(3,), blocks_run=2)["accuracy"]
    assert Tally(**found.counts) == Tally(100, 40, 39, 1, 0, 40)
    assert found.value == 39 / 40


def test_nothing_done_measures_nothing() -> None:
    """Without a block, neither metric has a value, and the indicator keeps its limit."""
    found = audited(ToySubject(), 100, blocks_run=0)
    assert {one.outcome for one in found.values()} == {"out_of_budget"}
    assert found["accuracy"].counts["population"] == 100
    assert found["preprocessing_fits"].limit == 0


def test_states_and_passes_are_told() -> None:
    """Every row has its state; each picture counts once a way of feeding."""
    found = asked(ToySubject(), batch_of((0, 20), wrong=(7,)))
    assert found.samples["row"] == list(range(20))
    assert [row for row, state in enumerate(found.samples["state"]) if state != "right"] == [7]
    assert found.passes == {"forward": 20 * (len(known(3)) + 1), "backward": 0}


def test_other_preprocessings_are_tried_on_the_first_rows_only() -> None:
    """From row 340 on only the declared preprocessing runs."""
    found = asked(ToySubject(), batch_of((TRIED_ROWS, 500)))
    assert found.numbers == {"tried": 0, "right:declared": 0}
    assert found.passes["forward"] == 160
    assert audited(ToySubject(), 500)["preprocessing_fits"].view is not None


@pytest.mark.parametrize(
    ("expects", "option"),
    [
        (CIFAR, "--normalize cifar10"),
        (named(3)["imagenet"], "--normalize imagenet"),
        (InputSpec(scale=255.0), "--normalize 0,0,0/0.003921569,0.003921569,0.003921569"),
        (InputSpec("nhwc", 1.0, CIFAR.mean, CIFAR.std), "--normalize cifar10"),
    ],
)
def test_missing_preprocessing_is_named(expects: InputSpec, option: str) -> None:
    """A model fed bare pixels that expects others is found out, with the option that fits."""
    subject = ToySubject(expects=expects, declared=InputSpec(layout=expects.layout))
    found = audited(subject, 60)
    share = found["accuracy"].value
    assert share is not None
    assert share <= 0.2
    fits = found["preprocessing_fits"]
    assert fits.counts["numerator"] > 0
    assert fits.limit == 0
    assert fits.value == pytest.approx(1 - share)
    assert f"{option} would give 1.00 instead of {share:.2f}" in fits.note
    assert fits.scope == {"better": option}


def test_bars_have_short_names_and_their_options_beside() -> None:
    """What fits under a bar is no option to copy, so both are there, in one order."""
    view = audited(ToySubject(), 60)["preprocessing_fits"].view
    assert view is not None
    both = dict(zip(view.data["labels"], view.data["options"], strict=True))
    assert both["cifar10"] == "--normalize cifar10"
    assert both["none, 255"] == "--normalize 0,0,0/0.003921569,0.003921569,0.003921569"
    assert both["as declared"] == "as declared"
    assert len(both) == len(view.data["values"])


def test_superfluous_normalisation_is_named() -> None:
    """A model that takes bare pixels, declared as normalised, is found out."""
    fits = audited(ToySubject(declared=CIFAR), 60)["preprocessing_fits"]
    assert "--normalize none would give 1.00" in fits.note


def test_grey_images_are_tried_with_their_own_names() -> None:
    """One channel: only none and mnist are candidates."""
    spec = named(1)["mnist"]
    fits = audited(ToySubject(expects=spec, shape=(1, 4, 4)), 60)["preprocessing_fits"]
    assert fits.counts["denominator"] == len(known(1)) - 1
    assert "--normalize mnist" in fits.note


def test_right_preprocessing_is_not_doubted() -> None:
    """Control: fed as it expects to be, no candidate is better and the indicator is quiet."""
    for spec in (InputSpec(), CIFAR, InputSpec("nhwc")):
        fits = audited(ToySubject(expects=spec, declared=spec), 60)["preprocessing_fits"]
        assert fits.counts == {"numerator": 0, "denominator": len(known(3))}
        assert (fits.value, fits.note, fits.scope) == (0, "", {})


def test_bad_model_is_not_blamed_on_preprocessing() -> None:
    """Wrong labels lower accuracy without pointing at the preprocessing."""
    found = audited(ToySubject(), 60, wrong=range(0, 60, 2))
    assert found["accuracy"].value == 0.5
    assert found["preprocessing_fits"].counts["numerator"] == 0


def test_chance_recommends_nothing() -> None:
    """A candidate at chance level is no better fit, even beside a model that is never right."""
    done = [
        Done(Unit((0, 2000)), "measured", numbers, {"row": [], "state": []}, {}, {})
        for numbers in (
            {"tried": 1000, "right:declared": 0, "right:cifar10": 101},
            {"tried": 1000, "right:declared": 0, "right:cifar10": 101},
        )
    ]
    fits = merge(case_of(ToySubject(), 2000), {}, done)[1]
    assert fits.counts == {"numerator": 0, "denominator": 1}


@pytest.mark.parametrize(
    ("expects", "declared", "option"),
    [
        (InputSpec(), InputSpec(), FLIP),
        (CIFAR, CIFAR, FLIP),
        (CIFAR, InputSpec(), f"--normalize cifar10 {FLIP}"),
        (InputSpec(), CIFAR, f"--normalize none {FLIP}"),
        (
            InputSpec(scale=255.0),
            InputSpec(),
            f"--normalize 0,0,0/0.003921569,0.003921569,0.003921569 {FLIP}",
        ),
        (InputSpec("nhwc"), InputSpec(axes=(108,)), f"--layout nhwc {FLIP}"),
    ],
)
def test_reversed_colours_are_named(expects: InputSpec, declared: InputSpec, option: str) -> None:
    """A set in blue, green, red is found out, alone and beside a wrong normalisation."""
    subject = RedSubject(expects=expects, declared=declared)
    fits = audited(subject, 60, show=blue_first)["preprocessing_fits"]
    assert fits.scope == {"better": option}
    assert f"{option} would give 1.00" in fits.note


@pytest.mark.parametrize("declared", [InputSpec(), InputSpec(axes=(108,))])
def test_colours_in_order_are_not_doubted(declared: InputSpec) -> None:
    """Control: the same pictures in the usual order, as the same model expects them."""
    subject = RedSubject(declared=declared)
    fits = audited(subject, 60, show=red_first)["preprocessing_fits"]
    assert (fits.counts["numerator"], fits.scope) == (0, {})


def test_a_row_of_pixels_is_tried_in_both_layouts() -> None:
    """Only there the declared layout can be wrong unnoticed; a file with axes tells its own."""
    subject = RedSubject(expects=InputSpec("nhwc", axes=(108,)), declared=InputSpec(axes=(108,)))
    fits = audited(subject, 60, show=red_first)["preprocessing_fits"]
    assert fits.scope == {"better": "--layout nhwc"}
    told = RedSubject(expects=InputSpec("nhwc"), declared=InputSpec("nhwc"))
    labels = audited(told, 60)["preprocessing_fits"].view
    assert labels is not None
    assert not any("--layout" in label for label in labels.data["labels"])


def test_bytes_in_can_have_their_colours_reversed() -> None:
    """A model of whole numbers has no other normalisation, and its set may be reversed still."""
    declared = InputSpec(scale=255.0, dtype="uint8")
    subject = RedSubject(expects=InputSpec(scale=255.0), declared=declared)
    fits = audited(subject, 60, show=blue_first)["preprocessing_fits"]
    assert fits.scope == {"better": FLIP}
    assert fits.counts["denominator"] == 1


def test_combinations_cost_nothing_where_all_is_well() -> None:
    """They are tried on a poor model only, one a normalisation, and on the first rows only."""
    well = driven(RedSubject(), 500, show=red_first)
    assert [one.unit.rows for one in well] == blocks(500)
    poor = driven(RedSubject(expects=CIFAR), 500, show=blue_first)
    more = poor[len(well) :]
    assert [one.unit.rows for one in more] == blocks(TRIED_ROWS)
    assert sum(one.passes["forward"] for one in more) == (len(known(3)) - 1) * TRIED_ROWS


def test_combinations_leave_the_accuracy_alone() -> None:
    """Rows that are looked at twice count once, and a half-tried combination counts nothing."""
    subject, n = RedSubject(expects=CIFAR), 60
    whole = audited(subject, n, show=blue_first)
    partly = audited(subject, n, show=blue_first, blocks_run=len(blocks(n)) + 1)
    assert whole["accuracy"] == partly["accuracy"]
    assert Tally(**whole["accuracy"].counts).prefix == n
    assert whole["preprocessing_fits"].counts["denominator"] == 2 * len(known(3)) - 1
    assert partly["preprocessing_fits"].counts["denominator"] == len(known(3))


def test_a_change_that_adds_nothing_is_not_named() -> None:
    """To a model that sees no colours, reversing them is no part of the remedy."""
    fits = audited(ToySubject(expects=CIFAR), 60)["preprocessing_fits"]
    assert fits.counts["numerator"] > 1
    assert fits.scope == {"better": "--normalize cifar10"}


def drawn_by_chance(share: float, seed: int, *, rows: int = TRIED_ROWS) -> Measurement:
    """What is said of ways of feeding that are all right equally often, each by its own chance."""
    stream, subject, done = np.random.default_rng(seed), ToySubject(), list[Done]()
    case = case_of(subject, rows)
    while units := plan(case, {}, done, ()):
        (low, high), again = units[0].rows, bool(units[0].params)
        kinds = [f"{name}:reversed" for name in FIRST[1:-1]] if again else FIRST
        counts = {f"right:{kind}": int(stream.binomial(high - low, share)) for kind in kinds}
        counts["flipped" if again else "tried"] = high - low
        columns: Mapping[str, Sequence[Json]] = {
            "row": list(range(low, high)),
            "state": ["right"] * (high - low),
        }
        samples: Mapping[str, Sequence[Json]] = {} if again else columns
        done.append(Done(units[0], "measured", counts, samples, {}, {}))
    return merge(case, {}, done)[1]


FIRST = [one.name for one in first_tried(InputSpec(), 3)]


@pytest.mark.parametrize("share", [0.12, 0.3, 0.6, 0.9])
def test_chance_is_not_mistaken_for_a_fit(share: float) -> None:
    """Of 200 audits in which no way is better at most 2% name one.

    The control shows that chance is there: of as many some way looks better by more than the half
    of one interval, which would name it if it were the only one asked.
    """
    found = [drawn_by_chance(share, seed) for seed in range(200)]
    assert sum(one.counts["numerator"] > 0 for one in found) <= 4
    values = [one.view.data["values"] for one in found if one.view is not None]
    half = [own - wilson(round(own * TRIED_ROWS), TRIED_ROWS).low for own, *_ in values]
    ahead = sum(max(row) > row[0] + margin for row, margin in zip(values, half, strict=True))
    assert ahead > 20


@pytest.mark.parametrize(("better", "hidden"), [("declared:reversed", 0), ("cifar10", 1)])
def test_more_candidates_need_more_evidence(better: str, hidden: int) -> None:
    """What convinces alone does not convince as the best of many, unless it is a normalisation.

    Those are held to the interval that they would have without any other way.
    """
    numbers = {"tried": 100, "right:declared": 40, f"right:{better}": 61}
    many = {**{f"right:{name}": 40 for name in known(3) if name != "cifar10"}, **numbers}
    columns: dict[str, Sequence[Json]] = {"row": [], "state": []}
    found = [
        merge(
            case_of(ToySubject(), 100),
            {},
            [Done(Unit((0, 100)), "measured", told, columns, {}, {})],
        )[1]
        for told in (numbers, many)
    ]
    assert [one.counts["numerator"] for one in found] == [1, hidden]


def test_few_images_prove_nothing() -> None:
    """On three images even a perfect candidate is within the uncertainty of the declared one."""
    found = audited(ToySubject(expects=CIFAR), 3)
    assert found["preprocessing_fits"].counts["numerator"] == 0


def test_logits_that_are_no_numbers_are_refused() -> None:
    """A block with NaN logits is refused with its count; neighbours without are measured."""
    with pytest.raises(Refusal) as caught:
        asked(SilentSubject(), batch_of((0, 20)))
    assert caught.value.code == "MODEL_LOGITS_NOT_FINITE"
    assert "6 of 20" in caught.value.sentence
    assert caught.value.remedy


def test_overflow_under_a_candidate_is_only_not_right() -> None:
    """A candidate that yields no numbers is counted as wrong and refuses nothing."""
    subject = SilentSubject(declared=InputSpec(mean=(-1.0,), std=(1.0,)))
    found = asked(subject, batch_of((0, 20)))
    assert found.numbers["right:none"] == 14


def test_inputs_stay_as_they_were() -> None:
    """Neither images nor labels are written to."""
    batch = batch_of((0, 20))
    images, labels = batch.images.copy(), batch.labels.copy()
    asked(ToySubject(), batch)
    np.testing.assert_array_equal(batch.images, images)
    np.testing.assert_array_equal(batch.labels, labels)


def test_finding_fires_exactly_when_red() -> None:
    """The finding's threshold separates a red indicator from a quiet one."""
    (rule,) = ANALYZER.description.findings
    red = audited(ToySubject(expects=CIFAR), 60)["preprocessing_fits"]
    quiet = audited(ToySubject(), 60)["preprocessing_fits"]
    assert rule.id == "EVL-PREP"
    assert red.value is not None
    assert quiet.value is not None
    assert red.value > rule.threshold >= quiet.value
