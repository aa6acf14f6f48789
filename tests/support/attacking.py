"""Running the cascade on small sets, as a child would."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analyzers.attacks.cascade import ANALYZER, ONE
from analyzers.attacks.cascade_child import measure
from analyzers.contract import (
    Array,
    Batch,
    Case,
    DataFacts,
    Done,
    FloatArray,
    LabelArray,
    Partial,
    Rows,
    Shard,
    Subject,
    Unit,
)
from support.subjects import silent


def sample_id(image: FloatArray, label: int) -> str:
    """A hash of content, as intake makes it."""
    return hashlib.sha256(image.tobytes() + bytes([label])).hexdigest()


def config(eps: str) -> dict[str, str]:
    """The config of an Linf threat."""
    return {"norm": "Linf", "eps": eps, "knowledge": "white"}


def block(images: FloatArray, labels: LabelArray, rows: Rows | None = None) -> Batch:
    """Some rows of a set."""
    low, high = rows or (0, len(images))
    ids = [sample_id(images[at], int(labels[at])) for at in range(low, high)]
    return Batch(list(range(low, high)), images[low:high], labels[low:high], ids)


def attack(subject: Subject, batch: Batch, eps: str, *, seed: int = 0, which: str = ONE) -> Partial:
    """One unit of the cascade."""
    rows = (batch.rows[0], batch.rows[-1] + 1)
    told = ANALYZER.description
    shard = Shard(
        told.id, told.version, config(eps), "s", "d", rows, {"pass": which}, {}, seed, "test"
    )
    return measure(shard, subject, batch, {}, silent)


def states(partial: Partial) -> list[str]:
    """The state of every row."""
    return list(partial.samples["state"])


def column(partial: Partial, name: str) -> Array:
    """A column as an array."""
    return np.array(partial.samples[name])


def confirmed(partial: Partial, unit: Unit, *, pending: Sequence[int] = ()) -> Done:
    """The partial after verification: claims hold, but for the ``pending`` rows."""
    words = [
        ("pending" if row in pending else "broken") if state == "claimed" else state
        for row, state in zip(partial.samples["row"], states(partial), strict=True)
    ]
    samples: dict[str, Any] = {**partial.samples, "state": words}
    return Done(unit, partial.outcome, partial.numbers, samples, {}, partial.passes)


def case_of(subject: Subject, count: int, *, gap: str = "") -> Case:
    """A case of a subject."""
    facts = replace(subject.facts, gradient_gap=gap or subject.facts.gradient_gap)
    return Case(facts, DataFacts("d" * 64, count, facts.classes, eight_bit=False))
