"""Cutting rows into batches of one fixed shape, so that no result depends on its neighbours."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from analyzers.contract import Array

BATCH_ROWS = 16
"""Rows that always run together: the kernels of one shape give a row the same bits anywhere.

Small, because an attack that loses its points runs mostly on short tails.
"""


class Piece(NamedTuple):
    """Some rows, padded with repetitions of the last one."""

    rows: Array
    real: int
    """How many of them are no padding."""


def pieces(rows: Array, batch: Literal["free", "one"]) -> Iterator[Piece]:
    """Rows in order, ``BATCH_ROWS`` at a time; one at a time where the file fixes its batch."""
    size = 1 if batch == "one" else BATCH_ROWS
    for low in range(0, len(rows), size):
        cut = rows[low : low + size]
        missing = size - len(cut)
        full = np.concatenate([cut, np.repeat(cut[-1:], missing, axis=0)]) if missing else cut
        yield Piece(np.ascontiguousarray(full), len(cut))
