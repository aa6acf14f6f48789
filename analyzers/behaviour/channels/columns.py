"""The names under which the blocks of this lens say what they saw, and the marks of its units."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from analyzers.behaviour.channels.numbers import Floats
from analyzers.contract import Array, Done, Json

PROBE: Final = "probe"
"""The input that holds pictures under attack."""
THREAT: Final = "threat"
CLEAN: Final = "clean"
"""Said in a threat's place where there is none."""
LOOK: Final = "look"
SUM: Final = "sum"

CHANNELS: Final = "channels"
LABELS: Final = "labels"
RELEVANCE: Final = "relevance"
"""Slopes an image and channel, where no head's weights say how much a channel counts."""

ATTACK: Final = "attack"
GAUSSIAN: Final = "gaussian"
NOISE: Final = Fraction(8, 255)
"""Standard deviation of the noise where no attack tells how long it should be."""
NOISE_STEP: Final = float(NOISE)

CLASS: Final = "class"
CHANNEL: Final = "channel"
LAYER: Final = "layer"
_DIGITS: Final = 9


def blob(what: str, threat: str) -> str:
    """The blob of a block; the threat keeps those of the same rows apart."""
    return f"{what}@{threat}"


def part(what: str, low: int) -> str:
    """The same blob as an input beside those of the other blocks."""
    return f"{what}/{low}"


def gain(noise: str, layer: int) -> str:
    """The column with the gain of a layer."""
    return f"gain/{noise}/{layer}"


def known(labels: Array, classes: int) -> Array:
    """Whether the model has a logit for the label."""
    inside: Array = (labels >= 0) & (labels < classes)
    return inside


def plain(values: Floats) -> list[Json]:
    """A column as JSON holds it: nothing where there is no number."""
    return [rounded(value) for value in values]


def rounded(value: float) -> float | None:
    """Nine digits, so that a file says no more than float32 knows."""
    return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None


def column(done: Sequence[Done], name: str) -> Floats:
    """A column over all blocks, NaN where an image has no such number."""
    told = [one.samples.get(name) or [None] * len(one.samples["row"]) for one in done]
    flat = [np.nan if value is None else float(value) for values in told for value in values]
    return np.asarray(flat, np.float64)
