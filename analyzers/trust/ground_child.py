"""The images on which tools are tried: those that the model names rightly, and what is drawn there.

Every draw belongs to a sample, and a partner is found by the samples' own names, so that nothing
depends on the order or the number of images that are looked at together.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np

from analyzers.attacks.ball import Ball, linf_ball
from analyzers.attacks.draws import uniform
from analyzers.attacks.jury import Flags, Places, finite_rows
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Gradient,
    GradientStep,
    LabelArray,
    Shard,
    Subject,
)

NOBODY: Final = -1
"""In place of a partner, where all images are of one class."""


@dataclass
class Ground:
    """Images that are named rightly, with their balls; counts what is asked."""

    subject: Subject
    slopes: Gradient
    seed: int
    eps: float
    rows: list[int]
    images: FloatArray
    labels: LabelArray
    ids: Sequence[str]
    logits: FloatArray
    ball: Ball
    passes: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def of(cls, shard: Shard, subject: Subject, slopes: Gradient, batch: Batch) -> "Ground":
        """Ask about the clean images and leave out what is not named rightly."""
        logits, eps = subject.predict(batch.images), str(shard.config["eps"])
        right: Flags = finite_rows(logits) & (np.argmax(logits, axis=1) == batch.labels)
        kept: Places = right.nonzero()[0]
        images = batch.images[kept]
        return cls(
            subject=subject,
            slopes=slopes,
            seed=shard.seed,
            eps=float(Fraction(eps)),
            rows=[int(batch.rows[int(one)]) for one in kept],
            images=images,
            labels=batch.labels[kept],
            ids=[batch.ids[int(one)] for one in kept],
            logits=logits[kept],
            ball=linf_ball(images, eps),
            passes=Counter({"forward": len(batch.labels)}),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def predict(self, points: FloatArray) -> FloatArray:
        """The word that counts."""
        self.passes["forward"] += len(points)
        return self.subject.predict(points)

    def step(
        self, images: FloatArray, about: Array, loss: Callable[[Any, Any], Any]
    ) -> GradientStep:
        """Logits, loss and slope by the engine that attacks; what is no number is no slope."""
        self.passes["forward"] += len(images)
        self.passes["backward"] += len(images)
        seen = self.slopes.step(images, about, loss)
        return seen._replace(slope=np.where(np.isfinite(seen.slope), seen.slope, np.float32(0)))

    def noise(self, place: int, stage: str, draw: int = 0) -> FloatArray:
        """Numbers in [0, 1) for every pixel of an image."""
        shape = self.images.shape[1:]
        sample = self.ids[place]
        return uniform(
            shape, seed=self.seed, sample=sample, stage=f"trust:{stage}", iteration=0, draw=draw
        )

    def noises(self, stage: str) -> FloatArray:
        """The same for every image."""
        return np.stack([self.noise(place, stage) for place in range(len(self))])

    def partners(self) -> Places:
        """For each image one of another class, or ``NOBODY``."""
        return np.array([self._partner(place) for place in range(len(self))], np.int64)

    def _partner(self, place: int) -> int:
        others = (self.labels != self.labels[place]).nonzero()[0]
        own = self.ids[place]
        return min(map(int, others), key=lambda one: _mixed(own, self.ids[one]), default=NOBODY)


def best_other(logits: FloatArray, labels: LabelArray) -> LabelArray:
    """The class that comes nearest to the true one, or before it."""
    ranked = logits.astype(np.float64)
    ranked[np.arange(len(labels)), labels] = -np.inf
    return np.argmax(ranked, axis=1)


def _mixed(one: str, other: str) -> bytes:
    return hashlib.sha256(f"{one};{other}".encode()).digest()
