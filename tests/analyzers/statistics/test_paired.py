"""Candidate against baseline: exact sums over all coins and orders, published courses, coverage."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial

import numpy as np
import pytest

from analyzers.statistics.intervals import Interval, clopper_pearson
from analyzers.statistics.paired import (
    decides,
    difference_interval,
    difference_so_far,
    mcnemar,
    mcnemar_better,
    no_worse,
    paired_p,
    worse,
)

Record = Callable[[str, object], None]
EDGES = (20, 40, 60, 100, 180, 340, 500, 660, 820, 1000)


def tail(k: int, n: int) -> Fraction:
    """The chance of k or more heads of n fair coins."""
    return Fraction(sum(math.comb(n, j) for j in range(k, n + 1)), 2**n)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 20, 41])
def test_mcnemar_against_sums_of_binomials(n: int) -> None:
    """Both p are the tails of fair coins, summed in fractions."""
    for k in range(n + 1):
        assert mcnemar_better(k, n - k) == pytest.approx(float(tail(k, n)), rel=1e-12)
        both = min(Fraction(1), 2 * tail(max(k, n - k), n))
        assert mcnemar(k, n - k) == pytest.approx(float(both), rel=1e-12)


def test_mcnemar_known_values() -> None:
    """Five against fifteen is the sign test's 0.0414; nothing differing is 1; far tails hold."""
    assert mcnemar(5, 15) == pytest.approx(0.04139, abs=5e-6)
    assert mcnemar(0, 0) == mcnemar_better(0, 0) == mcnemar(4, 4) == 1.0
    assert mcnemar_better(300, 0) == pytest.approx(2.0**-300, rel=1e-9)


def test_size_of_mcnemar() -> None:
    """Under fair coins, at every number of pairs, p at most alpha has at most that chance."""
    for n in range(61):
        ways = np.array([math.comb(n, k) / 2**n for k in range(n + 1)])
        two = np.array([mcnemar(k, n - k) for k in range(n + 1)])
        one = np.array([mcnemar_better(k, n - k) for k in range(n + 1)])
        for alpha in (0.01, 0.05, 0.2):
            assert ways[two <= alpha].sum() <= alpha
            assert ways[one <= alpha].sum() <= alpha


def ever(rule: Callable[[int, int], bool], pairs: int, heads: float) -> float:
    """The exact chance that a rule decides at one of so many pairs; a pair is one coin."""
    waiting, total = {0: 1.0}, 0.0
    for n in range(1, pairs + 1):
        after: dict[int, float] = {}
        for n10, share in waiting.items():
            after[n10 + 1] = after.get(n10 + 1, 0.0) + share * heads
            after[n10] = after.get(n10, 0.0) + share * (1 - heads)
        hits = [n10 for n10 in after if rule(n10, n - n10)]
        total += sum(after.pop(n10) for n10 in hits)
        waiting = after
    return total


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_paired_sequence_over_all_courses(alpha: float) -> None:
    """Looking after each of 400 fair pairs, a difference is found with chance at most alpha."""
    assert ever(lambda n10, n01: decides(n10, n01, alpha), 400, 0.5) <= alpha


def test_repeated_mcnemar_breaks_its_promise() -> None:
    """Control: the test of a fixed size, repeated after each pair, finds differences in noise."""
    assert ever(lambda n10, n01: mcnemar(n10, n01) <= 0.05, 150, 0.5) > 0.2


@pytest.mark.parametrize("heads", [0.49, 0.45, 0.3, 0.05])
def test_direction_is_covered_too(heads: float) -> None:
    """A candidate that is worse is held to be better with chance at most alpha."""
    better = ever(lambda n10, n01: n10 > n01 and decides(n10, n01, 0.2), 150, heads)
    assert better <= 0.2


def test_paired_p_is_the_inverse_martingale() -> None:
    """By the rule of succession: each pair is predicted by (1/2 + its like) / (1 + all) so far."""
    predicted = Fraction(1)
    counts = [0, 0]
    for side in (0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0):
        predicted *= (Fraction(1, 2) + counts[side]) / (1 + sum(counts))
        counts[side] += 1
        found = paired_p(*counts)
        assert found == pytest.approx(min(1.0, float(Fraction(1, 2 ** sum(counts)) / predicted)))
        assert found == 1 or decides(*counts, alpha=found + 1e-5)
        assert not decides(*counts, alpha=found - 1e-5)
    assert paired_p(0, 0) == 1.0
    assert not decides(0, 0)


@pytest.mark.parametrize(
    ("n10", "n01", "published"), [(60, 20, 410), (100, 50, 506), (30, 5, 401), (50, 30, 937)]
)
def test_published_courses(n10: int, n01: int, published: int) -> None:
    """Of 1000 images in blocks of 20, so many on average before the sequence decides."""
    random = np.random.default_rng(n10)
    most = [
        next((k for k in range(n // 2, n + 1) if decides(k, n - k)), n + 1)
        for n in range(n10 + n01 + 1)
    ]
    marks = np.repeat([1, -1, 0], [n10, n01, 1000 - n10 - n01])
    orders = random.permuted(np.tile(marks, (600, 1)), axis=1)
    wins, losses = (orders == 1).cumsum(axis=1), (orders == -1).cumsum(axis=1)
    settled = (np.maximum(wins, losses) >= np.array(most)[wins + losses])[:, 19::20]
    looks = np.where(settled.any(axis=1), 20 * (settled.argmax(axis=1) + 1), 1000)
    assert looks.mean() == pytest.approx(published, rel=0.06)


def covered(n: int, better: float, lost: float, level: float) -> float:
    """The exact chance that the interval of n pairs holds the true difference."""
    total = 0.0
    for n10 in range(n + 1):
        for n01 in range(n - n10 + 1):
            low, high = interval(n10, n01, n, level)
            if low <= better - lost <= high:
                ways = math.comb(n, n10) * math.comb(n - n10, n01)
                rest = (1 - better - lost) ** (n - n10 - n01)
                total += ways * better**n10 * lost**n01 * rest
    return total


interval = cache(difference_interval)


@pytest.mark.parametrize("shares", [(0, 0), (0.1, 0.1), (0.3, 0.05), (0.5, 0.5), (0.02, 0.6)])
def test_exact_coverage_of_the_difference(shares: tuple[float, float]) -> None:
    """Summed over all outcomes of 12 pairs, the interval holds the difference at its level."""
    assert covered(12, *shares, 0.9) >= 0.9


def test_difference_taken_conditionally_breaks_its_promise() -> None:
    """Control: direction mapped by the counted share of pairs alone misses too often."""

    def conditional(n10: int, n01: int, n: int) -> Interval:
        low, high = clopper_pearson(n10, n10 + n01, 0.9)
        return Interval((2 * low - 1) * (n10 + n01) / n, (2 * high - 1) * (n10 + n01) / n)

    held = sum(
        math.comb(12, k) * 0.3**k * 0.7 ** (12 - k)
        for k in range(13)
        if conditional(k, 0, 12).low <= 0.3 <= conditional(k, 0, 12).high
    )
    assert held < 0.8


def test_difference_interval_agrees_with_mcnemar() -> None:
    """Zero is left out only where the test rejects; sides mirror; ends and no data hold."""
    for n10, n01 in ((9, 1), (20, 5), (8, 8), (0, 6), (6, 0), (0, 0)):
        low, high = difference_interval(n10, n01, 100)
        assert low <= (n10 - n01) / 100 <= high
        assert mcnemar(n10, n01) <= 0.05 or low <= 0 <= high
        assert difference_interval(n01, n10, 100) == pytest.approx((-high, -low))
    assert difference_interval(0, 0, 0) == Interval(-1.0, 1.0)
    assert difference_interval(60, 20, 1000).low > 0
    assert difference_interval(7, 0, 7).high == 1.0


@pytest.mark.parametrize("counts", [(-1, 0, 3), (2, 2, 3), (0, -1, 3)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int]) -> None:
    """Negative counts, or more pairs that differ than there are, are errors of the caller."""
    with pytest.raises(ValueError, match="no count"):
        difference_interval(*counts)
    if min(counts) < 0:
        for rule in (mcnemar_better, mcnemar, paired_p, decides):
            with pytest.raises(ValueError, match="no count"):
                rule(*counts[:2])


def ever_ordered(
    decided: Callable[[list[int]], bool], left: tuple[int, int, int], seen: list[int]
) -> float:
    """The exact chance, over all orders of losses, ties and wins left, that a look decides."""
    if decided(seen):
        return 1.0
    rest = sum(left)
    return sum(
        count
        / rest
        * ever_ordered(
            decided,
            (left[0] - (mark < 0), left[1] - (mark == 0), left[2] - (mark > 0)),
            [*seen, mark],
        )
        for mark, count in zip((-1, 0, 1), left, strict=True)
        if count
    )


@pytest.mark.parametrize("tolerance", [Fraction(0), Fraction(2, 9), Fraction(1, 3)])
def test_tolerance_over_all_orders_of_a_set(tolerance: Fraction) -> None:
    """Of nine images, one loss too many passes, and one fewer fails, with chance at most alpha."""
    size, alpha = 9, 0.3
    bar = -int(tolerance * size)
    for wins in (0, 2):
        for rule, total in ((no_worse, bar - 1), (worse, bar)):
            made = (wins - total, size - 2 * wins + total, wins)
            decided = partial(rule, tolerance=tolerance, alpha=alpha, population=size)
            assert ever_ordered(decided, made, []) <= alpha
        at_last = partial(no_worse, tolerance=tolerance, population=size)
        assert ever_ordered(at_last, made, []) == pytest.approx(1)


def test_full_set_is_exact() -> None:
    """Once all were looked at one answer holds, and losing exactly the tolerance is within it."""
    for losses in range(11):
        marks = [-1] * losses + [0] * (10 - losses)
        for tolerance in (Fraction(0), Fraction(3, 10), Fraction(7, 10)):
            assert no_worse(marks, tolerance, population=10) == (losses <= 10 * tolerance)
            assert worse(marks, tolerance, population=10) == (losses > 10 * tolerance)
        assert difference_so_far(marks, population=10) == pytest.approx((-losses / 10,) * 2)


def test_population_is_never_certain() -> None:
    """About a population the same marks leave doubt, until there are enough of them."""
    assert not no_worse([0] * 10, 0.02)
    assert no_worse([0] * 1000, 0.02)
    assert worse([-1] * 100, 0.02)
    assert not worse([0] * 1000, 0.02)
    low, high = difference_so_far([1, 0, 0, 0] * 100)
    assert 0.1 < low < 0.25 < high < 0.4


def test_clear_cases_settle_soon() -> None:
    """Of 1000 images with 20 wins and 20 losses, half suffice for a tolerance of two points."""
    random = np.random.default_rng(9)
    marks = np.repeat([1, -1, 0], [20, 20, 960])
    looks: list[int] = []
    for _ in range(40):
        order = random.permutation(marks).tolist()
        looks.append(next(n for n in EDGES if no_worse(order[:n], 0.02, population=1000)))
    assert np.mean(looks) < 550


@pytest.mark.parametrize("tolerance", [-0.01, 1, 2.0, math.nan])
def test_no_share_is_no_tolerance(tolerance: float) -> None:
    """Two points are 0.02: a tolerance of 2 would let everything through."""
    with pytest.raises(ValueError, match="tolerance"):
        no_worse([0, 1], tolerance)
    with pytest.raises(ValueError, match="tolerance"):
        worse([0, 1], tolerance, population=5)


def test_marks_are_checked_and_no_images_pass_nothing() -> None:
    """A difference is 1, 0 or -1; an empty set neither passes nor fails."""
    with pytest.raises(ValueError, match="1, 0 or -1"):
        no_worse([2], 0.1)
    assert not no_worse([], 0.1, population=0)
    assert not worse([], 0.1, population=0)


@pytest.mark.deep
@pytest.mark.parametrize("population", [1000, None])
@pytest.mark.parametrize("lost", [0.0, 0.02])
def test_simulated_wrong_no_worse(
    lost: float, population: int | None, record_property: Record
) -> None:
    """Over 2,000 draws at the boundary with 99 % limits: ever wrong in at most 5 %.

    A verdict is kept, so one look after 900 images sees what any look before it would.
    """
    random = np.random.default_rng(17)
    short = 1 if population else 0  # of a set, the boundary is the first sum that is too low
    losses = 40 + round(1000 * lost) + short
    marks = np.repeat([1, -1, 0], [40, losses, 960 - losses])
    wrong = 0
    for _ in range(2000):
        order = random.permutation(marks) if population else random.choice(marks, 1000)
        wrong += no_worse(order[:900].tolist(), lost, population=population)
    low, high = clopper_pearson(wrong, 2000, 0.99)
    record_property("wrong", f"{wrong}/2000, 99 % limits {low:.4f} to {high:.4f}")
    assert wrong / 2000 <= 0.05


@pytest.mark.deep
@pytest.mark.parametrize("shares", [(0.06, 0.02), (0.04, 0.04), (0.3, 0.1), (0.0, 0.01)])
def test_simulated_coverage_of_the_difference(
    shares: tuple[float, float], record_property: Record
) -> None:
    """Over 2,000 sets of 300 pairs with 99 % limits: the difference is missed in at most 5 %."""
    random = np.random.default_rng(21)
    draws = random.multinomial(300, [*shares, 1 - sum(shares)], 2000)
    found = [interval(n10, n01, 300) for n10, n01, _ in draws.tolist()]
    wrong = sum(not low <= shares[0] - shares[1] <= high for low, high in found)
    low, high = clopper_pearson(wrong, 2000, 0.99)
    record_property("missed", f"{wrong}/2000, 99 % limits {low:.4f} to {high:.4f}")
    assert wrong / 2000 <= 0.05


@pytest.mark.deep
def test_paired_sequence_over_long_courses() -> None:
    """Looking after each of 2000 fair pairs, a difference is found with chance at most 5 %."""
    assert 0.01 < ever(decides, 2000, 0.5) <= 0.05
