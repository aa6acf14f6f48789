"""Smoothing: stripes of any contrast go, the edge of what is large stays."""

import numpy as np
import pytest

from analyzers.behaviour.cues.smoothing import reach, without_texture
from analyzers.contract import FloatArray
from support.graphs import noise

SIDE = 32


def stripes(period: int, contrast: float) -> FloatArray:
    """Horizontal stripes about .5."""
    dark = (np.arange(SIDE) // (period // 2)) % 2 == 0
    rows = np.where(dark, 0.5 - contrast / 2, 0.5 + contrast / 2).astype(np.float32)
    return np.broadcast_to(rows[None, None, :, None], (1, 1, SIDE, SIDE)).copy()


def halves(contrast: float) -> FloatArray:
    """A dark left and a bright right half."""
    found = np.full((1, 1, SIDE, SIDE), 0.5 - contrast / 2, np.float32)
    found[..., SIDE // 2 :] += np.float32(contrast)
    return found


@pytest.mark.parametrize("period", [2, 4, 6])
@pytest.mark.parametrize("contrast", [0.2, 1.0])
def test_stripes_go_whatever_their_contrast(period: int, contrast: float) -> None:
    """At most 15 % of the stripes is left away from the borders; a median keeps some of them."""
    left = without_texture(stripes(period, contrast))[0, 0, 6:-6].std()
    assert left < 0.15 * contrast / 2


def test_a_large_edge_stays_where_it_is() -> None:
    """Half of a step is still made between two pixels, all of it within six; blurs lose that."""
    found = without_texture(halves(0.6))[0, 0, SIDE // 2]
    assert found[SIDE // 2] - found[SIDE // 2 - 1] > 0.25
    assert found[SIDE // 2 + 2] - found[SIDE // 2 - 3] == pytest.approx(0.6, abs=0.06)


def test_flat_pictures_stay_flat() -> None:
    """Nothing is there to smooth, up to the borders."""
    flat = np.full((2, 3, 9, 13), 0.3, np.float32)
    assert np.allclose(without_texture(flat), flat, atol=1e-6)


def test_each_picture_by_itself() -> None:
    """A picture among others, and a channel among others, come to the same bits."""
    images = noise(3, (2, 12, 10))
    whole = without_texture(images)
    assert np.array_equal(without_texture(images[[1]])[0], whole[1])
    assert np.array_equal(without_texture(images[:, [1]])[:, 0], whole[:, 1])
    assert whole.min() >= 0
    assert whole.max() <= 1


def test_the_window_goes_by_the_shorter_side() -> None:
    """Two pixels to each side at 32, one for the smallest pictures."""
    assert [reach((3, *sides)) for sides in ((32, 64), (224, 224), (8, 8))] == [2, 14, 1]
