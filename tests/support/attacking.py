"""Running the cascade on small sets, as a child would, and whole audits as the service would."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from analyzers.attacks.cascade import ANALYZER
from analyzers.attacks.cascade_child import measure
from analyzers.attacks.history import History
from analyzers.attacks.passes import ONE
from analyzers.contract import (
    Array,
    Batch,
    Case,
    DataFacts,
    Done,
    FloatArray,
    Json,
    LabelArray,
    Partial,
    Rows,
    Shard,
    Stop,
    Subject,
    Unit,
)
from analyzers.pictures import seen
from service.sandbox.claims import Claim, Stored, claims_of, judged, settled
from service.sandbox.messages import BlobHead, PartialAnswer
from service.sandbox.witness import Opinion
from support.subjects import silent


def sample_id(image: FloatArray, label: int) -> str:
    """A hash of content, as intake makes it."""
    return hashlib.sha256(image.tobytes() + bytes([label])).hexdigest()


def config(eps: str, **told: str) -> dict[str, str]:
    """The config of an Linf threat."""
    return {"norm": "Linf", "eps": eps, "knowledge": "white", **told}


def block(images: FloatArray, labels: LabelArray, rows: Rows | None = None) -> Batch:
    """Some rows of a set."""
    low, high = rows or (0, len(images))
    ids = [sample_id(images[at], int(labels[at])) for at in range(low, high)]
    return Batch(list(range(low, high)), images[low:high], labels[low:high], ids)


def shard_of(
    rows: Rows, params: Mapping[str, Json], told: Mapping[str, str], *, seed: int = 0
) -> Shard:
    """A unit of the cascade with all that decides its result."""
    about = ANALYZER.description
    return Shard(about.id, about.version, told, "s", "d", rows, params, {}, seed, "test")


def attack(
    subject: Subject, batch: Batch, eps: str, *, seed: int = 0, which: str = ONE, **told: Json
) -> Partial:
    """One unit of the cascade."""
    rows = (batch.rows[0], batch.rows[-1] + 1)
    shard = shard_of(rows, {"pass": which, **told}, config(eps), seed=seed)
    return measure(shard, subject, batch, {}, silent)


def states(partial: Partial) -> list[str]:
    """The state of every row."""
    return list(partial.samples["state"])


def column(partial: Partial, name: str) -> Array:
    """A column as an array."""
    return np.array(partial.samples[name])


def confirmed(partial: Partial, unit: Unit, *, pending: Sequence[int] = ()) -> Done:
    """The partial after verification: claims hold, but for the ``pending`` rows."""
    samples: dict[str, Any] = dict(partial.samples)
    for name in {"state", "state8"} & samples.keys():
        samples[name] = [
            ("pending" if row in pending else "broken") if state == "claimed" else state
            for row, state in zip(samples["row"], samples[name], strict=True)
        ]
    return Done(unit, partial.outcome, partial.numbers, samples, {}, partial.passes)


def case_of(subject: Subject, count: int, *, gap: str = "", eight_bit: bool = False) -> Case:
    """A case of a subject."""
    facts = replace(subject.facts, gradient_gap=gap or subject.facts.gradient_gap)
    return Case(facts, DataFacts("d" * 64, count, facts.classes, eight_bit))


class Pictures(NamedTuple):
    """A labelled set in the order of its audit; codes where it is stored in 8 bits."""

    stored: Array
    labels: LabelArray

    @property
    def images(self) -> FloatArray:
        """What the model sees."""
        return seen(self.stored)

    def shuffled(self, seed: int) -> "Pictures":
        """The same in another order."""
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return Pictures(self.stored[order], self.labels[order])


@dataclass
class Audit:
    """The whole cascade over a set, from an empty plan to its end; each claim is confirmed."""

    subject: Subject
    pictures: Pictures
    told: Mapping[str, str]
    size: int | None = None
    """Images that a child gets at a time; as many as the unit holds where that is None."""
    seed: int = 0
    done: list[Done] = field(default_factory=list[Done])
    witnesses: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """The first confirmed picture, by depth and sample id."""

    @property
    def case(self) -> Case:
        """What the plan knows."""
        eight_bit = self.pictures.stored.dtype == np.uint8
        return case_of(self.subject, len(self.pictures.labels), eight_bit=eight_bit)

    def run(self, stops: Sequence[Stop] = ()) -> "Audit":
        """Ask, measure, confirm and commit until nothing is asked."""
        while units := ANALYZER.plan(self.case, self.told, self.done, stops):
            self.done.append(self._measured(units[0]))
        return self

    def fates(self) -> dict[str, tuple[str, ...]]:
        """States and stages of every image, by its id."""
        ids, found = self._whole.ids, dict[str, tuple[str, ...]]()
        for row, one in History(self.done).rows.items():
            at = (one.at("float32"), one.at("8-bit"))
            words = [(fate.state, fate.stage if fate.state != "standing" else "") for fate in at]
            found[ids[row]] = (*words[0], *words[1])
        return found

    def broken(self, depth: str = "float32") -> set[str]:
        """The ids of images that fell to an attack."""
        at = 0 if depth == "float32" else 2
        return {name for name, words in self.fates().items() if words[at] == "broken"}

    @property
    def _whole(self) -> Batch:
        return block(self.pictures.images, self.pictures.labels)

    def _measured(self, unit: Unit) -> Done:
        rows = list(unit.params.get("of", range(*unit.rows)))
        size = self.size or len(rows)
        parts = [self._part(unit, rows[low : low + size]) for low in range(0, len(rows), size)]
        samples = {
            name: [value for part in parts for value in part.samples[name]]
            for name in parts[0].samples
            if not name.startswith("became")  # told only where something was claimed
        }
        return replace(parts[0], unit=unit, samples=samples)

    def _part(self, unit: Unit, rows: Sequence[int]) -> Done:
        span = (rows[0], rows[-1] + 1)
        params = {**unit.params, "of": list(rows)} if self.size else unit.params
        shard = shard_of(span if self.size else unit.rows, params, self.told, seed=self.seed)
        batch = block(self.pictures.images, self.pictures.labels, shard.rows)
        partial = measure(shard, self.subject, batch, {}, silent)
        said = answered(partial)
        heard = [
            (claim, self._heard(claim, partial, shard))
            for claim in claims_of(said, shard.as_json())
        ]
        samples = {**partial.samples, **settled(said, heard).columns}
        return Done(unit, partial.outcome, partial.numbers, samples, {}, partial.passes)

    def _heard(self, claim: Claim, partial: Partial, shard: Shard) -> Opinion:
        pictures, rows = partial.blobs[claim.blob], list(claim.rows)
        known = Stored(self.pictures.stored[rows], self.pictures.labels[rows])
        answers = {"logits": self.subject.predict(seen(pictures))}
        found = judged(claim, shard.as_json(), pictures, answers, known)
        ids = self._whole.ids
        for row, picture, became in zip(rows, pictures, found.became, strict=True):
            if became is not None:
                self.witnesses.setdefault(f"{claim.dtype}:{ids[row]}", picture.tobytes())
        return found


def answered(partial: Partial) -> PartialAnswer:
    """A partial through the schema that a child's words go through."""
    heads: list[Any] = [
        {"name": name, "dtype": blob.dtype.name, "shape": list(blob.shape)}
        for name, blob in partial.blobs.items()
    ]
    passes: dict[Any, int] = dict(partial.passes)
    return PartialAnswer(
        type="partial",
        outcome=partial.outcome,
        numbers=dict(partial.numbers),
        samples={name: list(values) for name, values in partial.samples.items()},
        passes=passes,
        claims=partial.claims,
        note=partial.note,
        blobs=[BlobHead(**head) for head in heads],
    )
