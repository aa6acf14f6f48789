"""Random numbers that belong to a sample: no batch, order or earlier draw changes them."""

import hashlib
import math

import numpy as np
import numpy.typing as npt

from analyzers.contract import FloatArray

_KEPT_BITS = 24
"""As many as a float32 holds, so that every value is exact."""


def words(
    count: int, *, seed: int, sample: str, stage: str, iteration: int = 0, draw: int
) -> npt.NDArray[np.uint64]:
    """So many 64-bit words, the same wherever the same is said.

    What is said is hashed into the key of a counter-based generator (Philox: Salmon et al., 2011),
    of which the raw stream is used: numpy promises that one, unlike its distributions.
    """
    said = f"{seed};{sample};{stage};{iteration};{draw}".encode()
    key = int.from_bytes(hashlib.sha256(said).digest()[:16], "big")
    return np.asarray(np.random.Philox(key=key).random_raw(count), np.uint64)


def uniform(
    shape: tuple[int, ...], *, seed: int, sample: str, stage: str, iteration: int, draw: int
) -> FloatArray:
    """Numbers in [0, 1)."""
    raw = words(
        math.prod(shape), seed=seed, sample=sample, stage=stage, iteration=iteration, draw=draw
    )
    kept = (raw >> np.uint64(64 - _KEPT_BITS)).astype(np.float32)
    return (kept * np.float32(2.0**-_KEPT_BITS)).reshape(shape)


def gaussian(
    shape: tuple[int, ...], *, seed: int, sample: str, stage: str, iteration: int, draw: int
) -> npt.NDArray[np.float64]:
    """Normal numbers."""
    radius, angle = uniform(
        (2, math.prod(shape)),
        seed=seed,
        sample=sample,
        stage=stage,
        iteration=iteration,
        draw=draw,
    )
    return normal(radius, angle).reshape(shape)


def normal(radius: FloatArray, angle: FloatArray) -> npt.NDArray[np.float64]:
    """Normal numbers of two sets of even ones, by the transform of Box and Muller (1958)."""
    far, around = radius.astype(np.float64), angle.astype(np.float64)
    return np.sqrt(-2 * np.log1p(-far)) * np.cos(2 * np.pi * around)


def below(limit: int, raw: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Whole numbers from 0 to one less than a limit, as even as 32 bits make them."""
    top = (raw >> np.uint64(32)).astype(np.int64)
    return (top * limit) >> 32


def bits(count: int, raw: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """The lowest bits of each word, on a last axis of their own."""
    places = np.arange(count, dtype=np.uint64)
    return ((raw[..., None] >> places) & np.uint64(1)).astype(bool)
