"""Watches the last maps on a picture and on a changed one, and pools both.

With dh the change of the maps at K positions and z the pooled features:

    coherence   = ||sum over positions of dh||^2 / (K * sum over positions of ||dh||^2)
    attenuation = (||dz|| / ||z||) / (||dh|| / ||h||)

For a mean the second is the square root of the first over the coherence of the maps themselves, so
a change as large that moved every position by itself would leave 1 / sqrt(K * coherence of h).
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.attacks.draws import gaussian
from analyzers.behaviour.attenuation import NOISE
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Json,
    LastMaps,
    Partial,
    Refusal,
    Shard,
    Subject,
    Tell,
)

Maps = npt.NDArray[np.float64]
"""[channels, positions] of one image."""
TOGETHER: Final = 8
"""Pictures at a time; with their changed twins they fill a batch of the engine."""
MOST_BYTES: Final = 1 << 26
"""Of the maps that are held at a time."""
STILL: Final = 1e-6
"""Relative change that the rounding of float32 can make by itself: no more than that is none."""
_DIGITS: Final = 9


class Change(NamedTuple):
    """What one picture's change does; None where it does nothing."""

    coherence: float | None
    attenuation: float | None
    other: float | None
    """Attenuation had the other pool been taken: the control."""
    alone: float | None
    """Attenuation of a mean had every position moved by itself."""


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Every picture of the rows beside its noisy or attacked one."""
    last = subject.places().last
    if last is None:
        gap = subject.places().last_gap
        return Partial("not_applicable", note=f"{gap[:1].upper()}{gap[1:]}.")
    changed = inputs["probe"] if "threat" in shard.params else noisy(batch, shard.seed)
    found, positions = list[Change](), 1
    try:
        for maps, moved in _pairs(subject, last, batch.images, changed):
            tell(len(found), len(batch.images), "maps")
            positions = maps.shape[1]
            found.append(change(maps, moved, last.pool))
    except Refusal as refusal:
        return Partial("not_available", note=refusal.sentence)
    columns: dict[str, list[Json]] = {"row": list(batch.rows)}
    columns.update((name, [getattr(one, name) for one in found]) for name in Change._fields)
    return Partial(
        "measured",
        {"positions": positions, "mean": int(last.pool == "mean")},
        columns,
        passes={"forward": 2 * len(found)},
    )


def _pairs(
    subject: Subject, last: LastMaps, images: FloatArray, changed: FloatArray
) -> Iterator[tuple[Maps, Maps]]:
    """The maps of each picture and of its changed twin, a few at a time."""

    def flat(name: str, values: FloatArray) -> Array:
        del name
        moved = np.moveaxis(values, last.axis, 1)
        return moved.reshape(*moved.shape[:2], -1)

    step = _together(last)
    for low in range(0, len(images), step):
        some = images[low : low + step]
        both = np.concatenate([some, changed[low : low + step]])
        maps = subject.activations(both, [last.tensor], flat)[last.tensor].astype(np.float64)
        yield from zip(maps[: len(some)], maps[len(some) :], strict=True)


def _together(last: LastMaps) -> int:
    """How many pictures' maps may be held; one where their size is not known beforehand."""
    size = last.channels * math.prod(last.size) * 2 * np.dtype(np.float64).itemsize
    known = bool(last.size and last.channels)
    return max(1, min(TOGETHER, MOST_BYTES // size)) if known else 1


def noisy(batch: Batch, seed: int) -> FloatArray:
    """Gaussian noise on every picture, its own by seed and sample.

    Not cut to [0,1]: cutting would shift dark and bright pictures as a whole, and a common shift
    is the one thing that no mean removes.
    """
    shape = batch.images.shape[1:]
    noise = [
        gaussian(shape, seed=seed, sample=sample, stage="attenuation", iteration=0, draw=0)
        for sample in batch.ids
    ]
    return np.asarray(batch.images + NOISE * np.stack(noise), np.float32)


def change(maps: Maps, moved: Maps, pool: Literal["mean", "max"]) -> Change:
    """What a change does to one picture's maps and to their pooled features."""
    moves = moved - maps
    size, step = float(np.linalg.norm(maps)), float(np.linalg.norm(moves))
    if not math.isfinite(size + step) or step <= STILL * size:
        return Change(None, None, None, None)
    own, other = (np.mean, np.max) if pool == "mean" else (np.max, np.mean)
    relative = step / size if size else 0.0
    at_rest = coherence(maps)
    return Change(
        _rounded(coherence(moves)),
        _rounded(_attenuation(own(maps, axis=1), own(moved, axis=1), relative)),
        _rounded(_attenuation(other(maps, axis=1), other(moved, axis=1), relative)),
        _rounded(1 / math.sqrt(maps.shape[1] * at_rest) if at_rest else None),
    )


def coherence(moves: Maps) -> float | None:
    """How far all positions move alike; None where nothing moves."""
    energy = float(np.square(moves).sum())
    if not energy:
        return None
    return min(1.0, float(np.square(moves.sum(axis=1)).sum()) / (moves.shape[1] * energy))


def _attenuation(before: Array, after: Array, relative: float) -> float | None:
    size = float(np.linalg.norm(before))
    if not size or not relative:
        return None
    return float(np.linalg.norm(after - before)) / size / relative


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
