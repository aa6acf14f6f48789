"""The cascade on whole blocks: known answers, traps, and blindness to batch and order."""

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch

from analyzers.attacks import cascade_child, passes
from analyzers.attacks.ball import linf_ball
from analyzers.attacks.jury import WHITE, Codes
from analyzers.attacks.passes import DEEPER, ONE, RETRY, ROUNDS, SMOKE, SQUARE, Run
from analyzers.attacks.ranking import considered
from analyzers.attacks.stages import DEEP, FIRST, GUARD, MARGIN, ROUND, Stage
from analyzers.attacks.sums import merge
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    InputSpec,
    Json,
    LabelArray,
    Partial,
    Subject,
    SubjectFacts,
    Unit,
)
from analyzers.engines.subject import OnnxSubject
from analyzers.graph.canonical import canonicalise
from analyzers.pictures import seen
from service.sandbox.witness import inside_grid
from support.attacking import (
    attack,
    block,
    case_of,
    column,
    config,
    confirmed,
    shard_of,
    states,
)
from support.graphs import (
    curved_net,
    linear,
    node,
    noise,
    raw,
    small_net,
    subject_of,
    unruled_net,
)

SHAPE = (1, 4, 4)
COLOURED = (3, 8, 8)


def labelled(subject: Subject, images: FloatArray) -> LabelArray:
    """The model's own answers, so that every image is right."""
    return subject.predict(images).argmax(1).astype(np.int64)


def block_of(subject: Subject, count: int = 24, *, seed: int = 0) -> Batch:
    """Noise that the model gets right."""
    images = noise(count, subject.facts.shape, seed)
    return block(images, labelled(subject, images))


def weights(classes: int) -> Array:
    """Rows of a linear model."""
    return noise(classes, (16,), seed=1) - np.float32(0.5)


def robust(batch: Batch, classes: int, eps: str) -> tuple[Array, Array]:
    """Closed form: the worst margin of a linear model over the ball, and where it is clear."""
    rows = weights(classes).astype(np.float64)
    ball = linf_ball(batch.images, eps)
    worst = np.full(len(batch.labels), np.inf)
    for other in range(classes):
        ahead = (rows[batch.labels] - rows[other]).reshape(-1, *SHAPE)
        corner = np.where(ahead > 0, ball.low, ball.high)
        margin = (ahead * corner).sum(axis=(1, 2, 3))
        worst = np.minimum(worst, np.where(batch.labels == other, np.inf, margin))
    return worst > 0, np.abs(worst) > 1e-5


@pytest.mark.parametrize("eps", ["1/50", "1/20", "1/8"])
@pytest.mark.parametrize("classes", [2, 3, 4, 6])
def test_a_linear_model_loses_exactly_what_it_can(classes: int, eps: str) -> None:
    """Known answer: an image stands if and only if its margin exceeds eps times the L1 norm."""
    subject = subject_of(linear(weights(classes), np.zeros(classes), SHAPE))
    batch = block_of(subject, 40)
    stands, clear = robust(batch, classes, eps)
    found = np.array(states(attack(subject, batch, eps))) == "standing"
    assert clear.sum() > 35
    assert np.array_equal(found[clear], stands[clear])


def test_size_zero_is_clean_accuracy() -> None:
    """Without room only what is wrong anyway falls."""
    subject = subject_of(small_net(shape=COLOURED))
    images = noise(12, COLOURED)
    labels = labelled(subject, images)
    labels[::3] = (labels[::3] + 1) % 5
    found = attack(subject, block(images, labels), "0")
    assert states(found) == ["wrong", "standing", "standing"] * 4
    assert found.claims is None


def test_more_room_only_breaks_more() -> None:
    """Over growing sizes no image rises again, and the extremes are all and none."""
    subject = subject_of(small_net(shape=COLOURED))
    batch = block_of(subject)
    fallen = [
        {row for row, state in enumerate(states(attack(subject, batch, eps))) if state == "claimed"}
        for eps in ("1/2000", "1/100", "1/50", "1/20", "1")
    ]
    assert all(one <= other for one, other in itertools.pairwise(fallen))
    assert fallen[0] < fallen[2] < fallen[-1]
    assert len(fallen[-1]) == 24, "within eps 1 everything can be reached"


def test_witnesses_lie_in_the_exact_ball_and_fool_the_model() -> None:
    """One picture a claim, in row order, float32, inside in rational arithmetic."""
    subject = subject_of(small_net(shape=COLOURED))
    batch = block_of(subject)
    found = attack(subject, batch, "1/50")
    claimed = [row for row, state in enumerate(states(found)) if state == "claimed"]
    witness = found.blobs["witness"]
    assert found.claims == "witness"
    assert (witness.shape, witness.dtype) == ((len(claimed), *COLOURED), np.float32)
    assert (subject.predict(witness).argmax(1) != batch.labels[claimed]).all()
    size = Fraction("1/50")
    for moved, clean in zip(witness.ravel(), batch.images[claimed].ravel(), strict=True):
        assert 0 <= moved <= 1
        assert abs(Fraction(float(moved)) - Fraction(float(clean))) <= size


def test_the_control_for_witnesses_notices_a_step_outside() -> None:
    """One float32 beyond the bound is outside by the same arithmetic."""
    image = noise(1, COLOURED)
    beyond = np.nextafter(linf_ball(image, "1/50").high, np.float32(9))
    inside = linf_ball(image, "1/50").high < 1
    gap = [
        Fraction(float(one)) - Fraction(float(other))
        for one, other in zip(beyond[inside], image[inside], strict=True)
    ]
    assert all(one > Fraction("1/50") - Fraction(1, 2**40) for one in gap)
    assert any(one > Fraction("1/50") for one in gap)


def rows_of(found: Partial) -> dict[int, tuple[object, ...]]:
    """Everything said of each row, its witnesses included."""
    pictures = {name: iter(blob) for name, blob in found.blobs.items()}
    said: dict[int, tuple[object, ...]] = {}
    names = [name for name in found.samples if name != "row"]
    for place, row in enumerate(found.samples["row"]):
        words = {name: found.samples[name][place] for name in names}
        own = [
            next(pictures[blob]).tobytes()
            for name, blob in (("state", "witness"), ("state8", "witness8"))
            if words.get(name) == "claimed"
        ]
        said[int(row)] = (*words.values(), *own)
    return said


def cut(batch: Batch, places: list[int]) -> Batch:
    """Some rows in some order."""
    return Batch(
        [batch.rows[at] for at in places],
        batch.images[places],
        batch.labels[places],
        [batch.ids[at] for at in places],
    )


def by(
    subject: Subject, batch: Batch, size: int, order: list[int], **told: Json
) -> dict[int, tuple[object, ...]]:
    """All rows in some order, ``size`` at a time."""
    said: dict[int, tuple[object, ...]] = {}
    for low in range(0, len(order), size):
        some = cut(batch, order[low : low + size])
        said.update(rows_of(attack(subject, some, "1/100", **told)))
    return said


@pytest.mark.parametrize(
    "told",
    [{}, {"eight_bit": True}, {"which": SQUARE, "queries": 60}],
    ids=["climbs", "8 bits", "scores"],
)
def test_batch_and_order_change_nothing(told: dict[str, Json]) -> None:
    """Cut by 1, 17 or all, and shuffled: same states, stages, counts and witnesses, bit by bit."""
    subject = subject_of(curved_net())
    images = seen(codes(36)) if "eight_bit" in told else noise(36, COLOURED)
    batch = block(images, labelled(subject, images))
    plain = list(range(36))
    shuffled = np.random.default_rng(5).permutation(36).tolist()
    whole = by(subject, batch, 256, plain, **told)
    assert {one[0] for one in whole.values()} == {"claimed", "standing"}
    assert len({one[1] for one in whole.values()}) > (1 if "which" in told else 3)
    assert by(subject, batch, 1, plain, **told) == whole
    assert by(subject, batch, 17, plain, **told) == whole
    assert by(subject, batch, 256, shuffled, **told) == whole
    assert by(subject, batch, 17, shuffled, **told) == whole


def codes(count: int, shape: tuple[int, int, int] = COLOURED, seed: int = 0) -> Codes:
    """Noise on the 256 levels."""
    return np.rint(noise(count, shape, seed) * np.float32(WHITE)).astype(np.uint8)


def test_control_shared_noise_depends_on_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts from one generator for all make the same comparison fail."""
    shared = np.random.default_rng(0)

    def unfixed(shape: tuple[int, ...], **_: object) -> FloatArray:
        return shared.random(shape, np.float32)

    monkeypatch.setattr(cascade_child, "uniform", unfixed)
    subject = subject_of(curved_net())
    batch = block_of(subject, 36)
    assert by(subject, batch, 17, list(range(36))) != by(subject, batch, 256, list(range(36)))


def test_threads_change_nothing() -> None:
    """Two threads come to the same rows as one."""
    batch = block_of(subject_of(curved_net()), 20)
    one, two = (
        rows_of(attack(subject_of(curved_net(), threads=count), batch, "1/100")) for count in (1, 2)
    )
    assert one == two


def test_seeds_draw_other_starts() -> None:
    """Another seed climbs from elsewhere; what breaks from the image itself is the same."""
    subject = subject_of(curved_net())
    batch = block_of(subject, 40)
    one, other = (attack(subject, batch, "1/100", seed=seed) for seed in (0, 1))
    early = column(one, "stage") == "margin"
    assert (column(other, "stage")[early] == "margin").all()
    assert rows_of(one) != rows_of(other)


def indicator(subject: Subject, found: Partial, metric: str) -> tuple[int, int, bool]:
    """Numerator and denominator of an indicator over one unit, and whether it is red."""
    rows = len(found.samples["row"])
    done = confirmed(found, Unit((0, rows), {"pass": "one"}))
    (one,) = [
        one for one in merge(case_of(subject, rows), config("1/60"), [done]) if one.metric == metric
    ]
    counts = one.counts
    red = one.value is not None and one.limit is not None and one.value > one.limit
    return counts["numerator"], counts["denominator"], red


ROUNDED = [
    node("Mul", "image levels", "steps"),
    node("Round", "steps", "whole"),
    node("Div", "whole levels", "pixels"),
]
LEVELS = {"levels": np.array(8, np.float32)}


def test_a_rounding_model_stands_in_red() -> None:
    """Rounding hides every slope: what stands is marked, and the indicator says so."""
    subject = subject_of(small_net(shape=COLOURED, first=ROUNDED, weights=LEVELS))
    found = attack(subject, block_of(subject), "1/60")
    standing, of, red = indicator(subject, found, "zero_gradient")
    assert of > 10
    assert standing == of
    assert red
    assert indicator(subject, found, "loss_never_rose")[2]


def test_control_the_same_model_without_rounding_is_not_red() -> None:
    """An honest net stands without a mark, under every indicator."""
    subject = subject_of(small_net(shape=COLOURED))
    found = attack(subject, block_of(subject), "1/60")
    for metric in ("zero_gradient", "engines_disagree", "loss_never_rose"):
        marked, of, red = indicator(subject, found, metric)
        assert (marked, red) == (0, False)
        assert of > 0


def test_scaled_logits_hide_nothing() -> None:
    """A thousand times larger logits: the same images break, and nothing is marked as flat."""
    plain, scaled = (subject_of(small_net(shape=COLOURED, factor=factor)) for factor in (1, 1000))
    batch = block_of(plain, 40)
    one, other = (attack(subject, batch, "1/60") for subject in (plain, scaled))
    assert states(one) == states(other)
    assert set(states(one)) == {"claimed", "standing"}
    assert not indicator(scaled, other, "zero_gradient")[2]


def test_control_cross_entropy_alone_is_blinded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cross-entropy from the image itself misses breaks once the logits are scaled."""
    only = [Run("only", "cross-entropy", Stage("cross-entropy", "cross-entropy", "image", 20))]
    monkeypatch.setattr(cascade_child, "runs_of", lambda *_, **__: only)  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]  # takes anything
    plain, scaled = (subject_of(small_net(shape=COLOURED, factor=factor)) for factor in (1, 1000))
    batch = block_of(plain, 40)
    one, other = (states(attack(subject, batch, "1/60")) for subject in (plain, scaled))
    assert other.count("claimed") < one.count("claimed")


def test_answers_that_are_no_numbers_are_errors() -> None:
    """A clean NaN is an error: not right, not attacked, never standing."""
    first = [node("Sub", "image half", "moved"), node("Log", "moved", "pixels")]
    stored = {"half": np.array(-0.01, np.float32)}
    subject = subject_of(small_net(shape=COLOURED, first=first, weights=stored))
    honest = block_of(subject, 6)
    images = honest.images.copy()
    images[2] = np.nan
    found = attack(subject, honest._replace(images=images), "1/60")
    assert states(found)[2] == "error"
    assert states(found).count("error") == 1
    assert not column(found, "attacked")[2]


def test_numbers_that_fail_inside_the_ball_are_errors() -> None:
    """A model that turns to NaN near an image is not robust there."""
    first = [node("Sub", "image edge", "moved"), node("Sqrt", "moved", "pixels")]
    body = small_net(shape=COLOURED, first=first, weights={"edge": np.array(0.0, np.float32)})
    subject = subject_of(body)
    shifted = subject_of_shifted()
    images = (noise(8, COLOURED) * np.float32(0.6) + np.float32(0.35)).astype(np.float32)
    batch = block(images, labelled(shifted, images))
    found = attack(shifted, batch, "1/8")
    assert "error" in states(found)
    assert "standing" not in states(found)
    assert "error" not in states(attack(subject, block_of(subject, 8), "1/8"))


def subject_of_shifted() -> Subject:
    """A net that takes the root of every pixel less 0.3; the self-check would refuse it."""
    first = [node("Sub", "image edge", "moved"), node("Sqrt", "moved", "pixels")]
    body = small_net(shape=COLOURED, first=first, weights={"edge": np.array(0.3, np.float32)})
    found = canonicalise(body)
    return OnnxSubject(found.raw, SubjectFacts(found.digest, 5, COLOURED), InputSpec(), 1)


@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_flat_pictures_are_attacked_inside_the_box(shade: float) -> None:
    """Black and white pictures can only move one way; their witnesses stay pictures."""
    subject = subject_of(small_net(shape=COLOURED))
    images = np.full((3, *COLOURED), shade, np.float32)
    found = attack(subject, block(images, labelled(subject, images)), "1/2")
    assert states(found) == ["claimed"] * 3
    witness = found.blobs["witness"]
    assert witness.min() >= 0
    assert witness.max() <= 1


def test_equal_logits_are_right_for_the_first_class_only() -> None:
    """Ties go to the lowest class, clean and under attack, and a flat model is marked."""
    subject = subject_of(linear(np.zeros((3, 16)), np.zeros(3), SHAPE))
    found = attack(subject, block(noise(4, SHAPE), np.array([0, 1, 0, 2])), "1/10")
    assert states(found) == ["standing", "wrong", "standing", "wrong"]
    assert column(found, "flat").tolist() == [True, False, True, False]


def test_all_broken_and_one_left() -> None:
    """An emptied batch ends the stages; a single survivor goes through all of them."""
    subject = subject_of(small_net(shape=COLOURED))
    batch = block_of(subject, 5)
    assert states(attack(subject, batch, "1/2")) == ["claimed"] * 5
    one = attack(subject, cut(batch, [0]), NEAR)
    assert states(one) == ["standing"]
    assert one.samples["iterations"] == [sum(stage.iterations for stage in FIRST)]


NEAR = "1/100000"
"""So small a ball that every target but the nearest lies out of reach."""


def test_passes_are_those_of_real_images() -> None:
    """A standing image costs a clean forward, each step a pair, and two looks a run; by stage."""
    subject = subject_of(small_net(shape=COLOURED))
    found = attack(subject, block_of(subject, 3), NEAR)
    expected = {"forward:clean": 3}
    for stage in FIRST:
        ranked = considered(5) if stage.targets else 0
        expected[f"forward:{stage.name}"] = 3 * (stage.iterations + 2 + ranked)
        expected[f"backward:{stage.name}"] = 3 * (stage.iterations + ranked)
    assert dict(found.numbers) == expected
    backward = sum(count for name, count in expected.items() if name.startswith("backward"))
    forward = sum(expected.values()) - backward
    assert dict(found.passes) == {"forward": forward, "backward": backward}


def test_targets_out_of_reach_are_left_out_but_the_nearest_never() -> None:
    """As if the model were linear; where every target is asked for, none is left out."""
    subject = subject_of(linear(weights(5), np.zeros(5), SHAPE))
    batch = block_of(subject, 8)
    for which, stages in ((ONE, FIRST), (DEEPER, DEEP)):
        near = column(attack(subject, batch, NEAR, which=which), "iterations")
        assert near.tolist() == [sum(stage.iterations for stage in stages)] * 8
    far = attack(subject, batch, NEAR, which=DEEPER, every_target=True)
    every = sum(stage.iterations * stage.runs(5) for stage in DEEP)
    assert column(far, "iterations").tolist() == [every] * 8


@pytest.mark.parametrize("which", [SMOKE, ONE, DEEPER, RETRY])
def test_a_pass_costs_no_more_than_it_says(which: str) -> None:
    """Climbs of all its stages at most, each to its targets; one that stands has had them."""
    subject = subject_of(small_net(shape=COLOURED))
    found = attack(subject, block_of(subject, 6), "1/50", which=which)
    stages = {SMOKE: (MARGIN,), DEEPER: DEEP}.get(which, FIRST)
    most = sum(stage.iterations * stage.runs(5) for stage in stages)
    assert column(found, "iterations").max() <= most
    stands = column(found, "state") == "standing"
    assert (column(found, "iterations")[stands] >= sum(one.iterations for one in stages)).all()
    named = {name.split(":")[1] for name in found.numbers}
    assert named <= {"clean", *(stage.name for stage in stages)}


def test_rounds_asked_together_are_those_asked_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the second finds, given that the first did not, does not depend on the unit."""
    short = tuple(stage._replace(iterations=2) for stage in ROUND)  # so that some is left over
    monkeypatch.setattr(passes, "ROUND", short)
    subject = subject_of(curved_net())
    batch = block_of(subject, 40)
    both = attack(subject, batch, "1/100", which=ROUNDS, rounds=[1, 2])
    first, second = (
        attack(subject, batch, "1/100", which=ROUNDS, rounds=[number]) for number in (1, 2)
    )
    stages = column(both, "stage")
    assert set(stages.tolist()) == {"round-1", "round-2", ""}
    assert np.array_equal(stages == "round-1", column(first, "state") == "claimed")
    late = stages == "round-2"
    assert (column(second, "state")[late] == "claimed").all()
    own = dict(zip(rows_where(second), second.blobs["witness"], strict=True))
    for row, picture in zip(rows_where(both), both.blobs["witness"], strict=True):
        assert not late[row] or np.array_equal(picture, own[row])
    steps = column(first, "iterations") + column(second, "iterations")
    stands = column(both, "state") == "standing"
    assert np.array_equal(column(both, "iterations")[stands], steps[stands])


def rows_where(found: Partial) -> list[int]:
    """The rows that are claimed."""
    return [row for row, state in enumerate(states(found)) if state == "claimed"]


def test_only_the_images_that_a_unit_names_are_attacked() -> None:
    """Of a range of rows, as if they stood alone; nothing is said of the others."""
    subject = subject_of(curved_net())
    batch = block_of(subject, 30)._replace(rows=list(range(100, 130)))
    named = [101, 107, 108, 129]
    whole, some = attack(subject, batch, "1/100"), attack(subject, batch, "1/100", of=named)
    assert list(some.samples["row"]) == named
    every = rows_of(whole)
    assert rows_of(some) == {row: every[row] for row in named}


# -------------------------------------------------------------------------------------- 8 bits


@pytest.mark.parametrize("eps", ["12/255", "1/20", "51/1020"])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_linear_model_loses_what_codes_can_reach(classes: int, eps: str) -> None:
    """Known answer at both depths: margins over the float ball, and over whole steps."""
    subject = subject_of(linear(weights(classes), np.zeros(classes), SHAPE))
    stored = codes(40, SHAPE)
    batch = block(seen(stored), labelled(subject, seen(stored)))
    found = attack(subject, batch, eps, eight_bit=True)
    stands, clear = robust(batch, classes, eps)
    whole = f"{int(Fraction(eps) * WHITE)}/{WHITE}"
    stands8, clear8 = robust(batch, classes, whole)
    assert np.array_equal((column(found, "state") == "standing")[clear], stands[clear])
    assert np.array_equal((column(found, "state8") == "standing")[clear8], stands8[clear8])
    assert 0 < stands8[clear8].sum() < clear8.sum()


def test_codes_are_inside_whole_steps_and_fool_the_model() -> None:
    """One picture of 8 bits for each claim at that depth, in row order."""
    subject = subject_of(curved_net())
    stored = codes(40)
    labels = labelled(subject, seen(stored))
    found = attack(subject, block(seen(stored), labels), "3/510", eight_bit=True)
    claimed = column(found, "state8") == "claimed"
    pictures = found.blobs["witness8"]
    assert (pictures.shape, pictures.dtype) == ((claimed.sum(), *COLOURED), np.uint8)
    assert inside_grid(stored[claimed], pictures, norm="Linf", eps="3/510").all()
    assert (subject.predict(seen(pictures)).argmax(1) != labels[claimed]).all()
    saved = (column(found, "state") == "claimed") & ~claimed
    assert saved.any(), "half a step is no step, so rounding saves some"
    assert set(column(found, "state8")[saved]) == {"standing"}
    assert set(column(found, "state")[claimed]) == {"claimed"}


def test_images_that_are_not_of_8_bits_have_one_depth() -> None:
    """No second column and no codes."""
    subject = subject_of(curved_net())
    found = attack(subject, block_of(subject, 12), "1/60")
    assert "state8" not in found.samples
    assert set(found.blobs) == {"witness"}


def test_8_bits_cost_more_and_lose_nothing() -> None:
    """Whatever falls in float32 falls there too when its codes are wanted as well."""
    subject = subject_of(curved_net())
    images = seen(codes(40))
    batch = block(images, labelled(subject, images))
    plain, eight = (attack(subject, batch, "3/510", eight_bit=one) for one in (False, True))
    fell = column(plain, "state") == "claimed"
    assert (column(eight, "state")[fell] == "claimed").all()
    assert (column(eight, "iterations") >= column(plain, "iterations")).all()


def test_nothing_found_does_not_settle_a_claim_that_is_open() -> None:
    """Of such rows it is only told in float32 what fell; their 8 bits are told as ever."""
    subject = subject_of(curved_net())
    stored = codes(40)
    batch = block(seen(stored), labelled(subject, seen(stored)))
    plain = attack(subject, batch, "3/510", eight_bit=True)
    marked = attack(subject, batch, "3/510", eight_bit=True, open=list(range(40)))
    before, after = column(plain, "state"), column(marked, "state")
    assert (before == "standing").any()
    assert (before == "claimed").any()
    assert np.array_equal(after == "", before == "standing")
    assert np.array_equal(after[before != "standing"], before[before != "standing"])
    assert np.array_equal(column(marked, "state8"), column(plain, "state8"))


# -------------------------------------------------------------------------------------- scores


def test_a_search_says_what_it_asked() -> None:
    """Queries are told by image, no step is; the cost is its own stage's."""
    subject = subject_of(small_net(shape=COLOURED))
    found = attack(subject, block_of(subject, 5), NEAR, which=SQUARE, queries=25)
    assert column(found, "queries").tolist() == [25] * 5
    assert not column(found, "iterations").any()
    assert column(found, "attacked").all()
    assert dict(found.numbers) == {"forward:clean": 5, f"forward:{SQUARE}": 125}
    assert dict(found.passes) == {"forward": 130, "backward": 0}


def test_scores_break_what_hides_its_slopes() -> None:
    """A model that rounds stands against every climb, and falls to the search: the alarm."""
    subject = subject_of(small_net(shape=COLOURED, first=ROUNDED, weights=LEVELS))
    batch = block_of(subject, 12)
    climbed = attack(subject, batch, "1/12")
    searched = attack(subject, batch, "1/12", which=SQUARE, queries=GUARD)
    fell = column(searched, "state") == "claimed"
    assert (fell & (column(climbed, "state") == "standing")).sum() > 3
    assert set(column(searched, "stage")[fell].tolist()) == {SQUARE}


def test_without_gradients_scores_are_searched() -> None:
    """What breaks is claimed with its picture, and the gap is told; pass one only looks."""
    subject = subject_of(unruled_net(COLOURED))
    images = noise(8, COLOURED)
    labels = labelled(subject, images)
    labels[1] = (labels[1] + 1) % 5
    looked = attack(subject, block(images, labels), "1/10")
    assert Counter(states(looked)) == {"standing": 7, "wrong": 1}
    assert dict(looked.passes) == {"forward": 8, "backward": 0}
    found = attack(subject, block(images, labels), "1/10", which=SQUARE, queries=80)
    words = states(found)
    assert words[1] == "wrong"
    assert "claimed" in words
    assert column(found, "attacked").tolist() == [word != "wrong" for word in words]
    assert found.claims == "witness"
    assert "Col2Im" in found.note
    assert found.passes["backward"] == 0
    same = subject_of(small_net(shape=COLOURED))
    batch = block(images, labels)
    twice = attack(same, batch, "1/10", which=SQUARE, queries=80)
    assert set(states(twice)) == set(words)


def test_probabilities_are_attacked_like_the_logits_behind_them() -> None:
    """A softmax at the end changes nothing of what breaks."""
    rows = {"w": 50 * weights(4), "b": np.zeros(4, np.float32)}
    nodes = [node("Flatten", "image", "f"), node("Gemm", "f w b", "scores", transB=1)]
    tail = [node("Softmax", "scores", "logits", axis=1)]
    bare = [node("Identity", "scores", "logits")]
    plain, soft = (
        subject_of(raw([*nodes, *end], rows, shape=("n", *SHAPE))) for end in (bare, tail)
    )
    batch = block_of(plain, 30)
    found = [states(attack(subject, batch, "1/20")) for subject in (plain, soft)]
    assert found[0] == found[1]
    assert set(found[0]) == {"claimed", "standing"}


def test_a_fixed_batch_is_attacked_image_by_image() -> None:
    """A file that takes one image at a time loses the same images."""
    nodes = [node("Flatten", "image", "f"), node("Gemm", "f w", "logits", transB=1)]
    free, one = (
        subject_of(
            raw(nodes, {"w": weights(3)}, shape=(first, *SHAPE), classes=3), free=first == "n"
        )
        for first in ("n", 1)
    )
    assert (free.facts.batch, one.facts.batch) == ("free", "one")
    batch = block_of(free, 20)
    assert states(attack(free, batch, "1/20")) == states(attack(one, batch, "1/20"))


def test_a_retry_climbs_from_fresh_noise() -> None:
    """Even where pass one began at the image, a retry goes another way to its witness."""
    subject = subject_of(curved_net())
    batch = block_of(subject)
    one, again = attack(subject, batch, "1/60"), attack(subject, batch, "1/60", which=RETRY)
    both = (column(one, "state") == "claimed") & (column(again, "state") == "claimed")
    assert both.sum() > 5
    first, second = rows_of(one), rows_of(again)
    assert all(first[row][-1] != second[row][-1] for row in both.nonzero()[0])


def test_copies_of_an_image_share_their_fate() -> None:
    """The same content gets the same draws, wherever it stands."""
    subject = subject_of(small_net(shape=COLOURED))
    single = block_of(subject, 6)
    double = cut(single, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5])._replace(rows=list(range(12)))
    found = rows_of(attack(subject, double, "1/60"))
    assert all(found[row] == found[row + 6] for row in range(6))


def test_progress_only_grows() -> None:
    """What is told counts up to its total and names the stage."""
    subject = subject_of(small_net(shape=COLOURED))
    heard: list[tuple[int, int, str]] = []

    def tell(done: int, total: int, note: str) -> None:
        heard.append((done, total, note))

    batch = block_of(subject, 3)
    shard = shard_of((0, 3), {"pass": ONE}, config(NEAR))
    cascade_child.measure(shard, subject, batch, {}, tell)
    done = [one for one, _, _ in heard]
    total = sum(stage.iterations for stage in FIRST)
    assert done == list(range(total + 1))
    assert {total for _, total, _ in heard} == {done[-1]}
    assert {note for _, _, note in heard} == {*(stage.name for stage in FIRST), "done"}


def test_the_caller_is_left_alone() -> None:
    """Generators, gradient mode and thread count are as before a whole attack."""
    subject = subject_of(small_net(shape=COLOURED), threads=2)
    batch = block_of(subject, 3)
    kept = batch.images.copy(), batch.labels.copy()
    before = torch.get_num_threads(), str(np.random.get_state())  # noqa: NPY002 - the global one is the point
    generator = torch.get_rng_state()
    with torch.no_grad():
        attack(subject, batch, "1/20")
        assert not torch.is_grad_enabled()
    assert (torch.get_num_threads(), str(np.random.get_state())) == before  # noqa: NPY002 - as above
    assert torch.equal(torch.get_rng_state(), generator)
    assert np.array_equal(batch.images, kept[0])
    assert np.array_equal(batch.labels, kept[1])
