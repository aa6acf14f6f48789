"""Whether a change of a picture lies where the picture has its edges."""

from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.contract import FloatArray

STRONGEST: Final = 0.2
"""Share of the pixels that count as edges; fewer where fewer pixels have any slope."""
_Values = npt.NDArray[np.float64]


def alignment(images: FloatArray, changes: FloatArray) -> list[float | None]:
    """Share of each change's energy that lies on edges, over the share of pixels they are.

    1 is a change that takes no notice of edges. None where there is no change, no edge, or
    nothing but edges.
    """
    energy = np.square(changes.astype(np.float64)).sum(axis=1)
    return [_ratio(*pair) for pair in zip(energy, edges(images), strict=True)]


def edges(images: FloatArray) -> npt.NDArray[np.bool_]:
    """The pixels of the steepest slopes over all channels."""
    steep = _steepness(images.astype(np.float64))
    bar = np.quantile(steep.reshape(len(steep), -1), 1 - STRONGEST, axis=1)
    return (steep >= bar[:, None, None]) & (steep > 0)


def _steepness(images: _Values) -> _Values:
    """Squared slope by central differences, summed over channels."""
    found = np.zeros((len(images), *images.shape[2:]))
    for axis in (2, 3):
        if images.shape[axis] > 1:
            found += np.square(np.gradient(images, axis=axis)).sum(axis=1)
    return found


def _ratio(energy: _Values, on: npt.NDArray[np.bool_]) -> float | None:
    whole, area = float(energy.sum()), float(on.mean())
    if not np.isfinite(whole) or whole <= 0 or not 0 < area < 1:
        return None
    return float(energy[on].sum()) / whole / area
