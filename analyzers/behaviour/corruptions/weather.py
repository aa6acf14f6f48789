"""Weather: snow, frost, fog, and a bright day. All of it is drawn.

The public sets lay photographs of frost over a picture; here frost is drawn like fog, so figures
for it do not compare with published ones.
"""

from itertools import count

import numpy as np

from analyzers.behaviour.corruptions.blur import streaked
from analyzers.behaviour.corruptions.chance import Chance, Values
from analyzers.behaviour.corruptions.sampling import zoomed
from analyzers.behaviour.corruptions.severities import Strength
from analyzers.contract import FloatArray

_LUMA = np.asarray((0.299, 0.587, 0.114), np.float32).reshape(3, 1, 1)
_ICE = np.asarray((0.85, 0.95, 1.0), np.float32).reshape(3, 1, 1)
"""Frost is a little blue."""
_FROST_DECAY = 1.6
_THIN_ICE = 0.25
COLOURS = 3


def snow(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """Flakes: enlarged noise above a limit, streaked as they fall, over a whitened picture.

    ``strength``: mean and width of the noise, its enlargement, the limit, radius and width of the
    streak, and how much of the picture is not whitened.
    """
    mean, width, factor, limit, radius, sigma, kept = strength
    noise = (mean + width * chance.normal(*picture.shape[1:])).astype(np.float32)
    flakes = zoomed(noise, factor)[None]
    flakes = np.where(flakes < limit, np.float32(0), flakes).clip(0, 1)
    flakes = streaked(flakes, radius, sigma, chance.between(-135, -45))
    white = np.maximum(picture, np.float32(1.5) * grey(picture) + np.float32(0.5))
    under = np.float32(kept) * picture + np.float32(1 - kept) * white
    return (under + flakes + flakes[:, ::-1, ::-1]).astype(np.float32)


def grey(picture: FloatArray) -> FloatArray:
    """The brightness that an eye sees, in one channel."""
    if len(picture) == COLOURS:
        return np.asarray((picture * _LUMA).sum(axis=0, keepdims=True), np.float32)
    return picture.mean(axis=0, keepdims=True)


def frost(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """The picture weakened and drawn ice added; ``strength`` is the weight of each."""
    kept, ice = strength
    return (kept * picture + ice * drawn_ice(picture, chance)).astype(np.float32)


def drawn_ice(like: FloatArray, chance: Chance) -> FloatArray:
    """Bright ridges along one height of a fractal landscape, thin ice between them."""
    heights = plasma(like.shape[1], like.shape[2], _FROST_DECAY, chance)
    ridges = np.square(1 - np.abs(2 * heights - 1))
    ice = (_THIN_ICE + (1 - _THIN_ICE) * ridges).astype(np.float32)[None]
    return ice * _ICE if len(like) == COLOURS else ice


def fog(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """A fractal landscape of a weight laid over the picture, whose brightest value stays."""
    amount, decay = strength
    brightest = float(picture.max())
    if brightest + amount == 0:
        return picture.copy()
    mist = amount * plasma(picture.shape[1], picture.shape[2], decay, chance)
    return ((picture + mist) * brightest / (brightest + amount)).astype(np.float32)


def plasma(height: int, width: int, decay: float, chance: Chance) -> Values:
    """Heights from 0 to 1 by midpoint displacement on a torus (diamond and square).

    From one level to the next, half as coarse, the displacement shrinks by the square of
    ``decay``, which is how strengths of fog are stated.
    """
    side = next(2**power for power in count(1) if 2**power >= max(height, width))
    land, pool, used = np.zeros((side, side)), 2 * chance.uniform(side * side) - 1, 0
    step, swing = side, 1.0
    while step > 1:
        half = step // 2
        few = side // step
        shaken = swing * pool[used : used + 3 * few * few].reshape(3, few, few)
        corners = land[::step, ::step]
        below = np.roll(corners, -1, 0)
        middles = (corners + below + np.roll(corners, -1, 1) + np.roll(below, -1, 1)) / 4
        middles = middles + shaken[0]
        beside = corners + np.roll(corners, -1, 1) + middles + np.roll(middles, 1, 0)
        under = corners + below + middles + np.roll(middles, 1, 1)
        land[half::step, half::step] = middles
        land[::step, half::step] = beside / 4 + shaken[1]
        land[half::step, ::step] = under / 4 + shaken[2]
        used, step, swing = used + 3 * few * few, half, swing / decay**2
    land = land - land.min()
    return (land / land.max())[:height, :width]


def brightness(picture: FloatArray, strength: Strength, chance: Chance) -> FloatArray:
    """The largest channel of each pixel raised by so much, hue and saturation kept.

    In closed form: a pixel is scaled by its new largest channel over its old one; black becomes
    grey.
    """
    del chance
    (added,) = strength
    most: FloatArray = picture.max(axis=0, keepdims=True)
    raised: FloatArray = np.clip(most + np.float32(added), 0, 1)
    scaled = np.divide(raised, most, out=np.ones_like(most), where=most > 0) * picture
    return np.where(most > 0, scaled, np.broadcast_to(raised, picture.shape))
