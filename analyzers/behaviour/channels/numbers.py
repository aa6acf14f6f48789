"""What is counted of channels, on plain arrays: images first, then channels.

``activation`` is what the head reads of each channel, ``relevance`` the weight that each channel
has for the true class of its image. A number that an image does not have is NaN here.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]

LISTED: Final = 10
"""Channels that are named at most."""
CAP: Final = 99.0
"""Percentile of the clean activation at which the experiment clamps a channel."""
_MATRIX: Final = 2


class Sides(NamedTuple):
    """An image's channels, split by whether they argue for or against its true class."""

    against: Floats
    """Sum of the negative contributions to the logit of the true class."""
    favour: Floats
    """Sum of the positive ones."""
    size_against: Floats
    """Activation, without its sign, on the channels that argue against."""
    size_favour: Floats
    size: Floats
    """Activation, without its sign, on all channels."""


def sides(activation: Floats, relevance: Floats) -> Sides:
    """Split by the sign of the contribution, activation times relevance.

    After a ReLU that is the sign of the relevance alone, as in Yan et al. (ICML 2021). After SiLU
    or GELU an activation may be negative and a negative weight then argues for the class.
    """
    told, size = activation * relevance, np.abs(activation)
    return Sides(
        np.minimum(told, 0).sum(axis=1),
        np.maximum(told, 0).sum(axis=1),
        np.where(told < 0, size, 0).sum(axis=1),
        np.where(told > 0, size, 0).sum(axis=1),
        size.sum(axis=1),
    )


def quotient(above: Floats, below: Floats) -> Floats:
    """Elementwise; NaN where nothing is divided by."""
    found = np.full(above.shape, np.nan)
    with np.errstate(invalid="ignore"):
        np.divide(above, below, out=found, where=below != 0)
    return found


def finite(activation: Floats) -> Bits:
    """Which images have an activation that can be counted with."""
    return np.isfinite(np.abs(activation).sum(axis=1))


def relative_change(before: Floats, after: Floats) -> Floats:
    """How far the activation moved, over how long it was."""
    return quotient(np.linalg.norm(after - before, axis=1), np.linalg.norm(before, axis=1))


def cosine(before: Floats, after: Floats) -> Floats:
    """Whether the activation still points where it did."""
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return np.clip(quotient((before * after).sum(axis=1), lengths), -1.0, 1.0)


def evenness(activation: Floats) -> Floats:
    """Entropy of the activation over the channels: 1 where all are equal, 0 where one has all."""
    if activation.shape[1] < _MATRIX:
        return np.full(len(activation), np.nan)
    size = np.abs(activation)
    part = quotient(size, np.broadcast_to(size.sum(axis=1, keepdims=True), size.shape))
    logs = np.log(part, out=np.zeros_like(part), where=part > 0)
    entropy: Floats = -(part * logs).sum(axis=1) / np.log(activation.shape[1])
    return entropy


def arguing(activation: Floats, relevance: Floats) -> Floats:
    """How much each channel takes from the logit of the true class, never below 0.

    A contribution does not change where a channel is scaled and its weight scaled back, as an
    activation does; so channels are ranked by this.
    """
    taken: Floats = np.maximum(-activation * relevance, 0)
    return taken


def risen(before: Floats, after: Floats, relevance: Floats) -> Floats:
    """By how much more each channel argues against the true class, in the mean over images."""
    more = (arguing(after, relevance) - arguing(before, relevance)).sum(axis=0)
    return more / max(1, len(before))


def listed(live: int) -> int:
    """How many channels are named: at most half of those that live, or naming says nothing."""
    return max(1, min(LISTED, live // 2))


def foremost(rise: Floats, count: int) -> list[int]:
    """The channels that rise most, the first first; ties go to the lower number."""
    order: Whole = np.argsort(-rise, kind="stable")[:count]
    return [int(one) for one in order if rise[one] > 0]


def overlap(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Jaccard's index of two lists; None where both are empty."""
    either = set(one) | set(other)
    return len(set(one) & set(other)) / len(either) if either else None


def ranks(values: Floats) -> Floats:
    """Ranks from 0 within each row; equal values share the mean of their ranks."""
    found = np.empty_like(values)
    for at, row in enumerate(values):
        _, place, counts = np.unique(row, return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - (counts + 1) / 2
        found[at] = middle[place]
    return found


def spearman(rows: Floats, other: Floats) -> Floats:
    """Rank correlation of each row with one list; NaN where either has nothing to rank."""
    one = ranks(rows)
    one = one - one.mean(axis=1, keepdims=True)
    two = ranks(other[None])[0]
    two = two - two.mean()
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two)
    return np.clip(quotient(one @ two, lengths), -1.0, 1.0)


class Clamped(NamedTuple):
    """Images that the head is right about, without and with the clamp."""

    plain: Bits
    clamped: Bits


def clamped(clean: Floats, shown: Floats, labels: Whole, weight: Floats, bias: Floats) -> Clamped:
    """Answers with every channel cut at its clean percentile, learnt on the other half."""
    cut, half = shown.copy(), np.arange(len(shown)) % 2
    for side in (0, 1):
        caps = np.percentile(clean[half != side], CAP, axis=0)
        cut[half == side] = np.minimum(shown[half == side], caps)
    right = [(one @ weight.T + bias).argmax(axis=1) == labels for one in (shown, cut)]
    return Clamped(*right)


def gain(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> Floats:
    """Length of each image's difference over the length of what was there (Xie et al., 2019)."""
    return quotient(lengths(after, before), lengths(before))


def lengths(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32] | None = None) -> Floats:
    """Euclidean length of each image's values, or of their difference to others."""
    found = np.empty(len(one))
    for at, values in enumerate(one):  # one at a time: maps are large, and doubles twice that
        plain = values.astype(np.float64)
        with np.errstate(invalid="ignore"):  # infinite less infinite has no length, and says so
            found[at] = np.sqrt(np.square(plain if other is None else plain - other[at]).sum())
    return found
