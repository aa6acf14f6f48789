"""One climb, against models whose answer is known in closed form."""

from typing import NamedTuple

import numpy as np
import pytest

from analyzers.attacks.apgd import Found, Problem, apgd, checkpoints
from analyzers.attacks.ball import linf_ball
from analyzers.attacks.jury import Codes, Grid, Jury
from analyzers.attacks.losses import LOSSES
from analyzers.contract import FloatArray, Gradient, LabelArray, Subject
from analyzers.pictures import seen
from support.graphs import curved_net, linear, noise, small_net, subject_of

SHAPE = (1, 4, 4)


class Given(NamedTuple):
    """A model with images that it gets right."""

    subject: Subject
    images: FloatArray
    labels: LabelArray


class Climbed(NamedTuple):
    """What a climb says of each image, and what the jury made of it."""

    found: Found
    jury: Jury


def two_classes(count: int = 40) -> Given:
    """A linear model of two classes."""
    weight = noise(2, (16,), seed=1) - np.float32(0.5)
    return right(subject_of(linear(weight, np.zeros(2), SHAPE)), noise(count, SHAPE, seed=2))


def net(count: int = 20, factor: float = 1.0) -> Given:
    """A small net of five classes."""
    body = small_net(shape=(3, 8, 8), factor=factor)
    return right(subject_of(body), noise(count, (3, 8, 8)))


def right(subject: Subject, images: FloatArray) -> Given:
    """Label every image as the model does."""
    return Given(subject, images, subject.predict(images).argmax(1).astype(np.int64))


def run(
    given: Given,
    eps: str,
    *,
    loss: str = "margin",
    iterations: int = 8,
    start: FloatArray | None = None,
    gradient: Gradient | None = None,
    grid: bool = False,
) -> Climbed:
    """A climb over all images; ``grid`` where they are stored in 8 bits."""
    engine = gradient or given.subject.gradient
    assert engine is not None
    problem = Problem(
        given.images if start is None else start,
        linf_ball(given.images, eps),
        given.labels,
        LOSSES[loss],
        linf_size(eps),
        iterations,
    )
    around = Grid.around(given.images, eps) if grid else None
    jury = Jury.of(given.subject.predict, given.images, given.labels, around)
    return Climbed(apgd(jury, engine, problem, lambda _: None), jury)


def linf_size(eps: str) -> float:
    """The radius as a number."""
    over, _, under = eps.partition("/")
    return int(over) / int(under or 1)


def worst_margin(given: Given, eps: str) -> FloatArray:
    """How far the true class of a linear two-class model stays ahead at the worst point."""
    weight = noise(2, (16,), seed=1).astype(np.float64) - 0.5
    ahead = (weight[given.labels] - weight[1 - given.labels]).reshape(-1, *SHAPE)
    ball = linf_ball(given.images, eps)
    worst = np.where(ahead > 0, ball.low, ball.high)
    return (ahead * worst).sum(axis=(1, 2, 3))


@pytest.mark.parametrize("loss", ["margin", "dlr", "cross-entropy"])
@pytest.mark.parametrize("eps", ["1/100", "1/20", "1/10", "1/3"])
def test_a_linear_model_breaks_exactly_where_it_can(eps: str, loss: str) -> None:
    """Known answer: the worst point of the ball is a corner, and the climb reaches it."""
    given = two_classes()
    worst = worst_margin(given, eps)
    clear = np.abs(worst) > 1e-5
    jury = run(given, eps, loss=loss).jury
    assert clear.sum() > 35
    assert np.array_equal(jury.broken[clear], worst[clear] < 0)


def test_both_outcomes_occur() -> None:
    """The known answer above separates: some images can be broken and some cannot."""
    worst = worst_margin(two_classes(), "1/20")
    assert 5 < (worst < 0).sum() < 35


def test_a_witness_fools_the_forward_engine_inside_the_ball() -> None:
    """Each counted break is a picture in the ball that the model gets wrong."""
    given = net()
    jury = run(given, "1/20").jury
    assert jury.broken.sum() > 0
    witness = jury.witness[jury.broken]
    ball = linf_ball(given.images, "1/20").rows(jury.broken.nonzero()[0])
    assert ((witness >= ball.low) & (witness <= ball.high)).all()
    assert (given.subject.predict(witness).argmax(1) != given.labels[jury.broken]).all()


def test_a_break_at_the_start_counts() -> None:
    """A start that is already wrong breaks at iteration 0, whatever happens after."""
    given = net()
    start = linf_ball(given.images, "1").clamp(given.images + 9)
    found, jury = run(given, "1", start=start)
    wrong = given.subject.predict(start).argmax(1) != given.labels
    assert wrong.any()
    assert jury.broken[wrong].all()
    assert not found.iterations[wrong].any()


def test_a_break_after_the_last_step_counts() -> None:
    """One iteration is one step, and the point that it reaches is looked at."""
    given = two_classes()
    one, many = run(given, "1/20", iterations=1), run(given, "1/20", iterations=8)
    broken = one.jury.broken
    assert broken.any()
    assert np.array_equal(broken, many.jury.broken)
    assert (one.found.iterations[broken] == 1).all()


def test_nothing_breaks_without_room() -> None:
    """In a ball of one point every image stands, and no step raises the loss."""
    found, jury = run(net(), "0")
    assert not jury.broken.any()
    assert not found.rose.any()


def test_passes_are_counted_by_images() -> None:
    """Padding costs nothing: a standing image takes its steps, and a look at its last and best."""
    found, jury = run(net(3), "0", iterations=8)
    assert (found.passes, jury.forward) == (3 * 8, 3 * 2)


def test_broken_images_cost_nothing_more() -> None:
    """Who breaks leaves: everyone broken by the first steps costs few of them, and a look each."""
    found, jury = run(net(), "1/2", iterations=8)
    assert jury.broken.all()
    assert found.passes < 20 * 3
    assert jury.forward <= found.passes


def test_an_image_of_8_bits_is_climbed_until_it_falls_there() -> None:
    """Where rounding saves an image, the climb goes on: 8 bits take no fewer steps."""
    given = right(subject_of(curved_net()), seen(pictures(60)))
    plain, eight = (run(given, "3/510", iterations=20, grid=grid) for grid in (False, True))
    assert eight.jury.on_grid.any()
    saved = eight.jury.broken & ~eight.jury.on_grid
    assert saved.any(), "this test needs a break that rounding undoes"
    assert np.array_equal(plain.jury.broken, eight.jury.broken)
    assert np.array_equal(plain.jury.witness, eight.jury.witness)
    assert (eight.found.iterations >= plain.found.iterations).all()
    assert (eight.found.iterations[saved] == 20).all()
    assert (plain.found.iterations[saved] < 20).any()
    stored = seen(eight.jury.codes[eight.jury.on_grid])
    assert (given.subject.predict(stored).argmax(1) != given.labels[eight.jury.on_grid]).all()


def pictures(count: int) -> Codes:
    """Noise on the 256 levels."""
    return np.rint(noise(count, (3, 8, 8)) * np.float32(255)).astype(np.uint8)


def test_who_is_over_is_not_climbed() -> None:
    """A jury that has heard enough of an image before the climb asks nothing about it."""
    given = net(4)
    engine, ball = given.subject.gradient, linf_ball(given.images, "1/20")
    assert engine is not None
    jury = Jury.of(given.subject.predict, given.images, given.labels, None)
    jury.broken[:] = True
    problem = Problem(given.images, ball, given.labels, LOSSES["margin"], 0.05, 8)
    found = apgd(jury, engine, problem, lambda _: None)
    assert found.passes <= 4
    assert not found.iterations.any()


def test_a_flat_model_is_noticed() -> None:
    """Images without any slope are marked, images with one are not."""
    weight = np.zeros((2, 16), np.float32)
    flat = right(subject_of(linear(weight, np.array([1.0, 0.0]), SHAPE)), noise(4, SHAPE))
    assert run(flat, "1/10").found.flat.all()
    assert not run(net(), "1/100").found.flat.any()


def test_engines_that_name_different_classes_are_noticed() -> None:
    """A gradient engine of another model proposes, is not believed, and is reported."""
    given, other = net(), subject_of(small_net(shape=(3, 8, 8), seed=9))
    found, jury = run(given, "0", gradient=other.gradient)
    differs = other.predict(given.images).argmax(1) != given.labels
    assert differs.any()
    assert np.array_equal(found.disagree, differs)
    assert not jury.broken.any()
    assert not run(given, "1/20").found.disagree.any()


def test_the_loss_of_honest_images_rises() -> None:
    """On a net with slopes every standing image sees some step succeed."""
    found, jury = run(net(), "1/200")
    assert (~jury.broken).sum() > 5
    assert found.rose[~jury.broken].all()


def test_images_with_no_number_for_an_answer_fail() -> None:
    """Logits that turn infinite inside the ball are neither broken nor standing."""
    given = net()
    limit = np.finfo(np.float32).max

    def overflowing(images: FloatArray) -> FloatArray:
        logits = given.subject.predict(images)
        wrong = logits.argmax(1) != given.labels[0]
        return np.where(wrong[:, None], logits * limit * 10, logits).astype(np.float32)

    first = given._replace(images=given.images[:1], labels=given.labels[:1])
    engine = given.subject.gradient
    assert engine is not None
    problem = Problem(
        first.images, linf_ball(first.images, "1/2"), first.labels, LOSSES["margin"], 0.5, 8
    )
    jury = Jury.of(overflowing, first.images, first.labels, None)
    with np.errstate(over="ignore"):
        apgd(jury, engine, problem, lambda _: None)
    assert (jury.failed.tolist(), jury.broken.tolist()) == ([True], [False])


@pytest.mark.parametrize(
    ("iterations", "expected"),
    [
        (100, [22, 41, 57, 70, 80, 87, 93, 99]),
        (20, [5, 9, 12, 14, 16, 18, 19, 20]),
        (8, [2, 4, 5, 6, 7, 8]),
        (1, [1]),
    ],
)
def test_checkpoints_are_those_of_the_paper(iterations: int, expected: list[int]) -> None:
    """First after 22 %, then 3 % nearer each time, never nearer than 6 %; each once."""
    found = checkpoints(iterations)
    assert list(found) == expected
    assert list(found.values()) == [0, *expected[:-1]]


def test_a_climb_goes_on_where_a_single_step_does_not_reach() -> None:
    """On a net, twenty iterations break clearly more images than one."""
    given = right(subject_of(curved_net()), noise(60, (3, 8, 8)))
    few, many = run(given, "1/100", iterations=1), run(given, "1/100", iterations=20)
    assert few.jury.broken.any()
    assert many.jury.broken.sum() > 1.1 * few.jury.broken.sum()


def test_the_given_arrays_are_not_written_to() -> None:
    """Images, labels and starts keep their values."""
    given = net()
    kept = given.images.copy(), given.labels.copy()
    run(given, "1/20")
    assert np.array_equal(given.images, kept[0])
    assert np.array_equal(given.labels, kept[1])
