"""Two cues in conflict: the phase of one picture with the amplitude of another.

Phase holds where things are, and so outlines; amplitude holds how much there is of each
frequency, and so the statistics of texture and the mean colour (Oppenheim and Lim, 1981; used
to tell what networks go by in arXiv:2108.08487). This is not the style transfer of Geirhos et
al. (arXiv:1811.12231), so figures of the two cannot be compared. A partner comes from the same
block, and the blocks of a set are fixed.
"""

from collections.abc import Sequence

import numpy as np

from analyzers.contract import FloatArray


def partners(labels: Sequence[int], usable: Sequence[bool]) -> dict[int, int]:
    """For every usable picture the next usable one of another class, round the end."""
    places = [place for place, one in enumerate(usable) if one]
    found: dict[int, int] = {}
    for at, place in enumerate(places):
        turned = [*places[at + 1 :], *places[:at]]
        other = next((one for one in turned if labels[one] != labels[place]), None)
        if other is not None:
            found[place] = other
    return found


def hybrids(shapes: FloatArray, textures: FloatArray) -> FloatArray:
    """The phase of the first, channel by channel, with the amplitude of the second."""
    phase = np.fft.rfft2(shapes.astype(np.float64))
    size = np.abs(phase)
    # Where the first has nothing of a frequency, its phase is that of zero.
    turned = np.where(size > 0, phase / np.where(size > 0, size, 1.0), 1.0)
    amplitude = np.abs(np.fft.rfft2(textures.astype(np.float64)))
    height, width = shapes.shape[-2:]
    mixed = np.fft.irfft2(amplitude * turned, s=(height, width))
    return mixed.clip(0, 1).astype(np.float32)
