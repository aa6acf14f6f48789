"""The reach of a strided convolution before an average, against gradients."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from analyzers.contract import Array, ConvLayer
from analyzers.structure.polyphase import aliasing, is_blur, reach, steps_over

Pool = Callable[[torch.Tensor], torch.Tensor]


def drawn(*shape: int, seed: int = 0) -> Array:
    """Random weights in double precision."""
    return np.random.default_rng(seed).standard_normal(shape)


def moved(weight: Array, stride: int, *, side: int, dilation: int = 1, pool: Pool) -> Array:
    """How far a unit change of every pixel can move each pooled output, by its gradient."""
    image = torch.rand(1, weight.shape[1], side, side, dtype=torch.float64, requires_grad=True)
    reach_of_kernel = dilation * (weight.shape[-1] - 1)
    wrapped = torch.nn.functional.pad(image, (0, reach_of_kernel, 0, reach_of_kernel), "circular")
    maps = torch.nn.functional.conv2d(
        wrapped, torch.tensor(weight), stride=stride, dilation=dilation
    )
    pooled = pool(maps)[0]
    slopes = [torch.autograd.grad(one, image, retain_graph=True)[0] for one in pooled]
    return np.array([float(slope.abs().sum()) for slope in slopes])


def mean(maps: torch.Tensor) -> torch.Tensor:
    """The average over all positions."""
    return maps.mean(dim=(2, 3))


def largest(maps: torch.Tensor) -> torch.Tensor:
    """The maximum over all positions."""
    return maps.amax(dim=(2, 3))


@pytest.mark.parametrize("side", [2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_reach_of_an_average_is_the_sum_over_polyphase_classes(stride: int, side: int) -> None:
    """The formula is the l1 norm of the gradient, to 1e-10, and no size of image changes it."""
    weight = drawn(4, 3, side, side, seed=side)
    found = reach(weight, (stride, stride), (1, 1))
    for pixels in (6, 12):
        by_slope = moved(weight, stride, side=pixels, pool=mean)
        np.testing.assert_allclose(found.strided, by_slope, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        found.plain, moved(weight, 1, side=12, pool=mean), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("dilation", [2, 3])
def test_taps_apart_fall_into_other_classes(dilation: int) -> None:
    """A dilation that is a multiple of the stride puts all taps into one class."""
    weight = drawn(4, 3, 3, 3)
    found = reach(weight, (2, 2), (dilation, dilation))
    by_slope = moved(weight, 2, side=12, dilation=dilation, pool=mean)
    np.testing.assert_allclose(found.strided, by_slope, rtol=0, atol=1e-10)
    if dilation == 2:
        np.testing.assert_allclose(found.strided, found.plain)


@pytest.mark.parametrize("stride", [1, 3])
def test_a_maximum_moves_equally_far_whatever_the_stride(stride: int) -> None:
    """The control: its reach is ||w||_1, so strides say nothing there."""
    weight = drawn(4, 3, 3, 3)
    found = reach(weight, (stride, stride), (1, 1))
    by_slope = moved(weight, stride, side=12, pool=largest)
    np.testing.assert_allclose(found.most, by_slope, rtol=0, atol=1e-10)


def test_the_reach_grows_with_the_stride_up_to_the_norm() -> None:
    """A(1) <= A(2) <= A(4) <= ||w||_1, and a stride of the kernel's size reaches the norm."""
    weight = drawn(8, 2, 4, 4)
    one, two, four = (reach(weight, (s, s), (1, 1)) for s in (1, 2, 4))
    assert np.all(one.strided < two.strided)
    assert np.all(two.strided < four.strided)
    np.testing.assert_allclose(four.strided, four.most)
    np.testing.assert_allclose(one.strided, one.plain)


def test_strides_count_by_axis() -> None:
    """A stride along the height alone keeps the rows apart and adds up along the width."""
    kernel = np.array([[[[1.0, -1.0], [1.0, 1.0]]]])
    down, across = reach(kernel, (2, 1), (1, 1)), reach(kernel, (1, 2), (1, 1))
    assert (float(down.strided[0]), float(across.strided[0])) == (2.0, 2.0)
    assert (float(down.plain[0]), float(down.most[0])) == (2.0, 4.0)
    assert float(reach(kernel[..., ::-1, :], (2, 1), (1, 1)).strided[0]) == 2.0
    tilted = np.array([[[[1.0, -1.0], [-1.0, 1.0]]]])
    assert float(reach(tilted, (2, 2), (1, 1)).strided[0]) == 4.0
    assert float(reach(tilted, (2, 1), (1, 1)).strided[0]) == 0.0


def test_scales_of_outputs_and_dead_outputs_change_nothing() -> None:
    """Folded batch norms scale outputs; an output without weights is not live."""
    weight = drawn(6, 3, 3, 3)
    scales = np.array([1e-3, 1.0, 50.0, 2.0, 0.1, 9.0])[:, None, None, None]
    plain, scaled = aliasing(weight, (2, 2), (1, 1)), aliasing(weight * scales, (2, 2), (1, 1))
    assert plain is not None
    assert scaled is not None
    assert scaled == pytest.approx(plain)
    dead = np.concatenate([weight, np.zeros((2, 3, 3, 3))])
    assert aliasing(dead, (2, 2), (1, 1)) == pytest.approx(plain)
    assert aliasing(np.zeros((2, 3, 3, 3)), (2, 2), (1, 1)) is None


def test_kernels_without_a_constant_part_have_no_ratio() -> None:
    """Nothing is divided by zero: a difference has none, and float32 rounding makes none."""
    difference = np.zeros((2, 1, 2, 2), np.float32)
    difference[:, 0, 0] = (1.0, -1.0)
    found = aliasing(difference, (2, 2), (1, 1))
    assert found is not None
    assert (found.ratio, found.compared, found.live) == (None, 0, 2)
    assert (found.strided, found.plain) == (1.0, 0.0)


def test_the_ratio_is_a_median() -> None:
    """One output of hardly any constant part does not carry the layer away."""
    weight = np.zeros((3, 1, 2, 2))
    weight[:, 0, 0] = ((1.0, 1.0), (3.0, -1.0), (1.001, -1.0))
    found = aliasing(weight, (2, 2), (1, 1))
    assert found is not None
    assert found.ratio == pytest.approx(2.0)


def layer(weight: Array, stride: int = 2, *, groups: int = 1) -> ConvLayer:
    """A convolution of given weights."""
    axes = weight.ndim - 2
    return ConvLayer("conv", weight, groups, 0.0, strides=(stride,) * axes, dilations=(1,) * axes)


def blur(side: int, channels: int = 4) -> Array:
    """A binomial kernel for every channel."""
    row = np.poly1d([1, 1]) ** (side - 1)
    kernel = np.outer(row.coeffs, row.coeffs) / 4.0 ** (side - 1)
    return np.tile(kernel, (channels, 1, 1, 1)).astype(np.float32)


def test_fixed_blur_kernels_are_told_from_learned_ones() -> None:
    """The same binomial kernel on every channel is a blur; a learned depthwise one is none."""
    for side in (2, 3, 5):
        assert is_blur(layer(blur(side), groups=4))
    assert not is_blur(layer(drawn(4, 1, 3, 3), groups=4))
    assert not is_blur(layer(blur(3) * np.float32(2), groups=4))
    assert not is_blur(layer(blur(3)[:1]))
    assert not is_blur(layer(np.ones((4, 1, 3, 3), np.float32) / 9, groups=4))
    assert not is_blur(layer(np.ones((4, 1, 1, 1), np.float32), groups=4))


def test_a_blur_lets_nothing_alias() -> None:
    """All taps have one sign, so nothing cancels and the stride adds nothing."""
    found = aliasing(blur(3), (2, 2), (1, 1))
    assert found is not None
    assert (found.strided, found.plain, found.ratio) == pytest.approx((1.0, 1.0, 1.0))


def test_only_layers_that_step_with_several_taps_count() -> None:
    """A single tap has nothing to alias with; strides that nobody told are none."""
    assert steps_over(layer(drawn(2, 2, 3, 3)))
    assert steps_over(layer(drawn(2, 2, 3)))
    assert not steps_over(layer(drawn(2, 2, 1, 1)))
    assert not steps_over(layer(drawn(2, 2, 3, 3), 1))
    assert not steps_over(ConvLayer("conv", drawn(2, 2, 3, 3), 1, 0.0))


def test_strides_beyond_every_kernel_are_no_trouble() -> None:
    """Hostile files may say anything: each tap then is a class of its own."""
    weight = drawn(2, 2, 3, 3)
    found = reach(weight, (1 << 62, 1 << 62), (1, 1))
    np.testing.assert_allclose(found.strided, found.most)
