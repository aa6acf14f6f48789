"""Radii, cuts and spectra against numbers that can be worked out by hand."""

import numpy as np
import pytest

from analyzers.behaviour.frequency.spectra import (
    area,
    by_ring,
    nyquist,
    power,
    radii,
    relative,
    rings,
    split,
    weighed,
    within,
)
from support.frequencies import mild, stripes
from support.graphs import noise

WHITE = 12.25
"""The mean radius of all coefficients at 32 by 32."""


def test_radii_are_distances_in_the_folded_plane() -> None:
    """sqrt(min(u, N-u)^2 + min(v, N-v)^2), up to the corner at 16 sqrt 2."""
    plane = radii(32, 32)
    folded = np.minimum(np.arange(32), 32 - np.arange(32))
    assert plane == pytest.approx(np.hypot(folded[:, None], folded[None]))
    assert plane.mean() == pytest.approx(WHITE, abs=0.01)
    assert nyquist(32, 32) == 16


def test_long_pictures_are_measured_by_cycles_a_pixel() -> None:
    """A quarter of a cycle a pixel is half of Nyquist along either axis, whatever its length."""
    plane = radii(16, 64)
    assert plane[4, 0] == plane[0, 16] == 4.0 == 0.5 * nyquist(16, 64)
    assert not within(16, 64, 0.5)[5, 0]
    assert within(16, 64, 0.5)[0, 16]


def test_area_of_the_low_disc() -> None:
    """197 of 1,024 coefficients lie within 8 cycles: a share of .192."""
    assert area(32, 32, 0.5) == (197, 1024)


def test_coarse_and_fine_add_up() -> None:
    """LP + HP - mean is the picture, and up to the corner nothing is cut away."""
    images = noise(3, (3, 12, 20))
    mean = images.mean(axis=(2, 3), keepdims=True)
    for coarse, fine in split(images, [0.1, 0.5, 1.0]):
        assert coarse + fine - mean == pytest.approx(images, abs=1e-6)
    [(whole, rest)] = split(images, [1.5])
    assert whole == pytest.approx(images, abs=1e-6)
    assert rest == pytest.approx(np.broadcast_to(mean, images.shape), abs=1e-6)


def test_a_cut_leaves_what_lies_within_and_nothing_else() -> None:
    """Waves of 4 and of 9 cycles, cut at 8: the first stays whole, the other goes whole."""
    shape = (1, 32, 32)
    low, high = (stripes(place, shape)[None, None] for place in ((4, 0), (0, 9)))
    [(coarse, fine)] = split((0.5 + low + high).astype(np.float32), [0.5])
    assert coarse - 0.5 == pytest.approx(low, abs=1e-6)
    assert fine - 0.5 == pytest.approx(high, abs=1e-6)


def test_the_edge_of_a_cut_belongs_to_it() -> None:
    """A wave at the radius itself is kept."""
    wave = stripes((0, 8), (1, 32, 32))[None, None].astype(np.float32)
    [(coarse, _)] = split(wave, [0.5])
    assert coarse == pytest.approx(wave, abs=1e-6)


def test_power_is_that_of_the_pixels() -> None:
    """Parseval: the transform keeps the sum of squares, over all channels."""
    images = noise(4, (3, 9, 14))
    wanted = np.square(images, dtype=np.float64).sum(axis=(1, 2, 3))
    assert power(images).sum(axis=(1, 2)) == pytest.approx(wanted)
    assert by_ring(power(images)).sum(axis=1) == pytest.approx(wanted)


def test_white_noise_is_spread_as_the_area() -> None:
    """Centroid 12.25 +- .1, share within half of Nyquist .192 +- 2 %."""
    drawn = np.random.default_rng(0).normal(size=(200, 3, 32, 32))
    total, moment, low = (one.sum() for one in weighed(power(drawn)))
    assert moment / total == pytest.approx(WHITE, abs=0.1)
    assert low / total == pytest.approx(197 / 1024, rel=0.02)


def test_an_offset_lies_in_the_centre() -> None:
    """A constant has centroid 0 and all its power is low."""
    found = weighed(power(np.full((1, 3, 32, 32), 0.1)))
    assert found.moment / found.total == pytest.approx(0, abs=1e-9)
    assert found.low / found.total == pytest.approx(1)


def test_a_wave_lies_on_its_ring() -> None:
    """All power of a wave of radius sqrt(34) is on the ring of 6 cycles."""
    found = rings(32, 32)
    spectrum = by_ring(power(stripes((5, 3), (1, 32, 32))[None, None]))[0]
    assert spectrum[6] == pytest.approx(1)
    assert np.delete(spectrum, 6) == pytest.approx(0, abs=1e-12)
    assert found.size.sum() == 1024
    assert found.radius[6] == pytest.approx(6, abs=0.5)


def test_a_change_that_copies_its_picture_is_white_beside_it() -> None:
    """A tenth of a picture, held against it, is the same at every radius, whatever the picture."""
    images = mild(20, (3, 32, 32))
    coarse = next(split(images, [0.5]))[0]
    pictures = coarse + 0.01 * images
    held = weighed(relative(power(0.1 * pictures), power(pictures)))
    assert held.total == pytest.approx(np.full(20, 0.01 * 1024))
    assert (held.moment / held.total).mean() == pytest.approx(WHITE, abs=0.1)


def test_white_noise_beside_a_coarse_picture_is_fine() -> None:
    """The same change that is white by itself weighs more where the picture has less."""
    rng = np.random.default_rng(1)
    pictures = next(split(rng.random((30, 1, 32, 32), np.float32), [0.3]))[0]
    pictures = pictures + 0.01 * rng.normal(size=pictures.shape)
    change = rng.normal(size=pictures.shape)
    held = weighed(relative(power(change), power(pictures)))
    assert (held.moment / held.total).mean() > WHITE + 0.5


def test_a_flat_picture_holds_nothing_to_compare_with() -> None:
    """Rings in which the picture has no power are left at zero, and nothing is infinite."""
    flat, change = np.full((1, 1, 8, 8), 0.5), noise(1, (1, 8, 8)) - 0.5
    held = relative(power(change), power(flat))[0]
    assert np.isfinite(held).all()
    assert held.ravel()[1:] == pytest.approx(0)
