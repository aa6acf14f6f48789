"""Logits by ONNX Runtime: the engine whose word counts."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  # carries no types

from analyzers.contract import Array, FloatArray, Json, Refusal
from analyzers.engines.batches import Cutter, rows_of
from analyzers.engines.devices import (
    CPU_PROVIDER,
    PLAIN,
    Choice,
    CudaOptions,
    Placement,
    full_precision,
    gap_of,
    placed,
    preload,
    providers,
    settled,
)
from analyzers.engines.resident import Bindable, ResidentBatches
from analyzers.engines.threads import budget

PROVIDERS = [CPU_PROVIDER]
_SILENT = 4
"""Fatal messages only: everything else arrives as an exception."""

_ort: Any = onnxruntime
VERSION = str(_ort.__version__)
_ort.set_default_logger_severity(_SILENT)


class Session(Bindable, Protocol):
    """What is used of a session."""

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Outputs by name, or all of them."""
        ...

    def get_providers(self) -> list[str]:
        """What it runs on."""
        ...


class ForwardEngine:
    """A session with explicit threads whose provider was read back."""

    def __init__(
        self,
        raw: bytes,
        threads: int,
        batch: Literal["free", "one"],
        *,
        device: Choice = "cpu",
        cuda: CudaOptions = PLAIN,
    ) -> None:
        """Build the session; a model that the runtime cannot run is refused."""
        full_precision()
        self._batch: Literal["free", "one"] = batch
        self._threads = threads
        self._placement, self._session = _settled_session(raw, threads, placed(device), cuda)
        self._input = self._session.get_inputs()[0].name
        self._classes = int(self._session.get_outputs()[0].shape[1])
        self._cutter = Cutter(batch, self.device, self._outputs)
        self._resident: ResidentBatches | None = None
        if self.device != "cpu":
            self._resident = ResidentBatches(self._session, rows_of(batch, self.device))

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._placement.device

    def run(self, values: Array) -> FloatArray:
        """Outputs for inputs in the model's own range, layout and type."""
        if not len(values):
            return np.zeros((0, self._classes), np.float32)
        if self._resident is not None:
            return np.asarray(self._resident.run(values), np.float32)
        return self.run_plain(values)

    def run_plain(self, values: Array) -> FloatArray:
        """The same with every batch handed over and fetched by itself."""
        cut = self._cutter.pieces(values)
        return np.concatenate([self._outputs(piece.rows)[: piece.real] for piece in cut])

    def info(self) -> dict[str, str | int | Sequence[str]]:
        """What runs where, as read back from the session."""
        return {
            "engine": "onnxruntime",
            "version": VERSION,
            "device": self.device,
            "device_asked": self._placement.asked,
            "device_fallback": self._placement.why,
            "providers": list(self._session.get_providers()),
            "threads": self._threads,
            "batch": self._batch,
            "batch_rows": rows_of(self._batch, self.device),
        }

    def _outputs(self, rows: Array) -> FloatArray:
        return np.asarray(self._session.run(None, {self._input: rows})[0], np.float32)


def session(raw: bytes, threads: int) -> Session:
    """One on the processor; a model that the runtime cannot run is refused."""
    found = _built(raw, threads, PROVIDERS)
    if found.get_providers() != PROVIDERS:
        message = f"asked for {PROVIDERS}, got {found.get_providers()}"
        raise RuntimeError(message)
    return found


def _settled_session(
    raw: bytes, threads: int, placement: Placement, cuda: CudaOptions
) -> tuple[Placement, Session]:
    """A session where it was asked for, or, for ``auto``, on the processor with the reason why."""
    if placement.device == "cpu":
        return placement, session(raw, threads)
    preload()
    found = _built(raw, threads, providers(cuda))
    gap = gap_of(found.get_providers(), cuda)
    if not gap:
        return placement, found
    return settled(placement.asked, gap), session(raw, threads)


def _built(raw: bytes, threads: int, asked: Sequence[Any]) -> Session:
    try:
        return _ort.InferenceSession(raw, session_options(threads), providers=asked)
    except Exception as error:  # the runtime's own exceptions share no narrower parent
        raise _refused(error) from error


def session_options(threads: int) -> Json:
    """All optimisations, an explicit budget of threads that sleep when idle, and silence.

    A batch has one fixed shape, so the arena reaches its size in the first run and stays there.
    """
    options: Any = _ort.SessionOptions()
    told = budget(threads)
    options.graph_optimization_level = _ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = told.intra_op
    options.inter_op_num_threads = told.inter_op
    options.execution_mode = _ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = _SILENT
    for name, value in told.entries.items():
        options.add_session_config_entry(name, value)
    return options


def _refused(error: Exception) -> Refusal:
    if type(error).__name__ == "NotImplemented":
        return Refusal(
            "MODEL_OPERATOR_UNSUPPORTED",
            "The model uses an operator that the runtime does not have.",
            "Export the model with standard float32 operators.",
        )
    return Refusal(
        "MODEL_BROKEN",
        "The runtime cannot build a session from the model.",
        "Load the file with onnxruntime yourself to see its complaint, and export it again.",
    )
