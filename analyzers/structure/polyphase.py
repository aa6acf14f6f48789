"""How far a strided convolution before an average can move, from its weights alone.

Take one linear convolution w of stride s on a circular image and average what it puts out. Under
disturbances of at most eps a pixel the average moves by exactly

    A(s) = eps * sum over the s*s classes of positions of | sum of the taps of that class |

so eps * |sum w| = A(1) <= A(s) <= eps * ||w||_1, whatever the size of the image. Without a stride
only the constant part of the kernel comes through the average; a stride lets fast patterns alias
into it. A maximum in place of the average moves by eps * ||w||_1 for every stride. (After the
mechanism that Xu et al., arXiv:2202.12435, describe; the identity is that of polyphase filters.)
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array, ConvLayer

Floats = npt.NDArray[np.float64]
NO_CONSTANT: Final = 1e-6
"""Share of ||w||_1 from which a constant part is more than the rounding of stored weights."""
BLUR_ERROR: Final = 1e-3
_CHUNK: Final = 1 << 21


class Reach(NamedTuple):
    """How far the average of each output moves, for disturbances of at most 1."""

    strided: Floats
    """With the layer's own strides: A(s) / eps."""
    plain: Floats
    """With stride 1: A(1) / eps."""
    most: Floats
    """||w||_1: nothing cancels."""


class Aliasing(NamedTuple):
    """One strided layer: the mean over its live outputs, and the median of their ratios."""

    strided: float
    """A(s) over ||w||_1. No scale of an output changes it, so folded batch norms do not either."""
    plain: float
    """A(1) over ||w||_1."""
    ratio: float | None
    """A(s) over A(1); None where no output has a constant part."""
    live: int
    compared: int
    """Outputs with a constant part, over which the median runs."""


def reach(weight: Array, strides: Sequence[int], dilations: Sequence[int]) -> Reach:
    """A(s), A(1) and ||w||_1 of every output of a layer [out, in, *kernel]."""
    classes = _classes(weight.shape[2:], strides, dilations)
    parts = [_reach(block, classes) for block in _blocks(weight)]
    return Reach(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def aliasing(weight: Array, strides: Sequence[int], dilations: Sequence[int]) -> Aliasing | None:
    """What a stride lets into the average; None for a layer without any weight."""
    found = reach(weight, strides, dilations)
    live = found.most > 0
    if not live.any():
        return None
    strided, plain = (np.minimum(one[live] / found.most[live], 1.0) for one in found[:2])
    constant = plain > NO_CONSTANT
    ratio = float(np.median(strided[constant] / plain[constant])) if constant.any() else None
    return Aliasing(
        float(strided.mean()), float(plain.mean()), ratio, int(live.sum()), int(constant.sum())
    )


def steps_over(layer: ConvLayer) -> bool:
    """Whether a layer has strides, and more than one tap to alias with."""
    sides = layer.weight.shape[2:]
    told = len(layer.strides) == len(layer.dilations) == len(sides)
    return told and math.prod(layer.strides) > 1 and math.prod(sides) > 1


def is_blur(layer: ConvLayer) -> bool:
    """Whether a layer only blurs: the same binomial kernel on every channel (Zhang, 2019)."""
    weight, sides = layer.weight, layer.weight.shape[2:]
    if weight.shape[1] != 1 or layer.groups == 1:
        return False
    if max(sides) == 1 or max(sides) > _LARGEST_BLUR:
        return False
    wanted = np.ones(())
    for side in sides:
        row = np.array([math.comb(side - 1, tap) for tap in range(side)], np.float64)
        wanted = np.multiply.outer(wanted, row / row.sum())
    return bool(np.abs(weight[:, 0] - wanted).max() <= BLUR_ERROR * wanted.max())


_LARGEST_BLUR: Final = 9


def _classes(
    sides: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> npt.NDArray[np.int64]:
    """The class of every tap: where it falls between two windows, counted over all axes."""
    along = [
        [tap * apart % step for tap in range(side)]
        for side, step, apart in zip(sides, strides, dilations, strict=True)
    ]
    known: dict[tuple[int, ...], int] = {}
    places = [known.setdefault(one, len(known)) for one in itertools.product(*along)]
    return np.array(places, np.int64)


def _reach(block: Floats, classes: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    order = np.argsort(classes, kind="stable")
    first = np.flatnonzero(np.diff(classes[order], prepend=-1))
    sums = np.add.reduceat(block[:, :, order], first, axis=2)
    strided = np.abs(sums).sum(axis=(1, 2))
    plain = np.abs(block.sum(axis=2)).sum(axis=1)
    return strided, plain, np.abs(block).sum(axis=(1, 2))


def _blocks(weight: Array) -> Iterator[Floats]:
    """Runs of outputs [some, in, taps] in float64: a large layer never stands there twice."""
    flat = weight.reshape(*weight.shape[:2], -1)
    step = max(1, _CHUNK // max(1, flat[0].size))
    for low in range(0, len(flat), step):
        yield flat[low : low + step].astype(np.float64)
