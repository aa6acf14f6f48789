"""Climbs the margin from every image, each step on each of them, and keeps where that ends."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from analyzers.attacks.ball import linf_ball
from analyzers.attacks.losses import margin
from analyzers.attacks.probe import BLOB, STEP, STEPS
from analyzers.contract import Array, Batch, Partial, Shard, Subject, Tell


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Plain signed steps from the image itself, cut to the ball after each."""
    del inputs
    gradient = subject.gradient
    if gradient is None:
        return Partial("not_available", note=subject.facts.gradient_gap)
    eps = str(shard.config["eps"])
    ball, step = linf_ball(batch.images, eps), np.float32(Fraction(eps) * STEP)
    at = batch.images
    for number in range(STEPS):
        tell(number, STEPS, "probe")
        slope = gradient.step(at, batch.labels, margin).slope
        at = ball.clamp(at + step * np.sign(np.nan_to_num(slope)))
    clean, moved = subject.predict(batch.images), subject.predict(at)
    return Partial(
        "measured",
        samples={
            "row": list(batch.rows),
            "right": (clean.argmax(axis=1) == batch.labels).tolist(),
            "moved": (moved.argmax(axis=1) != batch.labels).tolist(),
        },
        blobs={BLOB: at},
        passes={
            "forward": (STEPS + 2) * len(at),
            "backward": STEPS * len(at),
        },
    )
