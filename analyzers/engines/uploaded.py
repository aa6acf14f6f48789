"""The uploaded bytes as they are: what people will deploy, asked the same questions.

Everything else here works on the canonical file. Whether that file speaks for the upload is not a
matter of trust: both are run on the same pictures, and where they differ the upload is right.
"""

from typing import Literal, NamedTuple

import numpy as np

from analyzers.contract import FloatArray, InputSpec
from analyzers.engines.batches import pieces
from analyzers.engines.forward import session
from analyzers.graph.packed import whole


class Upload(NamedTuple):
    """An ONNX file as it came in."""

    raw: bytes
    output: str
    """Its own name of the output that is judged."""
    batch: Literal["free", "one"]


class UploadedModel:
    """A session on the file that came in, through its own input and its own output."""

    def __init__(self, upload: Upload, input_spec: InputSpec, threads: int) -> None:
        """Build it; nothing is normalised, nothing is cut off."""
        self._session = session(whole(upload.raw), threads)
        self._spec = input_spec
        self._output = upload.output
        self._batch: Literal["free", "one"] = upload.batch
        self._input = self._session.get_inputs()[0].name

    def predict(
        self, images: FloatArray, batch: Literal["free", "one"] | None = None
    ) -> FloatArray:
        """What it answers to [0,1] NCHW images, one row an image."""
        values = self._spec.apply(images)
        found = [
            self._session.run([self._output], {self._input: piece.rows})[0][: piece.real]
            for piece in pieces(values, batch or self._batch)
        ]
        answers = np.concatenate(found).astype(np.float32)
        return answers.reshape(len(answers), -1)


def after_tail(scores: FloatArray, tail: str) -> FloatArray:
    """What an upload with this tail answers where its canonical file gives these scores."""
    for one in reversed(tail.split("_of_")):
        scores = _TAILS[one](scores)
    return scores


def _softmax(scores: FloatArray) -> FloatArray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _log_softmax(scores: FloatArray) -> FloatArray:
    low = scores - scores.max(axis=1, keepdims=True)
    return low - np.log(np.exp(low).sum(axis=1, keepdims=True))


def _sigmoid(scores: FloatArray) -> FloatArray:
    falling = np.exp(-np.abs(scores))
    found = np.where(scores >= 0, 1, falling) / (1 + falling)
    return found.astype(np.float32)


def _log(scores: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(scores)


def _unchanged(scores: FloatArray) -> FloatArray:
    return scores


_TAILS = {
    "": _unchanged,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "sigmoid": _sigmoid,
    "log": _log,
}
