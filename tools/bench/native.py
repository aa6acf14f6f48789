"""What a native torch module says: the oracle that the engines are held against.

A slope is a limit only away from kinks. Where a ReLU's input lies so near to zero that rounding
decides its sign, two honest float32 programs give two different slopes, and so does one of them
against itself in float64. Which pictures are clear of that is decided by the module alone.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from analyzers.attacks.losses import margin
from analyzers.contract import Array, FloatArray, LabelArray

CLEAR = 8.0
"""Distance from every kink, in root mean squares of what float32 moves values there."""
_PIECE = 16


def tensor(values: Array) -> Tensor:
    """In torch, sharing the memory."""
    return torch.from_numpy(values)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


class Word(NamedTuple):
    """Logits and slopes of the margin, exact and in float32."""

    labels: LabelArray
    logits: npt.NDArray[np.float64]
    slopes: npt.NDArray[np.float64]
    slopes_32: FloatArray
    clear: npt.NDArray[np.bool_]
    """Pictures that no rounding carries over a kink."""


def word_of(module: nn.Module, images: FloatArray) -> Word:
    """Ask the module itself, in float64 and in float32, a few pictures at a time."""
    exact = copy.deepcopy(module).double()
    parts = [
        _word_of(module, exact, images[low : low + _PIECE]) for low in range(0, len(images), _PIECE)
    ]
    return Word(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _word_of(module: nn.Module, exact: nn.Module, images: FloatArray) -> Word:
    with torch.no_grad():
        labels = exact(tensor(images).double()).argmax(1)
    logits, slopes, kinks = _slopes(exact, tensor(images).double(), labels)
    _, slopes_32, kinks_32 = _slopes(module, tensor(images.copy()), labels)
    clear = torch.ones(len(images), dtype=torch.bool)
    for right, rounded in zip(kinks, kinks_32, strict=True):
        moved = (right - rounded).square().mean().sqrt()
        clear &= right.abs().flatten(1).amin(1) > CLEAR * moved
    return Word(
        labels.numpy(), logits.numpy(), slopes.numpy(), slopes_32.float().numpy(), clear.numpy()
    )


def _slopes(
    module: nn.Module, images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Logits, slopes, and the distances from every kink on the way, in float64."""
    distances: list[Tensor] = []

    def watch(layer: nn.Module, given: tuple[Tensor]) -> None:
        values = given[0].detach().double()
        distances.append(_DISTANCES[type(layer)](values))

    watched = [layer for layer in module.modules() if type(layer) in _DISTANCES]
    hooks = [layer.register_forward_pre_hook(watch) for layer in watched]
    try:
        images.requires_grad_()
        logits = module(images)
        (slope,) = torch.autograd.grad(margin(logits, labels).sum(), images)
    finally:
        for hook in hooks:
            hook.remove()
    return logits.detach(), slope, distances


def _from_zero_or_six(values: Tensor) -> Tensor:
    return torch.where(values.abs() < (values - 6).abs(), values, values - 6)


def _from_a_tie(values: Tensor) -> Tensor:
    """How far the winner of each 2x2 window leads; windows of zeros pass no slope anyway."""
    windows = functional.unfold(values.flatten(0, 1)[:, None], 2, stride=2)
    top = windows.topk(2, dim=1).values
    lead = torch.where(top[:, 0] > 0, top[:, 0] - top[:, 1], torch.inf)
    return lead.reshape(len(values), -1).nan_to_num(posinf=1e9)


def _from_zero(values: Tensor) -> Tensor:
    return values


_DISTANCES: Mapping[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: _from_zero,
    nn.ReLU6: _from_zero_or_six,
    nn.MaxPool2d: _from_a_tie,
}


class Gap(NamedTuple):
    """How far slopes lie from the oracle's."""

    worst: float
    """Largest relative L2 error of one picture."""
    median: float
    signs: float
    """Share of entries with the same sign."""


def gap(found: npt.NDArray[Any], right: npt.NDArray[np.float64]) -> Gap:
    """Compare picture by picture; no picture at all is as far off as can be."""
    if not len(right):
        return Gap(np.inf, np.inf, 0.0)
    axes = tuple(range(1, right.ndim))
    missing = np.sqrt(np.square(found - right).sum(axes))
    errors = missing / np.sqrt(np.square(right).sum(axes))
    signs = float((np.sign(found) == np.sign(right)).mean())
    return Gap(float(errors.max()), float(np.median(errors)), signs)
