"""How well scores foretell which images fall: areas under curves, and what a score adds.

A model fitted on the images that it is tried on flatters itself, so every image is foretold by a
model that was fitted on others (cross-fitting).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

FOLDS: Final = 5
_RIDGE: Final = 1.0
"""Pulls weights of standardised scores towards 0, so that separable images have a solution."""
_STEPS: Final = 50
_CLOSE: Final = 1e-9
_STEEPEST: Final = 30.0

Values = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


def area(scores: Values, fell: Marks) -> float:
    """Share of pairs, one image that fell and one that stood, in which the fallen scores higher.

    Ties count half (Mann and Whitney, 1947). NaN where one side is empty.
    """
    ones, zeros = int(fell.sum()), int((~fell).sum())
    if not ones or not zeros:
        return float("nan")
    return (_ranks(scores)[fell].sum() - ones * (ones + 1) / 2) / (ones * zeros)


def _ranks(scores: Values) -> Values:
    """Ranks from 1 on; equal scores share the mean of theirs."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]


def foretold(scores: Values, fell: Marks) -> Values:
    """For each image what a logistic model of the others' scores makes of its own.

    Rows are images in an order that says nothing of them, as an audit's permutation is. Fold k
    are the rows k, k + 5, k + 10 and so on.
    """
    found = np.zeros(len(scores))
    for fold in range(FOLDS):
        held = np.arange(len(scores)) % FOLDS == fold
        if held.any():
            found[held] = _fitted_to(scores[~held], fell[~held], scores[held])
    return found


def _fitted_to(known: Values, fell: Marks, asked: Values) -> Values:
    """Log odds of the rows asked about: ridge logistic regression by Newton's steps."""
    centre, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    left = np.column_stack([np.ones(len(known)), (known - centre) / spread])
    pull = np.full(left.shape[1], _RIDGE)
    pull[0] = _CLOSE  # where the line lies is free
    weights = np.zeros(left.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(left @ weights, -_STEEPEST, _STEEPEST)))
        slope = left.T @ (fell - chance) - pull * weights
        bend = (left * (chance * (1 - chance))[:, None]).T @ left + np.diag(pull)
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if np.abs(step).max() < _CLOSE:
            break
    return np.column_stack([np.ones(len(asked)), (asked - centre) / spread]) @ weights


def areas(drawn: Values) -> Values:
    """``area`` of each resample: rows of (score, whether it fell), as ``bootstrap.spread`` asks."""
    return np.array([area(one[:, 0], one[:, 1] > 0) for one in drawn])


def gains(drawn: Values) -> Values:
    """Area of a second score less that of a first, on the same images of each resample.

    Rows are (first, second, whether it fell).
    """
    return np.array(
        [area(one[:, 1], one[:, 2] > 0) - area(one[:, 0], one[:, 2] > 0) for one in drawn]
    )
