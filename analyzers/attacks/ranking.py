"""Which other classes are nearest, were the model linear: the order in which targets are tried.

The distance to the border with a class is the gap of the logits over the dual norm of the gap's
slope (for Linf the L1 norm), as DeepFool has it; Melamed et al. (2024, MALT) order targets by it.
"""

from typing import Final, NamedTuple

import numpy as np

from analyzers.attacks.jury import Places
from analyzers.attacks.losses import targeted_margin
from analyzers.contract import FloatArray, Gradient, LabelArray

FEW: Final = 20
MANY: Final = 100
THOUSAND: Final = 1000


class Ranking(NamedTuple):
    """Other classes, nearest first, a row for each image."""

    targets: Places
    distance: FloatArray
    """How far a linear model would have to go, in pixels' own units."""
    passes: int


def considered(classes: int) -> int:
    """Of how many classes the distance is measured: those of the largest logits."""
    return min(classes - 1, MANY if classes >= THOUSAND else FEW)


def rank(gradient: Gradient, images: FloatArray, labels: LabelArray, logits: FloatArray) -> Ranking:
    """Measure the distance to each of the likeliest classes."""
    count = considered(logits.shape[1])
    likely = _others(logits, labels)[:, :count]
    distance = np.zeros(likely.shape, np.float32)
    for at in range(count):
        about = np.stack([labels, likely[:, at]], axis=1)
        seen = gradient.step(images, about, targeted_margin)
        steep = np.abs(seen.slope.astype(np.float64)).sum(axis=(1, 2, 3))
        gap = np.maximum(-seen.loss.astype(np.float64), 0)
        distance[:, at] = np.divide(gap, steep, out=np.full(len(gap), np.inf), where=steep > 0)
    order = np.argsort(distance, axis=1, kind="stable")
    return Ranking(
        np.take_along_axis(likely, order, axis=1),
        np.take_along_axis(distance, order, axis=1),
        count * len(images),
    )


def _others(logits: FloatArray, labels: LabelArray) -> Places:
    """All classes but the true one, the likeliest first."""
    ranked = logits.astype(np.float64)
    ranked[np.arange(len(labels)), labels] = -np.inf
    return np.argsort(-ranked, axis=1, kind="stable")[:, :-1]
