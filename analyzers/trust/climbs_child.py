"""Climbs by the attack's own means: a short one in the ball, and one in the whole box."""

from typing import Final

import numpy as np

from analyzers.attacks.apgd import Problem, apgd
from analyzers.attacks.ball import Ball
from analyzers.attacks.jury import Flags, Jury
from analyzers.attacks.losses import margin
from analyzers.contract import FloatArray
from analyzers.trust.ground_child import Ground

SHORT: Final = 8
FAR: Final = 20
"""Steps in the whole box: from the image, and again from noise."""


def strongest(ground: Ground) -> FloatArray:
    """Where a short climb of the margin broke each image, or came furthest."""
    jury = _jury(ground)
    problem = Problem(ground.images, ground.ball, ground.labels, margin, ground.eps, SHORT)
    found = apgd(jury, ground, problem, _unheard)
    return np.where(jury.broken.reshape(-1, 1, 1, 1), jury.witness, found.best)


def unbroken(ground: Ground) -> Flags:
    """Images that stand although every picture is allowed."""
    jury = _jury(ground)
    box = Ball(np.zeros_like(ground.images), np.ones_like(ground.images))
    for start in (ground.images, ground.noises("box")):
        left = (~jury.over).nonzero()[0]
        if len(left):
            about, one = ground.labels[left], jury.rows(left)
            problem = Problem(start[left], box.rows(left), about, margin, 1.0, FAR)
            apgd(one, ground, problem, _unheard)
            jury.take_in(one, left)
    return ~jury.broken


def _jury(ground: Ground) -> Jury:
    return Jury.of(ground.predict, ground.images, ground.labels, None)


def _unheard(iteration: int) -> None:
    del iteration
