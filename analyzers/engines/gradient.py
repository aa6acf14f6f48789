"""Slopes of a loss with respect to [0,1] pixels, through the graph in torch."""

import contextlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor

from analyzers.contract import (
    Array,
    FloatArray,
    GradientStep,
    InnerSlope,
    InputSpec,
    LabelArray,
    Reduce,
    Refusal,
)
from analyzers.engines.batches import Cutter
from analyzers.engines.devices import Choice, full_precision, placed
from analyzers.engines.interpreter import Interpreter
from analyzers.engines.operators.stored import torch_of
from analyzers.engines.operators.straight_through import halved, rounded
from analyzers.engines.threads import torch_threads
from analyzers.graph.surgery import with_outputs

Loss = Callable[[Any, Any], Any]
SearchType = Literal["float32", "bfloat16"]

_EXACT = 1 << 24
"""As InputSpec: float32 skips whole numbers beyond it."""


class GradientEngine:
    """Implements contract.Gradient; leaves the caller's generators, modes and threads alone."""

    def __init__(
        self,
        raw: bytes,
        input_spec: InputSpec,
        *,
        threads: int,
        batch: Literal["free", "one"],
        device: Choice = "cpu",
        search_dtype: SearchType = "float32",
    ) -> None:
        """Build the interpreter; an operator without a rule is refused.

        ``search_dtype`` is for steps alone: with bfloat16 they are a search whose every find has
        to be decided in float32, by ``logits`` or by the forward engine.
        """
        full_precision()
        self._placement = placed(device)
        self._device = self._placement.device
        self._raw = raw
        self._graph = Interpreter(raw, self._device)
        self._inner: dict[str, Interpreter] = {}
        self._spec = input_spec
        self._threads = threads
        self._batch: Literal["free", "one"] = batch
        self._search_dtype: SearchType = search_dtype
        self._cutter = Cutter(batch, self._device, self._bits)

    @property
    def twin(self) -> str:
        """Why the slopes are not the file's own; empty when they are."""
        return self._graph.twin

    def info(self) -> dict[str, str | int]:
        """What runs where."""
        return {
            "engine": "torch",
            "version": torch.__version__,
            "device": self._device,
            "device_asked": self._placement.asked,
            "device_fallback": self._placement.why,
            "search_dtype": self._search_dtype,
            "threads": self._threads,
            "batch": self._batch,
        }

    def step(self, images: FloatArray, about: Array, loss: Loss) -> GradientStep:
        """Logits, loss and slope of every image."""
        found: list[GradientStep] = []
        with torch_threads(self._threads), torch.inference_mode(mode=False), torch.enable_grad():
            low = 0
            for piece in self._cutter.pieces(images):
                told = about[low + np.minimum(np.arange(len(piece.rows)), piece.real - 1)]
                one = self._one_step(self._tensor(piece.rows), self._tensor(told), loss)
                found.append(GradientStep(*(part[: piece.real] for part in one)))
                low += piece.real
        return GradientStep(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def inside(
        self, images: FloatArray, labels: LabelArray, name: str, reduce: Reduce
    ) -> InnerSlope:
        """Slopes of each image's logit of its label, with respect to a tensor inside the graph."""
        graph = self._reaching(name)
        logits: list[FloatArray] = []
        slopes: list[Array] = []
        with torch_threads(self._threads), torch.inference_mode(mode=False), torch.enable_grad():
            for piece in self._cutter.pieces(images):
                low = sum(map(len, logits))
                told = labels[low + np.minimum(np.arange(len(piece.rows)), piece.real - 1)]
                one, slope = self._one_inside(graph, name, piece.rows, told)
                logits.append(one[: piece.real])
                slopes.append(np.array(reduce(name, slope[: piece.real])))
        return InnerSlope(np.concatenate(logits), np.concatenate(slopes))

    def _reaching(self, name: str) -> Interpreter:
        """The graph with this tensor kept whole; only the last one is held."""
        if name not in self._inner:
            self._inner = {name: Interpreter(with_outputs(self._raw, [name]), self._device)}
        return self._inner[name]

    def _one_inside(
        self, graph: Interpreter, name: str, rows: Array, labels: Array
    ) -> tuple[FloatArray, FloatArray]:
        images = self._tensor(rows).requires_grad_()
        logits, inner = graph.logits_and(self._model_values(images), name)
        if inner.ndim == 0 or len(inner) != len(rows):
            raise Refusal(
                "ACTIVATIONS_UNAVAILABLE",
                f"The tensor '{name}' does not have one row an image.",
                "The model can still be audited without looking inside it.",
            )
        picked = logits.float().gather(1, self._tensor(labels)[:, None])
        slope = torch.zeros_like(inner)
        if inner.requires_grad and picked.requires_grad:
            (slope,) = torch.autograd.grad(
                picked.sum(), inner, allow_unused=True, materialize_grads=True
            )
        return _array(logits), _array(slope)

    def logits(self, images: FloatArray) -> FloatArray:
        """Class scores, for holding them against the forward engine's."""
        with torch_threads(self._threads), torch.inference_mode():
            found = [
                (self._graph.logits(self._model_values(self._tensor(piece.rows))), piece.real)
                for piece in self._cutter.pieces(images)
            ]
        return np.concatenate([_array(logits)[:real] for logits, real in found])

    def _one_step(self, images: Tensor, about: Tensor, loss: Loss) -> GradientStep:
        images.requires_grad_()
        with self._searching():
            logits = self._graph.logits(self._model_values(images))
        values: Tensor = loss(logits.float(), about)
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
                torch.tensor(numbers, dtype=torch.float32, device=self._device)
                for numbers in (self._spec.mean, self._spec.std)
            )
            values = (values - mean.reshape(1, -1, 1, 1)) / std.reshape(1, -1, 1, 1)
        if self._spec.layout == "nhwc":
            values = values.permute(0, 2, 3, 1)
        if self._spec.axes:
            values = values.reshape(len(values), *self._spec.axes)
        return self._typed(values).contiguous()

    def _typed(self, values: Tensor) -> Tensor:
        """Values that the type of the input can hold, carried in float32; the slope passes."""
        if self._spec.dtype == "float16":
            return halved(values, TensorProto.FLOAT16)
        if not self._spec.whole:
            return values
        limits = np.iinfo(self._spec.dtype)
        return rounded(values).clamp(int(limits.min), min(int(limits.max), _EXACT))

    def _searching(self) -> contextlib.AbstractContextManager[Any]:
        if self._search_dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device, torch.bfloat16)

    def _bits(self, images: FloatArray) -> Array:
        """Logits and slopes of one batch, whatever its size."""
        about = torch.zeros(len(images), device=self._device)
        with torch.inference_mode(mode=False), torch.enable_grad():
            one = self._one_step(self._tensor(images), about, _energy)
        return np.concatenate([one.logits, one.slope.reshape(len(images), -1)], axis=1)

    def _tensor(self, rows: Array) -> Tensor:
        return torch_of(rows.copy()).to(self._device)


def _energy(logits: Tensor, about: Tensor) -> Tensor:
    del about
    return logits.square().sum(1)


def _array(values: Tensor) -> FloatArray:
    return values.detach().float().cpu().numpy()
