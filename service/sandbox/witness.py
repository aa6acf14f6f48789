"""Whether a claimed break is one: label, ball and box, checked with numpy by the supervisor.

Written apart from the attacks on purpose: whoever claims does not confirm. The clean picture is
the stored one, the logits come from a second child.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array

NORMS = ("Linf",)

Flags = npt.NDArray[np.bool_]


def inside_ball(clean: Array, witness: Array, *, norm: str, eps: str) -> Flags:
    """One truth value a picture: numbers throughout, in the box, inside the exact ball."""
    _check(norm)
    finite = np.isfinite(witness).all(axis=(1, 2, 3))
    boxed = ((witness >= 0) & (witness <= 1)).all(axis=(1, 2, 3))
    with np.errstate(invalid="ignore"):  # infinite pixels lie outside whatever they differ by
        inside = within(clean, witness, Fraction(eps)).all(axis=(1, 2, 3))
    return np.asarray(finite & boxed & inside)


def inside_grid(clean: Array, witness: Array, *, norm: str, eps: str) -> Flags:
    """The same of pictures of 8 bits, in whole steps: the box holds by itself."""
    _check(norm)
    if clean.dtype != np.uint8 or witness.dtype != np.uint8:
        return np.zeros(len(witness), bool)
    steps = np.abs(witness.astype(np.int16) - clean.astype(np.int16))
    return np.asarray((steps <= int(Fraction(eps) * 255)).all(axis=(1, 2, 3)))


def _check(norm: str) -> None:
    if norm not in NORMS:
        message = f"no check for the norm {norm}"
        raise ValueError(message)


class Opinion(NamedTuple):
    """What others say of a block's claims."""

    became: list[int | None]
    """The class that each confirmed witness is taken for; None for one that fails."""
    replayed: int
    differing: int


def opinion(inside: Flags, answers: Mapping[str, Array], labels: Array) -> Opinion:
    """Hold claims against the canonical file's logits and, where there are any, the upload's.

    A claim counts when both are fooled: what people deploy is the uploaded file.
    """
    logits, uploaded = answers["logits"], answers.get("uploaded")
    if not _one_row_each(logits, labels):
        return Opinion([None] * len(labels), 0, 0)
    holds = inside & fooled(logits, labels)
    classes = logits.argmax(axis=1)
    replayed = differing = 0
    if uploaded is not None:
        if uploaded.shape != logits.shape:
            return Opinion([None] * len(labels), len(labels), len(labels))
        holds &= fooled(uploaded, labels)
        replayed = len(labels)
        differing = int((uploaded.argmax(axis=1) != classes).sum())
    became = [int(label) if held else None for held, label in zip(holds, classes, strict=True)]
    return Opinion(became, replayed, differing)


def fooled(logits: Array, labels: Array) -> Flags:
    """Finite answers with another class on top."""
    finite = np.isfinite(logits).all(axis=1)
    return finite & (np.argmax(np.where(np.isfinite(logits), logits, -np.inf), axis=1) != labels)


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
