"""Auto-PGD (Croce and Hein, ICML 2020, Algorithm 1), each image on its own.

Gradient ascent with momentum inside the ball; the step halves, and the climb restarts from its
best point, where progress stalls between two checkpoints. Two changes: an image leaves as soon as
it breaks, into any class and at any iteration, and what counts as broken is said by the forward
engine alone. The gradient engine's logits only propose.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.attacks.ball import Ball
from analyzers.attacks.losses import Loss
from analyzers.contract import Array, FloatArray, Gradient, GradientStep, LabelArray
from analyzers.engines.gaps import centred

Flags = npt.NDArray[np.bool_]
Predict = Callable[[FloatArray], FloatArray]

MOMENTUM: Final = np.float32(0.75)
FIRST_STEP: Final = 2.0
"""In units of eps."""
ENOUGH_RISES: Final = 0.75
"""Share of steps between two checkpoints that must have raised the loss."""
NEAR_TIE: Final = 1e-3
"""Top two logits closer than this part of the largest one may swap between engines."""
APART: Final = 1e-2
"""Far more than float32 and another order of sums cost, far less than another function."""


class Problem(NamedTuple):
    """Images to break, each within its own ball."""

    start: FloatArray
    ball: Ball
    labels: LabelArray
    about: Array
    """What the loss is told of each image."""
    loss: Loss
    eps: float
    iterations: int
    tolerance: float = APART
    """How far the engines' logits may lie apart, of their spread."""


@dataclass
class Found:
    """What one run came to: a row for each image that it was given."""

    broken: Flags
    failed: Flags
    """The model answered with something that is no number."""
    witness: FloatArray
    """The breaking point of a broken image, elsewhere the start."""
    iterations: npt.NDArray[np.int64]
    flat: Flags
    """At some point no pixel had a slope."""
    best: FloatArray
    """The point of the highest loss."""
    disagree: Flags
    """The engines named different classes, and that was no near tie, or other logits."""
    rose: Flags
    """Some step raised the loss."""
    forward: int = 0
    backward: int = 0


@dataclass
class _Lanes:
    """The images still in play, one row each."""

    place: npt.NDArray[np.int64]
    """Where in the problem this image stands."""
    at: FloatArray
    before: FloatArray
    slope: FloatArray
    loss: FloatArray
    best: FloatArray
    best_slope: FloatArray
    best_loss: FloatArray
    best_logits: FloatArray
    """What the gradient engine said there."""
    step: FloatArray
    rises: npt.NDArray[np.int64]
    marked: FloatArray
    """Best loss at the last checkpoint."""
    halved: Flags
    """Whether the step was halved there."""

    def __len__(self) -> int:
        return len(self.place)

    def keep(self, kept: Flags) -> None:
        """Drop every other row."""
        if not kept.all():
            for one in fields(self):
                setattr(self, one.name, getattr(self, one.name)[kept])


def apgd(
    predict: Predict, gradient: Gradient, problem: Problem, tell: Callable[[int], None]
) -> Found:
    """Run; ``tell`` hears each iteration as it begins."""
    found = _nothing(problem)
    lanes = _lanes(problem)
    checks = checkpoints(problem.iterations)
    for iteration in range(problem.iterations):
        if not len(lanes):
            return found
        tell(iteration)
        seen = gradient.step(lanes.at, problem.about[lanes.place], problem.loss)
        found.forward += len(lanes)
        found.backward += len(lanes)
        _learn(lanes, seen, found, first=iteration == 0)
        proposed = _proposed(seen.logits, problem.labels[lanes.place])
        _judge(predict, problem, lanes, found, at=proposed, guesses=seen.logits)
        found.iterations[lanes.place] = iteration
        lanes.keep(~(found.broken | found.failed)[lanes.place])
        if iteration in checks:
            _settle(lanes, interval=iteration - checks[iteration])
        _move(lanes, problem.ball, first=iteration == 0)
    found.iterations[lanes.place] = problem.iterations
    _judge(predict, problem, lanes, found, at=np.ones(len(lanes), bool), guesses=None)
    lanes.keep(~(found.broken | found.failed)[lanes.place])
    _compare(predict, problem, lanes, found)
    return found


def checkpoints(iterations: int) -> dict[int, int]:
    """Iterations at which progress is weighed, each with the one before it.

    The first after 22 % of all iterations, then at distances 3 % shorter each time, but no
    shorter than 6 %. Counted in whole percent, so that no rounding moves one.
    """
    share, distance, last = 22, 22, 0
    found: dict[int, int] = {}
    while share < 100:  # noqa: PLR2004 - percent
        at = math.ceil(share * iterations / 100)
        if at > last:
            found[at] = last
            last = at
        distance = max(distance - 3, 6)
        share += distance
    return found


def _nothing(problem: Problem) -> Found:
    count = len(problem.start)

    def no() -> Flags:
        return np.zeros(count, bool)

    whole = np.zeros(count, np.int64)
    start = problem.start
    return Found(no(), no(), start.copy(), whole, no(), start.copy(), no(), no())


def _lanes(problem: Problem) -> _Lanes:
    count, start = len(problem.start), problem.start
    lowest = np.full(count, -np.inf, np.float32)
    return _Lanes(
        place=np.arange(count),
        at=start,
        before=start,
        slope=np.zeros_like(start),
        loss=lowest,
        best=start,
        best_slope=np.zeros_like(start),
        best_loss=lowest,
        best_logits=np.zeros((count, 0), np.float32),
        step=np.full(count, FIRST_STEP * problem.eps, np.float32),
        rises=np.zeros(count, np.int64),
        marked=lowest,
        halved=np.zeros(count, bool),
    )


def _learn(lanes: _Lanes, seen: GradientStep, found: Found, *, first: bool) -> None:
    """Take in loss and slope of the points just reached; what is no number counts as nothing."""
    loss = np.where(np.isnan(seen.loss), -np.inf, seen.loss).astype(np.float32)
    slope = np.where(np.isfinite(seen.slope), seen.slope, 0).astype(np.float32)
    found.flat[lanes.place] |= ~slope.any(axis=(1, 2, 3))
    if not first:
        rose = loss > lanes.loss
        lanes.rises = lanes.rises + rose
        found.rose[lanes.place] |= rose
    better = first | (loss > lanes.best_loss)
    lanes.best = _chosen(better, lanes.at, lanes.best)
    lanes.best_slope = _chosen(better, slope, lanes.best_slope)
    lanes.best_loss = np.where(better, loss, lanes.best_loss)
    if first:
        lanes.best_logits = seen.logits
    lanes.best_logits = np.where(np.reshape(better, (-1, 1)), seen.logits, lanes.best_logits)
    lanes.loss, lanes.slope = loss, slope
    if first:
        lanes.marked = loss


def finite_rows(logits: FloatArray) -> Flags:
    """Which images are answered with numbers throughout."""
    return np.asarray(np.isfinite(logits).all(axis=1))


def _proposed(logits: FloatArray, labels: LabelArray) -> Flags:
    return ~finite_rows(logits) | (np.argmax(logits, axis=1) != labels)


def _judge(
    predict: Predict,
    problem: Problem,
    lanes: _Lanes,
    found: Found,
    *,
    at: Flags,
    guesses: FloatArray | None,
) -> None:
    """Ask the forward engine about some points; its word alone breaks an image."""
    if not at.any():
        return
    place = lanes.place[at]
    logits = predict(lanes.at[at])
    found.forward += len(place)
    finite = finite_rows(logits)
    winner = np.argmax(logits, axis=1)
    broken = finite & (winner != problem.labels[place])
    found.failed[place] = ~finite
    found.broken[place] = broken
    found.witness[place[broken]] = lanes.at[at][broken]
    if guesses is not None:
        other = finite & (winner != np.argmax(guesses[at], axis=1))
        found.disagree[place[other]] |= ~_near_tie(logits[other])


def _compare(predict: Predict, problem: Problem, lanes: _Lanes, found: Found) -> None:
    """Ask the forward engine about the best points, and hold its logits against the other's.

    The gradient engine alone has seen these. If it computes another function there, its slopes are
    those of another model, and that nothing broke says nothing.
    """
    if not len(lanes):
        return
    found.best[lanes.place] = lanes.best
    logits = predict(lanes.best)
    found.forward += len(lanes)
    found.failed[lanes.place] = ~finite_rows(logits)
    broken = finite_rows(logits) & (np.argmax(logits, axis=1) != problem.labels[lanes.place])
    found.broken[lanes.place] = broken
    found.witness[lanes.place[broken]] = lanes.best[broken]
    apart = np.abs(centred(logits) - centred(lanes.best_logits)).max(axis=1)
    spread = np.abs(centred(logits)).max(axis=1)
    found.disagree[lanes.place] |= ~(apart <= problem.tolerance * spread)


def _near_tie(logits: FloatArray) -> Flags:
    top = np.sort(logits, axis=1)[:, -2:]
    spread = top[:, 1] - logits.min(axis=1)  # an offset that all classes share is no scale
    return (top[:, 1] - top[:, 0]) <= NEAR_TIE * spread


def _settle(lanes: _Lanes, *, interval: int) -> None:
    """At a checkpoint: where progress stalled, halve the step and go back to the best point."""
    few = lanes.rises < ENOUGH_RISES * interval
    stuck = ~lanes.halved & (lanes.best_loss <= lanes.marked)
    stalled = few | stuck
    lanes.step = np.where(stalled, lanes.step / 2, lanes.step).astype(np.float32)
    lanes.at = _chosen(stalled, lanes.best, lanes.at)
    lanes.before = _chosen(stalled, lanes.best, lanes.before)
    lanes.slope = _chosen(stalled, lanes.best_slope, lanes.slope)
    lanes.loss = np.where(stalled, lanes.best_loss, lanes.loss)
    lanes.halved = stalled
    lanes.marked = lanes.best_loss
    lanes.rises = np.zeros_like(lanes.rises)


def _move(lanes: _Lanes, ball: Ball, *, first: bool) -> None:
    inside = ball.rows(lanes.place)
    leap: FloatArray = lanes.step[:, None, None, None] * np.sign(lanes.slope)
    ahead = inside.clamp(lanes.at + leap)
    if not first:
        drift: FloatArray = (1 - MOMENTUM) * (lanes.at - lanes.before)
        push: FloatArray = MOMENTUM * (ahead - lanes.at)
        ahead = inside.clamp(lanes.at + push + drift)
    lanes.before, lanes.at = lanes.at, ahead


def _chosen(where: Flags | bool, one: FloatArray, other: FloatArray) -> FloatArray:
    return np.where(np.reshape(where, (-1, 1, 1, 1)), one, other)
