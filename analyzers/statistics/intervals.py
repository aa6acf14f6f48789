"""Intervals for a share that was counted once, at a size fixed beforehand."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final, NamedTuple

_TINY: Final = 1e-300
_PRECISION: Final = 1e-15


class Interval(NamedTuple):
    """A closed range of shares."""

    low: float
    high: float


NOTHING_KNOWN: Final = Interval(0.0, 1.0)


def wilson(k: int, n: int, level: float = 0.95) -> Interval:
    """The score interval of Wilson (1927): k successes in n independent trials."""
    _check(k, n, level)
    if n == 0:
        return NOTHING_KNOWN
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = k / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    return Interval(
        0.0 if k == 0 else max(0.0, centre - half), 1.0 if k == n else min(1.0, centre + half)
    )


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Interval:
    """The exact two-sided interval of Clopper and Pearson (1934), rounded outward."""
    _check(k, n, level)
    if n == 0:
        return NOTHING_KNOWN
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else boundary(lambda p: beta_cdf(p, k, n - k + 1) < tail).low
    high = 1.0 if k == n else boundary(lambda p: beta_cdf(p, k + 1, n - k) < 1 - tail).high
    return Interval(low, high)


def boundary(inside: Callable[[float], bool], low: float = 0.0, high: float = 1.0) -> Interval:
    """The two neighbouring floats between which ``inside`` turns from true (low) to false."""
    while True:
        middle = low + (high - low) / 2
        if middle in {low, high}:
            return Interval(low, high)
        low, high = (middle, high) if inside(middle) else (low, middle)


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b).

    Its continued fraction (DLMF 8.17.22) converges fast on one side of the mean, and the other
    side follows from I_x(a, b) = 1 - I_{1-x}(b, a).
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def log_beta(a: float, b: float) -> float:
    """The logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation; about sqrt(max(a, b)) terms are needed."""
    numerator, denominator = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, 1000 + 20 * math.isqrt(int(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            denominator = 1 / _away_from_zero(1 + term * denominator)
            numerator = _away_from_zero(1 + term / numerator)
            step = numerator * denominator
            value *= step
        if abs(step - 1) <= _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _check(k: int, n: int, level: float) -> None:
    if not 0 <= k <= n or not 0 < level < 1:
        message = f"{k} of {n} at level {level} is no share"
        raise ValueError(message)
