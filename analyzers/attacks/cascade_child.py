"""Runs the stages of the cascade on one block of images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from analyzers.attacks.apgd import APART, Flags, Found, Problem, apgd, finite_rows
from analyzers.attacks.ball import Ball, linf_ball
from analyzers.attacks.cascade import RETRY, STAGES, Stage
from analyzers.attacks.draws import uniform
from analyzers.attacks.losses import LOSSES
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Gradient,
    Partial,
    Shard,
    Subject,
    Tell,
)
from analyzers.engines.gaps import TWIN_TOLERANCE
from analyzers.statistics.replay import replayed

Places = npt.NDArray[np.int64]


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Attack one block: what breaks is claimed, with the picture that breaks it."""
    del inputs
    logits = subject.predict(batch.images)
    record = _Record.clean(batch, logits)
    gradient = subject.gradient
    note = ""
    block = None
    if gradient is None:
        note = f"not attacked: {subject.facts.gradient_gap}"
    else:
        block = _Block(
            shard, subject, gradient, batch, linf_ball(batch.images, _eps(shard)), logits
        )
        _attack(block, record, tell)
    replays = _replays(block, record) if block else {}
    claimed = record.broken.nonzero()[0]
    witness = {"witness": np.ascontiguousarray(record.witness[claimed])} if len(claimed) else {}
    return Partial(
        "measured",
        replays,
        samples=record.columns(batch),
        blobs=witness,
        passes={"forward": record.forward, "backward": record.backward},
        claims="witness" if witness else None,
        note=note,
    )


def _replays(block: "_Block", record: "_Record") -> dict[str, int]:
    """Ask the uploaded bytes about the clean images, and where those that stand were attacked.

    Agreement on clean images proves little of the ball around them; so the strongest point that
    the attack reached and one of plain noise are asked about as well.
    """
    if block.subject.uploaded is None:
        return {}
    points = [block.batch.images]
    places = record.standing
    if len(places):
        ball = block.ball.rows(places)
        points += [record.best[places]]
        points += [ball.at(np.stack(list(_noise(block, len(STAGES), run=0, places=places))))]
    images = np.concatenate(points)
    counts = replayed(block.subject, images, block.subject.predict(images))
    record.forward += 2 * len(images)
    return counts


def _eps(shard: Shard) -> str:
    return str(shard.config["eps"])


@dataclass(frozen=True)
class _Block:
    """What an attack on one block needs."""

    shard: Shard
    subject: Subject
    gradient: Gradient
    batch: Batch
    ball: Ball
    logits: FloatArray
    """Of the clean images."""


@dataclass
class _Record:
    """What is known of each image so far."""

    wrong: Flags
    failed: Flags
    attacked: Flags
    broken: Flags
    witness: FloatArray
    best: FloatArray
    """The strongest point of the last run that an image was in."""
    iterations: Places
    flat: Flags
    disagree: Flags
    rose: Flags
    stage: list[str] = field(default_factory=list[str])
    forward: int = 0
    backward: int = 0

    @classmethod
    def clean(cls, batch: Batch, logits: FloatArray) -> "_Record":
        """The state before any attack."""
        count = len(logits)
        failed = ~finite_rows(logits)
        wrong = ~failed & (np.argmax(logits, axis=1) != batch.labels)
        no = np.zeros(count, bool)
        return cls(
            wrong=wrong,
            failed=failed,
            attacked=no.copy(),
            broken=no.copy(),
            witness=batch.images.copy(),
            best=batch.images.copy(),
            iterations=np.zeros(count, np.int64),
            flat=no.copy(),
            disagree=no.copy(),
            rose=no.copy(),
            stage=[""] * count,
            forward=count,
        )

    @property
    def standing(self) -> Places:
        """Places of the images that nothing broke."""
        return (~(self.wrong | self.failed | self.broken)).nonzero()[0]

    def add(self, places: Places, found: Found, stage: Stage) -> None:
        """Take in one run over some places."""
        self.attacked[places] = True
        self.broken[places] = found.broken
        self.failed[places] = found.failed
        self.witness[places[found.broken]] = found.witness[found.broken]
        self.best[places] = found.best
        self.iterations[places] += found.iterations
        self.disagree[places] |= found.disagree
        self.rose[places] |= found.rose
        if stage.loss == "margin":  # other losses may be flat where the model is not
            self.flat[places] |= found.flat
        for place in places[found.broken]:
            self.stage[place] = stage.name
        self.forward += found.forward
        self.backward += found.backward

    def columns(self, batch: Batch) -> dict[str, list[int] | list[str] | list[bool]]:
        """One entry a row, in order; a break is a claim until someone else confirms it."""
        words = np.full(len(self.wrong), "standing", object)
        words[self.wrong], words[self.failed], words[self.broken] = "wrong", "error", "claimed"
        return {
            "row": [int(row) for row in batch.rows],
            "state": [str(word) for word in words],
            "stage": list(self.stage),
            "iterations": [int(one) for one in self.iterations],
            "attacked": [bool(one) for one in self.attacked],
            "flat": [bool(one) for one in self.flat],
            "disagree": [bool(one) for one in self.disagree],
            "rose": [bool(one) for one in self.rose],
        }


def _attack(block: _Block, record: _Record, tell: Tell) -> None:
    """Every stage in order, over whatever still stands."""
    classes = block.subject.facts.classes
    total = sum(stage.iterations * stage.runs(classes) for stage in STAGES)
    spent = 0
    for number, stage in enumerate(STAGES):
        for run in range(stage.runs(classes)):
            places = record.standing
            if not len(places):
                tell(total, total, stage.name)
                return

            def told(iteration: int, begun: int = spent, name: str = stage.name) -> None:
                tell(begun + iteration, total, name)

            problem = _problem(block, stage, number, run=run, places=places)
            found = apgd(block.subject.predict, block.gradient, problem, told)
            record.add(places, found, stage)
            spent += stage.iterations
    tell(total, total, "done")


def _problem(block: _Block, stage: Stage, number: int, *, run: int, places: Places) -> Problem:
    batch = block.batch
    ball = block.ball.rows(places)
    start = batch.images[places]
    # A retry must not walk the path again whose end could not be confirmed.
    if stage.start == "noise" or block.shard.params["pass"] == RETRY:
        start = ball.at(np.stack(list(_noise(block, number, run=run, places=places))))
    labels = batch.labels[places]
    about = labels
    if stage.targets:
        about = np.stack([labels, _target(block.logits[places], labels, rank=run)], axis=1)
    return Problem(
        start=start,
        ball=ball,
        labels=labels,
        about=about,
        loss=LOSSES[stage.loss],
        eps=float(Fraction(_eps(block.shard))),
        iterations=stage.iterations,
        tolerance=TWIN_TOLERANCE if block.subject.facts.twin else APART,
    )


def _noise(block: _Block, number: int, *, run: int, places: Places) -> Iterator[FloatArray]:
    shape = block.batch.images.shape[1:]
    stage = f"{block.shard.params['pass']}:{number}"
    for place in places:
        sample = block.batch.ids[int(place)]
        seed = block.shard.seed
        yield uniform(shape, seed=seed, sample=sample, stage=stage, iteration=0, draw=run)


def _target(logits: FloatArray, labels: Places, *, rank: int) -> Places:
    """The class of this rank among the others, by its clean logit."""
    others = logits.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    order = np.argsort(-others, axis=1, kind="stable")
    return order[:, rank]
