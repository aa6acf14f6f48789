"""Square (Andriushchenko et al., ECCV 2020): random search with scores, each image on its own.

Starts from vertical stripes; each query puts one square of plus or minus eps somewhere, one sign a
channel, and stays where the margin fell. Squares shrink on the published schedule, stretched to
the budget. Needs no slopes, so what it breaks where gradients failed says that they lied.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.attacks.ball import Ball
from analyzers.attacks.draws import below, bits
from analyzers.attacks.jury import Flags, Jury, Places
from analyzers.contract import FloatArray

FIRST_SHARE: Final = 0.8
"""Of the picture that the first square covers."""
HALVINGS: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of ten thousand, at which the share is halved."""
SCALE: Final = 10_000
DRAWS: Final = 3
"""Words for a square: its row, its column, its signs."""


class Search(NamedTuple):
    """Where to search, how long, and with whose random numbers."""

    ball: Ball
    queries: int
    words: npt.NDArray[np.uint64]
    """A row for each image, as many as ``needed``."""


class _Patch(NamedTuple):
    """A square on each picture, and what was there before."""

    down: Places
    across: Places
    before: FloatArray

    def undo(self, at: FloatArray, rows: Flags) -> None:
        """Put back what was there on these pictures."""
        picked = rows.nonzero()[0]
        at[_square_of(picked, at, self.down[picked], self.across[picked])] = self.before[picked]


def _square_of(
    row: Places, at: FloatArray, down: Places, across: Places
) -> tuple[Places, Places, Places, Places]:
    """The index of a square of each of these pictures, in every channel."""
    colours = np.arange(at.shape[1], dtype=np.int64)[:, None, None]
    return row[:, None, None, None], colours, down[:, None, :, None], across[:, None, None, :]


def needed(queries: int, width: int) -> int:
    """Words that a search spends on one image."""
    return width + DRAWS * queries


def square(jury: Jury, search: Search, tell: Callable[[int], None]) -> Places:
    """Search until the jury has heard enough; queries spent on each image."""
    spent = np.zeros(len(jury.labels), np.int64)
    place = (~jury.over).nonzero()[0]
    at = _stripes(search, place)
    margin = np.full(len(place), np.inf, np.float32)
    patch = None
    for query in range(search.queries):
        if not len(place):
            break
        tell(query)
        found = _margin(jury, at, place)
        spent[place] += 1
        better = found < margin
        margin = np.where(better, found, margin)
        if patch is not None:
            patch.undo(at, ~better)
        kept = ~jury.over[place]
        if not kept.all():
            place, at, margin = place[kept], at[kept], margin[kept]
        patch = _put(search, place, at, query + 1)
    return spent


def side(query: int, budget: int, height: int, width: int) -> int:
    """The side of the square at a query."""
    halvings = sum(query * SCALE > one * budget for one in HALVINGS)
    area = FIRST_SHARE / 2**halvings * height * width
    return max(1, min(round(area**0.5), height, width))


def _stripes(search: Search, place: Places) -> FloatArray:
    """One sign a column and channel."""
    channels, _, width = search.ball.low.shape[1:]
    signs = bits(channels, search.words[place, :width]).transpose(0, 2, 1)[:, :, None, :]
    ball = search.ball.rows(place)
    return np.where(signs, ball.high, ball.low)


def _put(search: Search, place: Places, at: FloatArray, query: int) -> _Patch | None:
    """One square put somewhere on each picture, in place; the same side for all."""
    channels, height, width = at.shape[1:]
    if not len(place) or query >= search.queries:
        return None
    long = side(query, search.queries, height, width)
    first = width + DRAWS * query
    drawn = search.words[place, first : first + DRAWS]
    down = below(height - long + 1, drawn[:, 0])[:, None] + np.arange(long)
    across = below(width - long + 1, drawn[:, 1])[:, None] + np.arange(long)
    signs = bits(channels, drawn[:, 2])[:, :, None, None]
    low, high = (bound[_square_of(place, at, down, across)] for bound in search.ball)
    here = _square_of(np.arange(len(place)), at, down, across)
    patch = _Patch(down, across, at[here])
    at[here] = np.where(signs, high, low)
    return patch


def _margin(jury: Jury, points: FloatArray, place: Places) -> FloatArray:
    """The true logit minus the best other one; what is no number is no progress."""
    logits = jury.ask(points, place)
    own = (np.arange(len(place)), jury.labels[place])
    others = logits.copy()
    others[own] = -np.inf
    margin = logits[own] - others.max(axis=1)
    return np.where(np.isfinite(margin), margin, np.inf).astype(np.float32)
