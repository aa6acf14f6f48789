"""Chance that belongs to one picture, one corruption and one severity, and to nothing else."""

import numpy as np
import numpy.typing as npt

from analyzers.attacks import draws
from analyzers.contract import FloatArray

Values = npt.NDArray[np.float64]


class Chance:
    """Draws one after the other; the same wherever the same is asked for in the same order."""

    def __init__(self, seed: int, sample: str, kind: str, severity: int) -> None:
        """Say of what."""
        self._seed, self._sample = seed, sample
        self._stage, self._severity = f"corruption:{kind}", severity
        self._drawn = 0

    def uniform(self, *shape: int) -> FloatArray:
        """Numbers in [0, 1)."""
        found = draws.uniform(
            shape,
            seed=self._seed,
            sample=self._sample,
            stage=self._stage,
            iteration=self._severity,
            draw=self._drawn,
        )
        self._drawn += 1
        return found

    def between(self, low: float, high: float) -> float:
        """One number of an interval."""
        return low + (high - low) * float(self.uniform(1)[0])

    def whole(self, low: int, high: int, *shape: int) -> npt.NDArray[np.int64]:
        """Whole numbers from ``low`` to one less than ``high``."""
        return low + np.floor(self.uniform(*shape).astype(np.float64) * (high - low)).astype(int)

    def normal(self, *shape: int) -> Values:
        """Numbers of the standard normal distribution."""
        return draws.normal(self.uniform(*shape), self.uniform(*shape))
