"""Early PASS: the exact chance of every wrong verdict, over all orders of the survivors."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from analyzers.statistics.intervals import Interval, clopper_pearson
from analyzers.statistics.sequential import set_fails
from analyzers.statistics.two_phase import phase_fails, phase_interval, phase_passes

Rule = Callable[[int, int, int, int, float], bool]
"""(survivors, prefix, standing, need, alpha) -> whether it decides."""
ROUNDING = 1e-12
PUBLISHED = [
    # survivors of N=1000, need, residual break rate, mean points looked at one by one
    (700, 500, 0.01, 12),
    (600, 500, 0.01, 24),
    (550, 500, 0.01, 55),
    (520, 500, 0.01, 165),
    (700, 600, 0.02, 37),
    (640, 600, 0.02, 148),
    (620, 600, 0.02, 400),
]


def turning(holds: Callable[[int], bool], stop: int) -> int:
    """The first count below ``stop`` from which on it holds; ``stop`` when it never does."""
    low, high = 0, stop
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def passing_from(survivors: int, need: int, looks: Iterable[int]) -> dict[int, int]:
    """At each look, the least count that passes; verdicts are monotone in the count."""
    return {
        look: turning(partial(phase_passes, survivors, look, need=need), look + 1) for look in looks
    }


def blocks(survivors: int, size: int = 20) -> list[int]:
    """Looks after every block of this size, and at the end."""
    return [*range(size, survivors, size), survivors]


def courses(
    survivors: int, total: int, decided: Callable[[int], np.ndarray | None]
) -> Iterator[tuple[int, float]]:
    """Each look with the exact chance that the first verdict falls there.

    A forward pass over all orders: of those not decided, how likely is each count standing.
    """
    counts = np.arange(survivors + 1)
    open_ = np.zeros(survivors + 1)
    open_[0] = 1.0
    for drawn in range(survivors):
        stands = open_ * np.clip((total - counts) / (survivors - drawn), 0, 1)
        open_ -= stands
        open_[1:] += stands[:-1]
        hit = decided(drawn + 1)
        if hit is not None:
            yield drawn + 1, float(open_[hit].sum())
            open_[hit] = 0.0


def chance(rule: Rule, survivors: int, total: int, need: int, alpha: float) -> float:
    """The exact chance that the rule ever decides, looking after every single image."""

    def decided(prefix: int) -> np.ndarray:
        hit = np.zeros(survivors + 1, dtype=bool)
        for standing in range(max(0, prefix - survivors + total), min(prefix, total) + 1):
            hit[standing] = rule(survivors, prefix, standing, need, alpha)
        return hit

    return sum(share for _, share in courses(survivors, total, decided))


def passing_course(survivors: int, total: int, need: int, looks: list[int]) -> dict[int, float]:
    """The chance of a first PASS at each look, from the least count that passes there."""
    bars = passing_from(survivors, need, looks)
    counts = np.arange(survivors + 1)

    def decided(prefix: int) -> np.ndarray | None:
        return counts >= bars[prefix] if prefix in bars else None

    return dict(courses(survivors, total, decided))


def hasty_pass(survivors: int, prefix: int, standing: int, need: int, alpha: float) -> bool:
    """The rule that must not be used: a fixed-size test, repeated at every look."""
    total = need - 1
    ways = sum(
        math.comb(total, count) * math.comb(survivors - total, prefix - count)
        for count in range(standing, prefix + 1)
    )
    return ways / math.comb(survivors, prefix) <= alpha


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize("survivors", [1, 2, 5, 12, 26])
def test_exact_chance_of_a_wrong_verdict(survivors: int, alpha: float) -> None:
    """At the hardest truth of every need, looking after every image, neither errs above alpha."""
    for need in range(1, survivors + 1):
        assert chance(phase_passes, survivors, need - 1, need, alpha) <= alpha + ROUNDING
        assert chance(phase_fails, survivors, need, need, alpha) <= alpha + ROUNDING


def test_hardest_truth_is_the_one_next_to_the_need() -> None:
    """Fewer that stand pass no more often; so one short of the need is the null to guard."""
    wrong = [chance(phase_passes, 12, total, 9, 0.2) for total in range(9)]
    assert wrong == sorted(wrong)
    assert wrong[-1] > 0.05


@pytest.mark.parametrize("prior", [(0.5, 0.5), (1.0, 1.0), (50.0, 0.5), (0.5, 5.0)])
def test_no_prior_breaks_the_promise(prior: tuple[float, float]) -> None:
    """Validity rests on no prior, not even on one that expects the opposite of what comes."""

    def rule(survivors: int, prefix: int, standing: int, need: int, alpha: float) -> bool:
        return phase_passes(survivors, prefix, standing, need, alpha, prior=prior)

    for need in range(1, 16):
        assert chance(rule, 15, need - 1, need, 0.1) <= 0.1 + ROUNDING


def test_repeated_fixed_size_test_breaks_its_promise() -> None:
    """Control: the exact course catches a rule that looks too often."""
    assert chance(hasty_pass, 26, 19, 20, 0.05) > 0.1


def test_an_order_by_margin_breaks_the_promise() -> None:
    """Control: survivors sorted by how safe they looked pass a set that fails."""
    survivors, need, standing = 600, 500, 499
    assert phase_passes(survivors, 60, 60, need)
    assert phase_fails(survivors, survivors, standing, need)


@pytest.mark.parametrize(("survivors", "need", "rate", "published"), PUBLISHED)
def test_release_sizes(survivors: int, need: int, rate: float, published: int) -> None:
    """At sizes of a release: the exact false PASS, and looks within 5 % of the simulated ones."""
    false = sum(passing_course(survivors, need - 1, need, blocks(survivors)).values())
    assert 0.005 < false <= 0.05
    each = list(range(1, survivors + 1))
    found = passing_course(survivors, round(survivors * (1 - rate)), need, each)
    assert sum(found.values()) == pytest.approx(1)
    assert sum(look * share for look, share in found.items()) == pytest.approx(published, rel=0.05)


def both_phases(marks: Iterable[str], need: int, alpha: float) -> bool:
    """Whether either phase ever fails: f falls in phase one, b in phase two, s stands."""
    order = list(marks)
    first = [mark != "f" for mark in order]
    second = [mark == "s" for mark in order if mark != "f"]
    return any(
        set_fails(len(order), look, sum(first[:look]), need, alpha)
        for look in range(len(order) + 1)
    ) or any(
        phase_fails(len(second), look, sum(second[:look]), need, alpha)
        for look in range(len(second) + 1)
    )


def test_one_permutation_may_serve_both_phases() -> None:
    """Over all orders: FAIL looks of phase one say nothing about the order of the survivors.

    So the chance that both stay silent is a product, and a wrong FAIL costs at most the sum.
    """
    population, survivors, total, alpha = 10, 7, 6, 0.3
    for need in range(5, 8):
        silent = [
            not both_phases(
                ("b" if at in broken else "f" if at in fallen else "s" for at in range(population)),
                need,
                alpha,
            )
            for fallen in combinations(range(population), population - survivors)
            for broken in combinations(set(range(population)) - set(fallen), survivors - total)
        ]
        one = chance(set_fails, population, survivors, need, alpha)
        two = chance(phase_fails, survivors, total, need, alpha)
        if phase_fails(survivors, 0, 0, need, alpha):
            two = 1.0
        assert sum(silent) / len(silent) == pytest.approx((1 - one) * (1 - two))
        assert total < need or one + two <= 2 * alpha


def test_both_phases_together_spend_at_most_the_sum() -> None:
    """At every truth of a set that passes, FAIL looks in both phases err at most 2 alpha."""
    population, alpha = 20, 0.1
    worst = 0.0
    for need in range(1, population + 1):
        for survivors in range(need, population + 1):
            one = chance(set_fails, population, survivors, need, alpha)
            two = chance(phase_fails, survivors, need, need, alpha)
            worst = max(worst, 1 - (1 - one) * (1 - two))
    assert alpha / 4 < worst <= 2 * alpha


def test_certain_answers_need_no_probability() -> None:
    """Too few survivors fail at once, enough standing pass, enough breaks fail; at any alpha."""
    assert phase_fails(499, 0, 0, 500, 1e-300)
    assert not phase_passes(499, 499, 499, 500, 0.99)
    assert phase_passes(600, 500, 500, 500, 1e-300)
    assert not phase_passes(600, 499, 499, 500, 1e-300)
    assert phase_fails(600, 101, 0, 500, 1e-300)
    assert not phase_fails(600, 100, 0, 500, 1e-300)
    assert not phase_fails(500, 0, 0, 500, 1e-300)
    assert phase_fails(0, 0, 0, 1, 1e-300)


@pytest.mark.parametrize("survivors", [1, 6, 31])
def test_full_prefix_is_exact(survivors: int) -> None:
    """Once all survivors had the full plan, one verdict holds and the interval is a point."""
    for standing in range(survivors + 1):
        for need in range(survivors + 2):
            assert phase_passes(survivors, survivors, standing, need) == (standing >= need)
            assert phase_fails(survivors, survivors, standing, need) == (standing < need)
        found = phase_interval(40, survivors, survivors, standing, 0.05)
        assert found == Interval(standing / 40, standing / 40)


@pytest.mark.parametrize(("survivors", "prefix"), [(600, 40), (333, 120)])
def test_verdicts_agree_with_the_interval(survivors: int, prefix: int) -> None:
    """A need passes when the interval of the whole set lies above it, fails when below it."""
    population = 1000
    for standing in range(prefix - 30, prefix + 1, 3):
        low, high = phase_interval(population, survivors, prefix, standing, 0.05)
        assert high <= survivors / population
        for need in range(0, survivors + 2, 7):
            share = need / population
            assert phase_passes(survivors, prefix, standing, need) == (low >= share)
            assert phase_fails(survivors, prefix, standing, need) == (high < share)


def test_interval_without_survivors_or_images() -> None:
    """No survivors mean that none stands; no images mean that nothing is known."""
    assert phase_interval(50, 0, 0, 0, 0.05) == Interval(0.0, 0.0)
    assert phase_interval(0, 0, 0, 0, 0.05) == Interval(0.0, 1.0)
    assert phase_interval(50, 20, 0, 0, 0.05) == Interval(0.0, 0.4)


@pytest.mark.parametrize("counts", [(5, 6, 0, 0), (9, 5, 6, 0), (9, 5, 4, 5)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    """More survivors than images, or a prefix beyond them, is an error of the caller."""
    with pytest.raises(ValueError, match="no count"):
        phase_interval(*counts, 0.05)


def simulated(survivors: int, need: int, draws: int, seed: int) -> int:
    """How many random orders of a set one short of the need ever pass, after blocks of 20."""
    random, looks = np.random.default_rng(seed), blocks(survivors)
    bars = passing_from(survivors, need, looks)
    stands = np.arange(survivors) < need - 1
    orders = random.permuted(np.tile(stands, (draws, 1)), axis=1)
    counts = orders.cumsum(axis=1)[:, np.array(looks) - 1]
    return int((counts >= np.array([bars[look] for look in looks])).any(axis=1).sum())


@pytest.mark.deep
@pytest.mark.parametrize(("survivors", "need"), [row[:2] for row in PUBLISHED])
def test_simulated_false_pass(
    survivors: int, need: int, record_property: Callable[[str, object], None]
) -> None:
    """Over 2,000 draws at the boundary, with 99 % limits: at most 5 %, and what is exact."""
    wrong = simulated(survivors, need, draws=2000, seed=survivors + need)
    low, high = clopper_pearson(wrong, 2000, 0.99)
    record_property("false PASS", f"{wrong}/2000, 99 % limits {low:.4f} to {high:.4f}")
    exact = sum(passing_course(survivors, need - 1, need, blocks(survivors)).values())
    assert low <= exact <= high
    assert high <= 0.05


@pytest.mark.deep
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_exact_chance_of_a_wrong_verdict_on_larger_sets(alpha: float) -> None:
    """Sixty survivors, every need, looking after every image: neither errs above alpha."""
    for need in range(1, 61):
        assert chance(phase_passes, 60, need - 1, need, alpha) <= alpha + ROUNDING
        assert chance(phase_fails, 60, need, need, alpha) <= alpha + ROUNDING
