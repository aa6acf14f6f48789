"""Asks a model about every picture as it is, and under each corruption that the plan names."""

from collections.abc import Mapping

import numpy as np

from analyzers.behaviour.corruptions.answers import CLEAN, LABEL, ROW, Flags, column
from analyzers.behaviour.corruptions.apply import corrupted
from analyzers.behaviour.corruptions.corruptions import kinds, levels
from analyzers.behaviour.corruptions.severities import label
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    LabelArray,
    Partial,
    Shard,
    Subject,
    Tell,
)


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Whether each copy of each image is right; an answer that is no number is not."""
    del inputs
    wanted, severities = kinds(shard.config), levels(shard.config)
    found = {CLEAN: _right(subject, batch.images, batch.labels).tolist()}
    for place, kind in enumerate(wanted):
        tell(place, len(wanted), label(kind))
        # All severities in one question, which fills the engine's batches better.
        shown = np.concatenate(
            [corrupted(batch.images, batch.ids, kind, one, seed=shard.seed) for one in severities]
        )
        right = _right(subject, shown, np.tile(batch.labels, len(severities)))
        for one, part in zip(severities, right.reshape(len(severities), -1), strict=True):
            found[column(kind, one)] = part.tolist()
    copies = 1 + len(wanted) * len(severities)
    return Partial(
        "measured",
        samples={ROW: list(batch.rows), LABEL: batch.labels.tolist(), **found},
        passes={"forward": copies * len(batch.rows), "backward": 0},
    )


def _right(subject: Subject, images: FloatArray, labels: LabelArray) -> Flags:
    logits = subject.predict(images)
    finite = np.isfinite(logits).all(axis=1)
    return finite & (np.nan_to_num(logits).argmax(axis=1) == labels)
