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

from analyzers.attacks.ball import Ball
from analyzers.attacks.jury import Flags, Hearing, Places, finite_rows
from analyzers.attacks.losses import Loss
from analyzers.contract import Array, FloatArray, Gradient, GradientStep
from analyzers.engines.gaps import centred

MOMENTUM: Final = np.float32(0.75)
FIRST_STEP: Final = 2.0
"""In units of eps."""
ENOUGH_RISES: Final = 0.75
"""Share of steps between two checkpoints that must have raised the loss."""
NEAR_TIE: Final = 1e-3
"""Top two logits closer than this part of the largest one may swap between engines."""
APART: Final = 1e-2
"""Far more than float32 and another order of sums cost, far less than another function."""
LAST_PART: Final = 0.1
"""Of the iterations: who still rises there, notably, was given too few."""
NOTABLE: Final = 0.1
"""Of all that a climb gained."""


class Problem(NamedTuple):
    """Images to break, each within its own ball."""

    start: FloatArray
    ball: Ball
    about: Array
    """What the loss is told of each image."""
    loss: Loss
    eps: float
    iterations: int
    tolerance: float = APART
    """How far the engines' logits may lie apart, of their spread."""


@dataclass
class Found:
    """What one run says of each image beside what broke it."""

    iterations: Places
    flat: Flags
    """At some point no pixel had a slope."""
    best: FloatArray
    """The point of the highest loss."""
    disagree: Flags
    """The engines named different classes, and that was no near tie, or other logits."""
    rose: Flags
    """Some step raised the loss."""
    rising: Flags
    """The last part of the run still raised it notably."""
    passes: int = 0
    """Through the gradient engine: each is a forward and a backward pass."""


@dataclass
class _Lanes:
    """The images still in play, one row each."""

    place: Places
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
    rises: Places
    marked: FloatArray
    """Best loss at the last checkpoint."""
    halved: Flags
    """Whether the step was halved there."""
    first_loss: FloatArray
    late_loss: FloatArray
    """Best loss when the last part began."""

    def __len__(self) -> int:
        return len(self.place)

    def keep(self, kept: Flags) -> None:
        """Drop every other row."""
        if not kept.all():
            for one in fields(self):
                setattr(self, one.name, getattr(self, one.name)[kept])


def apgd(jury: Hearing, gradient: Gradient, problem: Problem, tell: Callable[[int], None]) -> Found:
    """Run until the jury has heard enough; ``tell`` hears each iteration as it begins."""
    found = _nothing(problem)
    lanes = _lanes(problem)
    checks = checkpoints(problem.iterations)
    late = math.ceil(problem.iterations * (1 - LAST_PART))
    for iteration in range(problem.iterations):
        if not len(lanes):
            return found
        tell(iteration)
        seen = gradient.step(lanes.at, problem.about[lanes.place], problem.loss)
        found.passes += len(lanes)
        _learn(lanes, seen, found, first=iteration == 0)
        if iteration == late:
            lanes.late_loss = lanes.best_loss
        _judge(jury, lanes, found, guesses=seen.logits)
        found.iterations[lanes.place] = iteration
        lanes.keep(~jury.over[lanes.place])
        if iteration in checks:
            _settle(lanes, interval=iteration - checks[iteration])
        _move(lanes, problem.ball, first=iteration == 0)
    found.iterations[lanes.place] = problem.iterations
    _finish(jury, problem, lanes, found)
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

    return Found(np.zeros(count, np.int64), no(), problem.start.copy(), no(), no(), no())


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
        first_loss=lowest,
        late_loss=lowest,
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
        lanes.marked = lanes.first_loss = loss


def _judge(jury: Hearing, lanes: _Lanes, found: Found, *, guesses: FloatArray) -> None:
    """Put to the jury what the gradient engine takes for broken, or cannot answer."""
    proposed = ~finite_rows(guesses) | (np.argmax(guesses, axis=1) != jury.labels[lanes.place])
    if not proposed.any():
        return
    place = lanes.place[proposed]
    logits = jury.ask(lanes.at[proposed], place)
    other = finite_rows(logits) & (
        np.argmax(logits, axis=1) != np.argmax(guesses[proposed], axis=1)
    )
    found.disagree[place[other]] |= ~_near_tie(logits[other])


def _finish(jury: Hearing, problem: Problem, lanes: _Lanes, found: Found) -> None:
    """Ask about the last points and the best ones, and hold logits against logits at the latter.

    The gradient engine alone has seen these. If it computes another function there, its slopes are
    those of another model, and that nothing broke says nothing.
    """
    if len(lanes):
        jury.ask(lanes.at, lanes.place)
        lanes.keep(~jury.over[lanes.place])
    if not len(lanes):
        return
    found.best[lanes.place] = lanes.best
    gained = lanes.best_loss - lanes.first_loss
    found.rising[lanes.place] = lanes.best_loss - lanes.late_loss > NOTABLE * gained
    logits = jury.ask(lanes.best, lanes.place)
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
