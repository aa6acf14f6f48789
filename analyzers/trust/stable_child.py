"""Whether the model answers alike when it is asked twice, and alone as well as among others."""

from typing import Final

import numpy as np

from analyzers.attacks.jury import Flags
from analyzers.contract import FloatArray
from analyzers.engines.gaps import TWIN_TOLERANCE, centred
from analyzers.engines.selfcheck import HALF_TOLERANCE
from analyzers.trust.ground_child import Ground

KINDS: Final = 3
"""Of points: the image itself, a random one in its ball, the strongest one known."""


def unstable(ground: Ground, strongest: FloatArray) -> Flags:
    """Images with a point that is answered in two ways, or with no number."""
    points = np.concatenate([ground.images, ground.ball.at(ground.noises("asked")), strongest])
    among, again = ground.predict(points), ground.predict(points)
    alone = np.concatenate([ground.predict(one[None]) for one in points])
    tolerance = TWIN_TOLERANCE if ground.subject.facts.twin else HALF_TOLERANCE
    differs = _apart(among, again, tolerance) | _apart(among, alone, tolerance)
    return np.asarray(differs.reshape(KINDS, len(ground)).any(axis=0))


def _apart(one: FloatArray, other: FloatArray, tolerance: float) -> Flags:
    """Further than float arithmetic in another order can bring them; NaN is apart."""
    with np.errstate(invalid="ignore"):  # of infinite logits
        left, right = centred(one), centred(other)
        spread = np.maximum(np.abs(left).max(axis=1), np.abs(right).max(axis=1))
        near = np.abs(left - right).max(axis=1) <= tolerance * spread
    return np.asarray(~near)
