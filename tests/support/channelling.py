"""Drives the lens on channels over small models, pictures and attacked pictures of one's own."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analyzers.behaviour.channels.channels import ANALYZER, EDGES
from analyzers.behaviour.channels.channels_child import measure
from analyzers.contract import (
    Array,
    Batch,
    Case,
    DataFacts,
    Digest,
    Done,
    FloatArray,
    Json,
    LabelArray,
    Measurement,
    Rows,
    Shard,
    Subject,
    Unit,
    blocks,
)
from support.subjects import silent

THREAT = "Linf:1/20:white"


@dataclass
class Pictures:
    """An evaluation set, and where an attack took it."""

    images: FloatArray
    labels: LabelArray
    attacked: FloatArray | None = None

    def rows(self, rows: Rows) -> Batch:
        """A block of it."""
        low, high = rows
        ids = [hashlib.sha256(image.tobytes()).hexdigest() for image in self.images[low:high]]
        return Batch(list(range(low, high)), self.images[low:high], self.labels[low:high], ids)


@dataclass
class Course:
    """What was done, and what it comes to."""

    case: Case
    done: list[Done]
    found: Sequence[Measurement]

    def one(self, metric: str, **scope: str) -> Measurement:
        """The measurement of a metric whose scope holds all this, of which there is one."""
        matching = [
            one
            for one in self.found
            if one.metric == metric and scope.items() <= dict(one.scope).items()
        ]
        assert len(matching) == 1, (metric, scope, [dict(one.scope) for one in matching])
        return matching[0]

    def value(self, metric: str, **scope: str) -> float:
        """Its value."""
        value = self.one(metric, **scope).value
        assert value is not None, self.one(metric, **scope)
        return value


def course_of(
    subject: Subject, shown: Pictures, *, threats: Sequence[str] = (THREAT,), plan: str = "quick"
) -> Course:
    """Plan, measure and commit until nothing is left."""
    config = {"plan": plan}
    case, kept = case_of(subject, shown, threats)
    done: list[Done] = []
    while units := ANALYZER.plan(case, config, done, ()):
        done.append(_measured(subject, shown, units[0], config, kept))
        assert len(done) < 40, "the plan does not end"
    return Course(case, done, ANALYZER.merge(case, config, done))


def case_of(
    subject: Subject, shown: Pictures, threats: Sequence[str]
) -> tuple[Case, dict[Digest, Array]]:
    """The case with the probe's pictures, and these by digest."""
    count = len(shown.images)
    kept: dict[Digest, Array] = {}
    inputs: dict[str, dict[Rows, Digest]] = {}
    if shown.attacked is not None:
        for low, high in blocks(count, EDGES)[: len(EDGES)]:
            kept[f"{low:064d}"] = shown.attacked[low:high]
            for threat in threats:
                name = f"attacks.probe@{threat}:gate/probe"
                inputs.setdefault(name, {})[low, high] = f"{low:064d}"
    classes = int(shown.labels.max()) + 1
    data = DataFacts("d" * 64, count, classes, eight_bit=False)
    return Case(subject.facts, data, inputs), kept


def _measured(
    subject: Subject,
    shown: Pictures,
    unit: Unit,
    config: Mapping[str, Json],
    kept: dict[Digest, Array],
) -> Done:
    told = ANALYZER.description
    shard = Shard(
        told.id, told.version, config, "s", "d", unit.rows, unit.params, unit.inputs, 0, "test"
    )
    inputs = {name: kept[digest] for name, digest in unit.inputs.items()}
    partial = measure(shard, subject, shown.rows(unit.rows), inputs, silent)
    named: dict[str, Digest] = {}
    for name, blob in partial.blobs.items():
        named[name] = hashlib.sha256(
            name.encode() + np.ascontiguousarray(blob).tobytes()
        ).hexdigest()
        kept[named[name]] = blob
    return Done(
        unit,
        partial.outcome,
        partial.numbers,
        partial.samples,
        named,
        partial.passes,
        partial.note,
    )
