"""Areas by hand, and models that are never tried on the images they were fitted on."""

import math

import numpy as np
import pytest

from analyzers.statistics.bootstrap import spread
from analyzers.statistics.foretelling import FOLDS, area, areas, foretold, gains


def test_the_area_is_the_share_of_pairs() -> None:
    """Of 2 x 3 pairs 5 are right and one is tied: 5.5 of 6."""
    scores = np.array([3.0, 1.0, 0.0, 1.0, 0.5])
    fell = np.array([True, True, False, False, False])
    assert area(scores, fell) == pytest.approx(5.5 / 6)
    assert area(-scores, fell) == pytest.approx(0.5 / 6)
    assert area(np.zeros(5), fell) == 0.5


def test_the_area_counts_every_pair() -> None:
    """Against all pairs one by one, with many ties."""
    generator = np.random.default_rng(3)
    scores, fell = generator.integers(0, 7, 200).astype(float), generator.random(200) < 0.3
    pairs = scores[fell][:, None] - scores[~fell][None, :]
    assert area(scores, fell) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_one_side_alone_has_no_area() -> None:
    """All stand, or none does: there is no pair to compare."""
    assert math.isnan(area(np.arange(4.0), np.zeros(4, bool)))
    assert math.isnan(area(np.arange(4.0), np.ones(4, bool)))


def test_scores_that_tell_are_found_and_chance_is_not() -> None:
    """A score that decides is foretold on other images; noise is no better than a coin."""
    generator = np.random.default_rng(4)
    truth = generator.normal(size=400)
    fell = truth + 0.3 * generator.normal(size=400) > 0
    assert area(foretold(truth[:, None], fell), fell) > 0.95
    noise = generator.normal(size=(400, 8))
    assert abs(area(foretold(noise, fell), fell) - 0.5) < 0.1


def test_an_image_is_foretold_by_others_alone() -> None:
    """What became of an image changes nothing in what is foretold of it or of its own fold."""
    generator = np.random.default_rng(5)
    scores, fell = generator.normal(size=(60, 2)), generator.random(60) < 0.5
    turned = fell.copy()
    turned[7] = ~turned[7]
    before, after = foretold(scores, fell), foretold(scores, turned)
    same = np.arange(60) % FOLDS == 7 % FOLDS
    np.testing.assert_array_equal(before[same], after[same])
    assert np.abs(before[~same] - after[~same]).min() > 0


def test_a_score_beside_a_better_one_gains_nothing() -> None:
    """The interval of the gain holds 0 for noise, and lies above it for what was missing."""
    generator = np.random.default_rng(6)
    seen, hidden = generator.normal(size=(2, 500))
    fell = seen + hidden > 0
    noise = generator.normal(size=500)
    for beside, helps in ((noise, False), (hidden, True)):
        both = foretold(np.column_stack([seen, beside]), fell)
        alone = foretold(seen[:, None], fell)
        found = spread(np.column_stack([alone, both, fell]), gains)
        assert (found.low > 0) is helps
    assert spread(np.column_stack([seen, fell]), areas).value == pytest.approx(area(seen, fell))


def test_scores_without_spread_and_separable_images_have_an_answer() -> None:
    """A constant score changes nothing; a score that separates perfectly stays finite."""
    fell = np.arange(40) >= 20
    told = foretold(np.column_stack([np.ones(40), np.arange(40.0)]), fell)
    assert np.isfinite(told).all()
    assert area(told, fell) > 0.99
