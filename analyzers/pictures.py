"""Stored pictures: the pixels that a model gets to see of them, and what each is called."""

import hashlib

import numpy as np

from analyzers.contract import Array, Digest, FloatArray


def seen(stored: Array) -> FloatArray:
    """[0,1] float32 pixels of pictures, whatever they are stored as."""
    if stored.dtype == np.uint8:
        return stored.astype(np.float32) / np.float32(255)
    return stored.astype(np.float32)


def sample_id(picture: Array, label: int) -> Digest:
    """SHA-256 over a picture's [0,1] pixels and its label: the same however it was stored."""
    body = hashlib.sha256(np.asarray(picture.shape, "<i8").tobytes())
    body.update(seen(picture).astype("<f4").tobytes())
    body.update(np.asarray(label, "<i8").tobytes())
    return body.hexdigest()
