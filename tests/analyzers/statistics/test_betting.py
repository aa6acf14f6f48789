"""Means by betting: all sequences of small sets, known answers, and simulation on large ones."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from analyzers.statistics.betting import mean_exceeds, mean_interval
from analyzers.statistics.intervals import Interval, clopper_pearson

Decides = Callable[[list[float]], bool]
Record = Callable[[str, object], None]


def ever(decides: Decides, left: Mapping[float, int], seen: list[float]) -> float:
    """The exact chance, over all orders of what is left, that a look ever decides."""
    if decides(seen):
        return 1.0
    rest = sum(left.values())
    return sum(
        count / rest * ever(decides, {**left, value: count - 1}, [*seen, value])
        for value, count in left.items()
        if count
    )


def ever_drawn(
    decides: Decides, odds: Mapping[float, float], looks: int, seen: list[float]
) -> float:
    """The exact chance that one of so many looks at independent draws decides."""
    if decides(seen):
        return 1.0
    if not looks:
        return 0.0
    return sum(
        share * ever_drawn(decides, odds, looks - 1, [*seen, value])
        for value, share in odds.items()
    )


@pytest.mark.parametrize("alpha", [0.05, 0.3])
@pytest.mark.parametrize(
    "made", [(3, 3, 3), (1, 8, 1), (4, 0, 4), (6, 0, 2), (1, 1, 8), (0, 10, 0), (10, 1, 0)]
)
def test_finite_sets_err_at_most_alpha(made: tuple[int, int, int], alpha: float) -> None:
    """Over all orders of a set, looking after each score: no mean at or above the true one."""
    left = dict(zip((0.0, 0.5, 1.0), made, strict=True))
    size = sum(made)
    true = sum(value * count for value, count in left.items()) / size
    for mean in (true, min(1.0, true + 0.05)):
        decides = partial(mean_exceeds, mean=mean, alpha=alpha, population=size)
        wrong = ever(decides, left, [])
        assert wrong <= alpha


@pytest.mark.parametrize("alpha", [0.05, 0.3])
@pytest.mark.parametrize("odds", [(0.1, 0.8, 0.1), (0.5, 0.0, 0.5), (0.9, 0.05, 0.05)])
def test_independent_draws_err_at_most_alpha(odds: tuple[float, ...], alpha: float) -> None:
    """Over all sequences of eight draws, looking after each: the true mean is not exceeded."""
    shares = dict(zip((0.0, 0.5, 1.0), odds, strict=True))
    mean = sum(value * share for value, share in shares.items())
    assert ever_drawn(lambda seen: mean_exceeds(seen, mean, alpha), shares, 8, []) <= alpha


def test_stakes_that_know_the_score_break_the_promise() -> None:
    """Control: the same check catches capital that bets on what it has already seen."""

    def clairvoyant(seen: list[float]) -> bool:
        return math.prod(1 + abs(value - 0.5) for value in seen) >= 1 / 0.3

    assert ever_drawn(clairvoyant, {0.0: 0.5, 1.0: 0.5}, 8, []) > 0.3


def test_set_interval_holds_over_all_orders() -> None:
    """Looking after each score of a small set, the true mean is ever left out at most alpha."""
    for made in ((2, 2, 3), (1, 5, 1), (0, 1, 6)):
        left = dict(zip((0.0, 0.5, 1.0), made, strict=True))
        true = sum(value * count for value, count in left.items()) / 7

        def misses(seen: list[float], true: float = true) -> bool:
            low, high = mean_interval(seen, 0.4, population=7)
            return not low - 1e-12 <= true <= high + 1e-12

        assert ever(misses, left, []) <= 0.4


def test_known_capital_of_independent_draws() -> None:
    """Two ones against a half: the second stake is 8/7, the capital 1 + 8/7 * 1/2 = 11/7."""
    centre, variance = Fraction(3, 4), Fraction(5, 32)
    gap = centre - Fraction(1, 2)
    capital = 1 + gap / (variance + gap**2) / 2
    assert capital == Fraction(11, 7)
    assert mean_exceeds([1, 1], 0.5, float(1 / capital) + 1e-9)
    assert not mean_exceeds([1, 1], 0.5, float(1 / capital) - 1e-9)


def test_known_capital_without_replacement() -> None:
    """One of a set of eight seen: what is left must average 3/7 for the whole to average 1/2."""
    centre, variance, left = Fraction(3, 4), Fraction(5, 32), Fraction(3, 7)
    gap = centre - left
    capital = 1 + min(gap / (variance + gap**2), Fraction(3, 4) / left) * (1 - left)
    assert mean_exceeds([1, 1], 0.5, float(1 / capital) + 1e-9, population=8)
    assert not mean_exceeds([1, 1], 0.5, float(1 / capital) - 1e-9, population=8)


def test_known_limit_of_an_interval() -> None:
    """At a lower limit the most that betting up ever made, worked out anew, is 2/alpha."""
    random, alpha = np.random.default_rng(2), 0.1
    values = random.choice([0.0, 0.5, 1.0], size=150, p=[0.1, 0.6, 0.3])
    low = mean_interval(values.tolist(), alpha).low
    centres = (0.5 + np.cumsum(values)) / np.arange(2, 152)
    spread = 0.25 + np.cumsum((values - centres) ** 2)
    variances = np.r_[0.25, spread[:-1] / np.arange(2, 151)]
    at = np.arange(1, 151)
    stakes = np.sqrt(2 * np.log(2 / alpha) / (variances * at * np.log(at + 1)))
    growth = np.log1p(np.minimum(stakes, 0.75 / low) * (values - low))
    assert float(np.cumsum(growth).max()) == pytest.approx(math.log(2 / alpha))


def test_certain_answers() -> None:
    """What a finite set can no longer reach, or miss, is settled at any alpha."""
    assert mean_exceeds([1] * 6, 0.5, 1e-300, population=10)
    assert not mean_exceeds([1] * 5, 0.5, 1e-300, population=10)
    assert not mean_exceeds([0] * 5, 0.5, 0.99, population=10)
    assert not mean_exceeds([], 0.5, 0.99)
    assert not mean_exceeds([], 0.0, 0.99, population=0)


@pytest.mark.parametrize("values", [[0.25, 0.5, 1.0], [0.0] * 4, [1.0] * 4, [0.5]])
def test_full_prefix_is_exact(values: list[float]) -> None:
    """A finite set that was read in full has one mean."""
    true = sum(values) / len(values)
    assert mean_interval(values, population=len(values)) == pytest.approx((true, true))


def test_interval_holds_the_counted_mean_and_narrows() -> None:
    """It surrounds what was counted, is narrower where scores vary little, or more is known."""
    random = np.random.default_rng(5)
    calm = random.choice([0.0, 0.5, 1.0], size=200, p=[0.02, 0.95, 0.03]).tolist()
    wild = random.choice([0.0, 1.0], size=200).tolist()
    for values in (calm, wild, [0.0] * 50, [1.0] * 50):
        low, high = mean_interval(values)
        assert 0 <= low <= sum(values) / len(values) <= high <= 1
        of_set = mean_interval(values, population=2 * len(values))
        assert low <= of_set.low <= of_set.high <= high
    assert width(mean_interval(calm)) < width(mean_interval(wild)) / 2
    assert width(mean_interval(wild)) < 2.5 * width(clopper_pearson(100, 200))


def width(interval: Interval) -> float:
    """From the lower to the upper limit."""
    return interval.high - interval.low


@pytest.mark.parametrize("population", [None, 80])
def test_what_was_excluded_stays_so(population: int | None) -> None:
    """A course that turns round takes back no verdict that it has not refuted."""
    course = [1.0] * 20 + [0.0] * 20
    kept = [mean_exceeds(course[:n], 0.55, population=population) for n in range(41)]
    assert kept[20]
    assert kept == sorted(kept)
    if population:
        assert not mean_exceeds([*course, *[0.0] * 30], 0.55, population=population)


def test_interval_narrows_with_every_score() -> None:
    """On a steady course each limit only closes in; on one that turns it keeps the counted mean."""
    steady = [1.0, 0.5, 0.0, 1.0] * 10
    found = [mean_interval(steady[:n]) for n in range(41)]
    assert all(a.low <= b.low and a.high >= b.high for a, b in pairwise(found))
    turned = [1.0] * 20 + [0.0] * 20
    assert mean_interval(turned).low <= 0.5 < mean_interval(turned[:20]).low


def test_limits_mirror() -> None:
    """What betting says of scores it says, upside down, of one less each score."""
    values = [0.0, 1.0, 1.0, 0.5, 1.0, 0.75, 1.0, 1.0]
    low, high = mean_interval(values, 0.2)
    assert mean_interval([1 - value for value in values], 0.2) == pytest.approx((1 - high, 1 - low))


def test_no_data_say_nothing() -> None:
    """Without a score the whole range is left."""
    assert mean_interval([]) == mean_interval([], population=9) == Interval(0.0, 1.0)


@pytest.mark.parametrize("values", [[1.5], [-0.1], [math.nan]])
def test_scores_outside_are_refused(values: list[float]) -> None:
    """Betting is about [0, 1]; anything else, also no number, is an error of the caller."""
    with pytest.raises(ValueError, match="lie in"):
        mean_exceeds(values, 0.5)
    with pytest.raises(ValueError, match="lie in"):
        mean_interval(values)


def test_more_scores_than_the_set_has_are_refused() -> None:
    """A prefix beyond the set is an error of the caller."""
    with pytest.raises(ValueError, match="no count"):
        mean_exceeds([0.5] * 3, 0.5, population=2)


@pytest.mark.deep
@pytest.mark.parametrize("population", [1000, None])
@pytest.mark.parametrize("made", [(60, 900, 40), (300, 0, 700), (30, 940, 30)])
def test_simulated_error_at_the_boundary(
    made: tuple[int, int, int], population: int | None, record_property: Record
) -> None:
    """Over 2,000 draws with 99 % limits, the true mean is ever exceeded in at most 5 %.

    A verdict is kept, so one look after 900 scores sees what any look before it would.
    """
    random = np.random.default_rng(sum(made[:2]))
    scores = np.repeat([0.0, 0.5, 1.0], made)
    wrong = 0
    for _ in range(2000):
        course = random.permutation(scores) if population else random.choice(scores, 1000)
        mean = float(scores.mean())
        wrong += mean_exceeds(course[:900].tolist(), mean, population=population)
    low, high = clopper_pearson(wrong, 2000, 0.99)
    record_property("wrong", f"{wrong}/2000, 99 % limits {low:.4f} to {high:.4f}")
    assert wrong / 2000 <= 0.05


@pytest.mark.deep
@pytest.mark.parametrize("population", [120, None])
def test_simulated_coverage_of_the_interval(
    population: int | None, record_property: Record
) -> None:
    """Over 2,000 courses, the true mean is ever outside the interval in at most 5 %."""
    random = np.random.default_rng(8)
    scores = np.repeat([0.0, 0.25, 0.5, 1.0], [20, 10, 60, 30])
    wrong = 0
    for _ in range(2000):
        course = random.permutation(scores) if population else random.choice(scores, 120)
        found = [mean_interval(course[:n].tolist(), population=population) for n in (40, 100)]
        wrong += any(not one.low <= scores.mean() <= one.high for one in found)
    low, high = clopper_pearson(wrong, 2000, 0.99)
    record_property("missed", f"{wrong}/2000, 99 % limits {low:.4f} to {high:.4f}")
    assert wrong / 2000 <= 0.05
