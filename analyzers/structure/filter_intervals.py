"""How far entropies of a network would move had its layers other outputs of the same kind."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from analyzers.contract import ConvLayer
from analyzers.structure.filter_layers import rounded
from analyzers.structure.filter_network import LATE
from analyzers.structure.kernel_statistics import (
    Floats,
    Moments,
    resampled_entropies,
    resamples,
    variance_entropy,
)

DRAWS: Final = 400
"""Bootstrap draws; the 2.5 % quantile then rests on ten of them."""
Numbers = dict[str, float | int]


class _Resampled(NamedTuple):
    """The entropy of one layer, and of what chance could have made of it."""

    late: bool
    kernels: float
    entropy: float
    drawn_kernels: Floats
    drawn_entropy: Floats


def _resampled(place: int, sums: Moments, *, late: bool, seed: int) -> _Resampled:
    draws = resamples(len(sums.count), DRAWS, seed=seed, stream=place)
    return _Resampled(
        late,
        float(sums.count.sum()),
        variance_entropy(sums) or 0.0,
        draws @ sums.count,
        resampled_entropies(sums, draws),
    )


def entropy_intervals(
    layers: Sequence[ConvLayer], kept: Mapping[int, Moments], seed: int
) -> Numbers:
    """Intervals of the network's entropy and of that of its late layers."""
    drawn = [
        _resampled(place, sums, late=layers[place].depth > LATE, seed=seed)
        for place, sums in kept.items()
    ]
    late = [one for one in drawn if one.late]
    return {**_interval("entropy", drawn), **_interval("entropy_late", late)}


def _interval(name: str, drawn: Sequence[_Resampled]) -> Numbers:
    """The spread over resampled outputs, laid around the value.

    A resample repeats kernels and so has less entropy than the layer; only its spread is used.
    """
    if not drawn:
        return {}
    kernels = np.sum([one.drawn_kernels for one in drawn], axis=0)
    total = np.sum([one.drawn_kernels * one.drawn_entropy for one in drawn], axis=0)
    spread = total / np.maximum(kernels, 1.0)
    value = sum(one.kernels * one.entropy for one in drawn) / sum(one.kernels for one in drawn)
    low, high = np.quantile(spread - spread.mean(), (0.025, 0.975)) + value
    return {f"{name}_low": rounded(max(0.0, low)), f"{name}_high": rounded(max(0.0, high))}
