"""Blur: out of focus, behind glass, in motion, while zooming."""

import numpy as np

from analyzers.behaviour.corruptions.chance import Chance
from analyzers.behaviour.corruptions.sampling import (
    Positions,
    beside,
    blurred,
    convolved,
    line,
    zoomed,
)
from analyzers.behaviour.corruptions.severities import Strength
from analyzers.contract import FloatArray

_WIDE_FROM = 8
"""Radius beyond which the edge of the disk is softened over five pixels instead of three."""


def defocus_blur(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """A disk of a radius, its edge softened by a bell of a width."""
    del chance
    radius, softness = strength
    return convolved(picture, disk(radius, softness))


def disk(radius: float, softness: float) -> Positions:
    """Weights of a soft disk; they sum to one."""
    taps = _edge(softness, 2 if radius > _WIDE_FROM else 1)
    reach = int(radius) + len(taps) // 2
    squares = np.square(line(2 * reach + 1) - reach)
    sharp = (squares[:, None] + squares <= radius**2).astype(np.float64)
    soft = np.zeros_like(sharp)
    for (y, x), weight in np.ndenumerate(np.outer(taps, taps)):
        soft += weight * np.roll(sharp, (y - len(taps) // 2, x - len(taps) // 2), axis=(0, 1))
    return soft / soft.sum()


def _edge(softness: float, reach: int) -> Positions:
    weights = np.exp(-0.5 * np.square((line(2 * reach + 1) - reach) / softness))
    return weights / weights.sum()


def glass_blur(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """A bell of a width, pixels replaced by near ones some times, and the bell again."""
    sigma, reach, times = strength[0], int(strength[1]), int(strength[2])
    soft = blurred(picture, sigma)
    order = shuffled(picture.shape[1], picture.shape[2], reach, times, chance)
    mixed = soft.reshape(len(soft), -1)[:, order].reshape(soft.shape)
    return blurred(mixed, sigma)


def shuffled(height: int, width: int, reach: int, times: int, chance: Chance) -> list[int]:
    """Where each pixel comes from: replaced one after the other, from the far corner on.

    The paper speaks of a shuffle. The public generator, whose pictures everybody measures with,
    means to swap two pixels and writes over one of them, with offsets from ``-reach`` to
    ``reach - 1``. A true swap would carry pixels across the picture, so this does the same.
    """
    order = list(range(height * width))
    for _ in range(times):
        steps = chance.whole(-reach, reach, 2, height, width)
        offsets = (steps[0] * width + steps[1]).ravel().tolist()
        for y in range(height - reach, reach - 1, -1):
            for at in range(y * width + width - reach, y * width + reach - 1, -1):
                order[at] = order[at + offsets[at]]
    return order


def motion_blur(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """A streak of a radius that fades with a width, up to 45 degrees off the horizontal."""
    radius, sigma = strength
    return streaked(picture, radius, sigma, chance.between(-45, 45))


def streaked(picture: FloatArray, radius: float, sigma: float, degrees: float) -> FloatArray:
    """Each pixel as the fading sum of those along a line on one side of it."""
    steps = line(2 * int(radius) + 1)
    weights = np.exp(-0.5 * np.square(steps / sigma))
    weights = (weights / weights.sum()).astype(np.float32)
    down = np.rint(steps * np.sin(np.deg2rad(degrees))).astype(np.int64).tolist()
    right = np.rint(steps * np.cos(np.deg2rad(degrees))).astype(np.int64).tolist()
    total = np.zeros_like(picture)
    for weight, y, x in zip(weights, down, right, strict=True):
        total += weight * beside(picture, y, x)
    return total


def zoom_blur(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """The mean of the picture and of so many enlargements, each a step larger, from 1 on."""
    del chance
    count, step = int(strength[0]), strength[1]
    total = picture.copy()
    for place in range(count):
        total += zoomed(picture, 1 + place * step)
    return total / np.float32(count + 1)
