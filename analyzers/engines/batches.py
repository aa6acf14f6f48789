"""Cutting rows into batches of one fixed shape, so that no result depends on its neighbours."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from analyzers.contract import Array

BATCH_ROWS = 16
"""Rows that always run together: the kernels of one shape give a row the same bits anywhere.

Small, because an attack that loses its points runs mostly on short tails.
"""
GPU_BATCH_ROWS = 128
"""The same on a GPU, which a short batch leaves idle. Results are promised per device."""


class Piece(NamedTuple):
    """Some rows, padded with repetitions of the last one."""

    rows: Array
    real: int
    """How many of them are no padding."""


def rows_of(batch: Literal["free", "one"], device: str = "cpu") -> int:
    """How many rows run together: one where the file fixes its batch."""
    if batch == "one":
        return 1
    return BATCH_ROWS if device == "cpu" else GPU_BATCH_ROWS


def pieces(rows: Array, batch: Literal["free", "one"], device: str = "cpu") -> Iterator[Piece]:
    """Rows in order, so many at a time as the device takes together."""
    return cut(rows, rows_of(batch, device))


def cut(rows: Array, size: int) -> Iterator[Piece]:
    """Rows in order, always ``size`` of them together."""
    for low in range(0, len(rows), size):
        some = rows[low : low + size]
        missing = size - len(some)
        full = np.concatenate([some, np.repeat(some[-1:], missing, axis=0)]) if missing else some
        yield Piece(np.ascontiguousarray(full), len(some))
