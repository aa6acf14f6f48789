"""What a module answers before it is exported: the right kind of thing, and always the same."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from analyzers.engines.gaps import relative_gap
from service.exporting.wording import attempted, failed

TOLERANCE: Final = 1e-4
"""Relative to their spread: what float32 and another order of sums may cost."""
_TOGETHER = 3
_SCORE_AXES = 2
_FIX_OUTPUT = "Wrap it in a module whose forward returns one float tensor [batch, classes]."
_FIX_SINGLE = "Give it one output a class: for a yes-or-no model, [0, score] will do."


@dataclass(frozen=True)
class Asked:
    """A batch, and the module's answer to it."""

    images: Tensor
    scores: Tensor


def asked(module: nn.Module, shape: Sequence[int]) -> list[Asked]:
    """Some images alone and the same together; refused where that makes a difference."""
    images = _images(shape)
    first = _answer(module, images[:1], shape)
    again = _answer(module, images[:1], shape)
    if gap(first, again) > TOLERANCE:
        raise failed(
            "The module answers the same image differently each time, although it is in "
            "evaluation mode.",
            "Look for dropout without `training=self.training`, and for other random numbers.",
        )
    alone = [_answer(module, one, shape) for one in images[1:, None]]
    together = _together(module, images[1:])
    if together.shape[0] != _TOGETHER or gap(torch.cat(alone), together) > TOLERANCE:
        raise failed(
            "The module answers an image differently when others are in the same batch.",
            "Look for batch norm without running statistics, and for sums over the batch axis.",
        )
    return [Asked(images[:1], first), Asked(images[1:2], alone[0]), Asked(images[1:], together)]


def gap(one: Tensor, other: Tensor) -> float:
    """The largest difference over the spread of the scores, as intake measures it."""
    if one.shape != other.shape:
        return math.inf
    return relative_gap(one.numpy(), other.numpy())


def _images(shape: Sequence[int]) -> Tensor:
    """Pixels from 0 to 1, and some beyond: what a normalisation makes of them."""
    drawing = torch.Generator().manual_seed(0)
    pixels = torch.rand(_TOGETHER, *shape[1:], generator=drawing, dtype=torch.float32)
    spread = torch.randn(1, *shape[1:], generator=drawing, dtype=torch.float32)
    return torch.cat([pixels, spread])


def _answer(module: nn.Module, images: Tensor, shape: Sequence[int]) -> Tensor:
    told = "x".join(map(str, (1, *shape[1:])))
    found = attempted(
        lambda: module(images),
        f"The module does not take an input of the shape {told}",
        "Give the shape that it expects, batch first, as in 1x3x224x224.",
    )
    return _scores(found)


def _together(module: nn.Module, images: Tensor) -> Tensor:
    found = attempted(
        lambda: module(images),
        f"The module takes one image, but not {len(images)} together",
        "Let it work for any number of images: x.flatten(1) rather than x.view(1, -1).",
    )
    return _scores(found)


def _scores(found: Any) -> Tensor:  # noqa: ANN401 - a forward returns anything
    if not isinstance(found, Tensor):
        raise failed(f"The module returns a {type(found).__name__}, not a tensor.", _FIX_OUTPUT)
    sizes = list(found.shape)
    if found.dim() != _SCORE_AXES or not found.is_floating_point():
        kind = str(found.dtype).removeprefix("torch.")
        raise failed(f"The module returns {kind} of the shape {sizes}.", _FIX_OUTPUT)
    if sizes[1] < _SCORE_AXES:
        raise failed("The module has a single output, so no class can win.", _FIX_SINGLE)
    if not bool(found.isfinite().all()):
        raise failed(
            "The module answers with numbers that are not finite.",
            "Check its weights for overflow, and whether they were loaded at all.",
        )
    return found.detach().float().clone()
