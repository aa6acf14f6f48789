"""Statistics of convolution kernels, all in float64.

Definitions after Gavrikov and Keuper, "Adversarial Robustness through the Lens of Convolutional
Filters" (2022), unless a docstring says otherwise.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array

Floats = npt.NDArray[np.float64]

NEAR_ZERO: Final = 100.0
"""A kernel counts as zero when its largest weight is this many times below the layer's."""
LARGEST_GRAM: Final = 1024
"""Outputs of one group that are compared with each other; of more, a fixed sample is."""
THRESHOLDING: Final = 0.9
"""Energy share on the centre tap from which a filter counts as a 1x1 colour filter."""
OPPOSITE: Final = -0.9
"""Cosine below which two filters count as each other's negative."""
_CHUNK: Final = 1 << 21


class Sparsity(NamedTuple):
    """How many kernels are (nearly) zero."""

    sparse: int
    """Against the largest weight of the layer: a single outlier makes all others sparse."""
    sparse_robust: int
    """Against the largest weight of the same output channel: no scale of a channel matters."""
    compared: int
    """Kernels of channels that are not dead, over which ``sparse_robust`` counts."""
    dead: int
    """Output channels all of whose weights are zero."""


@dataclass(frozen=True)
class Moments:
    """Sums over the kept, scaled kernels of each output channel, about one common pivot."""

    count: Floats
    first: Floats
    second: Floats
    floor: float
    """Total variance that rounding of the stored weights alone can explain."""
    pivot: Floats
    """Which point the sums are about."""


class Coherence(NamedTuple):
    """How far output filters point in different directions."""

    orthogonality: float
    excess: float
    """(1 - orthogonality) over its mean for random filters: 1 is random, more is aligned."""
    sampled: bool


class Stem(NamedTuple):
    """How much of the first layer looks at single pixels."""

    centre_share: float
    thresholding_share: float
    antipair_share: float | None
    """None for a single filter, which can have no twin."""


def sparsity(weight: Array) -> Sparsity:
    """Count near-zero kernels and dead outputs of one layer [out, in, *kernel]."""
    peaks = _peaks(weight)
    channel = peaks.max(axis=1, keepdims=True)
    live = channel[:, 0] > 0
    within = (peaks <= channel / NEAR_ZERO)[live]
    return Sparsity(
        sparse=int((peaks <= peaks.max() / NEAR_ZERO).sum()),
        sparse_robust=int(within.sum()),
        compared=int(within.size),
        dead=int((~live).sum()),
    )


def moments(weight: Array) -> Moments:
    """Sums of the kernels that are not near zero, each scaled to a largest weight of 1.

    Taken about the first such kernel: for kernels that are all alike the differences vanish,
    where a plain sum of squares would leave rounding noise to be mistaken for variance.
    """
    outputs, taps = weight.shape[0], math.prod(weight.shape[2:])
    limit = _peaks(weight).max() / NEAR_ZERO
    count, first = np.zeros(outputs), np.zeros((outputs, taps))
    second, pivot = np.zeros((outputs, taps, taps)), None
    for rows, block in _blocks(weight):
        peak = _peaks(block)
        kept = peak > limit
        np.divide(block, np.where(kept, peak, 1.0)[:, :, None], out=block)
        if pivot is None and kept.any():
            pivot = block[kept][0]
        if pivot is not None:
            np.subtract(block, pivot, out=block)
            np.multiply(block, kept[:, :, None], out=block)
            count[rows], first[rows] = kept.sum(axis=1), block.sum(axis=1)
            second[rows] = block.transpose(0, 2, 1) @ block
    floor = taps * _resolution(weight) ** 2
    return Moments(count, first, second, floor, np.zeros(taps) if pivot is None else pivot)


def variance_entropy(sums: Moments) -> float | None:
    """Entropy (log10) of the kernels' variance over its principal axes; None below two kernels.

    The form of the robustness paper: without near-zero kernels, each scaled, centred. From 0
    (all kernels multiples of one pattern) to log10 of the number of taps.
    """
    if sums.count.sum() < 2:  # noqa: PLR2004 - a variance needs two
        return None
    every = np.ones((1, sums.count.size))
    return float(_entropies(sums, every)[0])


def resampled_entropies(sums: Moments, weights: Floats) -> Floats:
    """Variance entropy of each resample; a row of ``weights`` says how often each output is in."""
    return _entropies(sums, weights)


def resamples(outputs: int, draws: int, *, seed: int, stream: int) -> Floats:
    """Bootstrap over output channels, since kernels of one channel are not independent.

    Built on the raw bit stream, which numpy keeps stable; its distributions it does not.
    """
    raw = np.random.PCG64([seed, stream]).random_raw(draws * outputs)
    picks = ((raw >> np.uint64(32)) * np.uint64(outputs)) >> np.uint64(32)
    places = picks.astype(np.int64) + np.repeat(np.arange(draws) * outputs, outputs)
    counts = np.bincount(places, minlength=draws * outputs)
    return counts.reshape(draws, outputs).astype(np.float64)


def randomness_threshold(kernels: int) -> float:
    """Variance entropy that n random 3x3 kernels hardly ever fall below.

    The logistic fit of Gavrikov and Keuper, "CNN Filter DB" (2022), to the minimum over iid
    Gaussian kernels.
    """
    return 1.2618047 / (1 + math.exp(-0.88767525 * (math.log2(kernels) - 2.30436435))) - 0.31050834


def coherence(weight: Array, groups: int) -> Coherence | None:
    """Orthogonality of the live output filters within each group; None when no two share one.

    Dead outputs are left out: taken along, each would count as orthogonal to all others. The
    mean for random filters of dimension d is 1 - sqrt(2 / (pi d)).
    """
    outputs = weight.shape[0]
    overlap, pairs, sampled = 0.0, 0, False
    for group in np.split(weight.reshape(outputs, -1), groups):
        live = np.flatnonzero(group.any(axis=1))
        if len(live) > LARGEST_GRAM:
            live, sampled = _sample(live), True
        rows = group[live].astype(np.float64)
        rows /= np.abs(rows).max(axis=1, keepdims=True)  # norms of tiny rows would underflow
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        gram = rows @ rows.T
        overlap += float(np.abs(gram).sum() - np.abs(np.trace(gram)))
        pairs += len(live) * (len(live) - 1)
    if not pairs:
        return None
    mean = max(0.0, overlap / pairs)
    dimensions = weight[0].size
    return Coherence(max(0.0, 1 - mean), mean / math.sqrt(2 / (math.pi * dimensions)), sampled)


def stem(weight: Array) -> Stem | None:
    """Energy on the centre tap of the first layer, filter by filter; None without a centre.

    The thresholding view: adversarially trained stems tend to hold 1x1 colour filters in pairs of
    opposite sign, which cut small perturbations off.
    """
    sides = weight.shape[2:]
    if math.prod(sides) == 1 or any(side % 2 == 0 for side in sides) or not weight.any():
        return None
    centre = (slice(None), slice(None), *(side // 2 for side in sides))
    live: Floats = weight[weight.reshape(len(weight), -1).any(axis=1)].astype(np.float64)
    live /= np.abs(live).max()
    own = np.square(live[centre]).sum(axis=1)
    energy = np.square(live.reshape(len(live), -1)).sum(axis=1)
    return Stem(
        centre_share=float(own.sum() / energy.sum()),
        thresholding_share=np.count_nonzero(own >= THRESHOLDING * energy) / len(live),
        antipair_share=_antipairs(live.reshape(len(live), -1)),
    )


def _antipairs(rows: Floats) -> float | None:
    if len(rows) < 2:  # noqa: PLR2004 - a pair
        return None
    unit = rows / np.abs(rows).max(axis=1, keepdims=True)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return np.count_nonzero((unit @ unit.T).min(axis=1) < OPPOSITE) / len(unit)


def _entropies(sums: Moments, weights: Floats) -> Floats:
    """Variance entropy under each row of channel weights, by the small Gram matrix."""
    taps = sums.first.shape[1]
    count = weights @ sums.count
    safe = np.maximum(count, 2.0)
    mean = (weights @ sums.first) / safe[:, None]
    second = (weights @ sums.second.reshape(len(sums.count), -1)).reshape(-1, taps, taps)
    centred = second - safe[:, None, None] * mean[:, :, None] * mean[:, None, :]
    spread = np.maximum(np.linalg.eigvalsh(centred / (safe - 1)[:, None, None]), 0.0)
    total = spread.sum(axis=1)
    flat = (total <= sums.floor) | (count < 2)  # noqa: PLR2004 - a variance needs two
    shares = spread / np.where(flat, 1.0, total)[:, None]
    logs = np.log10(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.where(flat, 0.0, np.maximum(0.0, -(shares * logs).sum(axis=1)))


def _peaks(weight: Array) -> Floats:
    """The largest absolute weight of every kernel, [out, in].

    Tap by tap: a maximum along an axis of nine is several times slower.
    """
    flat = weight.reshape(*weight.shape[:2], -1)
    peak = np.abs(flat[:, :, 0])
    for tap in range(1, flat.shape[2]):
        np.maximum(peak, np.abs(flat[:, :, tap]), out=peak)
    return peak.astype(np.float64)


def _blocks(weight: Array) -> Iterator[tuple[slice, Floats]]:
    """Runs of output channels in float64, so that a large layer never stands there twice."""
    outputs, inner = weight.shape[:2]
    flat = weight.reshape(outputs, inner, -1)
    step = max(1, _CHUNK // max(1, flat[0].size))
    for low in range(0, outputs, step):
        rows = slice(low, min(outputs, low + step))
        yield rows, flat[rows].astype(np.float64)


def _resolution(weight: Array) -> float:
    """Relative precision of the stored weights; unknown kinds are taken for float32."""
    name = weight.dtype.name if weight.dtype.name in {"float16", "float64"} else "float32"
    return float(np.finfo(name).eps)


def _sample(live: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A fixed sample that no regular order of channels can line up with."""
    order = np.argsort(np.random.PCG64(0).random_raw(len(live)), kind="stable")
    return np.sort(live[order[:LARGEST_GRAM]])
