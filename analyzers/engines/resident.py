"""Batches that live on the GPU: rows cross the bus once a call, not once a batch.

The tensors that a session reads and writes are its own and never move, which is also what
recorded kernels (CUDA graphs) need.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from analyzers.contract import Array, Json
from analyzers.engines.operators.stored import torch_of

_TYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
    "tensor(uint8)": torch.uint8,
    "tensor(int8)": torch.int8,
    "tensor(int32)": torch.int32,
    "tensor(int64)": torch.int64,
}
_AT_ONCE = 1 << 28
"""Bytes of rows that lie on the GPU together; more come in several crossings."""


class Bindable(Protocol):
    """What is used of a session here."""

    def io_binding(self) -> Json:
        """An empty binding."""
        ...

    def run_with_iobinding(self, iobinding: Json) -> None:
        """Read and write where the binding says."""
        ...

    def get_inputs(self) -> Sequence[Json]:
        """Name, shape and type of each input."""
        ...

    def get_outputs(self) -> Sequence[Json]:
        """The same of each output."""
        ...


class ResidentBatches:
    """Runs rows through a session whose input and output lie on the GPU."""

    def __init__(self, session: Bindable, rows: int, device: str = "cuda") -> None:
        """Set the input and output of one batch aside and bind them; ``device`` holds them."""
        self._session = session
        self._rows = rows
        self._device = device
        given, made = session.get_inputs()[0], session.get_outputs()[0]
        self._input = self._set_aside(given)
        self._output = self._set_aside(made)
        self._binding = session.io_binding()
        self._binding.bind_input(given.name, *_place(self._input))
        self._binding.bind_output(made.name, *_place(self._output))

    def run(self, values: Array) -> Array:
        """Outputs of all rows; a last short batch is padded with its own last row."""
        some = max(1, _AT_ONCE // max(1, values[:1].nbytes))
        found = [self._crossed(values[low : low + some]) for low in range(0, len(values), some)]
        return np.concatenate(found)

    def _crossed(self, values: Array) -> Array:
        rows = torch_of(np.ascontiguousarray(values)).to(self._device)
        made = self._output.new_empty((len(rows), *self._output.shape[1:]))
        for low in range(0, len(rows), self._rows):
            cut = rows[low : low + self._rows]
            self._input[: len(cut)] = cut
            self._input[len(cut) :] = cut[-1:]
            self._settle()
            self._session.run_with_iobinding(self._binding)
            made[low : low + len(cut)] = self._output[: len(cut)]
        return made.cpu().numpy()

    def _settle(self) -> None:
        """Wait for torch's copies: the session has a stream of its own and sees none of them."""
        if self._device != "cpu":
            torch.cuda.synchronize()

    def _set_aside(self, end: Json) -> Tensor:
        shape = (self._rows, *end.shape[1:])
        return torch.zeros(shape, dtype=_TYPES[end.type], device=self._device)


def _place(tensor: Tensor) -> tuple[str, int, type[np.generic], list[int], int]:
    """How onnxruntime is told where a tensor lies."""
    element = torch.empty(0, dtype=tensor.dtype).numpy().dtype.type
    return tensor.device.type, 0, element, list(tensor.shape), tensor.data_ptr()
