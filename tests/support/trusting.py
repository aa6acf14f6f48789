"""Trying the tools of the attack on small sets, as a child would."""

from collections.abc import Sequence

import numpy as np

from analyzers.contract import (
    Batch,
    Case,
    DataFacts,
    Done,
    FloatArray,
    LabelArray,
    Measurement,
    Partial,
    Shard,
    Subject,
)
from analyzers.trust.trust import ANALYZER
from analyzers.trust.trust_child import measure
from support.attacking import block, config
from support.subjects import silent


def tried(subject: Subject, batch: Batch, eps: str = "8/255", *, seed: int = 0) -> Partial:
    """One unit."""
    rows = (min(batch.rows), max(batch.rows) + 1)
    told = ANALYZER.description
    shard = Shard(told.id, told.version, config(eps), "s", "d", rows, {}, {}, seed, "test")
    return measure(shard, subject, batch, {}, silent)


def answers(subject: Subject, images: FloatArray) -> LabelArray:
    """What a model calls them: labels under which it is always right."""
    return np.argmax(subject.predict(images), axis=1)


def merged(subject: Subject, found: Sequence[Partial], count: int) -> list[Measurement]:
    """What partials of the first blocks add up to."""
    case = Case(subject.facts, DataFacts("d" * 64, count, subject.facts.classes, eight_bit=False))
    units = ANALYZER.plan(case, config("8/255"), (), ())
    done = [
        Done(unit, one.outcome, one.numbers, one.samples, {}, one.passes)
        for unit, one in zip(units, found, strict=False)
    ]
    return list(ANALYZER.merge(case, config("8/255"), done))


def red(measured: Sequence[Measurement]) -> set[str]:
    """What holds a PASS back because of what was measured."""
    return {
        one.metric
        for one in measured
        if one.value is not None and one.limit is not None and one.value > one.limit
    }


def raised(subject: Subject, images: FloatArray, labels: LabelArray, eps: str) -> set[str]:
    """Which indicators one block of pictures turns red."""
    return red(merged(subject, [tried(subject, block(images, labels), eps)], len(labels)))
