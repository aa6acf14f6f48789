"""Noise: of a sensor, of few photons, of dead pixels."""

import numpy as np

from analyzers.behaviour.corruptions.chance import Chance, Values
from analyzers.behaviour.corruptions.severities import Strength
from analyzers.contract import FloatArray


def gaussian_noise(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """Normal noise on every value; ``strength`` is its standard deviation."""
    (scale,) = strength
    return (picture + scale * chance.normal(*picture.shape)).astype(np.float32)


def shot_noise(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """Each value as a count of photons, of which full brightness has so many on average."""
    (photons,) = strength
    # Inside the range, so that the first probability below is no zero: exp(-500) is none.
    light = picture.astype(np.float64).clip(0, 1)
    counted = poisson(light * photons, chance.uniform(*picture.shape))
    return (counted / photons).astype(np.float32)


def impulse_noise(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """A share of all values turned black or white, half of it each, channel by channel."""
    (amount,) = strength
    drawn = chance.uniform(*picture.shape)
    black, white = drawn < amount / 2, drawn >= 1 - amount / 2
    return np.where(black, np.float32(0), np.where(white, np.float32(1), picture))


def poisson(mean: Values, drawn: FloatArray) -> Values:
    """Poisson counts by inversion: how many sums of probabilities a uniform number has passed."""
    term = np.exp(-mean)
    reached, found, count = term.copy(), np.zeros_like(mean), 0
    while (passed := drawn >= reached).any():
        count += 1
        found += passed
        term *= mean / count
        reached += term
    return found
