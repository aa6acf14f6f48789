"""What holds for every corruption: shape, range, and that only its own sample decides it."""

from itertools import pairwise

import numpy as np
import pytest

from analyzers.behaviour.corruptions.apply import ALL, corrupted
from analyzers.behaviour.corruptions.chance import Chance
from analyzers.behaviour.corruptions.severities import (
    COMMON,
    GEOMETRY,
    LEVELS,
    SMALL_UP_TO,
    strength,
)
from support.spoiling import names, photographs

KINDS = [one.name for one in (*COMMON, *GEOMETRY)]
EVERY = pytest.mark.parametrize("kind", KINDS)
TRADING = {"glass_blur", "frost", "elastic_transform"}
"""Their published strengths give up one thing for another, so the change need not grow."""


def test_every_kind_of_the_table_has_a_function() -> None:
    """Fifteen of the paper and two of our own, each with a function, and no other function."""
    assert len(COMMON) == 15
    assert list(ALL) == KINDS


@EVERY
@pytest.mark.parametrize(
    "shape", [(3, 32, 32), (1, 28, 28), (3, 8, 8), (1, 5, 7), (4, 9, 6), (3, 1, 3), (3, 70, 66)]
)
def test_any_size_and_colour_stays_a_picture(kind: str, shape: tuple[int, int, int]) -> None:
    """Float32 of the same shape in [0, 1], for colour, grey, odd, tiny and large pictures."""
    noise = np.random.default_rng(0).random((2, *shape), np.float32)
    for severity in (1, 5):
        found = corrupted(noise, names(2), kind, severity)
        assert (found.shape, found.dtype) == (noise.shape, np.float32)
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1


@EVERY
def test_black_and_white_pictures_stay_pictures(kind: str) -> None:
    """The ends of the range are where divisions by the brightest value could fail."""
    for value in (0.0, 1.0):
        ends = np.full((1, 3, 8, 8), value, np.float32)
        assert np.isfinite(corrupted(ends, names(1), kind, 3)).all()


@EVERY
def test_neighbours_and_order_change_nothing(kind: str) -> None:
    """A picture comes to the same bits alone, among others, and in another order."""
    images, ids = photographs(4), names(4)
    whole = corrupted(images, ids, kind, 5)
    back = corrupted(images[::-1], ids[::-1], kind, 5)[::-1]
    alone = np.concatenate([corrupted(images[[at]], [ids[at]], kind, 5) for at in range(4)])
    assert np.array_equal(whole, back)
    assert np.array_equal(whole, alone)


@pytest.mark.parametrize(
    "kind",
    [
        "gaussian_noise",
        "shot_noise",
        "impulse_noise",
        "glass_blur",
        "motion_blur",
        "snow",
        "frost",
        "fog",
        "elastic_transform",
    ],
)
def test_chance_belongs_to_seed_sample_and_severity(kind: str) -> None:
    """Another sample, seed or severity is another draw; the same of all three is the same."""
    image = photographs(1)
    first = corrupted(image, ["a"], kind, 5)
    assert np.array_equal(first, corrupted(image, ["a"], kind, 5))
    assert not np.array_equal(first, corrupted(image, ["b"], kind, 5))
    assert not np.array_equal(first, corrupted(image, ["a"], kind, 5, seed=1))
    assert not np.array_equal(first, corrupted(image, ["a"], kind, 4))


@pytest.mark.parametrize("kind", [one for one in KINDS if one not in TRADING])
def test_a_higher_severity_changes_more(kind: str) -> None:
    """The mean change of a fixed set grows with the severity (2 % of slack for chance)."""
    images, ids = photographs(40), names(40)
    change = [float(np.abs(corrupted(images, ids, kind, one) - images).mean()) for one in LEVELS]
    assert change[0] > 0.001
    for less, more in pairwise(change):
        assert more > 0.98 * less
    assert change[-1] > 1.15 * change[0]


def test_chance_differs_in_everything_that_it_is_of() -> None:
    """Sample, kind, severity, seed and the place among draws: each alone gives other numbers."""
    first = Chance(0, "a", "fog", 1)
    drawn = [first.uniform(8).tolist(), first.uniform(8).tolist()]
    others = [(0, "b", "fog", 1), (0, "a", "frost", 1), (0, "a", "fog", 2), (1, "a", "fog", 1)]
    drawn += [Chance(*one).uniform(8).tolist() for one in others]
    assert len({str(one) for one in drawn}) == len(drawn)
    assert Chance(0, "a", "fog", 1).uniform(8).tolist() == drawn[0]


def test_inputs_are_left_alone() -> None:
    """No function writes to the picture that it is given."""
    images = photographs(2)
    kept = images.copy()
    for kind in KINDS:
        corrupted(images, names(2), kind, 5)
    assert np.array_equal(images, kept)


def test_the_longer_side_decides_which_convention_holds() -> None:
    """Up to 64 pixels that of CIFAR-10-C, beyond that of ImageNet-C."""
    assert strength("gaussian_noise", 5, SMALL_UP_TO, 8) == (0.10,)
    assert strength("gaussian_noise", 5, 8, SMALL_UP_TO + 1) == (0.38,)
    assert strength("jpeg_compression", 1, 32, 32) == (80,)
    assert strength("jpeg_compression", 1, 224, 224) == (25,)


def test_large_elastic_lengths_are_those_for_244_pixels() -> None:
    """Known answer at 224 pixels: 488 for the shifts of the first severity, as stated for 244."""
    reach, smooth, corner = strength("elastic_transform", 1, 224, 224)
    assert [reach * 224, smooth * 224, corner * 224] == pytest.approx([488, 170.8, 24.4])


def test_every_severity_of_the_table_is_complete() -> None:
    """Five strengths in both conventions, of as many numbers each."""
    for one in (*COMMON, *GEOMETRY):
        assert len(one.small) == len(one.large) == len(LEVELS)
        assert len({len(few) for few in (*one.small, *one.large)}) == 1
