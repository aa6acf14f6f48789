"""Weather in closed form where it has one, and by what every drawing of it must keep."""

import colorsys

import numpy as np
import pytest

from analyzers.behaviour.corruptions.weather import drawn_ice, grey, plasma
from support.spoiling import chance, flat, photographs, spoiled

NO_FLAKES = (0.0, 0.0, 1.0, 0.5, 4, 1)


def test_brightness_is_that_of_another_colour_model() -> None:
    """Known answer: the value of hue, saturation, value raised by .2, as the standard library."""
    picture = photographs(1)[0][:, :8, :8].copy()
    picture[:, 0, 0] = 0
    found = spoiled("brightness", picture, (0.2,)).clip(0, 1)
    for y, x in np.ndindex(8, 8):
        hue, saturation, value = colorsys.rgb_to_hsv(*picture[:, y, x].tolist())
        wanted = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.2))
        assert found[:, y, x].tolist() == pytest.approx(wanted, abs=1e-5)


def test_brightness_of_grey_is_a_sum() -> None:
    """Known answer for one channel: what is added, up to white; nothing at 0."""
    picture = photographs(1)[0][:1]
    assert np.allclose(spoiled("brightness", picture, (0.3,)), (picture + 0.3).clip(0, 1))
    colour = photographs(1)[0]
    assert np.allclose(spoiled("brightness", colour, (0.0,)), colour, atol=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (5, 7), (1, 1), (224, 100)])
def test_plasma_is_a_landscape_of_its_size(shape: tuple[int, int]) -> None:
    """Heights lie between 0 and 1; a torus of a power of two reaches both ends."""
    found = plasma(*shape, 2.0, chance())
    assert found.shape == shape
    assert found.min() >= 0
    assert found.max() <= 1
    if shape == (32, 32):
        assert (found.min(), found.max()) == (0, 1)


def test_a_faster_decay_is_a_smoother_landscape() -> None:
    """Neighbours differ less when the displacement shrinks faster; it joins at the border."""
    rough, smooth = (
        np.mean([np.abs(np.diff(plasma(64, 64, one, chance(str(at))))).mean() for at in range(8)])
        for one in (1.2, 3.0)
    )
    assert smooth < 0.5 * rough
    land = plasma(64, 64, 3.0, chance())
    inside = np.abs(np.diff(land, axis=0)).max()
    assert np.abs(land[0] - land[-1]).max() < 2 * inside


def test_plasma_averages_four_when_nothing_is_added_late() -> None:
    """Known answer: each point is then the mean of the four around it, on a torus."""
    land = plasma(16, 16, 1e6, chance())
    for y, x in ((2, 2), (6, 10), (14, 14)):
        around = [land[(y + down) % 16, (x + right) % 16] for down in (-2, 2) for right in (-2, 2)]
        assert land[y, x] == pytest.approx(np.mean(around), abs=1e-9)
    for y, x in ((4, 6), (6, 4), (12, 14), (14, 12), (0, 2), (2, 0)):
        steps = ((-2, 0), (2, 0), (0, -2), (0, 2))
        around = [land[(y + down) % 16, (x + right) % 16] for down, right in steps]
        assert land[y, x] == pytest.approx(np.mean(around), abs=1e-9)


def test_fog_pulls_towards_its_landscape() -> None:
    """Known answer: (x + a f) m / (m + a), m the brightest value; nothing at 0."""
    picture = photographs(1)[0]
    land = plasma(32, 32, 2.0, chance("a", "fog"))
    brightest = picture.max()
    wanted = (picture + 1.5 * land) * brightest / (brightest + 1.5)
    assert np.allclose(spoiled("fog", picture, (1.5, 2.0)), wanted, atol=1e-6)
    assert np.allclose(spoiled("fog", picture, (0.0, 2.0)), picture, atol=1e-6)
    assert not spoiled("fog", flat(0.0), (0.0, 2.0)).any()


def test_frost_adds_ice_to_a_weaker_picture() -> None:
    """Known answer: weights of picture and ice; ice is bright, a little blue, never dark."""
    picture = photographs(1)[0]
    ice = drawn_ice(picture, chance("a", "frost"))
    wanted = 0.8 * picture + 0.6 * ice
    assert np.allclose(spoiled("frost", picture, (0.8, 0.6)), wanted, atol=1e-6)
    assert np.allclose(spoiled("frost", picture, (1.0, 0.0)), picture)
    assert ice.min() >= 0.85 * 0.25 - 1e-6
    assert ice.max() <= 1
    assert ice[2].mean() > ice[0].mean()
    assert drawn_ice(picture[:1], chance()).shape == (1, 32, 32)


def test_without_flakes_snow_whitens() -> None:
    """Known answer: the share not kept goes to the larger of the picture and 1.5 grey + .5."""
    picture = photographs(1)[0]
    found = spoiled("snow", picture, (*NO_FLAKES, 0.8))
    light = 0.299 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2]
    wanted = 0.8 * picture + 0.2 * np.maximum(picture, 1.5 * light + 0.5)
    assert np.allclose(found, wanted, atol=1e-6)
    assert np.allclose(spoiled("snow", picture, (*NO_FLAKES, 1.0)), picture, atol=1e-6)
    assert np.allclose(grey(picture), light, atol=1e-6)


def test_flakes_only_brighten_and_fall_both_ways() -> None:
    """On black, what is added is the flakes and the same turned by half a turn."""
    found = spoiled("snow", flat(0.0), (0.1, 0.3, 1.5, 0.5, 8, 4, 1.0))
    assert found.min() >= 0
    assert found.max() > 0.1
    assert np.allclose(found, found[:, ::-1, ::-1], atol=1e-6)
    assert np.array_equal(found[0], found[2])
