"""Preflight on a subject with closed-form logits: accuracy, and who was fed wrongly."""

from collections.abc import Sequence

import numpy as np
import pytest

from analyzers.behaviour.preflight import ANALYZER, TRIED_ROWS, measure, merge, plan
from analyzers.behaviour.preprocessing import known, named
from analyzers.contract import (
    Batch,
    Done,
    InputSpec,
    Measurement,
    Partial,
    Refusal,
    Stop,
    Tally,
    Unit,
    blocks,
)
from support.subjects import (
    SilentSubject,
    ToySubject,
    batch_of,
    case_of,
    committed,
    shard_of,
    silent,
)

CIFAR = named(3)["cifar10"]


def asked(subject: ToySubject, batch: Batch) -> Partial:
    """What a child finds in one block."""
    rows = (batch.rows[0], batch.rows[-1] + 1)
    unit = next(one for one in plan(case_of(subject, rows[1]), {}, (), ()) if one.rows == rows)
    return measure(shard_of(unit, ANALYZER.description.id), subject, batch, {}, silent)


def audited(
    subject: ToySubject, n: int, *, wrong: Sequence[int] = (), blocks_run: int | None = None
) -> dict[str, Measurement]:
    """The measurements of an audit of n images, or of its first blocks."""
    case, done = case_of(subject, n), list[Done]()
    for unit in plan(case, {}, (), ())[:blocks_run]:
        batch = batch_of(unit.rows, wrong=wrong, shape=subject.facts.shape)
        shard = shard_of(unit, ANALYZER.description.id)
        done.append(committed(unit, measure(shard, subject, batch, {}, silent)))
    return {one.metric: one for one in merge(case, {}, done)}


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
    """Every row has its state; each picture counts once a preprocessing."""
    found = asked(ToySubject(), batch_of((0, 20), wrong=(7,)))
    assert found.samples["row"] == list(range(20))
    assert [row for row, state in enumerate(found.samples["state"]) if state != "right"] == [7]
    assert found.passes == {"forward": 20 * len(known(3)), "backward": 0}


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
        (InputSpec(scale=255.0), "--normalize 0/0.003921569"),
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
        assert fits.counts == {"numerator": 0, "denominator": len(known(3)) - 1}
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
