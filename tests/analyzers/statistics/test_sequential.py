"""Any-time verdicts: exhaustively on small sets, against a library and by simulation on large."""

import math
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import numpy as np
import pytest

from analyzers.statistics.intervals import Interval
from analyzers.statistics.sequential import (
    population_interval,
    set_fails,
    set_interval,
    set_passes,
)
from support import oracles

Rule = Callable[[int, int, int, int, float], bool]
"""(population, prefix, standing, need, alpha) -> whether it decides."""


def orders(population: int, total: int) -> Iterator[list[int]]:
    """Running counts of every order in which ``total`` of ``population`` can stand."""
    for places in combinations(range(population), total):
        marks = np.zeros(population, dtype=int)
        marks[list(places)] = 1
        yield [0, *np.cumsum(marks).tolist()]


def decided_shares(rule: Rule, population: int, total: int, alpha: float) -> dict[int, float]:
    """For each need, the share of all orders in which the rule decides at some look."""
    decides = {
        (prefix, standing, need): rule(population, prefix, standing, need, alpha)
        for prefix in range(population + 1)
        for standing in range(prefix + 1)
        for need in range(population + 1)
        if standing <= total and prefix - standing <= population - total
    }
    hits = dict.fromkeys(range(population + 1), 0)
    for counts in orders(population, total):
        for need in hits:
            hits[need] += any(
                decides[prefix, standing, need] for prefix, standing in enumerate(counts)
            )
    return {need: count / math.comb(population, total) for need, count in hits.items()}


def worst_error(rule: Rule, wrong: Callable[[int, int], bool], n: int, alpha: float) -> float:
    """The largest chance, over every truth and need, of a wrong verdict at some look."""
    return max(
        share
        for total in range(n + 1)
        for need, share in decided_shares(rule, n, total, alpha).items()
        if wrong(total, need)
    )


def hasty_fail(population: int, prefix: int, standing: int, need: int, alpha: float) -> bool:
    """The rule that must not be used: a fixed-size test of the set, repeated at every look."""
    ways = sum(
        math.comb(need, count) * math.comb(population - need, prefix - count)
        for count in range(standing + 1)
    )
    return ways / math.comb(population, prefix) <= alpha


@pytest.mark.parametrize("n", [1, 2, 5, 9, 12])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_wrong_verdicts_over_all_permutations(n: int, alpha: float) -> None:
    """Stopping whenever one likes, either wrong verdict has probability at most alpha."""
    assert worst_error(set_fails, lambda total, need: total >= need, n, alpha) <= alpha
    assert worst_error(set_passes, lambda total, need: total < need, n, alpha) <= alpha


def test_repeated_fixed_size_test_breaks_its_promise() -> None:
    """Control: the exhaustive check catches a rule that looks too often."""
    assert worst_error(hasty_fail, lambda total, need: total >= need, 12, 0.2) > 0.2


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_full_prefix_is_exact(n: int) -> None:
    """Once every image was looked at, exactly one verdict holds and the interval is a point."""
    for standing in range(n + 1):
        for need in range(n + 2):
            assert set_fails(n, n, standing, need) == (standing < need)
            assert set_passes(n, n, standing, need) == (standing >= need)
        assert set_interval(n, n, standing, 0.05) == Interval(standing / n, standing / n)


def test_certainty_needs_no_probability() -> None:
    """Enough fallen fail the set, enough standing pass it, at any alpha and after any order."""
    assert set_fails(100, 41, 0, 60, alpha=1e-300)
    assert not set_fails(100, 40, 0, 60, alpha=1e-300)
    assert set_passes(100, 60, 60, 60, alpha=1e-300)
    assert not set_passes(100, 59, 59, 60, alpha=1e-300)


def test_nothing_is_settled_before_the_first_look() -> None:
    """With no data no verdict is out, unless the need itself decides."""
    assert set_interval(50, 0, 0, 0.05) == Interval(0.0, 1.0)
    assert not any(set_fails(50, 0, 0, need) for need in range(51))
    assert not any(set_passes(50, 0, 0, need) for need in range(1, 51))
    assert set_passes(50, 0, 0, 0)
    assert set_fails(50, 0, 0, 51)


@pytest.mark.parametrize(("population", "prefix"), [(200, 20), (200, 60), (1000, 100), (37, 36)])
def test_verdicts_agree_with_the_interval(population: int, prefix: int) -> None:
    """A set fails exactly when the interval lies below the need, passes when not below it."""
    for standing in range(0, prefix + 1, 3):
        low, high = set_interval(population, prefix, standing, 0.05)
        for need in range(population + 1):
            assert set_fails(population, prefix, standing, need) == (high < need / population)
            assert set_passes(population, prefix, standing, need) == (low >= need / population)


def test_excluded_totals_have_a_small_martingale_inverse() -> None:
    """The interval holds every total whose ratio to the mixture stays below 1/alpha, no other."""
    population, prefix, standing, alpha = 150, 40, 13, 0.05
    fallen, marginal = prefix - standing, 1 / (prefix + 1)  # of any count under a flat prior
    kept = [
        total
        for total in range(population + 1)
        if math.comb(total, standing) * math.comb(population - total, fallen)
        > alpha * marginal * math.comb(population, prefix)
    ]
    assert set_interval(population, prefix, standing, alpha) == Interval(
        kept[0] / population, kept[-1] / population
    )


def test_more_standing_never_looks_worse() -> None:
    """Limits rise with the standing count, and a smaller alpha never narrows them."""
    found = [set_interval(300, 60, standing, 0.05) for standing in range(61)]
    assert all(a.low <= b.low and a.high <= b.high for a, b in pairwise(found))
    strict = set_interval(300, 60, 20, 0.001)
    assert strict.low < found[20].low
    assert strict.high > found[20].high


def test_logical_limits() -> None:
    """Those that stand and those that fell bound the set, whatever the prior says."""
    for prefix in (1, 30, 90, 99):
        for standing in (0, prefix // 2, prefix):
            low, high = set_interval(100, prefix, standing, 1e-9)
            assert low >= standing / 100
            assert high <= (100 - (prefix - standing)) / 100


def test_clear_cases_settle_within_published_looks() -> None:
    """At a threshold of one half, a true share of .3 fails within about 50 images on average."""
    # Mean 48 of N=1000 in the published simulation, blocks of one image.
    random = np.random.default_rng(7)
    looks: list[int] = []
    for _ in range(60):
        order = random.permutation(np.arange(1000) < 300)
        counts = np.cumsum(order)
        looks.append(next(t for t in range(1, 1001) if set_fails(1000, t, int(counts[t - 1]), 500)))
    assert 38 <= np.mean(looks) <= 58


def test_prior_that_expects_few_breaks_passes_sooner() -> None:
    """A prior fixed in advance shortens the course it expects; the verdict stays the same."""
    need = 500

    def looks(prior: tuple[float, float]) -> int:
        return next(t for t in range(601) if set_passes(600, t, t, need, prior=prior))

    assert looks((5.0, 0.5)) < looks((1.0, 1.0))
    assert (
        worst_error(
            lambda n, t, s, k, alpha: set_passes(n, t, s, k, alpha, prior=(5.0, 0.5)),
            lambda total, need: total < need,
            10,
            0.1,
        )
        <= 0.1
    )


@pytest.mark.parametrize(("standing", "prefix"), [(0, 7), (7, 7), (3, 20), (190, 340), (1, 5000)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_population_limits_solve_the_mixture_equation(
    standing: int, prefix: int, alpha: float
) -> None:
    """At a limit inside (0, 1) the mixture martingale equals 1/alpha."""
    fallen = prefix - standing
    interval = population_interval(standing, prefix, alpha)
    mixture = oracles.log_beta(0.5 + standing, 0.5 + fallen) - oracles.log_beta(0.5, 0.5)
    for limit in interval:
        if 0 < limit < 1:
            truth = standing * math.log(limit) + fallen * math.log1p(-limit)
            assert mixture - truth == pytest.approx(-math.log(alpha), abs=2e-6)
    assert (interval.low == 0) == (standing == 0)
    assert (interval.high == 1) == (fallen == 0)
    assert interval.low <= standing / prefix <= interval.high


def test_population_interval_holds_at_every_look() -> None:
    """Over 400 courses of 300 looks the true share is ever excluded in at most 5 % of them."""
    random, share = np.random.default_rng(3), 0.6
    looks = [1, 2, 3, 5, 8, 13, 20, 40, 60, 100, 180, 300]
    missed = 0
    for _ in range(400):
        counts = np.cumsum(random.random(300) < share)
        found = [population_interval(int(counts[t - 1]), t, 0.05) for t in looks]
        missed += any(not one.low <= share <= one.high for one in found)
    assert missed / 400 <= 0.05


def test_population_interval_without_data_says_nothing() -> None:
    """A zero denominator leaves the whole range."""
    assert population_interval(0, 0, 0.05) == Interval(0.0, 1.0)
    assert set_interval(0, 0, 0, 0.05) == Interval(0.0, 1.0)


@pytest.mark.parametrize("counts", [(10, 11, 3), (10, 5, 6), (10, 5, -1), (-1, -1, -1)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int]) -> None:
    """A prefix beyond the set, or more standing than looked at, is an error of the caller."""
    with pytest.raises(ValueError, match="no count"):
        set_interval(*counts, 0.05)
    with pytest.raises(ValueError, match="no count"):
        set_fails(*counts, 3)


def keeps(standing: int, prefix: int, share: float) -> bool:
    """Whether the interval of a population holds this share."""
    low, high = population_interval(standing, prefix, 0.05)
    return low <= share <= high


@pytest.mark.deep
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_exact_chance_that_the_population_interval_ever_misses(share: float) -> None:
    """Over all courses of 250 looks, one after each image: left out in at most 5 %."""
    waiting, missed = {0: 1.0}, 0.0
    for prefix in range(1, 251):
        after: dict[int, float] = {}
        for standing, chance in waiting.items():
            after[standing] = after.get(standing, 0.0) + chance * (1 - share)
            after[standing + 1] = after.get(standing + 1, 0.0) + chance * share
        gone = [standing for standing in after if not keeps(standing, prefix, share)]
        missed += sum(after.pop(standing) for standing in gone)
        waiting = after
    assert 0.001 < missed <= 0.05
