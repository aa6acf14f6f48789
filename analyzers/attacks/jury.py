"""What breaks an image while an attack runs: the word of the forward engine, in one place.

Images that are stored in 8 bits have two answers. A point of the ball breaks one in float32; it
breaks one in 8 bits when its rounding to the grid does, inside the ball of whole steps. The
second is what a file can hold, so an image is attacked until it falls there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from analyzers.contract import FloatArray, LabelArray
from analyzers.pictures import seen

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Predict = Callable[[FloatArray], FloatArray]

WHITE: Final = 255


class Grid(NamedTuple):
    """The lowest and the highest code of every pixel."""

    low: Codes
    high: Codes

    @classmethod
    def around(cls, images: FloatArray, eps: str) -> "Grid":
        """All codes no more than eps away from those of stored images, in whole steps."""
        reach = int(Fraction(eps) * WHITE)
        codes = np.rint(images * np.float32(WHITE)).astype(np.int16)
        low, high = (np.clip(codes + one, 0, WHITE).astype(np.uint8) for one in (-reach, reach))
        return cls(low, high)

    def nearest(self, points: FloatArray) -> Codes:
        """The codes inside that lie nearest to the points."""
        return np.clip(np.rint(points * np.float32(WHITE)), self.low, self.high).astype(np.uint8)

    def rows(self, picked: Places) -> "Grid":
        """The grids of some of the images."""
        return Grid(self.low[picked], self.high[picked])


def finite_rows(logits: FloatArray) -> Flags:
    """Which images are answered with numbers throughout."""
    return np.asarray(np.isfinite(logits).all(axis=1))


class Hearing(Protocol):
    """Whatever says which images an attack is done with; a climb needs no more of it."""

    @property
    def labels(self) -> LabelArray:
        """The classes that an attack wants to leave."""
        ...

    @property
    def over(self) -> Flags:
        """Images that need no further attack."""
        ...

    def ask(self, points: FloatArray, place: Places) -> FloatArray:
        """Logits of points, one of the image at each place; what they break is noted."""
        ...


@dataclass
class Jury:
    """Asks the forward engine about points of some images, and keeps what it says."""

    predict: Predict
    labels: LabelArray
    grid: Grid | None
    """Present where the images are stored in 8 bits."""
    broken: Flags
    failed: Flags
    """The model answered with something that is no number."""
    witness: FloatArray
    """The first point that broke an image; elsewhere the image."""
    on_grid: Flags
    """Broken in 8 bits."""
    codes: Codes
    forward: int = 0

    @classmethod
    def of(
        cls, predict: Predict, images: FloatArray, labels: LabelArray, grid: Grid | None
    ) -> "Jury":
        """A jury that has heard nothing yet."""
        no = np.zeros(len(labels), bool)
        codes = np.zeros(images.shape if grid else (len(labels), 0), np.uint8)
        return cls(predict, labels, grid, no, no.copy(), images.copy(), no.copy(), codes)

    @property
    def over(self) -> Flags:
        """Images that need no further attack."""
        return self.failed | (self.broken if self.grid is None else self.on_grid)

    def ask(self, points: FloatArray, place: Places) -> FloatArray:
        """Logits of points, one of the image at each place; what they break is noted."""
        logits = self._logits(points)
        finite = finite_rows(logits)
        fooled = finite & (np.argmax(logits, axis=1) != self.labels[place])
        self.failed[place[~finite]] = True
        fresh = fooled & ~self.broken[place]
        self.broken[place[fresh]] = True
        self.witness[place[fresh]] = points[fresh]
        rounded = fooled & ~self.on_grid[place]
        if self.grid is not None and rounded.any():
            self._round(points[rounded], place[rounded], self.grid)
        return logits

    def _round(self, points: FloatArray, place: Places, grid: Grid) -> None:
        codes = grid.rows(place).nearest(points)
        logits = self._logits(seen(codes))
        finite = finite_rows(logits)
        fooled = finite & (np.argmax(logits, axis=1) != self.labels[place])
        self.failed[place[~finite]] = True
        self.on_grid[place[fooled]] = True
        self.codes[place[fooled]] = codes[fooled]

    def _logits(self, points: FloatArray) -> FloatArray:
        self.forward += len(points)
        return self.predict(points)

    def rows(self, picked: Places) -> "Jury":
        """A jury over some of the images, to be heard and then taken in."""
        grid = self.grid.rows(picked) if self.grid is not None else None
        return Jury(
            self.predict,
            self.labels[picked],
            grid,
            self.broken[picked],
            self.failed[picked],
            self.witness[picked],
            self.on_grid[picked],
            self.codes[picked],
        )

    def take_in(self, other: "Jury", picked: Places) -> None:
        """What a jury over some of the images came to; one may be there more than once.

        Of several witnesses the first counts, in the order of the places.
        """
        self.failed[picked[other.failed]] = True
        for row in (other.broken & ~self.broken[picked]).nonzero()[0][::-1]:
            self.witness[picked[row]] = other.witness[row]
        for row in (other.on_grid & ~self.on_grid[picked]).nonzero()[0][::-1]:
            self.codes[picked[row]] = other.codes[row]
        self.broken[picked[other.broken]] = True
        self.on_grid[picked[other.on_grid]] = True
        self.forward += other.forward
