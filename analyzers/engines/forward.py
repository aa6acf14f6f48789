"""Logits by ONNX Runtime: the engine whose word counts."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  # carries no types

from analyzers.contract import FloatArray, Refusal
from analyzers.engines.batches import pieces
from analyzers.engines.threads import budget

PROVIDERS = ["CPUExecutionProvider"]
_SILENT = 4
"""Fatal messages only: everything else arrives as an exception."""

_ort: Any = onnxruntime
VERSION = str(_ort.__version__)
_ort.set_default_logger_severity(_SILENT)


class _Session(Protocol):
    """What is used of a session."""

    def run(self, outputs: None, inputs: Mapping[str, FloatArray]) -> Sequence[FloatArray]: ...
    def get_providers(self) -> list[str]: ...
    def get_inputs(self) -> Sequence[Any]: ...
    def get_outputs(self) -> Sequence[Any]: ...


class ForwardEngine:
    """A session with explicit threads whose provider was read back."""

    def __init__(self, raw: bytes, threads: int, batch: Literal["free", "one"]) -> None:
        """Build the session; a model that the runtime cannot run is refused."""
        self._batch: Literal["free", "one"] = batch
        self._threads = threads
        self._session = _session(raw, threads)
        if self._session.get_providers() != PROVIDERS:
            message = f"asked for {PROVIDERS}, got {self._session.get_providers()}"
            raise RuntimeError(message)
        self._input = self._session.get_inputs()[0].name
        self._classes = int(self._session.get_outputs()[0].shape[1])

    def run(self, values: FloatArray) -> FloatArray:
        """Outputs for inputs in the model's own range and layout."""
        found = [self._outputs(piece.rows)[: piece.real] for piece in pieces(values, self._batch)]
        return np.concatenate(found) if found else np.zeros((0, self._classes), np.float32)

    def info(self) -> dict[str, str | int | Sequence[str]]:
        """What runs where."""
        return {
            "engine": "onnxruntime",
            "version": VERSION,
            "providers": list(self._session.get_providers()),
            "threads": self._threads,
            "batch": self._batch,
        }

    def _outputs(self, rows: FloatArray) -> FloatArray:
        return np.asarray(self._session.run(None, {self._input: rows})[0], np.float32)


def _session(raw: bytes, threads: int) -> _Session:
    options: Any = _ort.SessionOptions()
    told = budget(threads)
    options.intra_op_num_threads = told.intra_op
    options.inter_op_num_threads = told.inter_op
    options.execution_mode = _ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = _SILENT
    for name, value in told.entries.items():
        options.add_session_config_entry(name, value)
    try:
        return _ort.InferenceSession(raw, options, providers=PROVIDERS)
    except Exception as error:  # the runtime's own exceptions share no narrower parent
        raise _refused(error) from error


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
