"""Pictures to spoil, and one picture under one corruption."""

import numpy as np

from analyzers.behaviour.corruptions.apply import ALL
from analyzers.behaviour.corruptions.chance import Chance
from analyzers.behaviour.corruptions.severities import Strength
from analyzers.contract import FloatArray
from service.demo.shapes import draw


def photographs(count: int, seed: int = 5) -> FloatArray:
    """Textured shapes, 32 pixels, of 8 bits."""
    images = draw(count, seed=seed).images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images.astype(np.float32) / np.float32(255))


def names(count: int) -> list[str]:
    """Ids of samples."""
    return [f"{place:064x}" for place in range(count)]


def chance(sample: str = "a", kind: str = "test", severity: int = 1, seed: int = 0) -> Chance:
    """Chance of one sample."""
    return Chance(seed, sample, kind, severity)


def spoiled(kind: str, picture: FloatArray, strength: Strength, sample: str = "a") -> FloatArray:
    """One picture under a corruption of any strength, before it is cut to [0, 1]."""
    return ALL[kind](picture, strength, chance(sample, kind))


def flat(value: float, shape: tuple[int, int, int] = (3, 32, 32)) -> FloatArray:
    """A picture of one value."""
    return np.full(shape, value, np.float32)
