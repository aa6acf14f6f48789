"""Tables of numbers as pictures: a ramp of colours that reads the same in print and in grey."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from service.report.png import Pixels

Table = npt.NDArray[np.float64]

SIDE = 512
"""Cells along one side; larger tables are thinned."""
_RAMP = np.array(
    [[247, 244, 236], [242, 201, 132], [222, 126, 92], [160, 62, 104], [84, 31, 100], [24, 14, 52]],
    np.float64,
)
"""Light to dark with falling lightness, so that a grey copy keeps the order."""


def table(rows: Sequence[object]) -> Table | None:
    """Rows of one length as numbers, gaps as NaN; None for anything else."""
    try:
        found = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if found.ndim != 2 or not found.size or not np.isfinite(found).any():  # noqa: PLR2004 - rows and columns
        return None
    return np.where(np.abs(found) < 1e100, found, np.nan)  # noqa: PLR2004 - beyond any measurement


def thinned(values: Table) -> Table:
    """Every k-th row and column, so that the picture stays small."""
    step = -(-max(values.shape) // SIDE)
    return values[::step, ::step]


def coloured(values: Table, low: float, high: float) -> Pixels:
    """Every cell as one pixel; a gap is grey."""
    share = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0.0, 1.0)
    place = share * (len(_RAMP) - 1)
    below = np.minimum(place.astype(np.intp), len(_RAMP) - 2)
    part = (place - below)[..., None]
    mixed = _RAMP[below] * (1.0 - part) + _RAMP[below + 1] * part
    mixed[np.isnan(values)] = 160.0
    return np.rint(mixed).astype(np.uint8)


def ramp(steps: int = 64) -> Pixels:
    """The ramp itself, for a legend."""
    return coloured(np.linspace(0.0, 1.0, steps)[None, :], 0.0, 1.0)


def dark(share: float) -> bool:
    """Whether letters on this part of the ramp must be light."""
    return share > 0.5  # noqa: PLR2004 - the middle of the ramp
