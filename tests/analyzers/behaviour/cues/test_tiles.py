"""Patch shuffle: a permutation of tiles and nothing else, never the one that moves nothing."""

import numpy as np
import pytest

from analyzers.behaviour.cues.tiles import drawn_order, shuffled, tiling
from analyzers.contract import FloatArray
from support.graphs import noise

SQUARE = (3, 16, 16)


def one(shape: tuple[int, int, int] = SQUARE, seed: int = 0) -> FloatArray:
    """One picture of noise: no two pixels alike."""
    return noise(1, shape, seed)[0]


def order_of(count: int, sample: str = "a", seed: int = 0) -> np.ndarray:
    """The order that a sample gets."""
    return drawn_order(count, seed=seed, sample=sample)


def test_one_tile_moved_by_hand() -> None:
    """Known answer: four tiles in reverse order are the picture cut in four and laid crosswise."""
    grid = tiling(2, SQUARE)
    assert grid is not None
    image = one()
    found = shuffled(image, grid, np.array([3, 2, 1, 0]))
    assert np.array_equal(found[:, :8, :8], image[:, 8:, 8:])
    assert np.array_equal(found[:, :8, 8:], image[:, 8:, :8])
    assert np.array_equal(found[:, 8:, :8], image[:, :8, 8:])


@pytest.mark.parametrize("count", [2, 4])
def test_pixels_are_only_moved_and_channels_move_together(count: int) -> None:
    """Each channel keeps its values, and each pixel its three channels."""
    grid = tiling(count, SQUARE)
    assert grid is not None
    image = one()
    found = shuffled(image, grid, order_of(count))
    assert not np.array_equal(found, image)
    before, after = (picture.reshape(3, -1).T for picture in (image, found))
    assert sorted(map(tuple, before.tolist())) == sorted(map(tuple, after.tolist()))


@pytest.mark.parametrize("count", [2, 4])
def test_the_inverse_order_restores(count: int) -> None:
    """Shuffling back gives the picture bit by bit; the order that moves nothing changes nothing."""
    grid = tiling(count, SQUARE)
    assert grid is not None
    order, image = order_of(count), one()
    back = shuffled(shuffled(image, grid, order), grid, np.argsort(order))
    assert np.array_equal(back, image)
    assert np.array_equal(shuffled(image, grid, np.arange(count**2)), image)


def test_uneven_sides_keep_their_outer_rows() -> None:
    """Known answer: of 19 x 10 pixels, 9 x 5 tiles start at the top and leave the last row."""
    grid = tiling(2, (1, 19, 10))
    assert grid is not None
    assert (grid.height, grid.width, grid.top, grid.left, grid.whole) == (9, 5, 0, 0, False)
    image = one((1, 19, 10))
    found = shuffled(image, grid, np.array([1, 0, 3, 2]))
    assert np.array_equal(found[:, 18], image[:, 18])
    assert np.array_equal(found[:, :18, :5], image[:, :18, 5:])
    centred = tiling(4, (1, 18, 19))
    assert centred is not None
    assert (centred.height, centred.top, centred.left) == (4, 1, 1)


def test_tiles_are_not_cut_too_small() -> None:
    """Four pixels a side are the least: 28 pixels have no eight tiles, 6 pixels have none."""
    assert tiling(8, (1, 32, 32)) is not None
    assert tiling(8, (1, 28, 28)) is None
    assert tiling(2, (1, 8, 7)) is None


def test_no_order_moves_nothing_and_all_others_come_alike() -> None:
    """Over 2,300 samples each of the 23 other orders of four tiles comes about 100 times."""
    drawn = [tuple(order_of(2, str(sample)).tolist()) for sample in range(2300)]
    counts = {order: drawn.count(order) for order in set(drawn)}
    assert (0, 1, 2, 3) not in counts
    assert len(counts) == 23
    # Chi-square with 22 degrees of freedom: 48.3 is its 99.9 % quantile.
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 48.3


def test_an_order_belongs_to_seed_sample_and_grid() -> None:
    """The same again for the same words, another for another seed or sample."""
    assert np.array_equal(order_of(4), order_of(4))
    assert not np.array_equal(order_of(4), order_of(4, sample="b"))
    assert not np.array_equal(order_of(4), order_of(4, seed=1))
