"""Intervals of one count against known values and an independent library."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from analyzers.statistics.intervals import (
    Interval,
    beta_cdf,
    boundary,
    clopper_pearson,
    wilson,
)
from support import oracles

Method = Callable[[int, int, float], Interval]
COUNTS = [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (7, 50), (50, 100), (999, 1000), (413, 2000)]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # Newcombe 1998, Table I: score method without continuity correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_known_values(k: int, n: int, low: float, high: float) -> None:
    """Wilson's interval gives the published limits, to their four digits."""
    assert wilson(k, n) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(
    ("n", "half", "zero_allows"),
    [(50, 0.134, 0.071), (100, 0.096, 0.037), (200, 0.069, 0.019), (500, 0.044, 0.008)],
)
def test_wilson_half_widths(n: int, half: float, zero_allows: float) -> None:
    """Half-widths at one half, and what a zero count still allows, by sample size."""
    middle = wilson(n // 2, n)
    assert (middle.high - middle.low) / 2 == pytest.approx(half, abs=6e-4)
    assert wilson(0, n).high == pytest.approx(zero_allows, abs=6e-4)


@pytest.mark.parametrize(("k", "n"), COUNTS)
def test_wilson_limits_solve_the_score_equation(k: int, n: int) -> None:
    """At a limit inside (0, 1) the score statistic equals the quantile."""
    for limit in wilson(k, n, 0.9):
        if 0 < limit < 1:
            score = abs(k / n - limit) / math.sqrt(limit * (1 - limit) / n)
            assert score == pytest.approx(oracles.normal_quantile(0.95), rel=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(("k", "n"), [*COUNTS, (5, 200_000), (123_456, 200_000)])
def test_clopper_pearson_is_beta_quantiles(k: int, n: int, level: float) -> None:
    """The exact limits are beta quantiles, as an independent library computes them."""
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else oracles.beta_quantile(tail, k, n - k + 1)
    high = 1.0 if k == n else oracles.beta_quantile(1 - tail, k + 1, n - k)
    assert clopper_pearson(k, n, level) == pytest.approx((low, high), rel=1e-9)


def test_clopper_pearson_covers_at_every_true_share() -> None:
    """Over all outcomes, the chance of missing the true share never exceeds 1 - level."""
    n = 20
    intervals = [clopper_pearson(k, n, 0.9) for k in range(n + 1)]
    for share in np.linspace(0.01, 0.99, 99):
        missed = sum(
            math.comb(n, k) * share**k * (1 - share) ** (n - k)
            for k, one in enumerate(intervals)
            if not one.low <= share <= one.high
        )
        assert missed <= 0.1 + 1e-12


def test_beta_cdf_matches_the_special_function() -> None:
    """I_x(a, b) agrees with an independent library on both sides of the mean."""
    for a, b in [(0.5, 0.5), (1, 1), (3, 40), (250, 1), (4000, 6000)]:
        for x in (0.0, 1e-9, 0.01, 0.3, 0.4, 0.5, 0.99, 1.0):
            known = oracles.beta_cdf(x, a, b)
            assert beta_cdf(x, a, b) == pytest.approx(known, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_limits_are_ordered_and_monotone(interval: Method) -> None:
    """More successes never lower a limit; a higher level never narrows the interval."""
    found = [interval(k, 30, 0.95) for k in range(31)]
    assert all(0 <= one.low <= k / 30 <= one.high <= 1 for k, one in enumerate(found))
    assert all(a.low <= b.low and a.high <= b.high for a, b in pairwise(found))
    wide, narrow = interval(7, 30, 0.99), interval(7, 30, 0.9)
    assert wide.low < narrow.low
    assert wide.high > narrow.high


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_ends_and_no_data(interval: Method) -> None:
    """No data say nothing; all or none leave exactly one end open."""
    assert interval(0, 0, 0.95) == Interval(0.0, 1.0)
    none, every = interval(0, 9, 0.95), interval(9, 9, 0.95)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(1 - every.low)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize(("k", "n", "level"), [(-1, 4, 0.9), (5, 4, 0.9), (1, 4, 0), (1, 4, 1)])
def test_no_count_no_interval(interval: Method, k: int, n: int, level: float) -> None:
    """Counts and levels that cannot be are refused."""
    with pytest.raises(ValueError, match="no share"):
        interval(k, n, level)


def test_boundary_is_two_neighbouring_floats() -> None:
    """The bracket holds the turning point and nothing between its ends."""
    low, high = boundary(lambda share: share * share < 0.5)
    assert low * low < 0.5 <= high * high
    assert np.nextafter(low, 1.0) == high
