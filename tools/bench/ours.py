"""Our own attack, driven in this process as an audit drives it: the one interface to it.

The plan is asked again after every unit, a shard is made and measured, claims become broken once
``service.sandbox.claims`` settled them, and what is done is handed to the next question. All that
may change with the attack is here: what its config is called, and what its passes are.
"""

import hashlib
import importlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from analyzers.attacks.cascade import ANALYZER
from analyzers.catalog import ALL
from analyzers.contract import (
    Array,
    Batch,
    Case,
    DataFacts,
    Digest,
    Done,
    FloatArray,
    InputSpec,
    LabelArray,
    Measure,
    Partial,
    Shard,
    Stop,
    Subject,
    SubjectFacts,
    Unit,
)
from analyzers.engines.agreement import agreed
from analyzers.engines.subject import OnnxSubject
from analyzers.pictures import seen
from service.core.driver import instances_for
from service.core.policy import parse_policy
from service.core.stops import stops_for
from service.intake.data.samples_child import sample_ids, set_digest
from service.sandbox.claims import Claim, Stored, claims_of, judged, settled
from service.sandbox.messages import PartialAnswer
from service.sandbox.witness import Opinion

Flags = npt.NDArray[np.bool_]
_BUDGET: Final = "budget"
_ONLY: Final = "plan"
"""The mode of a plan that knows no budgets."""
_SECOND_BATCH: Final = 33
"""Claims are looked at in batches of another size than the attack's."""
_POLICY: Final = """
apiVersion: assay/v1
threats:
  near: {{norm: Linf, eps: {eps}}}
require:
  - {{id: wc, metric: robust_accuracy, threat: near, gte: {share}}}
"""
_WHITE: Final = np.float32(255)


@dataclass
class Outcome:
    """What the attack came to; broken means confirmed."""

    broken: Flags
    wrong: Flags
    """Not right without any attack, or no number at all."""
    seen: Flags
    """Looked at before the plan ended."""
    witnesses: FloatArray
    """The breaking picture of a broken image, elsewhere the image."""
    broken_8_bit: Flags
    """Broken by a picture that a file of 8 bits a pixel can hold; empty where that is not asked."""
    unconfirmed: int = 0
    """Claims that nobody could confirm, to the end."""
    passes: Counter[str] = field(default_factory=Counter[str])
    """``forward:STAGE`` and ``backward:STAGE``, where the analyzer tells; ``forward:confirm``."""
    stages: Counter[str] = field(default_factory=Counter[str])
    """Broken images by the stage that broke them."""
    cpu_seconds: float = 0.0

    @property
    def forwards(self) -> int:
        """Pictures sent forward, those of the confirmation included."""
        return _summed(self.passes, "forward")

    @property
    def backwards(self) -> int:
        """Pictures whose slope was asked."""
        return _summed(self.passes, "backward")

    @property
    def standing(self) -> Flags:
        """Looked at and right, and nothing broke it."""
        return self.seen & ~(self.broken | self.wrong)


def _summed(passes: Mapping[str, int], kind: str) -> int:
    return sum(count for name, count in passes.items() if name.partition(":")[0] == kind)


def modes() -> tuple[str, ...]:
    """The budgets that the attack offers, weakest first."""
    told = ANALYZER.description.schema["properties"].get(_BUDGET, {})
    return tuple(told.get("enum", (_ONLY,)))


def mode_for(wanted: str) -> str:
    """The budget of this name, or the only one that there is."""
    return wanted if wanted in modes() else modes()[-1]


def config(eps: str, mode: str) -> dict[str, str]:
    """What an audit would tell the attack."""
    told = {"norm": "Linf", "eps": eps, "knowledge": "white"}
    return told if mode == _ONLY else told | {_BUDGET: mode}


def stops(eps: str, share: Fraction) -> Sequence[Stop]:
    """The rules by which an audit ends whose policy asks for this robust accuracy."""
    policy = parse_policy(_POLICY.format(eps=eps, share=float(share)), ALL)
    (one,) = [
        one
        for one in instances_for(ALL, policy)
        if one.analyzer is ANALYZER and one.config.get("eps") == eps
    ]
    return stops_for(one, policy)


def subject_of(raw: bytes, spec: InputSpec) -> Subject:
    """The model as a child holds it, with one thread; the file is taken for the canonical one."""
    found, check = agreed(raw)
    facts = SubjectFacts(
        found.digest,
        found.classes,
        found.shape,
        check.batch,
        gradient_gap=check.gradient_gap,
        twin=check.twin,
    )
    # The checker takes a cached property for another thing than a property.
    return cast("Subject", OnnxSubject(found.raw, facts, spec, 1))


def ours(
    subject: Subject,
    images: FloatArray,
    labels: LabelArray,
    *,
    eps: str,
    mode: str,
    eight_bit: bool = False,
    stops: Sequence[Stop] = (),
) -> Outcome:
    """Attack every image under this budget.

    ``eight_bit`` asks for pictures of 8 bits as well, as an audit of such data does; no peer does,
    so it is off when the two are compared. ``stops`` let the plan end when a verdict is settled.
    """
    _warm(subject, images, labels)
    drive = _Drive(subject, images, labels, told=config(eps, mode), eight_bit=eight_bit)
    begun = time.process_time()
    drive.run(stops)
    drive.found.cpu_seconds = time.process_time() - begun
    return drive.found


def _warm(subject: Subject, images: FloatArray, labels: LabelArray) -> None:
    """A session builds its engines once, before any shard; so they are built before the clock."""
    from analyzers.attacks.losses import margin  # noqa: PLC0415 - torch loads late here

    subject.predict(images[:2])
    if subject.gradient is not None:
        subject.gradient.step(images[:2], labels[:2], margin)


class _Drive:
    """One attack from an empty plan to its end."""

    def __init__(
        self,
        subject: Subject,
        images: FloatArray,
        labels: LabelArray,
        *,
        told: Mapping[str, str],
        eight_bit: bool,
    ) -> None:
        self._subject, self._told = subject, told
        self._images, self._labels = images, labels
        stored = sample_ids(images, labels)
        self._ids = [bytes(one).hex() for one in stored]
        count = len(images)
        data = DataFacts(set_digest(stored), count, subject.facts.classes, eight_bit)
        self._case = Case(subject.facts, data)
        self._kept = np.rint(images * _WHITE).astype(np.uint8) if eight_bit else images
        """As the service would store them."""
        module, _, name = ANALYZER.measure.partition(":")
        self._measure: Measure = getattr(importlib.import_module(module), name)
        self._done: list[Done] = []
        self._blobs: dict[Digest, Array] = {}
        self._state = {ending: np.full(count, "standing", object) for ending in ("", "8")}
        self._stage = np.full(count, "", object)
        no = np.zeros(count, bool)
        self.found = Outcome(no, no.copy(), no.copy(), images.copy(), no[:0])

    def run(self, stops: Sequence[Stop]) -> None:
        """Ask, measure, confirm, commit, until the plan is empty."""
        while units := ANALYZER.plan(self._case, self._told, self._done, stops):
            self._done.append(self._measured(units[0]))
        found, state = self.found, self._state[""]
        found.broken = np.asarray(state == "broken")
        found.wrong = np.isin(state, ["wrong", "error"])
        if self._case.data.eight_bit:
            found.broken_8_bit = np.asarray(self._state["8"] == "broken")
        found.unconfirmed = int((state == "pending").sum())
        found.stages = Counter(str(one) for one in self._stage[found.broken])

    def _measured(self, unit: Unit) -> Done:
        low, high = unit.rows
        batch = Batch(
            range(low, high), self._images[low:high], self._labels[low:high], self._ids[low:high]
        )
        inputs = {name: self._blobs[digest] for name, digest in unit.inputs.items()}
        shard = self._shard(unit)
        partial = self._measure(shard, self._subject, batch, inputs, _silent)
        self.found.passes.update(_passes(partial))
        samples = {**partial.samples, **self._settled(partial, shard)}
        self._learn(samples)
        blobs = {name: self._keep(blob) for name, blob in partial.blobs.items()}
        return Done(
            unit, partial.outcome, partial.numbers, samples, blobs, partial.passes, partial.note
        )

    def _shard(self, unit: Unit) -> Shard:
        about, case = ANALYZER.description, self._case
        return Shard(
            about.id,
            about.version,
            self._told,
            case.subject.digest,
            case.data.digest,
            unit.rows,
            unit.params,
            unit.inputs,
            0,
            "",
        )

    def _settled(self, partial: Partial, shard: Shard) -> Mapping[str, Sequence[Any]]:
        """The columns of states once somebody else has looked at the claims."""
        said = cast("PartialAnswer", partial)  # of both only samples and claims are read
        claims = claims_of(said, shard.as_json())
        heard = [(one, self._second_opinion(one, partial, shard)) for one in claims]
        return settled(said, heard).columns

    def _second_opinion(self, claim: Claim, partial: Partial, shard: Shard) -> Opinion:
        pictures = partial.blobs[claim.blob]
        floats = seen(pictures)
        pieces = [floats[low : low + _SECOND_BATCH] for low in range(0, len(floats), _SECOND_BATCH)]
        logits = np.concatenate([self._subject.predict(one) for one in pieces])
        self.found.passes["forward:confirm"] += len(pictures)
        rows = np.array(claim.rows, np.int64)
        known = Stored(self._kept[rows], self._labels[rows])
        opinion = judged(claim, shard.as_json(), pictures, {"logits": logits}, known)
        held = np.array([one is not None for one in opinion.became])
        if not claim.ending:
            self.found.witnesses[rows[held]] = floats[held]
        return opinion

    def _learn(self, samples: Mapping[str, Sequence[Any]]) -> None:
        """The newest word on every row; a break stays one."""
        rows = np.array(samples["row"], np.int64)
        self.found.seen[rows] = True
        if "stage" in samples:
            told = np.array(samples["stage"], object)
            fresh = (self._state[""][rows] != "broken") & (told != "")
            self._stage[rows[fresh]] = told[fresh]
        for ending, state in self._state.items():
            words = np.array(samples.get(f"state{ending}", samples["state"]), object)
            state[rows] = np.where(state[rows] == "broken", "broken", words)

    def _keep(self, blob: Array) -> Digest:
        digest = hashlib.sha256(blob.tobytes()).hexdigest()
        self._blobs[digest] = blob
        return digest


def _passes(partial: Partial) -> dict[str, int]:
    """By stage where the analyzer tells, else in all."""
    kinds = ("forward:", "backward:")
    told = {name: int(one) for name, one in partial.numbers.items() if name.startswith(kinds)}
    return told or dict(partial.passes)


def _silent(done: int, total: int, note: str) -> None:
    del done, total, note
