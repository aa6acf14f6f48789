"""Every float32 point of a ball lies inside the exact one, and hardly any is left out."""

from fractions import Fraction

import numpy as np
import pytest

from analyzers.attacks.ball import linf_ball
from analyzers.contract import FloatArray
from support.graphs import noise

SIZES = ("8/255", "1/10", "1/3", "1/4", "1/1000000", "0", "1")


def hard_values() -> FloatArray:
    """Pixels near the corners of float32: tiny, eight-bit, dyadic, and noise."""
    tiny = [0.0, 1.0, 1e-45, 1e-30, 1e-8, 3e-8, 0.5, 0.25, 1 - 2.0**-24]
    grid = np.arange(256, dtype=np.float32) / np.float32(255)
    return np.concatenate([np.array(tiny, np.float32), grid, noise(400, ())]).astype(np.float32)


def exact(value: np.float32) -> Fraction:
    """A float32 as the fraction that it is."""
    return Fraction(float(value))


@pytest.mark.parametrize("eps", SIZES)
def test_bounds_lie_inside_the_exact_ball(eps: str) -> None:
    """In rational arithmetic both bounds are within eps of the pixel, and within the box."""
    values, size = hard_values(), Fraction(eps)
    ball = linf_ball(values, eps)
    assert ball.low.dtype == ball.high.dtype == np.float32
    for value, low, high in zip(values, ball.low, ball.high, strict=True):
        assert max(Fraction(0), exact(value) - size) <= exact(low) <= exact(value)
        assert exact(value) <= exact(high) <= min(Fraction(1), exact(value) + size)


@pytest.mark.parametrize("eps", SIZES)
def test_the_next_float_outward_is_outside(eps: str) -> None:
    """The bounds are as wide as float32 allows, but for one unit where eps itself was rounded."""
    values, size = hard_values(), Fraction(eps)
    ball = linf_ball(values, eps)
    for value, low, high in zip(values, ball.low, ball.high, strict=True):
        below = np.nextafter(np.nextafter(low, np.float32(-9)), np.float32(-9))
        above = np.nextafter(np.nextafter(high, np.float32(9)), np.float32(9))
        assert exact(below) < max(Fraction(0), exact(value) - size)
        assert exact(above) > min(Fraction(1), exact(value) + size)


def test_control_float32_arithmetic_leaves_the_ball() -> None:
    """The plain ``image - eps`` in float32 is outside for some pixels."""
    values, size = hard_values(), Fraction("8/255")
    plain = np.maximum(values - np.float32(float(size)), np.float32(0))
    outside = [
        exact(low) < max(Fraction(0), exact(value) - size)
        for value, low in zip(values, plain, strict=True)
    ]
    assert any(outside)


def test_no_size_leaves_no_room() -> None:
    """Within eps 0 there is only the image."""
    values = hard_values()
    ball = linf_ball(values, "0")
    assert np.array_equal(ball.low, values)
    assert np.array_equal(ball.high, values)


def test_size_one_is_the_whole_box() -> None:
    """Within eps 1 every picture is reachable."""
    ball = linf_ball(hard_values(), "1")
    assert not ball.low.any()
    assert (ball.high == 1).all()


def test_points_are_clamped_and_spread_inside() -> None:
    """Far points come to the bounds; fractions of the way stay between them."""
    values = noise(3, (1, 2, 2))
    ball = linf_ball(values, "1/10")
    assert np.array_equal(ball.clamp(values - 9), ball.low)
    assert np.array_equal(ball.clamp(values + 9), ball.high)
    assert np.array_equal(ball.at(np.zeros_like(values)), ball.low)
    assert np.array_equal(ball.at(np.ones_like(values)), ball.high)
    between = ball.at(noise(3, (1, 2, 2), seed=4))
    assert between.dtype == np.float32
    assert ((between >= ball.low) & (between <= ball.high)).all()


def test_balls_of_some_images() -> None:
    """Picking rows picks both bounds."""
    ball = linf_ball(noise(5, (1, 2, 2)), "1/10")
    part = ball.rows(np.array([3, 1]))
    assert np.array_equal(part.low, ball.low[[3, 1]])
    assert np.array_equal(part.high, ball.high[[3, 1]])
