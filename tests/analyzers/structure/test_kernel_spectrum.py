"""Spectra of many layers together, and the distance between two of them, in closed form."""

import math

import numpy as np
import pytest

from analyzers.structure.kernel_spectrum import divergence, pooled_shares, sampling_limit
from analyzers.structure.kernel_statistics import Floats, moments, variance_entropy
from analyzers.structure.reference_models import KNOWN

ROBUST, NORMAL = KNOWN.spectra["robust"], KNOWN.spectra["normal"]


def gaussian(*shape: int, seed: int = 0) -> Floats:
    """A layer of independent Gaussian weights."""
    return np.random.default_rng(seed).standard_normal(shape)


def shares_of(kernels: Floats) -> Floats:
    """Shares of variance by an ordinary covariance."""
    spread = np.linalg.eigvalsh(np.cov(kernels, rowvar=False))[::-1]
    return spread / spread.sum()


def scaled(weight: Floats) -> Floats:
    """The kernels of a layer, each with a largest weight of 1."""
    rows = weight.reshape(-1, 9)
    return rows / np.abs(rows).max(axis=1, keepdims=True)


def test_layers_are_pooled_as_if_they_were_one() -> None:
    """Layers of other means and spreads, near-zero kernels left out: as one covariance of all."""
    first, second = gaussian(6, 4, 3, 3), gaussian(10, 6, 3, 3, seed=1) + np.arange(9).reshape(3, 3)
    first[0] = 1e-5
    found = pooled_shares([moments(first), moments(second)])
    assert found is not None
    wanted = shares_of(np.concatenate([scaled(first[1:]), scaled(second)]))
    assert found == pytest.approx(wanted, abs=1e-12)
    assert found.sum() == pytest.approx(1)


def test_one_layer_has_the_shares_behind_its_entropy() -> None:
    """The entropy of the shares is the variance entropy of the layer."""
    sums = moments(gaussian(12, 5, 3, 3))
    shares = pooled_shares([sums])
    assert shares is not None
    assert -(shares * np.log10(shares)).sum() == pytest.approx(variance_entropy(sums))


def test_kernels_that_do_not_vary_have_no_spectrum() -> None:
    """One kernel, none, or copies of one: nothing to share out."""
    alone = np.zeros((4, 2, 3, 3))
    assert pooled_shares([moments(alone)]) is None
    alone[0, 0] = 1
    assert pooled_shares([moments(alone)]) is None
    copies = np.ones((4, 2, 3, 3), np.float32) * np.linspace(0.5, 2, 8).reshape(4, 2, 1, 1)
    assert pooled_shares([moments(copies), moments(2 * copies)]) is None


def test_divergence_known_values() -> None:
    """0 for a spectrum from itself; else half of ratios minus their logarithms minus one."""
    assert divergence(ROBUST, ROBUST) == 0
    halves, uneven = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    wanted = ((0.625 - math.log(0.625) - 1) + (2.5 - math.log(2.5) - 1)) / 2
    assert divergence(halves, uneven) == pytest.approx(wanted, abs=1e-12)
    assert divergence(NORMAL, ROBUST) == pytest.approx(0.78, abs=0.01)
    assert divergence(np.array([0.7, 0.3, 0.0]), np.array([0.5, 0.3, 0.2])) is None


def test_no_choice_of_axes_comes_nearer() -> None:
    """The Gaussian KL divergence equals it where the axes agree, and exceeds it elsewhere."""
    least = divergence(NORMAL, ROBUST)
    assert least is not None

    def kl(turn: Floats) -> float:
        own, other = turn @ np.diag(NORMAL) @ turn.T, np.diag(ROBUST)
        ratio = np.linalg.det(other) / np.linalg.det(own)
        return float(np.trace(np.linalg.solve(other, own)) - 9 + math.log(ratio)) / 2

    assert kl(np.eye(9)) == pytest.approx(least, abs=1e-9)
    for seed in range(20):
        turn, _ = np.linalg.qr(gaussian(9, 9, seed=seed))
        assert kl(turn) > least
    swapped = np.eye(9)[[1, 0, *range(2, 9)]]
    assert kl(swapped) > least


@pytest.mark.parametrize("kernels", [40, 400])
def test_chance_stays_below_its_limit_in_nineteen_of_twenty(kernels: int) -> None:
    """Kernels really drawn from the reference lie above the limit as often as they should."""
    limit = sampling_limit(ROBUST, kernels)
    assert limit is not None
    draws = np.random.default_rng(3).standard_normal((600, kernels, 9)) * np.sqrt(ROBUST)
    found = [divergence(shares_of(one), ROBUST) or 0.0 for one in draws]
    assert np.mean(np.array(found) > limit) == pytest.approx(0.05, abs=0.025)


def test_limit_falls_as_kernels_grow() -> None:
    """As one over n, and none for so few kernels that a covariance is singular or nearly so."""
    small, large = sampling_limit(ROBUST, 10_000), sampling_limit(ROBUST, 1_000_000)
    assert small is not None
    assert large is not None
    assert small / large == pytest.approx(100, rel=0.05)
    assert sampling_limit(ROBUST, 18) is None
    assert sampling_limit(ROBUST, 10_000) == small
