"""Several intervals at once: each known by itself, all together by simulation."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from analyzers.statistics.bands import curve_band, curve_margin, joint_alpha, joint_intervals
from analyzers.statistics.intervals import Interval, clopper_pearson

Record = Callable[[str, object], None]
RADII = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
"""Attack sizes, as shares of images whose smallest breaking size is smaller."""


def limits(n: int, level: float) -> np.ndarray:
    """Lower and upper exact limits for every count out of n."""
    return np.array([clopper_pearson(k, n, level) for k in range(n + 1)])


def curves(draws: int, n: int, seed: int) -> np.ndarray:
    """How many of n images stand at each size; all sizes share the images."""
    smallest = np.random.default_rng(seed).random((draws, n, 1))
    return (smallest > np.array(RADII)).sum(axis=1)


def missed(counts: np.ndarray, table: np.ndarray, shares: np.ndarray) -> int:
    """In how many rows at least one interval leaves its true share out."""
    outside = (shares < table[counts, 0]) | (shares > table[counts, 1])
    return int(outside.any(axis=1).sum())


def test_joint_intervals_are_exact_ones_at_a_shared_level() -> None:
    """Four counts at 95 % are four Clopper-Pearson intervals at 98.75 %."""
    counts = [(3, 20), (0, 7), (50, 50), (0, 0)]
    found = joint_intervals(counts, 0.95)
    for (k, n), one in zip(counts, found, strict=True):
        assert one == pytest.approx(clopper_pearson(k, n, 0.9875))
    assert joint_intervals([(3, 20)]) == (pytest.approx(clopper_pearson(3, 20, 0.95)),)
    assert joint_intervals([]) == ()


def test_joint_alpha_adds_up() -> None:
    """Shares of the error sum to it, and Sidak's would be larger by at most 2.6 %."""
    for parts in (1, 3, 10, 1000):
        each = joint_alpha(0.05, parts)
        assert each * parts == pytest.approx(0.05)
        assert 1 <= (1 - 0.95 ** (1 / parts)) / each < 1.026


@pytest.mark.parametrize(("alpha", "parts"), [(0.05, 0), (0.0, 2), (1.0, 2), (0.05, -1)])
def test_nothing_to_share_is_refused(alpha: float, parts: int) -> None:
    """No parts, or no error, cannot be shared."""
    with pytest.raises(ValueError, match="no error to share"):
        joint_alpha(alpha, parts)


def test_independent_shares_hold_together() -> None:
    """Eight classes of 40 images: together at least 95 %; each alone at 95 % is too little."""
    random, share = np.random.default_rng(4), 0.7
    counts = random.binomial(40, share, (4000, 8))
    table = np.array([joint_intervals([(k, 40)] * 8)[0] for k in range(41)])
    assert missed(counts, table, np.full(8, share)) / 4000 <= 0.05
    assert missed(counts, limits(40, 0.95), np.full(8, share)) / 4000 > 0.1


def test_band_of_a_curve_holds_together() -> None:
    """Six sizes on the same images: the whole curve lies in the band in at least 95 %."""
    counts, shares = curves(1000, 60, seed=1), 1 - np.array(RADII)
    assert missed(counts, limits(60, 1 - 0.05 / 6), shares) / 1000 <= 0.05
    assert missed(counts, limits(60, 0.95), shares) / 1000 > 0.05


def test_band_of_a_curve_falls_with_the_curve() -> None:
    """Both limits fall from size to size, so it bounds the curve between two sizes as well."""
    counts = [57, 57, 41, 20, 3, 0]
    band = curve_band(counts, 60)
    assert band == joint_intervals([(count, 60) for count in counts])
    assert all(a.low >= b.low and a.high >= b.high for a, b in pairwise(band))
    assert curve_band([], 60) == ()
    assert curve_band([0, 0], 0) == (Interval(0.0, 1.0),) * 2


def test_rising_curve_is_refused() -> None:
    """An image that falls at some size and stands at a larger one was counted wrongly."""
    with pytest.raises(ValueError, match="fallen at every larger"):
        curve_band([40, 41], 60)


def test_margin_known_values() -> None:
    """At 95 % the margin is 1.3581 over the root of n, as in the tables for large n."""
    assert curve_margin(1000) == pytest.approx(1.3581 / math.sqrt(1000), rel=1e-4)
    assert curve_margin(400, 0.99) == pytest.approx(1.6276 / 20, rel=1e-4)
    assert curve_margin(1) == 1.0
    assert curve_margin(0) == 1.0
    for n, level in ((-1, 0.95), (5, 1.0), (5, 0.0)):
        with pytest.raises(ValueError, match="bound no curve"):
            curve_margin(n, level)


@pytest.mark.parametrize(
    ("n", "critical"), [(5, 0.56328), (10, 0.40925), (20, 0.29408), (50, 0.18841), (100, 0.13403)]
)
def test_margin_is_no_smaller_than_the_exact_one(n: int, critical: float) -> None:
    """Kolmogorov's exact 5 % points (Miller 1956) lie below it, by at most a twelfth."""
    assert critical <= curve_margin(n) <= critical * 13 / 12


def furthest(draws: int, n: int, seed: int) -> np.ndarray:
    """The largest gap, at any size, between the counted curve of n images and the true one."""
    ordered = np.sort(np.random.default_rng(seed).random((draws, n)), axis=1)
    steps = np.arange(n + 1) / n
    return np.maximum(steps[1:] - ordered, ordered - steps[:-1]).max(axis=1)


def test_margin_holds_at_all_sizes_at_once() -> None:
    """The counted curve stays within the margin everywhere; a pointwise one is too little."""
    gaps = furthest(2000, 50, seed=6)
    assert (gaps > curve_margin(50)).mean() <= 0.05
    assert (gaps > 0.98 / math.sqrt(50)).mean() > 0.15


def test_which_band_is_narrower() -> None:
    """Near one half exact intervals are narrower for few sizes, the margin for many."""
    few, many = (curve_band([500] * sizes, 1000)[0] for sizes in (3, 12))
    assert few.high - 0.5 < curve_margin(1000) < many.high - 0.5
    assert curve_band([990] * 12, 1000)[0].high - 0.99 < curve_margin(1000) / 4


@pytest.mark.deep
def test_simulated_joint_coverage(record_property: Record) -> None:
    """Over 2,000 curves of 500 images with 99 % limits: outside a band in at most 5 %."""
    counts, shares = curves(2000, 500, seed=12), 1 - np.array(RADII)
    wrong = {
        "exact": missed(counts, limits(500, 1 - 0.05 / 6), shares),
        "margin": int((furthest(2000, 500, seed=13) > curve_margin(500)).sum()),
    }
    for name, count in wrong.items():
        low, high = clopper_pearson(count, 2000, 0.99)
        record_property(name, f"{count}/2000, 99 % limits {low:.4f} to {high:.4f}")
        assert low <= 0.05
