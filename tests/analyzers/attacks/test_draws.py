"""A draw is fixed by its words, and by nothing that happened before."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from analyzers.attacks.draws import below, bits, gaussian, uniform, words
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


def raw(count: int, **changed: int | str) -> npt.NDArray[np.uint64]:
    """Words with some of what names them changed."""
    told = {name: value for name, value in {**WORDS, **changed}.items() if name != "iteration"}
    return words(count, **told)  # pyright: ignore[reportArgumentType]  # words of mixed types


def test_known_words() -> None:
    """The raw stream is the same on every machine and in every release."""
    assert raw(3).tolist() == [3704991521415815427, 4702686002035896067, 10080745172464459112]


def test_words_are_those_of_the_first_iteration() -> None:
    """The numbers of a draw are the upper bits of its words."""
    upper = (raw(6) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    assert draw((6,)).tolist() == upper.tolist()
    assert np.array_equal(raw(9)[:4], raw(4))


@pytest.mark.parametrize("limit", [1, 2, 7, 29, 224])
def test_whole_numbers_below_a_limit_are_even(limit: int) -> None:
    """All of them occur, none beyond, each about as often."""
    found = below(limit, raw(20_000))
    counts = np.bincount(found, minlength=limit)
    assert len(counts) == limit
    assert found.min() >= 0
    share = 20_000 / limit
    assert np.abs(counts - share).max() < 6 * share**0.5 + 1


def test_the_ends_of_a_word_are_the_ends_of_the_range() -> None:
    """The smallest word gives nothing, the largest one less than the limit."""
    ends = np.array([0, 2**64 - 1], np.uint64)
    assert below(10, ends).tolist() == [0, 9]
    assert below(1, ends).tolist() == [0, 0]


def test_bits_are_those_of_the_word_from_the_lowest() -> None:
    """On an axis of their own, as many as are asked for."""
    found = bits(4, np.array([[0b0110], [0b1001]], np.uint64))
    assert found.shape == (2, 1, 4)
    assert found[:, 0].tolist() == [[False, True, True, False], [True, False, False, True]]
    assert bits(3, raw(20_000)).mean(axis=0) == pytest.approx([0.5] * 3, abs=0.02)


def test_places_and_signs_share_no_bits() -> None:
    """A number below a limit is made of upper bits, signs of lower ones."""
    word = np.array([0xFFFFFFFF], np.uint64)
    assert below(1000, word).tolist() == [0]
    assert bits(32, word).all()


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


def normal(*, seed: int = 0, sample: str = "a", stage: str = "s") -> npt.NDArray[np.float64]:
    """Ten thousand normal numbers of three channels."""
    return gaussian((3, 100, 100), seed=seed, sample=sample, stage=stage, iteration=0, draw=0)


def test_normal_numbers_are_normal_and_belong_to_their_sample() -> None:
    """Mean 0, deviation 1, tails and symmetry of a normal law; others draw others."""
    drawn = normal()
    assert drawn.mean() == pytest.approx(0.0, abs=0.02)
    assert drawn.std() == pytest.approx(1.0, rel=0.02)
    assert np.mean(np.abs(drawn) > 1.959964) == pytest.approx(0.05, abs=0.005)
    assert np.mean(drawn**3) == pytest.approx(0.0, abs=0.1)
    np.testing.assert_array_equal(normal(), drawn)
    for other in (normal(seed=1), normal(sample="b"), normal(stage="t")):
        assert not np.array_equal(other, drawn)
