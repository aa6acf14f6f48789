"""Intervals by resampling: known spread, coverage, and what has none."""

import math

import numpy as np
import pytest

from analyzers.statistics.bootstrap import Values, mean_spread, spread


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    """For many values the percentiles lie 1.96 standard errors from the mean."""
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    found = mean_spread(values)
    half = 1.96 * values.std() / math.sqrt(400)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.06)
    assert found == mean_spread(values)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    """300 sets of 60 values: the truth lies inside in 95 % of them, within what chance allows."""
    generator = np.random.default_rng(2)
    found = [mean_spread(generator.exponential(1.0, 60)) for _ in range(300)]
    inside = sum(one.low <= 1.0 <= one.high for one in found)
    assert 0.88 <= inside / 300 <= 0.98


def test_rows_are_resampled_whole() -> None:
    """A ratio of sums keeps numerator and denominator of one image together."""
    values = np.column_stack([np.arange(1.0, 21.0), 2 * np.arange(1.0, 21.0)])

    def ratio(drawn: Values) -> Values:
        return drawn[..., 0].sum(axis=1) / drawn[..., 1].sum(axis=1)

    found = spread(values, ratio)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_few_images_and_none() -> None:
    """One image has no spread to tell of, and none is no number at all."""
    assert mean_spread([4.0]) == (4.0, 4.0, 4.0, 1)
    with pytest.raises(ValueError, match="no image"):
        mean_spread([])
