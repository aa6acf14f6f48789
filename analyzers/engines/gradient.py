"""Slopes of a loss with respect to [0,1] pixels, through the graph in torch."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from analyzers.contract import Array, FloatArray, GradientStep, InputSpec
from analyzers.engines.batches import pieces
from analyzers.engines.interpreter import Interpreter
from analyzers.engines.threads import torch_threads

Loss = Callable[[Any, Any], Any]


class GradientEngine:
    """Implements contract.Gradient; leaves the caller's generators, modes and threads alone."""

    def __init__(
        self,
        raw: bytes,
        input_spec: InputSpec,
        *,
        threads: int,
        batch: Literal["free", "one"],
    ) -> None:
        """Build the interpreter; an operator without a rule is refused."""
        self._graph = Interpreter(raw)
        self._spec = input_spec
        self._threads = threads
        self._batch: Literal["free", "one"] = batch

    def step(self, images: FloatArray, about: Array, loss: Loss) -> GradientStep:
        """Logits, loss and slope of every image."""
        found: list[GradientStep] = []
        told = pieces(about, self._batch)
        with torch_threads(self._threads), torch.inference_mode(mode=False), torch.enable_grad():
            for piece, rows in zip(pieces(images, self._batch), told, strict=True):
                one = self._one_step(_tensor(piece.rows), _tensor(rows.rows), loss)
                found.append(GradientStep(*(part[: piece.real] for part in one)))
        return GradientStep(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def logits(self, images: FloatArray) -> FloatArray:
        """Class scores; before the softmax where the graph ends in one."""
        return self._without_slope(images, self._graph.logits)

    def outputs(self, images: FloatArray) -> FloatArray:
        """What the graph returns, for holding it against the forward engine."""
        return self._without_slope(images, self._graph.outputs)

    def _without_slope(
        self, images: FloatArray, function: Callable[[Tensor], Tensor]
    ) -> FloatArray:
        with torch_threads(self._threads), torch.inference_mode():
            found = [
                function(self._model_values(_tensor(piece.rows))).numpy()[: piece.real]
                for piece in pieces(images, self._batch)
            ]
        return np.concatenate(found)

    def _one_step(self, images: Tensor, about: Tensor, loss: Loss) -> GradientStep:
        images.requires_grad_()
        logits = self._graph.logits(self._model_values(images))
        values: Tensor = loss(logits, about)
        slope = torch.zeros_like(images)
        if values.requires_grad:
            (slope,) = torch.autograd.grad(values.sum(), images, materialize_grads=True)
        return GradientStep(_array(logits), _array(values), _array(slope))

    def _model_values(self, images: Tensor) -> Tensor:
        """The same steps as InputSpec.apply, in the same order, so that the bits agree."""
        values = images
        if self._spec.scale != 1.0:
            values = values * float(np.float32(self._spec.scale))
        if self._spec.mean:
            mean, std = (
                torch.tensor(numbers, dtype=torch.float32).reshape(1, -1, 1, 1)
                for numbers in (self._spec.mean, self._spec.std)
            )
            values = (values - mean) / std
        if self._spec.layout == "nhwc":
            values = values.permute(0, 2, 3, 1)
        return values.contiguous()


def _tensor(rows: Array) -> Tensor:
    return torch.from_numpy(rows.copy())  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


def _array(values: Tensor) -> FloatArray:
    return values.detach().numpy()
