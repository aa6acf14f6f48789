"""Clipping has the values and the slope of torch's own, on the limits too."""

import math

import pytest
import torch

from analyzers.engines.operators.clipping import clipped

_LARGEST = 3.4028234663852886e38
VALUES = (-1.0, -1e-45, 0.0, 1e-45, 0.1, 3.0, 5.9999995, 6.0, 6.0000005, 7.0, math.inf, -math.inf)
RANGES = ((0.0, 6.0), (0.1, 0.1), (-_LARGEST, _LARGEST), (2.0, 1.0), (-math.inf, 0.0))


@pytest.mark.parametrize("limits", RANGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_slopes_are_those_of_clamp(
    limits: tuple[float, float], dtype: torch.dtype
) -> None:
    """Just outside, on and just inside a limit: a pixel on the edge of its box has a slope."""
    weights = torch.arange(1.0, len(VALUES) + 1, dtype=dtype)
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for clip in (clipped, torch.clamp):
        values = torch.tensor(VALUES, dtype=dtype, requires_grad=True)
        answer = clip(values, *limits)
        (slope,) = torch.autograd.grad((answer * weights).nan_to_num().sum(), values)
        found.append((answer.detach(), slope))
    (ours, slope), (expected, right) = found
    assert torch.equal(ours, expected)
    assert torch.equal(slope, right)


def test_control_hardtanh_has_no_slope_on_its_limits() -> None:
    """Which is what the limits just outside are there for."""
    values = torch.tensor([0.0, 6.0], requires_grad=True)
    (ours,) = torch.autograd.grad(clipped(values, 0.0, 6.0).sum(), values)
    (theirs,) = torch.autograd.grad(torch.nn.functional.hardtanh(values, 0.0, 6.0).sum(), values)
    assert torch.equal(ours, torch.ones(2))
    assert not theirs.any()
