"""Blur keeps what is flat: kernels sum to one and have the shape that they are named for."""

import numpy as np
import pytest

from analyzers.behaviour.corruptions.blur import disk, shuffled, streaked
from analyzers.behaviour.corruptions.sampling import blurred, convolved, gaussian_taps, zoomed
from analyzers.behaviour.corruptions.severities import COMMON
from support.spoiling import chance, flat, photographs, spoiled

BLURS = ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur")
STRENGTHS = [
    (one.name, strength)
    for one in COMMON
    if one.name in BLURS
    for strength in one.small + one.large
]


def point(side: int = 33) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One white pixel in the middle of black."""
    found = np.zeros((1, side, side), np.float32)
    found[0, side // 2, side // 2] = 1
    return found


@pytest.mark.parametrize(("kind", "strength"), STRENGTHS)
def test_what_is_flat_stays_flat(kind: str, strength: tuple[float, ...]) -> None:
    """Every blur at every strength leaves a picture of one value as it is, border included."""
    found = spoiled(kind, flat(0.625, (3, 24, 20)), strength)
    assert np.abs(found - 0.625).max() < 1e-5


@pytest.mark.parametrize(("radius", "softness"), [(0.3, 0.4), (1.5, 0.1), (3, 0.1), (10, 0.5)])
def test_a_disk_is_round_and_sums_to_one(radius: float, softness: float) -> None:
    """Weights are no smaller than 0, the same when turned, and none lies far outside."""
    kernel = disk(radius, softness)
    assert kernel.sum() == pytest.approx(1)
    assert kernel.min() >= 0
    assert np.allclose(kernel, np.rot90(kernel))
    assert np.allclose(kernel, kernel[::-1])
    line = np.arange(len(kernel)) - len(kernel) // 2
    far = np.hypot(line[:, None], line) > radius + np.sqrt(8) + 1e-9
    assert not kernel[far].any()


def test_a_sharp_disk_is_even() -> None:
    """Known answer: 13 pixels lie within 2 of the middle, each with the same weight."""
    kernel = disk(2, 1e-3)
    assert np.count_nonzero(kernel > 1e-9) == 13
    assert kernel.max() == pytest.approx(1 / 13)


def test_a_convolution_spreads_a_point_as_its_kernel() -> None:
    """A point becomes the kernel, the right way round (a kernel is read, so it comes mirrored)."""
    kernel = np.arange(9, dtype=np.float64).reshape(3, 3) / 36
    assert np.allclose(convolved(point(5), kernel)[0, 1:4, 1:4], kernel[::-1, ::-1])


def test_a_bell_has_the_variance_it_is_given() -> None:
    """Known answer: variance 4 along both axes, no more than the cut-off takes; 0 changes none."""
    found = blurred(point().astype(np.float64), 2.0)[0]
    line = np.arange(33) - 16
    assert found.sum() == pytest.approx(1)
    for axis in (0, 1):
        assert (found.sum(axis=axis) * line**2).sum() == pytest.approx(4, rel=0.01)
    picture = photographs(1)[0]
    assert np.array_equal(blurred(picture, 0.0), picture)
    assert gaussian_taps(2.0, 4.0).sum() == pytest.approx(1)


def test_a_mirrored_bell_keeps_the_mean() -> None:
    """Nothing is lost at a border that mirrors, however wide the bell."""
    picture = photographs(1)[0].astype(np.float64)
    found = blurred(picture, 20.0, truncate=3.0, edge="mirror")
    assert found.mean() == pytest.approx(picture.mean(), abs=1e-9)
    assert found.std() < 0.2 * picture.std()


def test_motion_fades_along_one_line() -> None:
    """Known answer at 0 degrees: a point leaves a trail to one side, by the bell's half."""
    found = streaked(point(), 6, 2.0, 0.0)[0]
    weights = np.exp(-0.5 * (np.arange(13) / 2.0) ** 2)
    trail = (weights / weights.sum())[::-1]
    assert np.allclose(found[16, 4:17], trail, atol=1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert not np.delete(found, 16, axis=0).any()
    upright = streaked(point(), 6, 2.0, 90.0)[0]
    assert np.allclose(upright, found.T, atol=1e-6)


def test_motion_of_no_length_is_none() -> None:
    """A radius of 0 has one tap."""
    picture = photographs(1)[0]
    assert np.array_equal(spoiled("motion_blur", picture, (0, 1.0)), picture)


def test_zoom_enlarges_about_the_middle() -> None:
    """Known answer: a ramp about the middle becomes half as steep at a zoom of 2; 1 is none."""
    ramp = np.broadcast_to(np.linspace(-1, 1, 21, dtype=np.float32), (1, 21, 21))
    assert np.allclose(zoomed(ramp, 2.0), ramp / 2, atol=1e-6)
    assert np.array_equal(zoomed(ramp, 1.0), ramp)


def test_zoom_blur_is_the_mean_of_its_enlargements() -> None:
    """Known answer on a ramp, with the picture itself as one more; one step of 1 is none."""
    ramp = np.broadcast_to(np.linspace(-1, 1, 21, dtype=np.float32), (1, 21, 21))
    found = spoiled("zoom_blur", ramp, (3, 0.5))
    assert np.allclose(found, ramp * (1 + 1 + 1 / 1.5 + 1 / 2) / 4, atol=1e-6)
    assert np.allclose(spoiled("zoom_blur", ramp, (1, 0.5)), ramp, atol=1e-7)


def test_glass_moves_pixels_and_invents_none() -> None:
    """Each pixel comes from within reach times rounds; without rounds and bell nothing moves."""
    order = np.asarray(shuffled(12, 10, 1, 1, chance()))
    y, x = np.divmod(np.arange(120), 10)
    from_y, from_x = np.divmod(order, 10)
    moved = np.stack([from_y - y, from_x - x])
    assert set(np.unique(moved)) == {-1, 0}, "offsets from -reach to reach - 1"
    assert (moved != 0).any(axis=0).mean() > 0.4
    picture = photographs(1)[0]
    assert np.array_equal(spoiled("glass_blur", picture, (0.0, 1, 0)), picture)
    mixed = spoiled("glass_blur", picture, (0.0, 2, 1))
    assert {*mixed[0].ravel().tolist()} <= {*picture[0].ravel().tolist()}


def test_glass_mixes_channels_together() -> None:
    """A pixel moves as a whole: the colours of a grey picture stay grey."""
    grey = np.repeat(photographs(1)[:, :1], 3, axis=1)[0]
    found = spoiled("glass_blur", grey, (0.4, 1, 2))
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], grey[0])
