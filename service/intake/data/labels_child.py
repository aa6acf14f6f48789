"""Labels as class numbers, checked. Runs in a child."""

from typing import Final

import numpy as np

from analyzers.contract import Array, Refusal

_MOST_CLASSES: Final = 1 << 16
"""One count a class must fit into the answer, which is a single frame."""


def class_numbers(labels: Array) -> Array:
    """Labels as int64, of at least two classes."""
    whole = whole_numbers(labels)
    if (whole == whole[0]).all():
        raise Refusal(
            "DATA_ONE_CLASS",
            "All images carry the same label, so no accuracy on them means anything.",
            "Use images of at least two classes.",
        )
    return whole


def whole_numbers(labels: Array) -> Array:
    """Labels as int64, whatever classes they name."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise Refusal(
            "DATA_LABELS_INVALID",
            f"The labels are {labels.dtype.name} of shape {list(labels.shape)}; one whole number "
            "an image is needed.",
            "Give class numbers from 0 on, for example labels.argmax(axis=1) for one-hot labels.",
        )
    whole = labels.astype(np.int64)
    if whole.min() < 0 or whole.max() >= _MOST_CLASSES:
        raise Refusal(
            "DATA_LABELS_INVALID",
            "Some labels are negative or far beyond any class.",
            "Give class numbers from 0 on.",
        )
    return whole
