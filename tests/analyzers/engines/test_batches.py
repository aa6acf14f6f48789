"""Batches of one shape: what is cut comes back whole, and padding is the last row again."""

from typing import Literal

import numpy as np
import pytest

from analyzers.engines.batches import BATCH_ROWS, GPU_BATCH_ROWS, pieces, rows_of


@pytest.mark.parametrize("count", [1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 53])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_row_comes_back_once_in_order(count: int, device: str) -> None:
    """The real rows of all pieces are the rows given."""
    rows = np.arange(count)[:, None]
    found = [piece.rows[: piece.real] for piece in pieces(rows, "free", device)]
    assert np.array_equal(np.concatenate(found), rows)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_all_pieces_have_one_shape(device: str) -> None:
    """The last, short one is filled with its own last row."""
    cut = list(pieces(np.arange(3 * GPU_BATCH_ROWS + 5)[:, None], "free", device))
    assert {len(piece.rows) for piece in cut} == {rows_of("free", device)}
    last = cut[-1]
    assert (last.rows[last.real :] == last.rows[last.real - 1]).all()


def test_rows_keep_their_type() -> None:
    """A model of whole numbers gets whole numbers."""
    for dtype in (np.uint8, np.float16, np.int64, np.float32):
        (piece,) = pieces(np.ones((3, 2), dtype), "free")
        assert piece.rows.dtype == dtype


@pytest.mark.parametrize(
    ("batch", "device", "rows"),
    [
        ("free", "cpu", BATCH_ROWS),
        ("free", "cuda", GPU_BATCH_ROWS),
        ("one", "cpu", 1),
        ("one", "cuda", 1),
    ],
)
def test_how_many_run_together(batch: Literal["free", "one"], device: str, rows: int) -> None:
    """One where the file fixes its batch, else what the device takes."""
    assert rows_of(batch, device) == rows


def test_no_rows_give_no_pieces() -> None:
    """Nothing is padded up from nothing."""
    assert list(pieces(np.zeros((0, 3)), "free")) == []
