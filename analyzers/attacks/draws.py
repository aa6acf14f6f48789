"""Random numbers that belong to a sample: no batch, order or earlier draw changes them."""

import hashlib
import math

import numpy as np

from analyzers.contract import FloatArray

_KEPT_BITS = 24
"""As many as a float32 holds, so that every value is exact."""


def uniform(
    shape: tuple[int, ...], *, seed: int, sample: str, stage: str, iteration: int, draw: int
) -> FloatArray:
    """Numbers in [0, 1), the same wherever the same words are given.

    The words are hashed into the key of a counter-based generator (Philox: Salmon et al., 2011),
    of which the raw stream is used: numpy promises that one, unlike its distributions.
    """
    words = f"{seed};{sample};{stage};{iteration};{draw}".encode()
    key = int.from_bytes(hashlib.sha256(words).digest()[:16], "big")
    raw = np.random.Philox(key=key).random_raw(math.prod(shape))
    kept = (np.asarray(raw) >> np.uint64(64 - _KEPT_BITS)).astype(np.float32)
    return (kept * np.float32(2.0**-_KEPT_BITS)).reshape(shape)
