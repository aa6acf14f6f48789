"""Colour out: brightness by BT.601, in all three channels."""

import numpy as np
import pytest

from analyzers.behaviour.cues.colour import coloured, without_colour


def test_pure_colours_become_their_brightness() -> None:
    """Known answer: red .299, green .587, blue .114; white stays white."""
    pure = np.eye(3, dtype=np.float32)[:, :, None, None] * np.ones((1, 1, 2, 2), np.float32)
    found = without_colour(pure)
    assert found.shape == (3, 3, 2, 2)
    assert found[:, 0, 0, 0].tolist() == pytest.approx([0.299, 0.587, 0.114])
    assert np.array_equal(found[:, 0], found[:, 2])
    assert without_colour(np.ones((1, 3, 2, 2), np.float32)).max() == pytest.approx(1)


def test_one_pixel_makes_a_picture_coloured() -> None:
    """Three equal channels are grey, whatever is in them."""
    images = np.full((2, 3, 4, 4), 0.25, np.float32)
    images[1, 2, 3, 3] = 0.5
    assert coloured(images).tolist() == [False, True]
