"""Losses have the values and slopes of their formulas, also where few classes or ties are."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analyzers.attacks.losses import LOSSES, cross_entropy, dlr, margin, targeted_dlr

ROW = (3.0, 1.0, 2.0, -1.0, 0.5)


def value(name: str, row: tuple[float, ...], *about: int) -> float:
    """A loss of one row."""
    told = torch.tensor([about]).squeeze(1) if len(about) == 1 else torch.tensor([about])
    return float(LOSSES[name](torch.tensor([row]), told))


def slope(name: str, row: tuple[float, ...], *about: int) -> Tensor:
    """Its slope with respect to the logits."""
    logits = torch.tensor([row], requires_grad=True)
    told = torch.tensor([about]).squeeze(1) if len(about) == 1 else torch.tensor([about])
    (found,) = torch.autograd.grad(LOSSES[name](logits, told).sum(), logits)
    return found[0]


@pytest.mark.parametrize(
    ("name", "about", "expected"),
    [
        ("margin", (0,), -1.0),
        ("margin", (2,), 1.0),
        ("margin", (3,), 4.0),
        ("dlr", (0,), -1.0 / 2.0),
        ("dlr", (2,), 1.0 / 2.0),
        ("cross-entropy", (0,), float(np.log(np.exp(ROW).sum()) - 3.0)),
        ("targeted-margin", (0, 1), -2.0),
        ("targeted-margin", (0, 3), -4.0),
        ("targeted-dlr", (0, 1), -2.0 / (3.0 - (1.0 + 0.5) / 2)),
    ],
)
def test_known_values(name: str, about: tuple[int, ...], expected: float) -> None:
    """Formulas on one row of five logits, by hand."""
    assert value(name, ROW, *about) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["dlr", "targeted-dlr"])
@pytest.mark.parametrize("row", [ROW, (3.0, 1.0), (3.0, 1.0, 2.0), (1.0, 3.0, 2.0)])
def test_ratios_do_not_change_with_the_scale(name: str, row: tuple[float, ...]) -> None:
    """A thousand times larger logits have the same loss, with fall-backs or without."""
    about = (0, 1) if name.startswith("targeted") else (0,)
    larger = tuple(1000 * one for one in row)
    assert value(name, larger, *about) == pytest.approx(value(name, row, *about), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [2, 3, 4, 10])
def test_every_loss_has_a_slope_towards_the_other_class(name: str, count: int) -> None:
    """Down with the true logit, up with another; finite everywhere."""
    row = tuple(float(one) for one in range(count, 0, -1))
    found = slope(name, row, *((0, 1) if name.startswith("targeted") else (0,)))
    assert found.isfinite().all()
    assert found[0] < 0
    assert found[1] > 0


def test_dlr_keeps_its_slope_where_the_true_class_ranks_third() -> None:
    """There the ratio itself is constant; the margin over a detached spread is not."""
    found = slope("dlr", (3.0, 2.0, 1.0, 0.0), 2)
    assert found[2] < 0
    assert found[0] > 0


def test_control_the_plain_ratio_is_flat_there() -> None:
    """Without the fall-back the slope is exactly zero."""
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0]], requires_grad=True)
    top = logits.topk(3).values[0]
    ratio = (top[0] - logits[0, 2]) / (top[0] - top[2])
    (found,) = torch.autograd.grad(ratio, logits)
    assert not found.any()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("row", [(1.0, 1.0), (0.0, 0.0, 0.0), (2.0, 2.0, 2.0, 2.0, 2.0)])
def test_ties_are_finite(name: str, row: tuple[float, ...]) -> None:
    """Equal logits divide nothing by zero, neither in value nor in slope."""
    about = (0, 1) if name.startswith("targeted") else (0,)
    assert np.isfinite(value(name, row, *about))
    assert slope(name, row, *about).isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_rows_do_not_mix(name: str) -> None:
    """Each image's value is the one it has alone."""
    logits = torch.randn(7, 6, generator=torch.Generator().manual_seed(1))
    about = torch.arange(7) % 6
    told = torch.stack([about, (about + 1) % 6], 1) if name.startswith("targeted") else about
    whole = LOSSES[name](logits, told)
    alone = torch.cat([LOSSES[name](logits[at : at + 1], told[at : at + 1]) for at in range(7)])
    assert whole.shape == (7,)
    assert torch.equal(whole, alone)


def test_a_positive_margin_is_a_break() -> None:
    """The margin and the ratio have the sign of the mistake."""
    logits = torch.randn(200, 5, generator=torch.Generator().manual_seed(2))
    about = torch.arange(200) % 5
    wrong = logits.argmax(1) != about
    assert torch.equal(margin(logits, about) > 0, wrong)
    assert torch.equal(dlr(logits, about) > 0, wrong)


def test_cross_entropy_saturates_where_the_margin_does_not() -> None:
    """The reason for margins: scaled logits leave cross-entropy without a slope."""
    row = (3000.0, 1000.0, 0.0)
    assert not slope("cross-entropy", row, 0).any()
    assert slope("margin", row, 0).abs().sum() == 2
    assert cross_entropy(torch.tensor([row]), torch.tensor([0])).item() == 0.0


def test_targeted_ratio_needs_four_classes() -> None:
    """With three, the fall-back has the sign and order of the plain margin."""
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 2.9, 2.0]])
    found = targeted_dlr(logits, torch.tensor([[0, 1], [0, 1]]))
    assert found[0] < found[1] < 0
