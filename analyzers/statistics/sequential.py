"""Verdicts that stay valid however often one looks: a finite set, and a population.

Finite set: a fixed permutation of N images is read in order, without replacement; R of them
would stand. Of two ways to predict the sequence, a beta-binomial prior over R against the truth,
the ratio is a martingale under the truth, so excluding every R whose ratio ever reaches 1/alpha
errs with probability at most alpha over the whole course (Waudby-Smith and Ramdas 2020; Ville's
inequality). The prior decides only how soon one is done, never whether the verdict is valid.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from analyzers.statistics.intervals import NOTHING_KNOWN, Interval, boundary, log_beta

_FLAT: Final = (1.0, 1.0)
_SLACK: Final = 1e-6
"""lgamma differs in its last digits between machines; a tie excludes nothing anywhere."""


@dataclass(frozen=True)
class _Look:
    """What was seen of a finite set, and the question put to it."""

    population: int
    prefix: int
    standing: int
    alpha: float
    prior: tuple[float, float]

    def __post_init__(self) -> None:
        _check(self.population, self.prefix, self.standing)

    @property
    def fallen(self) -> int:
        return self.prefix - self.standing

    @property
    def most(self) -> int:
        """How many of the set can still stand."""
        return self.population - self.fallen

    @property
    def mode(self) -> int:
        """The number standing in the whole set that makes the data likeliest."""
        if not self.prefix:
            return self.population // 2
        likeliest = (self.population + 1) * self.standing // self.prefix
        return max(self.standing, min(likeliest, self.most))

    def excludes(self, total: int) -> bool:
        """Whether the data speak against a possible total of standing ones, by 1/alpha or more."""
        a, b = self.prior
        mixture = log_beta(a + self.standing, b + self.fallen) - log_beta(a, b)
        truth = (
            _log_falling(total, self.standing)
            + _log_falling(self.population - total, self.fallen)
            - _log_falling(self.population, self.prefix)
        )
        return mixture - truth >= _SLACK - math.log(self.alpha)


def set_fails(
    population: int,
    prefix: int,
    standing: int,
    need: int,
    alpha: float = 0.05,
    *,
    prior: tuple[float, float] = _FLAT,
) -> bool:
    """Whether fewer than ``need`` of the whole set stand: certain, or beyond doubt at alpha.

    The likelihood has one mode in R, so once it lies below ``need`` the value ``need`` itself is
    the hardest of all passing ones to exclude.
    """
    look = _Look(population, prefix, standing, alpha, prior)
    if need > look.most:
        return True
    return standing * population < need * prefix and look.excludes(need)


def set_passes(
    population: int,
    prefix: int,
    standing: int,
    need: int,
    alpha: float = 0.05,
    *,
    prior: tuple[float, float] = _FLAT,
) -> bool:
    """Whether at least ``need`` of the whole set stand: certain, or beyond doubt at alpha."""
    look = _Look(population, prefix, standing, alpha, prior)
    if standing >= need:
        return True
    return standing * population > (need - 1) * prefix and look.excludes(need - 1)


def set_interval(
    population: int,
    prefix: int,
    standing: int,
    alpha: float,
    *,
    prior: tuple[float, float] = _FLAT,
) -> Interval:
    """Every share of the whole set that is not excluded; exact at the full prefix."""
    fewest, most = set_counts(population, prefix, standing, alpha, prior=prior)
    if not population:
        return NOTHING_KNOWN
    return Interval(fewest / population, most / population)


def set_counts(
    population: int,
    prefix: int,
    standing: int,
    alpha: float,
    *,
    prior: tuple[float, float] = _FLAT,
) -> tuple[int, int]:
    """The fewest and the most of the whole set that can stand without being excluded."""
    look = _Look(population, prefix, standing, alpha, prior)
    fewest = _first(range(standing, look.mode), lambda total: not look.excludes(total))
    return fewest, _first(range(look.mode, look.most + 1), look.excludes) - 1


def population_interval(
    standing: int, prefix: int, alpha: float, a: float = 0.5, b: float = 0.5
) -> Interval:
    """Every share of a population that is not excluded, images being independent draws from it.

    The mixture martingale of Robbins (1970): B(a+S, b+F) / (B(a, b) p^S (1-p)^F) < 1/alpha.
    """
    _check(prefix, prefix, standing)
    if not prefix:
        return NOTHING_KNOWN
    fallen = prefix - standing
    mixture = log_beta(a + standing, b + fallen) - log_beta(a, b) + math.log(alpha) - _SLACK

    def kept(share: float) -> bool:
        return mixture < _times_log(standing, share) + _times_log(fallen, 1 - share)

    centre = standing / prefix
    low = boundary(lambda share: not kept(share), 0.0, centre).low if standing else 0.0
    high = boundary(kept, centre, 1.0).high if fallen else 1.0
    return Interval(low, high)


def _first(among: range, holds: Callable[[int], bool]) -> int:
    """The integer from which on it holds; the end of the range when it never does."""
    low, high = among.start, among.stop
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _log_falling(n: int, k: int) -> float:
    """Log of n (n - 1) ... (n - k + 1)."""
    return math.lgamma(n + 1) - math.lgamma(n - k + 1)


def _times_log(count: int, share: float) -> float:
    if not count:
        return 0.0
    return count * math.log(share) if share > 0 else -math.inf


def _check(population: int, prefix: int, standing: int) -> None:
    if not 0 <= standing <= prefix <= population:
        message = f"{standing} standing of {prefix} looked at of {population} is no count"
        raise ValueError(message)
