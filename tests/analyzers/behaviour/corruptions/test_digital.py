"""Contrast and pixels in closed form, and against Pillow."""

import numpy as np
import pytest
from PIL import Image

from analyzers.behaviour.corruptions.digital import tiles_of
from support.spoiling import flat, photographs, spoiled


def test_contrast_keeps_means_and_shrinks_distances() -> None:
    """Known answer: every channel's mean stays, its spread becomes the share; 1 changes none."""
    picture = photographs(1)[0]
    found = spoiled("contrast", picture, (0.3,))
    assert found.mean(axis=(1, 2)) == pytest.approx(picture.mean(axis=(1, 2)), abs=1e-6)
    assert found.std(axis=(1, 2)) == pytest.approx(0.3 * picture.std(axis=(1, 2)), rel=1e-4)
    assert np.allclose(spoiled("contrast", picture, (1.0,)), picture, atol=1e-6)
    assert np.allclose(spoiled("contrast", flat(0.7), (0.05,)), 0.7, atol=1e-6)


def test_tiles_are_their_means() -> None:
    """Known answer: at half the size, tiles of two by two pixels with their mean."""
    picture = photographs(1)[0]
    found = spoiled("pixelate", picture, (0.5,))
    means = picture.reshape(3, 16, 2, 16, 2).mean(axis=(2, 4))
    assert np.allclose(found, means.repeat(2, axis=1).repeat(2, axis=2), atol=1e-6)


@pytest.mark.parametrize("share", [0.95, 0.65, 0.25])
def test_tiles_are_constant_and_the_same_again(share: float) -> None:
    """As many different rows as tiles, the mean within each kept; a second time changes none."""
    picture = photographs(1)[0]
    found = spoiled("pixelate", picture, (share,))
    assert len(np.unique(found, axis=1)[0]) == int(32 * share)
    assert np.allclose(spoiled("pixelate", found, (share,)), found, atol=1e-6)
    tiles = tiles_of(32, share)
    assert len(np.unique(tiles)) == int(32 * share)
    assert (np.diff(tiles) >= 0).all()
    rows = tiles == 2
    assert found[:, rows].mean() == pytest.approx(picture[:, rows].mean(), abs=1e-6)


def test_full_size_is_no_change_and_none_is_one_tile() -> None:
    """A share of 1 keeps every pixel; one too small for a pixel leaves one tile, the mean."""
    picture = photographs(1)[0]
    assert np.array_equal(spoiled("pixelate", picture, (1.0,)), picture)
    found = spoiled("pixelate", picture, (0.01,))
    assert np.allclose(found, picture.mean(axis=(1, 2), keepdims=True), atol=1e-6)


@pytest.mark.parametrize("share", [0.95, 0.75, 0.6, 0.25])
def test_pillow_makes_the_same_tiles(share: float) -> None:
    """Within the rounding to 8 bits that Pillow does twice."""
    for picture in photographs(5):
        stored = Image.fromarray(np.rint(picture * 255).astype(np.uint8).transpose(1, 2, 0))
        side = int(32 * share)
        box = Image.Resampling.BOX
        wanted = np.asarray(stored.resize((side, side), box).resize((32, 32), box))
        found = 255 * spoiled("pixelate", picture, (share,))
        assert np.abs(found - wanted.transpose(2, 0, 1)).max() <= 1.01
