"""Means of scores in [0, 1] by betting, valid however often one looks.

Whoever bets a stake on the next score lying above a supposed mean gains nothing on average if
that mean is true (or too high), provided the stake was chosen before the score was seen. So a
capital of 1/alpha speaks against the mean with error at most alpha over the whole course
(Waudby-Smith and Ramdas 2020, 2024; Ville's inequality). With ``population`` the scores come in
random order, without replacement, from that many; without it they are independent draws.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from analyzers.statistics.intervals import NOTHING_KNOWN, Interval, boundary

_BOLDEST: Final = 0.75
"""The largest part of the capital that one score can cost."""
_SLACK: Final = 1e-9
"""Sums differ in their last digits; what is impossible by less than this is still possible."""

_Stake = Callable[[int, float], float]
"""(index of the score, mean supposed of what is left) -> stake, before it is capped."""


class _Past(NamedTuple):
    """Centre and variance as guessed before a score, from earlier ones only."""

    centre: float
    variance: float


def mean_exceeds(
    values: Sequence[float], mean: float, alpha: float = 0.05, *, population: int | None = None
) -> bool:
    """Whether the mean is larger than this one: certain, or beyond doubt at alpha.

    The stake is nearly the one that grows fastest if the future is like the past (aGRAPA).
    """
    _check(values, mean, population)
    if population is not None:
        if sum(values) > population * (mean + _SLACK):
            return True
        if sum(values) + population - len(values) <= population * (mean + _SLACK):
            return False
    pasts = _pasts(values)

    def stake(index: int, supposed: float) -> float:
        gap = pasts[index].centre - supposed
        return max(0.0, gap) / (pasts[index].variance + gap * gap)

    return _log_capital(values, mean, stake, population) >= -math.log(alpha)


def mean_interval(
    values: Sequence[float], alpha: float = 0.05, *, population: int | None = None
) -> Interval:
    """Every mean that neither of two bettors, one up and one down, excludes at alpha/2.

    Exact at the full prefix of a finite population. It always holds the mean counted so far, even
    if a course that turns round has excluded it before.
    """
    _check(values, 0.5, population)
    if not values:
        return NOTHING_KNOWN
    low = _lower(values, alpha / 2, population)
    high = 1 - _lower([1 - value for value in values], alpha / 2, population)
    return Interval(low, max(low, high))


def _lower(values: Sequence[float], alpha: float, population: int | None) -> float:
    """The largest mean below which the upward bettor excludes everything.

    Stakes that do not know the supposed mean make the capital fall in it, hence bisection; the
    cap, a fixed part over the mean, keeps that so.
    """
    stakes = [
        math.sqrt(-2 * math.log(alpha) / (past.variance * count * math.log(count + 1)))
        for count, past in enumerate(_pasts(values), 1)
    ]

    def excluded(mean: float) -> bool:
        capital = _log_capital(values, mean, lambda index, _: stakes[index], population)
        return capital >= -math.log(alpha)

    least = sum(values) / population if population else 0.0
    if not excluded(least):
        return least
    return boundary(excluded, least, sum(values) / len(values)).low


def _log_capital(
    values: Sequence[float], mean: float, stake: _Stake, population: int | None
) -> float:
    """Logarithm of the most that betting upward against this mean ever made of 1.

    Ville's inequality bounds the maximum, so what was once excluded stays so.
    """
    capital, most, supposed, owed = 0.0, 0.0, mean, mean * (population or 0)
    for index, value in enumerate(values):
        if population:
            supposed = owed / (population - index)
            owed -= value
        if supposed < -_SLACK:
            return math.inf
        placed = stake(index, supposed)
        if supposed > 0:
            placed = min(placed, _BOLDEST / supposed)
        capital += math.log1p(placed * (value - supposed))
        most = max(most, capital)
    return most


def _pasts(values: Sequence[float]) -> list[_Past]:
    """Running guesses that begin with one imagined score: centre a half, variance a quarter."""
    total, squares = 0.5, 0.25
    found: list[_Past] = []
    for count, value in enumerate(values, 1):
        found.append(_Past(total / count, squares / count))
        total += value
        squares += (value - total / (count + 1)) ** 2
    return found


def _check(values: Sequence[float], mean: float, population: int | None) -> None:
    if not all(0 <= value <= 1 for value in (*values, mean)):
        message = "scores and means lie in [0, 1]"
        raise ValueError(message)
    if population is not None and len(values) > population:
        message = f"{len(values)} scores of {population} is no count"
        raise ValueError(message)
