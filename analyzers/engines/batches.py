"""Cutting rows into batches of fixed shapes, so that no result depends on its neighbours."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from analyzers.contract import Array

BATCH_ROWS = 16
"""Rows that always run together: the kernels of one shape give a row the same bits anywhere.

Small, because an attack that loses its points runs mostly on short tails.
"""
GPU_BATCH_ROWS = 128
"""The same on a GPU, which a short batch leaves idle. Results are promised per device."""
LARGER: Final = (128, 64, 32)
SMALLER: Final = (4, 8)
"""Rows that may run together as well, where each then comes to the bits it has among sixteen."""
VALUES_TOGETHER: Final = 400_000
"""Pixels of a larger batch: beyond it memory grows and no time is won."""
QUICK_SECONDS: Final = 0.02
"""A batch of sixteen that takes longer gains little from a much larger one: a look at the
smallest of the larger ones is all that pays."""


class Piece(NamedTuple):
    """Some rows, padded with repetitions of the last one."""

    rows: Array
    real: int
    """How many of them are no padding."""


class Cutter:
    """Cuts for one engine, into other batches too once these were seen to change no bit.

    The look is taken with noise of its own and decides only how long things take.
    """

    def __init__(
        self, batch: Literal["free", "one"], device: str, run: Callable[[Array], Array]
    ) -> None:
        """``run`` answers a batch of any size, rows first."""
        self._rows = rows_of(batch, device)
        self._run = run
        fixed = self._rows != BATCH_ROWS
        self._larger: Sequence[int] | None = () if fixed else None
        self._smaller: Sequence[int] | None = () if fixed else None

    def pieces(self, rows: Array) -> Iterator[Piece]:
        """Rows in order, so many at a time as may run together."""
        if self._larger is None and len(rows) >= LARGER[-1]:
            self._larger = self._agreeing_larger(rows)
        if self._smaller is None and 0 < len(rows) % self._rows <= SMALLER[-1]:
            self._smaller = self._agreeing(rows, SMALLER)
        return cut(rows, self._rows, larger=self._larger or (), smaller=self._smaller or ())

    def _agreeing_larger(self, rows: Array) -> Sequence[int]:
        most = VALUES_TOGETHER // max(1, int(np.prod(rows.shape[1:])))
        wanted = [size for size in LARGER if size <= most]
        if not wanted:
            return ()
        noise = _noise(self._rows, rows)
        self._run(noise)
        begun = time.perf_counter()
        self._run(noise)
        slow = time.perf_counter() - begun > QUICK_SECONDS
        return self._agreeing(rows, wanted[-1:] if slow else wanted)

    def _agreeing(self, rows: Array, sizes: Sequence[int]) -> Sequence[int]:
        """Those of the sizes in which every row comes to the bits that it has in ours."""
        noise = _noise(max(self._rows, *sizes), rows)
        known = self._by(noise, self._rows)
        return tuple(size for size in sizes if np.array_equal(self._by(noise, size), known))

    def _by(self, rows: Array, size: int) -> Array:
        return np.concatenate([self._run(piece.rows)[: piece.real] for piece in cut(rows, size)])


def _noise(count: int, like: Array) -> Array:
    """Rows of the shape and type of others."""
    drawn = np.random.Generator(np.random.Philox(0)).random((count, *like.shape[1:]), np.float32)
    whole = np.issubdtype(like.dtype, np.integer)
    return (drawn * 255).astype(like.dtype) if whole else drawn.astype(like.dtype)


def rows_of(batch: Literal["free", "one"], device: str = "cpu") -> int:
    """How many rows run together at least: one where the file fixes its batch."""
    if batch == "one":
        return 1
    return BATCH_ROWS if device == "cpu" else GPU_BATCH_ROWS


def pieces(rows: Array, batch: Literal["free", "one"], device: str = "cpu") -> Iterator[Piece]:
    """Rows in order, so many at a time as the device takes together."""
    return cut(rows, rows_of(batch, device))


def cut(
    rows: Array, size: int, *, larger: Sequence[int] = (), smaller: Sequence[int] = ()
) -> Iterator[Piece]:
    """Rows in order, ``size`` at a time or the largest size that they fill; the tail is padded."""
    low = 0
    while low < len(rows):
        left = len(rows) - low
        wide = next((one for one in larger if one <= left), size)
        width = next((one for one in smaller if one >= left), wide)
        some = rows[low : low + width]
        missing = width - len(some)
        full = np.concatenate([some, np.repeat(some[-1:], missing, axis=0)]) if missing else some
        yield Piece(np.ascontiguousarray(full), len(some))
        low += width
