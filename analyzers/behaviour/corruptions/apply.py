"""Pictures under a corruption: each by itself, so that no batch and no order changes a bit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from analyzers.behaviour.corruptions.blur import defocus_blur, glass_blur, motion_blur, zoom_blur
from analyzers.behaviour.corruptions.chance import Chance
from analyzers.behaviour.corruptions.digital import contrast, pixelate
from analyzers.behaviour.corruptions.geometry import elastic_transform, rotation, translation
from analyzers.behaviour.corruptions.jpeg import jpeg_compression
from analyzers.behaviour.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from analyzers.behaviour.corruptions.severities import Strength, strength
from analyzers.behaviour.corruptions.weather import brightness, fog, frost, snow
from analyzers.contract import FloatArray

Corruption = Callable[[FloatArray, Strength, Chance], FloatArray]
"""One picture [channel, y, x] in [0,1] to another of its shape, not yet cut to that range."""

ALL: Final[Mapping[str, Corruption]] = {
    one.__name__: one
    for one in (
        gaussian_noise,
        shot_noise,
        impulse_noise,
        defocus_blur,
        glass_blur,
        motion_blur,
        zoom_blur,
        snow,
        frost,
        fog,
        brightness,
        contrast,
        elastic_transform,
        pixelate,
        jpeg_compression,
        translation,
        rotation,
    )
}


def corrupted(
    images: FloatArray, ids: Sequence[str], kind: str, severity: int, *, seed: int = 0
) -> FloatArray:
    """[0,1] NCHW pictures under a corruption, one id of a sample for each.

    Values are not rounded to 8 bits, but for those of JPEG, which is a file of 8 bits.
    """
    height, width = images.shape[2:]
    how = strength(kind, severity, height, width)
    found = np.empty(images.shape, np.float32)
    for place, sample in enumerate(ids):
        chance = Chance(seed, sample, kind, severity)
        np.clip(ALL[kind](images[place], how, chance), 0, 1, out=found[place])
    return found
