"""How far two engines' answers to the same images lie apart."""

from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.contract import FloatArray

TWIN_TOLERANCE: Final = 0.25
"""A rounding that falls the other way moves whole steps; the twin lends slopes, not answers."""


def relative_gap(one: FloatArray, other: FloatArray) -> float:
    """Largest difference of logits over their spread.

    An offset that all classes share decides nothing, so it may not set the scale either.
    """
    left, right = centred(one), centred(other)
    spread = max(float(np.abs(left).max()), float(np.abs(right).max()))
    return float(np.abs(left - right).max()) / spread if spread else 0.0


def centred(logits: FloatArray) -> npt.NDArray[np.float64]:
    """Without the offset that all classes share."""
    exact = logits.astype(np.float64)
    return exact - exact.mean(axis=1, keepdims=True)
