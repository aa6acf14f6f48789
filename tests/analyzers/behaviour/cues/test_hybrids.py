"""Hybrids: the phase of one, the amplitude of the other, and who is mixed with whom."""

import numpy as np

from analyzers.behaviour.cues.hybrids import hybrids, partners
from support.graphs import noise


def test_a_picture_mixed_with_itself_is_itself() -> None:
    """Known answer, for even and odd sides, and for a black picture that has no phase."""
    for shape in ((3, 8, 8), (1, 7, 9)):
        images = noise(2, shape)
        assert np.allclose(hybrids(images, images), images, atol=1e-6)
    black = np.zeros((1, 1, 4, 4), np.float32)
    assert np.allclose(hybrids(black, black), 0)


def test_a_moved_picture_keeps_its_place_from_the_phase() -> None:
    """Turning a picture round changes its phase alone: a hybrid with itself lies where phase is."""
    image = noise(1, (1, 8, 8))
    turned = np.roll(image, (3, 2), (2, 3))
    assert np.allclose(hybrids(turned, image), turned, atol=1e-6)
    assert np.allclose(hybrids(image, turned), image, atol=1e-6)


def test_the_mean_comes_with_the_amplitude() -> None:
    """Brightness is the amplitude of no frequency at all."""
    dark = np.full((1, 1, 4, 4), 0.2, np.float32)
    bright = np.full((1, 1, 4, 4), 0.8, np.float32)
    assert np.allclose(hybrids(dark, bright), 0.8, atol=1e-6)


def test_partners_are_the_next_of_another_class() -> None:
    """Round the end, skipping what cannot be used; one class alone has no pairs."""
    assert partners([0, 0, 1, 2], [True] * 4) == {0: 2, 1: 2, 2: 3, 3: 0}
    assert partners([0, 1, 1, 0], [True, False, True, True]) == {0: 2, 2: 3, 3: 2}
    assert partners([5, 5, 5], [True] * 3) == {}
