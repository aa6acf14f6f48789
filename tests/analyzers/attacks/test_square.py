"""The search by scores on models whose weakest point is known."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.attacks.ball import Ball, linf_ball
from analyzers.attacks.draws import words
from analyzers.attacks.jury import Flags, Grid, Jury, Places
from analyzers.attacks.square import (
    FIRST_SHARE,
    HALVINGS,
    SCALE,
    Search,
    needed,
    side,
    square,
)
from analyzers.attacks.stages import GUARD
from analyzers.contract import Array, FloatArray
from analyzers.pictures import seen
from service.sandbox.witness import inside_ball
from support.graphs import noise

SHAPES = [(1, 4, 4), (3, 4, 4), (1, 3, 7), (3, 6, 2), (1, 1, 1), (3, 1, 1), (1, 1, 6), (2, 5, 1)]


class Searched(NamedTuple):
    """A search and all that it asked."""

    jury: Jury
    spent: Places
    asked: list[FloatArray]
    ball: Ball
    told: list[int]


def drawn(count: int, queries: int, width: int, seed: int = 0) -> Array:
    """The random words of some images."""
    total = needed(queries, width)
    rows = [words(total, seed=seed, sample=f"{at}", stage="s", draw=0) for at in range(count)]
    return np.stack(rows)


def search(
    predict: Callable[[FloatArray], FloatArray],
    images: FloatArray,
    queries: int,
    *,
    eps: str = "1/10",
    random: Array | None = None,
    over: Flags | None = None,
    grid: Grid | None = None,
) -> Searched:
    """Search around images of class 0."""
    asked, told = list[FloatArray](), list[int]()

    def heard(points: FloatArray) -> FloatArray:
        asked.append(points.copy())
        return predict(points)

    jury = Jury.of(heard, images, np.zeros(len(images), np.int64), grid)
    if over is not None:
        jury.broken |= over
    ball = linf_ball(images, eps)
    raw = drawn(len(images), queries, images.shape[-1]) if random is None else random
    spent = square(jury, Search(ball, queries, raw), told.append)
    return Searched(jury, spent, asked, ball, told)


def lead(weight: Array, limit: float) -> Callable[[FloatArray], FloatArray]:
    """Two classes, linear: class 1 where a weighted sum of the pixels exceeds a limit."""

    def predict(images: FloatArray) -> FloatArray:
        found = images.reshape(len(images), -1).astype(np.float64) @ weight.ravel() - limit
        return np.stack([-found, found], axis=1).astype(np.float32)

    return predict


def hard(images: FloatArray) -> FloatArray:
    """Nothing ever changes the answer."""
    return np.tile(np.array([1.0, 0.0], np.float32), (len(images), 1))


def cliff(points: FloatArray) -> FloatArray:
    """A curved model that falls at different times for different images."""
    wave = np.sin(9 * points.astype(np.float64)).sum(axis=(1, 2, 3))
    return np.stack([0 * wave, wave - 34], axis=1).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_linear_model_is_driven_into_the_worst_corner(shape: tuple[int, int, int]) -> None:
    """Only that corner breaks it: no single pixel may be elsewhere, and the search gets there."""
    image = noise(1, shape, seed=3) * np.float32(0.6) + np.float32(0.2)
    weight = noise(1, shape, seed=4)[0].astype(np.float64) - 0.5
    weight += np.where(weight < 0, -0.2, 0.2)
    ball = linf_ball(image, "1/10")
    corner = np.where(weight > 0, ball.high, ball.low).astype(np.float64)
    smallest = (np.abs(weight) * (ball.high - ball.low)).min()
    limit = float((weight * corner).sum() - smallest / 2)
    found = search(lead(weight, limit), image, 1500)
    assert found.jury.broken.tolist() == [True]
    assert np.array_equal(found.jury.witness, corner.astype(np.float32))
    beyond = search(lead(weight, limit + float(smallest)), image, 1500)
    assert not beyond.jury.broken.any(), "control: beyond the corner there is nothing to find"


def test_queries_are_what_was_asked() -> None:
    """Who stands pays all, who falls pays up to its fall, who is over pays nothing."""
    images = noise(12, (3, 5, 4))
    over = np.arange(12) == 2
    found = search(cliff, images, 150, eps="1/8", over=over)
    fell = found.jury.broken & ~over
    assert found.spent[2] == 0
    assert (found.spent[~fell & ~over] == 150).all()
    assert (found.spent[fell] < 150).all()
    assert len(set(found.spent[fell].tolist())) > 2
    assert found.spent.sum() == sum(len(points) for points in found.asked) == found.jury.forward
    images = images[:4]
    standing = search(hard, images, 37)
    assert standing.spent.tolist() == [37] * 4
    assert standing.told == list(range(37))
    assert standing.jury.forward == 4 * 37


def test_who_falls_at_once_has_paid_for_one() -> None:
    """The stripes that a search begins with are its first query."""
    found = search(lambda points: -hard(points), noise(5, (3, 4, 4)), 50)
    assert found.spent.tolist() == [1] * 5
    assert len(found.asked) == 1
    assert found.told == [0]


def test_roundings_are_no_queries() -> None:
    """A query is a point of the search; that its rounding is asked about is told as a pass."""
    images = seen(np.full((2, 1, 2, 2), 90, np.uint8))

    def off_grid(points: FloatArray) -> FloatArray:
        codes = points * np.float32(255)
        off = (np.abs(codes - np.rint(codes)) > 0.1).any(axis=(1, 2, 3))
        answers = np.array([[1, 0], [0, 1]], np.float32)
        return answers[off.astype(np.int64)]

    found = search(off_grid, images, 30, eps="3/510", grid=Grid.around(images, "3/510"))
    assert found.jury.broken.all()
    assert not found.jury.on_grid.any()
    assert found.spent.tolist() == [30, 30]
    assert found.jury.forward == 2 * 60


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", ["8/255", "1/3"])
def test_every_point_is_a_corner_of_the_exact_ball(shape: tuple[int, int, int], eps: str) -> None:
    """Also at black and white pixels, in exact arithmetic."""
    images = noise(3, shape, seed=5)
    images[0].flat[0], images[1].flat[0] = 0.0, 1.0
    found = search(hard, images, 60, eps=eps)
    for points in found.asked:
        assert ((points == found.ball.low) | (points == found.ball.high)).all()
        assert inside_ball(images, points, norm="Linf", eps=eps).all()
        gap = np.abs(points.astype(np.float64) - images)
        assert all(Fraction(one) <= Fraction(eps) + Fraction(1, 2**50) for one in gap.ravel()[:9])


def test_it_begins_with_vertical_stripes() -> None:
    """One sign a column and channel, of its own for each image."""
    images = np.full((40, 3, 5, 6), 0.5, np.float32)
    first = search(hard, images, 1).asked[0] > 0.5
    assert (first == first[:, :, :1]).all()
    assert 0.4 < first[:, :, 0].mean() < 0.6
    assert len({one.tobytes() for one in first}) == 40


def test_each_step_moves_one_square_with_one_sign_a_channel() -> None:
    """Of the side that the schedule says; while nothing improves it moves from where it began."""
    images = np.full((6, 3, 7, 5), 0.5, np.float32)
    queries = 80
    found = search(hard, images, queries)
    first = found.asked[0]
    for query, points in enumerate(found.asked[1:], start=1):
        long = side(query, queries, 7, 5)
        for image, start in zip(points, first, strict=True):
            rows, columns = (image != start).any(axis=0).nonzero()
            for axis in (rows, columns):
                assert not len(axis) or axis.max() - axis.min() < long


def test_places_and_signs_of_squares_are_even() -> None:
    """Every pixel is moved about as often; both signs occur, each channel by itself."""
    images = np.full((1, 2, 4, 4), 0.5, np.float32)
    found = search(hard, images, 4000)
    tail = np.concatenate(found.asked[-2000:])
    assert side(3999, 4000, 4, 4) == 1
    changed = (tail != found.asked[0]).mean(axis=0)
    assert changed.min() > 0.02
    assert changed.max() < 0.045, "one pixel of sixteen, half of the time to the other sign"
    both = changed.reshape(2, -1)
    assert both[0] != pytest.approx(both[1], abs=1e-6)


def published(query: int, budget: int) -> float:
    """The share of the picture at a query, written down from the paper's table."""
    scaled = query * 10_000 / budget
    for kept, beyond in enumerate((8000, 6000, 4000, 2000, 1000, 500, 200, 50, 10)):
        if scaled > beyond:
            return 0.8 / 2 ** (9 - kept)
    return 0.8


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (1, 29),
        (10, 29),
        (11, 20),
        (50, 20),
        (51, 14),
        (200, 14),
        (201, 10),
        (501, 7),
        (1001, 5),
        (2001, 4),
        (4001, 3),
        (6001, 2),
        (8001, 1),
        (10_000, 1),
    ],
)
def test_squares_shrink_as_published(query: int, expected: int) -> None:
    """On pictures of 32 by 32 with ten thousand queries."""
    assert side(query, 10_000, 32, 32) == expected
    assert (FIRST_SHARE, SCALE) == (0.8, 10_000)
    assert HALVINGS == (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@pytest.mark.parametrize("budget", [100, 1000, GUARD, 5000, 10_000])
def test_the_schedule_is_stretched_to_the_budget(budget: int) -> None:
    """The same shares at the same part of the way."""
    for query in range(1, budget, max(1, budget // 97)):
        area = published(query, budget) * 28 * 28
        assert side(query, budget, 28, 28) == max(1, round(area**0.5))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 3000), st.integers(1, 40), st.integers(1, 40))
def test_a_square_fits_and_only_shrinks(budget: int, height: int, width: int) -> None:
    """Into pictures of any shape, at every query."""
    sides = [side(query, budget, height, width) for query in range(1, budget, 1 + budget // 20)]
    assert all(1 <= one <= min(height, width) for one in sides)
    assert sides == sorted(sides, reverse=True)


def test_no_batch_and_no_order_changes_anything() -> None:
    """Alone, by threes, shuffled: the same queries and witnesses for every image."""
    images, queries = noise(12, (3, 5, 4)), 150
    random = drawn(12, queries, 4)
    whole = search(cliff, images, queries, random=random, eps="1/8")
    assert 2 < whole.jury.broken.sum() < 12
    assert len(set(whole.spent.tolist())) > 3
    cuts = [[at] for at in range(12)] + [[0, 5, 7], [11, 2, 3, 9], list(range(11, -1, -1))]
    for some in cuts:
        part = search(cliff, images[some], queries, random=random[some], eps="1/8")
        assert np.array_equal(part.spent, whole.spent[some])
        assert np.array_equal(part.jury.broken, whole.jury.broken[some])
        assert np.array_equal(part.jury.witness, whole.jury.witness[some])


def test_control_other_words_search_elsewhere() -> None:
    """The comparison above separates: with other random numbers it finds other witnesses."""
    images = noise(12, (3, 5, 4))
    one, other = (
        search(cliff, images, 150, random=drawn(12, 150, 4, seed), eps="1/8") for seed in (0, 1)
    )
    assert not np.array_equal(one.spent, other.spent)


def test_more_than_two_classes_are_left_for_the_nearest() -> None:
    """The margin is to the best other class, whichever that is."""
    weight = np.zeros((4, 2))
    weight[1, 0], weight[3, 1] = 1, 1

    def predict(points: FloatArray) -> FloatArray:
        logits = points.reshape(len(points), -1).astype(np.float64)[:, :2] @ weight.T
        logits[:, 0] = 0.62
        return logits.astype(np.float32)

    images = np.array([[0.58, 0.1], [0.1, 0.58], [0.3, 0.3]], np.float32).reshape(3, 1, 1, 2)
    found = search(predict, images, 120, eps="1/20")
    assert found.jury.broken.tolist() == [True, True, False]


def test_answers_that_are_no_numbers_are_no_progress() -> None:
    """The image failed and leaves; the others go on as if it had not been there."""
    images = noise(3, (1, 4, 4))
    images[1] = 0.0

    def holes(points: FloatArray) -> FloatArray:
        found = hard(points)
        found[points.mean(axis=(1, 2, 3)) < 0.2] = np.nan
        return found

    found = search(holes, images, 20)
    assert found.jury.failed.tolist() == [False, True, False]
    assert found.spent.tolist() == [20, 1, 20]


def test_an_empty_search_asks_nothing() -> None:
    """When all is over before it begins, or there is no query to spend."""
    images = noise(2, (1, 4, 4))
    assert not search(hard, images, 20, over=np.array([True, True])).asked
    assert not search(hard, images, 0).asked
