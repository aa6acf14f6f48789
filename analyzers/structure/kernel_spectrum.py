"""The spectrum of all kernels of a network together, and how far it is from that of others.

Gavrikov and Keuper compare populations of kernels by histograms of their coefficients. For one
model that cannot be used: empty bins dominate. Spectra of covariances are compared instead.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from analyzers.structure.kernel_statistics import Floats, Moments

DRAWS: Final = 400
_SEED: Final = 1
_VANISHING: Final = 1e-9
"""A share below this is rounding: the kernels do not reach into that direction."""


def pooled_shares(layers: Sequence[Moments]) -> Floats | None:
    """Shares of variance over the principal axes of all layers' kernels, largest first.

    The variance within layers and that between their means; None where nothing varies.
    """
    count = np.array([sums.count.sum() for sums in layers])
    if count.sum() < 2:  # noqa: PLR2004 - a variance needs two
        return None
    drift = np.array([sums.first.sum(axis=0) for sums in layers])
    means = np.array([sums.pivot for sums in layers]) + drift / np.maximum(count, 1.0)[:, None]
    away = means - (count @ means) / count.sum()
    within = sum(sums.second.sum(axis=0) for sums in layers)
    within = within - (drift / np.maximum(count, 1.0)[:, None]).T @ drift
    scatter = within + (count[:, None] * away).T @ away
    spread = np.maximum(np.linalg.eigvalsh(scatter)[::-1], 0.0)
    if spread.sum() <= count.sum() * max(sums.floor for sums in layers):
        return None
    return spread / spread.sum()


def divergence(shares: Floats, reference: Floats) -> float | None:
    """The least Gaussian KL divergence (nats) that two covariances of these spectra can have.

    Each scaled to a total variance of 1 and with equal means. Where the principal axes agree, it
    is this; where they do not, it is more (von Neumann's trace inequality). None where the kernels
    leave a direction out, to which every Gaussian that has it is infinitely far.
    """
    if shares.min() < _VANISHING:
        return None
    ratio = shares / reference
    return max(0.0, float((ratio - np.log(ratio) - 1).sum() / 2))


def sampling_limit(reference: Floats, kernels: int) -> float | None:
    """What the divergence of so many random kernels of the reference stays below, 95 % of the time.

    Sample covariances are drawn by Bartlett's decomposition; None for too few kernels.
    """
    taps = len(reference)
    if kernels <= 2 * taps:
        return None
    normal = _normal(DRAWS * taps * (taps + 1)).reshape(DRAWS, taps, taps + 1)
    root = np.tril(normal[:, :, :taps], -1)
    freedom = kernels - 1 - np.arange(taps, dtype=np.float64)
    root[:, np.arange(taps), np.arange(taps)] = np.sqrt(_chi_square(normal[:, :, taps], freedom))
    root *= np.sqrt(reference)[:, None]
    spread = np.linalg.eigvalsh(root @ root.transpose(0, 2, 1))[:, ::-1]
    shares = spread / spread.sum(axis=1, keepdims=True)
    found = [divergence(one, reference) for one in shares]
    return float(np.quantile([math.inf if one is None else one for one in found], 0.95))


def _chi_square(normal: Floats, freedom: Floats) -> Floats:
    """Wilson and Hilferty's approximation (1931), good to a hundredth from 10 degrees on."""
    ninth = 2 / (9 * freedom)
    return freedom * np.maximum(0.0, 1 - ninth + normal * np.sqrt(ninth)) ** 3


def _normal(count: int) -> Floats:
    """Normal deviates (Box and Muller) of the raw bit stream, which numpy keeps stable."""
    raw = np.random.PCG64(_SEED).random_raw(2 * count) >> np.uint64(11)
    first, second = ((raw.astype(np.float64) + 0.5) / 2.0**53).reshape(2, count)
    return np.sqrt(-2 * np.log(first)) * np.cos(2 * math.pi * second)
