"""Subjects that hear known frequencies, and the lens on frequencies driven over them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from analyzers.behaviour.frequency.analyzer import ANALYZER
from analyzers.behaviour.frequency.frequency_child import measure
from analyzers.behaviour.frequency.spectra import split
from analyzers.contract import (
    Array,
    Batch,
    Case,
    DataFacts,
    Digest,
    Done,
    FloatArray,
    InputSpec,
    Json,
    LabelArray,
    Measurement,
    Rows,
    Shard,
    Subject,
    Unit,
    blocks,
)
from support.graphs import linear, subject_of
from support.subjects import ToySubject, silent

THREAT = "Linf:8/255:white"
KEY = f"attacks.probe@{THREAT}:gate/probe"
Change = Callable[[FloatArray], Array]
"""What a subject makes of pictures before it looks at them, or looks at instead."""


class Through(ToySubject):
    """Linear logits of what a change leaves of the pictures."""

    def __init__(
        self, change: Change, shape: tuple[int, int, int], *, classes: int = 4, seed: int = 0
    ) -> None:
        """Logits are drawn at random and centred on grey."""
        super().__init__(shape=shape, classes=classes)
        self._change = change
        size = int(np.prod(shape))
        self._weight = np.random.default_rng(seed).normal(size=(size, classes))

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """The logits."""
        del input_spec
        seen = np.asarray(self._change(images), np.float64) - 0.5
        return (seen.reshape(len(images), -1) @ self._weight).astype(np.float32)


class Answering(ToySubject):
    """Says what a function says."""

    def __init__(self, answer: Change, shape: tuple[int, int, int], classes: int) -> None:
        """``answer`` maps pictures to logits."""
        super().__init__(shape=shape, classes=classes)
        self._answer = answer

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """The logits."""
        del input_spec
        return np.asarray(self._answer(images), np.float32)


def coarse(part: float) -> Change:
    """Only the frequencies up to a part of Nyquist."""
    return lambda images: next(split(images, [part]))[0]


def fine(part: float) -> Change:
    """Only the frequencies above it."""
    return lambda images: next(split(images, [part]))[1]


def stripes(place: tuple[int, int], shape: tuple[int, int, int], *, phase: float = 0.0) -> Array:
    """A wave of unit norm, by its formula."""
    _, height, width = shape
    down, across = np.mgrid[:height, :width]
    turns = place[0] * down / height + place[1] * across / width
    wave = np.cos(2 * np.pi * turns + phase)
    return wave / np.linalg.norm(wave)


def one_wave(
    place: tuple[int, int], shape: tuple[int, int, int] = (3, 32, 32), *, phase: float = 0.0
) -> Subject:
    """Two classes: how much of one wave the mean over channels holds, and its negative."""
    row = np.broadcast_to(stripes(place, shape, phase=phase) / shape[0], shape).reshape(-1)
    return subject_of(linear(np.stack([row, -row]), np.zeros(2), shape))


def mild(count: int, shape: tuple[int, int, int], *, seed: int = 0) -> FloatArray:
    """Noise around grey that leaves room for a wave: nothing will be clipped."""
    drawn = np.random.default_rng(seed).random((count, *shape), np.float32)
    return (np.float32(0.3) + np.float32(0.4) * drawn).astype(np.float32)


def block(images: FloatArray, labels: LabelArray, rows: Rows | None = None) -> Batch:
    """Some rows of a set, named by their content."""
    low, high = rows or (0, len(images))
    ids = [hashlib.sha256(images[at].tobytes()).hexdigest() for at in range(low, high)]
    return Batch(list(range(low, high)), images[low:high], labels[low:high], ids)


@dataclass
class Audit:
    """The whole lens over a set."""

    subject: Subject
    images: FloatArray
    labels: LabelArray | None = None
    """What the subject answers, where none are given."""
    config: Mapping[str, Json] = field(default_factory=dict[str, Json])
    moved: FloatArray | None = None
    """The pictures under attack."""
    done: list[Done] = field(default_factory=list[Done])
    _told: dict[int, list[Measurement]] = field(default_factory=dict[int, list[Measurement]])

    @property
    def case(self) -> Case:
        """What the plan knows."""
        facts = self.subject.facts
        case = Case(facts, DataFacts("d" * 64, len(self.images), facts.classes, eight_bit=False))
        if self.moved is None:
            return case
        names = {rows: f"{rows[0]:064x}" for rows in blocks(len(self.images), (20, 40))}
        return replace(case, inputs={KEY: names})

    def run(self) -> "Audit":
        """Ask, measure and commit until nothing is asked."""
        labels = self.labels
        if labels is None:
            labels = self.subject.predict(self.images).argmax(axis=1).astype(np.int64)
        while units := ANALYZER.plan(self.case, self.config, self.done, ()):
            self.done.append(self._measured(units[0], labels))
            assert len(self.done) < 500, "the plan does not end"
        return self

    def _measured(self, unit: Unit, labels: LabelArray) -> Done:
        batch = block(self.images, labels, unit.rows)
        inputs: dict[Digest, Array] = {}
        if unit.inputs:
            assert self.moved is not None
            inputs["probe"] = self.moved[slice(*unit.rows)]
        part = measure(shard(unit, self.config), self.subject, batch, inputs, silent)
        return Done(unit, part.outcome, part.numbers, part.samples, {}, part.passes)

    def told(self) -> list[Measurement]:
        """What it adds up to; looked up where it was asked for before."""
        if len(self.done) not in self._told:
            self._told[len(self.done)] = list(ANALYZER.merge(self.case, self.config, self.done))
        return self._told[len(self.done)]

    def one(self, metric: str, **scope: str) -> Measurement:
        """The one measurement of a metric and scope."""
        [found] = [
            one
            for one in self.told()
            if one.metric == f"frequency.{metric}" and dict(one.scope) == scope
        ]
        return found

    def value(self, metric: str, **scope: str) -> float:
        """Its value."""
        found = self.one(metric, **scope)
        assert found.value is not None, found.note
        return found.value


def shard(unit: Unit, config: Mapping[str, Json], *, seed: int = 0) -> Shard:
    """A unit with all that decides its result."""
    told = ANALYZER.description
    return Shard(
        told.id, told.version, config, "s", "d", unit.rows, unit.params, unit.inputs, seed, "test"
    )
