"""The cascade on whole blocks: known answers, traps, and blindness to batch and order."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch

from analyzers.attacks import cascade_child
from analyzers.attacks.ball import linf_ball
from analyzers.attacks.cascade import RETRY, STAGES, Stage, merge
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    InputSpec,
    LabelArray,
    Partial,
    Shard,
    Subject,
    SubjectFacts,
    Unit,
)
from analyzers.engines.subject import OnnxSubject
from analyzers.graph.canonical import canonicalise
from support.attacking import attack, block, case_of, column, config, confirmed, states
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
DEEP = (3, 8, 8)


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
    subject = subject_of(small_net(shape=DEEP))
    images = noise(12, DEEP)
    labels = labelled(subject, images)
    labels[::3] = (labels[::3] + 1) % 5
    found = attack(subject, block(images, labels), "0")
    assert states(found) == ["wrong", "standing", "standing"] * 4
    assert found.claims is None


def test_more_room_only_breaks_more() -> None:
    """Over growing sizes no image rises again, and the extremes are all and none."""
    subject = subject_of(small_net(shape=DEEP))
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
    subject = subject_of(small_net(shape=DEEP))
    batch = block_of(subject)
    found = attack(subject, batch, "1/50")
    claimed = [row for row, state in enumerate(states(found)) if state == "claimed"]
    witness = found.blobs["witness"]
    assert found.claims == "witness"
    assert (witness.shape, witness.dtype) == ((len(claimed), *DEEP), np.float32)
    assert (subject.predict(witness).argmax(1) != batch.labels[claimed]).all()
    size = Fraction("1/50")
    for moved, clean in zip(witness.ravel(), batch.images[claimed].ravel(), strict=True):
        assert 0 <= moved <= 1
        assert abs(Fraction(float(moved)) - Fraction(float(clean))) <= size


def test_the_control_for_witnesses_notices_a_step_outside() -> None:
    """One float32 beyond the bound is outside by the same arithmetic."""
    image = noise(1, DEEP)
    beyond = np.nextafter(linf_ball(image, "1/50").high, np.float32(9))
    inside = linf_ball(image, "1/50").high < 1
    gap = [
        Fraction(float(one)) - Fraction(float(other))
        for one, other in zip(beyond[inside], image[inside], strict=True)
    ]
    assert all(one > Fraction("1/50") - Fraction(1, 2**40) for one in gap)
    assert any(one > Fraction("1/50") for one in gap)


def rows_of(found: Partial) -> dict[int, tuple[object, ...]]:
    """Everything said of each row, its witness included."""
    pictures = iter(found.blobs.get("witness", np.zeros(0)))
    said: dict[int, tuple[object, ...]] = {}
    names = [name for name in found.samples if name != "row"]
    for place, row in enumerate(found.samples["row"]):
        words = tuple(found.samples[name][place] for name in names)
        picture = next(pictures).tobytes() if "claimed" in words else b""
        said[int(row)] = (*words, picture)
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
    subject: Subject, batch: Batch, size: int, order: list[int]
) -> dict[int, tuple[object, ...]]:
    """All rows in some order, ``size`` at a time."""
    said: dict[int, tuple[object, ...]] = {}
    for low in range(0, len(order), size):
        said.update(rows_of(attack(subject, cut(batch, order[low : low + size]), "1/100")))
    return said


def test_batch_and_order_change_nothing() -> None:
    """Cut by 1, 17 or all, and shuffled: same states, stages, counts and witnesses, bit by bit."""
    subject = subject_of(curved_net())
    batch = block_of(subject, 36)
    plain = list(range(36))
    shuffled = np.random.default_rng(5).permutation(36).tolist()
    whole = by(subject, batch, 256, plain)
    assert {one[0] for one in whole.values()} == {"claimed", "standing"}
    assert len({one[1] for one in whole.values()}) > 3, "several stages took part"
    assert by(subject, batch, 1, plain) == whole
    assert by(subject, batch, 17, plain) == whole
    assert by(subject, batch, 256, shuffled) == whole
    assert by(subject, batch, 17, shuffled) == whole


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
    subject = subject_of(small_net(shape=DEEP, first=ROUNDED, weights=LEVELS))
    found = attack(subject, block_of(subject), "1/60")
    standing, of, red = indicator(subject, found, "zero_gradient")
    assert of > 10
    assert standing == of
    assert red
    assert indicator(subject, found, "loss_never_rose")[2]


def test_control_the_same_model_without_rounding_is_not_red() -> None:
    """An honest net stands without a mark, under every indicator."""
    subject = subject_of(small_net(shape=DEEP))
    found = attack(subject, block_of(subject), "1/60")
    for metric in ("zero_gradient", "engines_disagree", "loss_never_rose"):
        marked, of, red = indicator(subject, found, metric)
        assert (marked, red) == (0, False)
        assert of > 0


def test_scaled_logits_hide_nothing() -> None:
    """A thousand times larger logits: the same images break, and nothing is marked as flat."""
    plain, scaled = (subject_of(small_net(shape=DEEP, factor=factor)) for factor in (1, 1000))
    batch = block_of(plain, 40)
    one, other = (attack(subject, batch, "1/60") for subject in (plain, scaled))
    assert states(one) == states(other)
    assert set(states(one)) == {"claimed", "standing"}
    assert not indicator(scaled, other, "zero_gradient")[2]


def test_control_cross_entropy_alone_is_blinded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cross-entropy from the image itself misses breaks once the logits are scaled."""
    only = (Stage("cross-entropy", "cross-entropy", "image", 20),)
    monkeypatch.setattr(cascade_child, "STAGES", only)
    plain, scaled = (subject_of(small_net(shape=DEEP, factor=factor)) for factor in (1, 1000))
    batch = block_of(plain, 40)
    one, other = (states(attack(subject, batch, "1/60")) for subject in (plain, scaled))
    assert other.count("claimed") < one.count("claimed")


def test_answers_that_are_no_numbers_are_errors() -> None:
    """A clean NaN is an error: not right, not attacked, never standing."""
    first = [node("Sub", "image half", "moved"), node("Log", "moved", "pixels")]
    stored = {"half": np.array(-0.01, np.float32)}
    subject = subject_of(small_net(shape=DEEP, first=first, weights=stored))
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
    body = small_net(shape=DEEP, first=first, weights={"edge": np.array(0.0, np.float32)})
    subject = subject_of(body)
    shifted = subject_of_shifted()
    images = (noise(8, DEEP) * np.float32(0.6) + np.float32(0.35)).astype(np.float32)
    batch = block(images, labelled(shifted, images))
    found = attack(shifted, batch, "1/8")
    assert "error" in states(found)
    assert "standing" not in states(found)
    assert "error" not in states(attack(subject, block_of(subject, 8), "1/8"))


def subject_of_shifted() -> Subject:
    """A net that takes the root of every pixel less 0.3; the self-check would refuse it."""
    first = [node("Sub", "image edge", "moved"), node("Sqrt", "moved", "pixels")]
    body = small_net(shape=DEEP, first=first, weights={"edge": np.array(0.3, np.float32)})
    found = canonicalise(body)
    return OnnxSubject(found.raw, SubjectFacts(found.digest, 5, DEEP), InputSpec(), 1)


@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_flat_pictures_are_attacked_inside_the_box(shade: float) -> None:
    """Black and white pictures can only move one way; their witnesses stay pictures."""
    subject = subject_of(small_net(shape=DEEP))
    images = np.full((3, *DEEP), shade, np.float32)
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
    subject = subject_of(small_net(shape=DEEP))
    batch = block_of(subject, 5)
    assert states(attack(subject, batch, "1/2")) == ["claimed"] * 5
    one = attack(subject, cut(batch, [0]), "1/100000")
    assert states(one) == ["standing"]
    budget = sum(stage.iterations * stage.runs(5) for stage in STAGES)
    assert one.samples["iterations"] == [budget]


def test_passes_are_those_of_real_images() -> None:
    """A standing image costs a clean forward, its steps, and two looks at the end of each run."""
    subject = subject_of(small_net(shape=DEEP))
    found = attack(subject, block_of(subject, 3), "1/100000")
    runs = [(stage.iterations, stage.runs(5)) for stage in STAGES]
    steps = sum(iterations * count for iterations, count in runs)
    looks = sum(count for _, count in runs)
    assert dict(found.passes) == {"forward": 3 * (1 + steps + 2 * looks), "backward": 3 * steps}


def test_without_gradients_only_clean_answers_are_known() -> None:
    """Nothing is attacked, and that is said."""
    subject = subject_of(unruled_net(DEEP))
    images = noise(4, DEEP)
    labels = labelled(subject, images)
    labels[1] = (labels[1] + 1) % 5
    found = attack(subject, block(images, labels), "1/10")
    assert states(found) == ["standing", "wrong", "standing", "standing"]
    assert not column(found, "attacked").any()
    assert "Col2Im" in found.note
    assert dict(found.passes) == {"forward": 4, "backward": 0}


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
    subject = subject_of(small_net(shape=DEEP))
    single = block_of(subject, 6)
    double = cut(single, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5])._replace(rows=list(range(12)))
    found = rows_of(attack(subject, double, "1/60"))
    assert all(found[row] == found[row + 6] for row in range(6))


def test_progress_only_grows() -> None:
    """What is told counts up to its total and names the stage."""
    subject = subject_of(small_net(shape=DEEP))
    heard: list[tuple[int, int, str]] = []

    def tell(done: int, total: int, note: str) -> None:
        heard.append((done, total, note))

    batch = block_of(subject, 3)
    told = config("1/100000")
    shard = Shard("attacks.linf", "v", told, "s", "d", (0, 3), {"pass": "one"}, {}, 0, "e")
    cascade_child.measure(shard, subject, batch, {}, tell)
    done = [one for one, _, _ in heard]
    assert done == sorted(done)
    assert len(heard) > 100
    assert {total for _, total, _ in heard} == {done[-1]}
    assert {stage.name for stage in STAGES} <= {note for _, _, note in heard}


def test_the_caller_is_left_alone() -> None:
    """Generators, gradient mode and thread count are as before a whole attack."""
    subject = subject_of(small_net(shape=DEEP), threads=2)
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
