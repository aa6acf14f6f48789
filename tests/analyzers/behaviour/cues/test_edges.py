"""Alignment: where the energy of a change lies, against an even spread."""

import numpy as np
import pytest

from analyzers.behaviour.cues.edges import alignment, edges
from analyzers.contract import FloatArray
from support.graphs import noise


def step(side: int = 16) -> FloatArray:
    """A dark left and a bright right half: two columns have a slope."""
    image = np.zeros((1, 1, side, side), np.float32)
    image[..., side // 2 :] = 1
    return image


def columns(*places: int, side: int = 16) -> FloatArray:
    """A change in some columns only."""
    change = np.zeros((1, 1, side, side), np.float32)
    change[..., list(places)] = 0.1
    return change


def test_edges_are_the_columns_of_a_step() -> None:
    """Known answer: one pixel to each side of it, fewer than the fifth that may be."""
    assert np.flatnonzero(edges(step())[0].any(axis=0)).tolist() == [7, 8]


def test_a_fifth_at_most_counts() -> None:
    """Noise has slopes everywhere; a fifth of its pixels is told, by all channels together."""
    assert edges(noise(1, (3, 20, 20))).mean() == pytest.approx(0.2, abs=0.01)


def test_energy_on_edges_alone_and_off_them() -> None:
    """Known answer: all of it on 2 of 16 columns is 8 times even, half of it 4, none 0."""
    found = [alignment(step(), columns(*places))[0] for places in ((7, 8), (7, 0), (0, 1))]
    assert found == pytest.approx([8, 4, 0])


def test_an_even_change_takes_no_notice_and_signs_do_not_matter() -> None:
    """1 for a change of one size everywhere, whatever its signs: so signed steps come out."""
    images = noise(4, (3, 12, 10))
    signs = np.sign(noise(4, (3, 12, 10), seed=1) - np.float32(0.5))
    assert alignment(images, signs) == pytest.approx([1.0] * 4)


def test_nothing_to_lay_over_edges_has_no_value() -> None:
    """No change, no edge, edges everywhere, or no number: None."""
    ramp = np.zeros((1, 1, 16, 16), np.float32)
    ramp += np.arange(16, dtype=np.float32) / 16
    flat = np.zeros((1, 1, 16, 16), np.float32)
    assert alignment(step(), flat) == [None]
    assert alignment(flat, columns(1)) == [None]
    assert alignment(ramp, columns(1)) == [None]
    assert alignment(step(), np.full_like(flat, np.nan)) == [None]


def test_pictures_of_one_row_have_slopes_along_it() -> None:
    """A side of one pixel has no slope of its own."""
    image = step()[:, :, :1]
    assert alignment(image, columns(7, 8)[:, :, :1]) == pytest.approx([8])
