"""Whether the attack finds what is certainly there: a problem planted into every ball.

The active test of Zimmermann et al. (NeurIPS 2022, "Increasing Confidence in Adversarial
Robustness Evaluations"): a linear readout of the logits tells a planted point at the edge of the
ball from the image and points near it, and the attack has to cross that readout's border. It
sees the model only through the same logits and the same slopes as in earnest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.attacks.apgd import Problem, apgd
from analyzers.attacks.jury import Flags, Places, finite_rows
from analyzers.contract import Array, FloatArray, GradientStep, LabelArray
from analyzers.engines.gaps import centred
from analyzers.trust.ground_child import Ground

INNER: Final = 23
"""Points near the image; with it and the corners they fill whole batches."""
CORNERS: Final = 8
"""Points at the edge, of which the one that is told apart best is planted."""
NEAR: Final = 1 / 4
"""Of eps: how far inner points lie."""
BORDER: Final = 0.65
"""Of the way from the furthest inner point to the planted one. Of 398 balls of an honest net that
thresholds its pixels none is missed so, at 0.8 half a percent, at 0.95 five."""
STEPS: Final = 20


class Readout(NamedTuple):
    """A direction in the logits of length one, and the score beyond which a point is found."""

    weights: npt.NDArray[np.float64]
    border: float

    def row(self) -> npt.NDArray[np.float32]:
        """As the loss is told."""
        return np.append(self.weights, self.border).astype(np.float32)


def missed(ground: Ground) -> Flags:
    """Images whose planted point was not found; also those where nothing could be planted.

    Where all these points of the ball are answered alike, an attack has nothing to go by either.
    """
    told = [_planted(ground, place) for place in range(len(ground))]
    places = np.array([at for at, one in enumerate(told) if one is not None], np.int64)
    found = np.zeros(len(ground), bool)
    if len(places):
        readouts = np.stack([one.row() for one in told if one is not None])
        found[places] = _found(ground, places, readouts)
    return ~found


def _planted(ground: Ground, place: int) -> Readout | None:
    draws = [ground.noise(place, "planted", draw) for draw in range(INNER + CORNERS)]
    ball = ground.ball.rows(np.array([place]))
    offsets = (2 * np.stack(draws[:INNER]) - 1) * np.float32(NEAR * ground.eps)
    inner = ball.clamp(ground.images[place] + offsets)
    corners = ball.at(np.rint(np.stack(draws[INNER:])))
    points = np.concatenate([ground.images[place][None], inner, corners])
    logits = ground.predict(points)
    return readout(logits[: INNER + 1], logits[INNER + 1 :])


def readout(inner: FloatArray, corners: FloatArray) -> Readout | None:
    """What tells one of the corners from all inner points by most; None when none is told."""
    if not (finite_rows(inner).all() and finite_rows(corners).all()):
        return None
    near, far = centred(inner), centred(corners)
    ways = far - near.mean(axis=0)
    lengths = np.linalg.norm(ways, axis=1)
    ways = ways / np.where(lengths > 0, lengths, 1)[:, None]
    highest = (near @ ways.T).max(axis=0)
    room = np.einsum("nk,nk->n", far, ways) - highest
    best = int(np.argmax(room))
    if not room[best] > 0:
        return None
    return Readout(ways[best], float(highest[best] + BORDER * room[best]))


def _found(ground: Ground, places: Places, readouts: FloatArray) -> Flags:
    jury = _Finder(ground.predict, readouts, *_nothing(len(places)))
    start, ball = ground.images[places], ground.ball.rows(places)
    problem = Problem(start, ball, readouts, beyond, ground.eps, STEPS)
    apgd(jury, _TwoClasses(ground), problem, lambda _: None)
    return jury.found


def _nothing(count: int) -> tuple[LabelArray, Flags, Flags]:
    return np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count, bool)


def beyond(logits: Any, about: Any) -> Any:  # noqa: ANN401 - a tensor of torch, or an array
    """How far beyond the border of its readout each point is."""
    return (logits * about[:, :-1]).sum(1) - about[:, -1]


def _pairs(scores: FloatArray) -> FloatArray:
    """As logits of two classes: at home, and beyond the border."""
    return np.stack([-scores, scores], axis=1)


@dataclass
class _Finder:
    """Hears an attack on planted problems: the forward engine says what is found."""

    predict: Callable[[FloatArray], FloatArray]
    readouts: FloatArray
    labels: LabelArray
    found: Flags
    failed: Flags

    @property
    def over(self) -> Flags:
        """Images that need no further attack."""
        return self.found | self.failed

    def ask(self, points: FloatArray, place: Places) -> FloatArray:
        """Scores of points as logits of two classes; what is beyond the border is noted."""
        logits = self.predict(points)
        finite = finite_rows(logits)
        known = np.where(finite[:, None], logits, 0).astype(np.float64)
        scores = beyond(known, self.readouts[place]).astype(np.float32)
        self.failed[place[~finite]] = True
        self.found[place[finite & (scores > 0)]] = True
        return _pairs(scores)


class _TwoClasses(NamedTuple):
    """The engine of slopes, of which only the side of the border is heard."""

    ground: Ground

    def step(
        self, images: FloatArray, about: Array, loss: Callable[[Any, Any], Any]
    ) -> GradientStep:
        """Implements contract.Gradient."""
        seen = self.ground.step(images, about, loss)
        return seen._replace(logits=_pairs(seen.loss))
