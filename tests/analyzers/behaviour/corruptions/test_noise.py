"""Noise by its moments: variance, mean and variance of counts, share of dead values."""

import numpy as np
import pytest

from analyzers.behaviour.corruptions.noise import poisson
from support.spoiling import chance, flat, photographs, spoiled

LARGE = (3, 200, 200)
N = 3 * 200 * 200


def test_normal_numbers_are_normal() -> None:
    """Mean 0, variance 1, kurtosis 3 and the share beyond two, each within five errors."""
    drawn = chance().normal(N)
    assert abs(drawn.mean()) < 5 / np.sqrt(N)
    assert abs(drawn.var() - 1) < 5 * np.sqrt(2 / N)
    assert abs((drawn**4).mean() - 3) < 5 * np.sqrt(96 / N)
    assert (np.abs(drawn) > 2).mean() == pytest.approx(0.0455, abs=5 * np.sqrt(0.0455 / N))


def test_gaussian_noise_has_the_variance_it_is_given() -> None:
    """Known answer on grey: mean .5 and standard deviation .08; nothing at 0."""
    found = spoiled("gaussian_noise", flat(0.5, LARGE), (0.08,))
    assert found.mean() == pytest.approx(0.5, abs=5 * 0.08 / np.sqrt(N))
    assert found.std() == pytest.approx(0.08, rel=5 / np.sqrt(2 * N))
    picture = photographs(1)[0]
    assert np.array_equal(spoiled("gaussian_noise", picture, (0.0,)), picture)


@pytest.mark.parametrize("photons", [3, 50, 500])
@pytest.mark.parametrize("value", [0.1, 0.7])
def test_shot_noise_has_mean_and_variance_of_counts(photons: float, value: float) -> None:
    """Known answer: the mean is the value, the variance the value over the photons."""
    found = spoiled("shot_noise", flat(value, LARGE), (photons,)).astype(np.float64)
    variance = value / photons
    assert found.mean() == pytest.approx(value, abs=5 * np.sqrt(variance / N))
    spread = np.sqrt((2 + 1 / (value * photons)) / N)
    assert found.var() == pytest.approx(variance, rel=5 * spread)
    counts = found * photons
    assert np.abs(counts - np.rint(counts)).max() < 1e-3


def test_shot_noise_leaves_black_alone() -> None:
    """No light, no photon."""
    assert not spoiled("shot_noise", flat(0.0), (3,)).any()


def test_shot_noise_ends_beyond_white() -> None:
    """More light than white is white: the sums of a mean of 5000 would never begin."""
    beyond, white = (spoiled("shot_noise", flat(one), (500,)) for one in (10.0, 1.0))
    assert np.array_equal(beyond, white)


def test_counts_invert_the_distribution() -> None:
    """Known answer at mean 1: sums of probabilities are .3679, .7358, .9197, .9810."""
    drawn = np.asarray([0.0, 0.367, 0.368, 0.735, 0.736, 0.919, 0.920, 0.982], np.float32)
    found = poisson(np.ones(8), drawn)
    assert found.tolist() == [0, 0, 1, 1, 2, 2, 3, 4]


@pytest.mark.parametrize("amount", [0.01, 0.27])
def test_impulse_noise_kills_its_share(amount: float) -> None:
    """Half of the share black, half white, channel by channel; the rest as it was."""
    found = spoiled("impulse_noise", flat(0.5, LARGE), (amount,))
    for value in (0.0, 1.0):
        spread = np.sqrt(amount / 2 / N)
        assert (found == value).mean() == pytest.approx(amount / 2, abs=5 * spread)
    assert set(np.unique(found)) == {0.0, 0.5, 1.0}
    dead = found != 0.5
    assert (dead[0] & dead[1]).mean() < amount / 2, "channels die apart"
    assert np.array_equal(spoiled("impulse_noise", flat(0.5), (0.0,)), flat(0.5))
