"""A draw is fixed by its words, and by nothing that happened before."""

import itertools

import numpy as np
import pytest

from analyzers.attacks.draws import uniform
from analyzers.contract import FloatArray

WORDS = {"seed": 0, "sample": "ab" * 32, "stage": "one:1", "iteration": 0, "draw": 0}


def draw(shape: tuple[int, ...] = (4,), **changed: int | str) -> FloatArray:
    """A draw with some words changed."""
    return uniform(shape, **{**WORDS, **changed})  # pyright: ignore[reportArgumentType]  # words of mixed types


def test_known_answer() -> None:
    """The numbers are the same on every machine and in every release."""
    expected = [0.20084798336029053, 0.25493311882019043, 0.546478271484375, 0.8984484076499939]
    assert draw().tolist() == expected


def test_every_word_counts() -> None:
    """Another seed, sample, stage, iteration or draw gives other numbers."""
    changes: list[dict[str, int | str]] = [
        {},
        {"seed": 1},
        {"sample": "cd" * 32},
        {"stage": "retry:1"},
        {"iteration": 1},
        {"draw": 1},
    ]
    found = [draw((64,), **change) for change in changes]
    for one, other in itertools.combinations(found, 2):
        assert not (one == other).any()


def test_a_shorter_draw_is_a_prefix() -> None:
    """The shape only cuts the stream."""
    assert np.array_equal(draw((2, 3)).ravel(), draw((12,))[:6])


def test_numbers_are_uniform_and_below_one() -> None:
    """In [0, 1), exact in float32, with the mean and spread of a uniform distribution."""
    found = draw((100_000,))
    assert found.dtype == np.float32
    assert 0 <= found.min() < found.max() < 1
    assert found.mean() == pytest.approx(0.5, abs=0.005)
    assert found.std() == pytest.approx(12**-0.5, abs=0.005)


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    """Seeding numpy changes nothing here, and drawing changes nothing there."""
    np.random.seed(3)  # noqa: NPY002 - the global generator is the point
    before = draw()
    state = str(np.random.get_state())  # noqa: NPY002 - as above
    np.random.seed(4)  # noqa: NPY002 - as above
    assert np.array_equal(draw(), before)
    np.random.seed(3)  # noqa: NPY002 - as above
    draw()
    assert str(np.random.get_state()) == state  # noqa: NPY002 - as above
