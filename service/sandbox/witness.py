"""Whether a claimed break is one: label, ball and box, checked with numpy by the supervisor.

Written apart from the attacks on purpose: whoever claims does not confirm. The clean picture is
the stored one, the logits come from a second child.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from analyzers.contract import Array

NORMS = ("Linf",)


def confirmed(
    clean: Array, witness: Array, logits: Array, labels: Array, *, norm: str, eps: str
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """One truth value a claim: finite logits, another label, in the box, inside the exact ball."""
    if norm not in NORMS:
        message = f"no check for the norm {norm}"
        raise ValueError(message)
    finite = np.isfinite(logits).all(axis=1) & np.isfinite(witness).all(axis=(1, 2, 3))
    other = np.argmax(np.where(np.isfinite(logits), logits, -np.inf), axis=1) != labels
    boxed = ((witness >= 0) & (witness <= 1)).all(axis=(1, 2, 3))
    inside = within(clean, witness, Fraction(eps)).all(axis=(1, 2, 3))
    return finite & other & boxed & inside


class Opinion(NamedTuple):
    """What others say of a block's claims."""

    became: list[int | None]
    """The class that each confirmed witness is taken for; None for one that fails."""
    replayed: int
    differing: int


def opinion(
    clean: Array,
    witness: Array,
    answers: Mapping[str, Array],
    labels: Array,
    *,
    norm: str,
    eps: str,
) -> Opinion:
    """Hold claims against the canonical file's logits and, where there are any, the upload's.

    A claim counts when both are fooled: what people deploy is the uploaded file.
    """
    logits, uploaded = answers["logits"], answers.get("uploaded")
    if not _one_row_each(logits, labels):
        return Opinion([None] * len(labels), 0, 0)
    holds = confirmed(clean, witness, logits, labels, norm=norm, eps=eps)
    classes = logits.argmax(axis=1)
    replayed = differing = 0
    if uploaded is not None:
        if uploaded.shape != logits.shape:
            return Opinion([None] * len(labels), len(labels), len(labels))
        holds &= confirmed(clean, witness, uploaded, labels, norm=norm, eps=eps)
        replayed = len(labels)
        differing = int((uploaded.argmax(axis=1) != classes).sum())
    became = [int(label) if held else None for held, label in zip(holds, classes, strict=True)]
    return Opinion(became, replayed, differing)


def _one_row_each(logits: Array, labels: Array) -> bool:
    return logits.ndim == 2 and len(logits) == len(labels) and logits.shape[1] > 0  # noqa: PLR2004 - rows and classes


def within(
    clean: Array, moved: Array, eps: Fraction
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether |moved - clean| <= eps in exact arithmetic, pixel by pixel.

    The difference of two floats is ``rounded + error`` exactly (Knuth's two-sum), and the largest
    double that is no larger than eps decides: at equality the error must not point outward.
    """
    a, b = moved.astype(np.float64), -clean.astype(np.float64)
    rounded = a + b
    virtual = rounded - a
    error = (a - (rounded - virtual)) + (b - virtual)
    bound = float(eps)
    if Fraction(bound) > eps:
        bound = float(np.nextafter(bound, 0.0))
    size = np.abs(rounded)
    outward = error * np.sign(rounded)
    return (size < bound) | ((size == bound) & (outward <= 0))
