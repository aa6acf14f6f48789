"""A candidate against a baseline on the same images, under the same plan and the same seeds.

``n10`` counts images on which only the candidate stands, ``n01`` those where only the baseline
does; where both do the same, nothing is said about which is better. McNemar, the paired sequence
and ``difference_interval`` speak of the population that the images are independent draws from.
About a set that was run in full there is nothing to infer: the difference is (n10 - n01) / n.
``no_worse``, ``worse`` and ``difference_so_far`` speak of the set when given its ``population``.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from analyzers.statistics.betting import mean_exceeds, mean_interval
from analyzers.statistics.intervals import (
    Interval,
    beta_cdf,
    clopper_pearson,
    log_beta,
)

_SLACK: Final = 1e-6
"""lgamma differs in its last digits between machines; a tie decides nothing anywhere."""
_SHARE_OF_DIRECTION: Final = 0.9
"""Of what may go wrong: which way a pair falls matters more to the difference than how many do."""


def mcnemar(n10: int, n01: int) -> float:
    """Two-sided p of the exact test of McNemar (1947), at a size fixed beforehand."""
    return min(1.0, 2 * mcnemar_better(max(n10, n01), min(n10, n01)))


def mcnemar_better(n10: int, n01: int) -> float:
    """One-sided p that the candidate is better: n10 or more heads of n10 + n01 fair coins."""
    _check(n10, n01, n10 + n01)
    return beta_cdf(0.5, n10, n01 + 1) if n10 else 1.0


def paired_p(n10: int, n01: int) -> float:
    """Two-sided p that holds at whatever pair one stops: the inverse of a martingale.

    Each pair that differs is a coin, fair if neither model is better; the martingale is the
    mixture of Robbins (1970) over all other coins.
    """
    return min(1.0, math.exp(-_log_evidence(n10, n01)))


def decides(n10: int, n01: int, alpha: float = 0.05) -> bool:
    """Whether one of the two is better, in the direction seen, at whatever pair one stops.

    The direction is covered by alpha too: all coins on the other side of the fair one are
    excluded with it, the likelihood having one mode.
    """
    return _log_evidence(n10, n01) >= _SLACK - math.log(alpha)


def difference_interval(n10: int, n01: int, n: int, level: float = 0.95) -> Interval:
    """Difference of the two shares that stand, candidate less baseline, at a fixed n.

    It is d (2 t - 1), with d the share of pairs that differ and t the part of those that favour
    the candidate. Exact intervals of d, and of t given how many differ, hold jointly by
    Bonferroni whatever d is, so the level is not conditional on anything. Zero is left out only
    if McNemar's test rejects.
    """
    _check(n10, n01, n)
    differing, error = n10 + n01, 1 - level
    pairs = clopper_pearson(differing, n, 1 - error * (1 - _SHARE_OF_DIRECTION))
    favour = clopper_pearson(n10, differing, 1 - error * _SHARE_OF_DIRECTION)
    low, high = 2 * favour.low - 1, 2 * favour.high - 1
    return Interval(
        low * (pairs.high if low < 0 else pairs.low), high * (pairs.low if high < 0 else pairs.high)
    )


def difference_so_far(
    differences: Sequence[int], alpha: float = 0.05, *, population: int | None = None
) -> Interval:
    """Candidate less baseline at whatever image one stops; exact once a finite set is through.

    A difference is 1, 0 or -1, in the random order in which the images were looked at.
    """
    low, high = mean_interval(_scores(differences), alpha, population=population)
    return Interval(2 * low - 1, 2 * high - 1)


def no_worse(
    differences: Sequence[int],
    tolerance: Fraction | float,
    alpha: float = 0.05,
    *,
    population: int | None = None,
) -> bool:
    """Whether the candidate loses no more than the tolerance: certain, or at alpha, at any look.

    Of a finite set a loss of exactly the tolerance is still within it, and the next larger one is
    the hardest to exclude. Of a population the bet is against a loss of the tolerance or more.
    """
    bar = _bar(tolerance, population, 1)
    return mean_exceeds(_scores(differences), bar, alpha, population=population)


def worse(
    differences: Sequence[int],
    tolerance: Fraction | float,
    alpha: float = 0.05,
    *,
    population: int | None = None,
) -> bool:
    """Whether the candidate loses more than the tolerance: certain, or at alpha, at any look."""
    mirrored = [1 - score for score in _scores(differences)]
    bar = _bar(tolerance, population, 0)
    return mean_exceeds(mirrored, 1 - bar, alpha, population=population)


def _bar(tolerance: Fraction | float, population: int | None, beyond: int) -> float:
    """The mean score at the tolerance, or, of a finite set, so many images beyond it."""
    if not 0 <= tolerance < 1:
        message = f"a tolerance of {tolerance} is no share that can be lost"
        raise ValueError(message)
    if not population:
        return float((1 - tolerance) / 2)
    least = math.ceil(-tolerance * population)
    return (population + least - beyond) / (2 * population)


def _scores(differences: Sequence[int]) -> list[float]:
    if not {-1, 0, 1}.issuperset(differences):
        message = "a difference of two verdicts on one image is 1, 0 or -1"
        raise ValueError(message)
    return [(1 + difference) / 2 for difference in differences]


def _log_evidence(n10: int, n01: int) -> float:
    _check(n10, n01, n10 + n01)
    mixture = log_beta(0.5 + n10, 0.5 + n01) - log_beta(0.5, 0.5)
    return mixture + (n10 + n01) * math.log(2)


def _check(n10: int, n01: int, n: int) -> None:
    if min(n10, n01) < 0 or n10 + n01 > n:
        message = f"{n10} and {n01} of {n} pairs is no count"
        raise ValueError(message)
