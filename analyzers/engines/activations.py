"""Tensors from inside the graph, a few images at a time, reduced before the next ones come.

A tensor that is marked as an output can no longer be fused with its neighbours, so the session is
another one than the one whose word counts. It is held against that one before it is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

import numpy as np

from analyzers.contract import Array, FloatArray, Reduce, Refusal
from analyzers.engines.batches import BATCH_ROWS, Piece, cut
from analyzers.engines.forward import ForwardEngine, session
from analyzers.engines.gaps import centred
from analyzers.graph.surgery import with_outputs

TOLERANCE: Final = 1e-3
"""Largest difference of a logit to the plain session's, relative to the spread of the logits."""
MOST_BYTES: Final = 1 << 27
"""Of all asked tensors for the images of one batch."""
_MORE_ADVICE = "Ask for fewer layers at once, or look at the model with smaller images."


class ActivationEngine:
    """One session that puts out certain tensors besides the logits."""

    def __init__(
        self,
        raw: bytes,
        names: Sequence[str],
        *,
        plain: ForwardEngine,
        probe: Array,
        threads: int,
        batch: Literal["free", "one"],
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Build the session, and hold it against the plain one on a few images.

        ``probe`` holds images as the model takes them. They alone decide whether the session is
        used and how many images run together, so no later image depends on its neighbours.
        """
        self._names = list(dict.fromkeys(names))
        self._session = session(with_outputs(raw, self._names), threads)
        self._input = self._session.get_inputs()[0].name
        self._logits = self._session.get_outputs()[0].name
        alone = self._outputs(probe[:1])
        self._check_rows(alone, 1)
        self._rows = 1 if batch == "one" else _rows_for(alone, most_bytes)
        _check_size(alone, most_bytes)
        self._check_logits(probe, plain)
        self._check_alike(probe, alone)

    @property
    def rows(self) -> int:
        """How many images run together."""
        return self._rows

    def run(self, values: Array, reduce: Reduce) -> dict[str, Array]:
        """What ``reduce`` makes of every tensor, one row an image; batches are forgotten."""
        kept: dict[str, list[Array]] = {name: [] for name in self._names}
        for batch in cut(values, self._rows):
            outputs = self._outputs(batch.rows)
            for name in self._names:
                kept[name].append(_reduced(name, outputs.pop(name)[: batch.real], reduce))
        return {name: np.concatenate(found or [np.zeros(0)]) for name, found in kept.items()}

    def _outputs(self, rows: Array) -> dict[str, FloatArray]:
        wanted = list(dict.fromkeys([self._logits, *self._names]))
        found = self._session.run(wanted, {self._input: rows})
        return {
            name: np.asarray(value, np.float32) for name, value in zip(wanted, found, strict=True)
        }

    def _check_rows(self, outputs: Mapping[str, FloatArray], rows: int) -> None:
        for name in self._names:
            if outputs[name].ndim == 0 or len(outputs[name]) != rows:
                raise _refused(f"The tensor '{name}' does not have one row an image.")

    def _check_logits(self, probe: Array, plain: ForwardEngine) -> None:
        expected = plain.run(probe)
        found = [self._outputs(one.rows)[self._logits][: one.real] for one in self._cut(probe)]
        gap = _relative_gap(np.concatenate(found), expected)
        if not gap < TOLERANCE:
            raise _refused(
                "Looking inside the model changes its answers: with these layers as outputs its "
                f"logits move by {gap:.1g} of their spread."
            )

    def _check_alike(self, probe: Array, alone: Mapping[str, FloatArray]) -> None:
        """Whether row i belongs to image i: some graphs fold the batch into other axes."""
        together = self._outputs(next(self._cut(probe)).rows)
        self._check_rows(together, self._rows)
        for name in self._names:
            size = max(float(np.abs(alone[name]).max(initial=0.0)), 1e-6)
            with np.errstate(invalid="ignore"):  # inf - inf is refused with the rest
                gap = np.abs(together[name][0] - alone[name][0]).max(initial=0.0)
            if not gap <= TOLERANCE * size:
                raise _refused(f"The tensor '{name}' mixes the images of a batch.")

    def _cut(self, values: Array) -> Iterator[Piece]:
        return cut(values, self._rows)


def _reduced(name: str, values: FloatArray, reduce: Reduce) -> Array:
    """The reduction's own copy: a view would keep the whole batch alive."""
    found = np.asarray(reduce(name, values))
    if found.ndim == 0 or len(found) != len(values):
        message = f"the reduction of {name} has no row for each image"
        raise ValueError(message)
    return np.array(found)


def _bytes(outputs: Mapping[str, FloatArray]) -> dict[str, int]:
    return {name: value.nbytes for name, value in outputs.items()}


def _rows_for(outputs: Mapping[str, FloatArray], most: int) -> int:
    return max(1, min(BATCH_ROWS, most // max(1, sum(_bytes(outputs).values()))))


def _check_size(outputs: Mapping[str, FloatArray], most: int) -> None:
    sizes = _bytes(outputs)
    if sum(sizes.values()) > most:
        name = max(sizes, key=lambda one: sizes[one])
        raise _refused(
            f"The asked tensors take {sum(sizes.values()) >> 20} MiB for a single image, the "
            f"largest, '{name}', {sizes[name] >> 20} MiB; {most >> 20} MiB are allowed."
        )


def _relative_gap(one: FloatArray, other: FloatArray) -> float:
    """Largest difference over the spread of the logits, as far as that is anything."""
    spread = max(float(np.abs(centred(other)).max()), 1e-12)
    return float(np.abs(one.astype(np.float64) - other).max()) / spread


def _refused(sentence: str) -> Refusal:
    return Refusal("ACTIVATIONS_UNAVAILABLE", sentence, _MORE_ADVICE)
