"""Moved, turned and warped: exact where whole pixels meet, and known in between."""

import numpy as np
import pytest

from analyzers.behaviour.corruptions.geometry import shifted, turned
from analyzers.behaviour.corruptions.sampling import grid, read_at
from support.spoiling import flat, names, photographs, spoiled


def test_a_shift_is_exact() -> None:
    """Known answer: rows and columns stand where they were moved to, the border fills the rest."""
    picture = photographs(1)[0]
    found = shifted(picture, 3, -2)
    assert np.array_equal(found[:, 3:, :-2], picture[:, :-3, 2:])
    assert np.array_equal(found[:, 0, :-2], picture[:, 0, 2:])
    assert np.array_equal(found[:, 3:, -1], picture[:, :-3, -1])
    assert np.array_equal(shifted(picture, 0, 0), picture)


def test_translation_takes_all_four_directions() -> None:
    """By its share of the side, in whole pixels, one direction a sample; at least one pixel."""
    picture = photographs(1)[0][:, :, :24]
    wanted = [shifted(picture, 4, 0), shifted(picture, -4, 0)]
    wanted += [shifted(picture, 0, 3), shifted(picture, 0, -3)]
    found = [spoiled("translation", picture, (0.125,), sample) for sample in names(40)]
    seen = [[np.array_equal(one, other) for other in wanted].index(True) for one in found]
    assert set(seen) == {0, 1, 2, 3}
    assert not np.array_equal(
        spoiled("translation", picture[:, :8, :8], (0.03,)), picture[:, :8, :8]
    )
    assert np.array_equal(spoiled("translation", picture, (0.0,)), picture)


def test_a_quarter_turn_is_exact_on_a_square() -> None:
    """Turned by 0 is the picture, by 90 the array's own quarter turn, by 360 the picture again."""
    picture = photographs(1)[0]
    assert np.array_equal(turned(picture, 0.0), picture)
    assert np.allclose(turned(picture, 90.0), np.rot90(picture, axes=(1, 2)), atol=1e-5)
    assert np.allclose(turned(picture, 360.0), picture, atol=1e-5)


def test_a_half_turn_is_exact_on_any_shape() -> None:
    """About the middle, also where that lies between pixels."""
    picture = photographs(1)[0][:, :7, :5]
    assert np.allclose(turned(picture, 180.0), picture[:, ::-1, ::-1], atol=1e-5)


def test_a_ramp_turns_into_its_known_slope() -> None:
    """Known answer: reading between pixels is exact on a plane, away from the border."""
    rows, columns = grid(21, 21)
    plane = (0.5 + (columns - 10) / 40)[None].astype(np.float32)
    angle = np.deg2rad(20)
    wanted = 0.5 + (np.cos(angle) * (columns - 10) - np.sin(angle) * (rows - 10)) / 40
    near = np.hypot(rows - 10, columns - 10) < 9
    assert np.allclose(turned(plane, 20.0)[0][near], wanted[near], atol=1e-5)


def test_rotation_goes_both_ways() -> None:
    """To the left for some samples, to the right for others."""
    picture = photographs(1)[0]
    left, right = turned(picture, 15.0), turned(picture, -15.0)
    found = [spoiled("rotation", picture, (15.0,), sample) for sample in names(20)]
    seen = {np.array_equal(one, left) + 2 * np.array_equal(one, right) for one in found}
    assert seen == {1, 2}


def test_reading_mirrors_on_the_border_pixel() -> None:
    """Known answer: so far beyond the end is so far before it, and again at the other."""
    line = np.arange(4, dtype=np.float32).reshape(1, 1, 4)
    columns = np.asarray([[-2.0, -1, -0.5, 3.5, 4, 5, 6, 7]])
    found = read_at(line, np.zeros_like(columns), columns, "mirror")
    assert found.ravel().tolist() == [2, 1, 0.5, 2.5, 2, 1, 0, 1]


def test_an_elastic_map_of_no_strength_is_none() -> None:
    """Nothing moved, nothing changed; what is flat stays flat however far it is moved."""
    picture = photographs(1)[0]
    assert np.allclose(spoiled("elastic_transform", picture, (0, 0, 0)), picture, atol=1e-6)
    assert np.allclose(spoiled("elastic_transform", flat(0.3), (0.1, 0.03, 0.1)), 0.3, atol=1e-6)


@pytest.mark.parametrize("corner", [0.05, 0.1])
def test_an_affine_map_keeps_planes_planes(corner: float) -> None:
    """Known answer: a plane stays one, and its corners of the triangle move by at most a length."""
    rows, columns = grid(31, 31)
    planes = np.stack([rows, columns]).astype(np.float32)
    middle = planes[:, 8:-8, 8:-8]
    found = spoiled("elastic_transform", planes, (0, 0, corner))[:, 8:-8, 8:-8]
    assert np.abs(np.diff(found, 2, axis=1)).max() < 1e-3
    assert np.abs(np.diff(found, 2, axis=2)).max() < 1e-3
    moved = found - middle
    assert np.abs(moved).max() > 0.1
    third = round(31 / 3)
    whole = spoiled("elastic_transform", planes, (0, 0, corner))
    for y, x in ((15 + third, 15 + third), (15 + third, 15 - third), (15 - third, 15 - third)):
        assert np.abs(whole[:, y, x] - (y, x)).max() <= corner * 31 * 1.1


def test_smooth_shifts_are_smooth() -> None:
    """A wider bell moves neighbours alike: their difference shrinks."""
    rows, columns = grid(32, 32)
    planes = np.stack([rows, columns]).astype(np.float32)
    rough, smooth = (
        np.abs(np.diff(spoiled("elastic_transform", planes, (0.3, one, 0)) - planes)).mean()
        for one in (0.03, 0.2)
    )
    assert smooth < 0.2 * rough
