"""What lenses say of one clean image: a number each, from which to foretell whether it falls."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from analyzers.attacks.draws import gaussian
from analyzers.attacks.losses import margin
from analyzers.behaviour.channels.numbers import quotient, sides
from analyzers.behaviour.cues.tiles import drawn_order, shuffled, tiling
from analyzers.behaviour.frequency.spectra import split
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Head,
    Json,
    LabelArray,
    Partial,
    Refusal,
    Shard,
    Subject,
    Tell,
)

NOISE: Final = 4 / 255
"""Standard deviation, in pixels from 0 to 1."""
COARSE: Final = 0.25
"""Part of Nyquist that is left."""
_TILES: Final = 2
Values = np.ndarray[tuple[int], np.dtype[np.float64]]


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Margin, and beside it whatever this model lets lenses see."""
    del inputs
    images, labels = batch.images, batch.labels
    clean = subject.predict(images)
    found: dict[str, Values] = {"margin": _margins(clean, labels)}
    right = (clean.argmax(axis=1) == labels) & np.isfinite(clean).all(axis=1)
    passes = {"forward": len(images), "backward": 0}
    if subject.gradient is not None:
        tell(1, 5, "slope")
        slope = subject.gradient.step(images, labels, margin).slope
        found["slope"] = np.log1p(np.abs(slope.astype(np.float64)).sum(axis=(1, 2, 3)))
        passes = {"forward": 2 * len(images), "backward": len(images)}
    for place, (name, changed) in enumerate(_changed(shard, batch).items()):
        tell(2 + place, 5, name)
        answers = subject.predict(changed)
        passes["forward"] += len(images)
        moved = np.linalg.norm((answers - clean).astype(np.float64), axis=1)
        found[name] = np.log1p(moved) if name == "noise" else _margins(answers, labels)
    tell(5, 5, "channels")
    against = _against(subject, images, labels)
    if against is not None:
        found["channels"] = against
        passes["forward"] += len(images)
    columns: dict[str, list[Json]] = {name: _plain(one) for name, one in found.items()}
    return Partial(
        "measured",
        samples={"row": list(batch.rows), "right": right.tolist(), **columns},
        passes=passes,
    )


def _margins(logits: FloatArray, labels: LabelArray) -> Values:
    """True logit less the best other one."""
    rows, values = np.arange(len(labels)), logits.astype(np.float64)
    own = values[rows, labels]
    values[rows, labels] = -np.inf
    return own - values.max(axis=1)


def _changed(shard: Shard, batch: Batch) -> dict[str, FloatArray]:
    """The images under each change that is no attack; noise is not cut to the range of pixels."""
    images = batch.images
    coarse = next(split(images, [COARSE]))[0]
    noise = [
        gaussian(
            images.shape[1:], seed=shard.seed, sample=one, stage="agreement", iteration=0, draw=0
        )
        for one in batch.ids
    ]
    found = {
        "noise": (images + NOISE * np.stack(noise)).astype(np.float32),
        "frequency": coarse.clip(0, 1).astype(np.float32),
    }
    cut = tiling(_TILES, (images.shape[1], images.shape[2], images.shape[3]))
    if cut is not None:
        orders = [drawn_order(_TILES, seed=shard.seed, sample=one) for one in batch.ids]
        found["texture"] = np.stack(
            [shuffled(image, cut, order) for image, order in zip(images, orders, strict=True)]
        )
    return found


def _against(subject: Subject, images: FloatArray, labels: LabelArray) -> Values | None:
    """Share of the activation before the head that argues against the true class."""
    head: Head | None = subject.places().head
    if head is None:
        return None
    try:
        read = subject.activations(images, [head.features], lambda _, values: values)
    except Refusal:
        return None
    z = read[head.features].reshape(len(images), -1).astype(np.float64)
    told = sides(z, head.weight.astype(np.float64)[labels])
    return quotient(told.size_against, told.size)


def _plain(values: Values) -> list[Json]:
    return [float(one) if np.isfinite(one) else None for one in values]
