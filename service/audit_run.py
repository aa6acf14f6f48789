"""One audit from its first shard to its evidence: plan, submit, commit, until nothing is left.

Knows no analyzer by name and holds no thresholds of its own; what it needs of the outside comes
in as ports, so the same course runs in the service and in a test.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from analyzers.contract import Digest, Done, InputSpec, Json, Shard, Unit
from service.core.canonical import digest
from service.core.driver import Course, Step
from service.core.permutation import permutation
from service.errors import AssayError, Code, Kind
from service.executors.interface import Executor, Job, Opening, Progress, Request, Result

ASKED_AT_ONCE = 32
"""Steps that memory is asked about together: most audits repeat one another."""


@dataclass(frozen=True)
class Material:
    """The blobs of one audit, as local files, and the maps that belong to them."""

    model: str
    images: str
    labels: str
    ids: Sequence[str]
    dtype: str
    shape: Sequence[int]
    input_spec: InputSpec
    upload: str = ""
    """The uploaded file, when that was ONNX: breaks and clean labels are replayed on it."""
    upload_form: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """``output`` and ``batch`` of that file."""
    weights: str = ""
    """The uploaded file, when that was weights: analyses read them as they were trained."""
    tensors: Mapping[Digest, tuple[str, Sequence[int]]] = field(default_factory=dict[str, Any])
    """dtype and shape of blobs that units take as input and that no unit here makes: those of
    earlier audits, and pictures with cues in conflict."""


@dataclass(frozen=True)
class Kept:
    """A committed result with the types of its tensors."""

    done: Done
    tensors: Mapping[Digest, tuple[str, Sequence[int]]]
    """dtype and shape by digest, for units that take a tensor as input."""


@dataclass(frozen=True)
class Allowance:
    """What a run may take of the machine."""

    threads: int
    unit_seconds: float
    limits: Mapping[str, int]


@dataclass
class Account:
    """What a run cost, outside the evidence's facts."""

    hits: int = 0
    misses: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """How often a miss of an analyzer had a reason; as many as there are misses."""
    retries: int = 0
    forwards: int = 0
    """Passes made by this run alone; those behind a hit were counted when they were made."""
    backwards: int = 0
    blobs: dict[str, Digest] = field(default_factory=dict[str, Digest])


class Memory(Protocol):
    """Where committed results live: the shard cache and the audit's own steps."""

    async def recall(self, keys: Sequence[Digest]) -> Mapping[Digest, Kept]:
        """The verified results of those shards that any audit has committed."""
        ...

    async def why(self, key: Digest, shard: Shard) -> str:
        """Why nothing was recalled, for people."""
        ...

    async def commit(self, key: Digest, shard: Shard, kept: Kept) -> None:
        """Keep a result; raises when this run may no longer write."""
        ...

    async def keep(self, result: Result) -> None:
        """Take a result's tensors over into the blob store."""
        ...

    def path(self, blob: Digest) -> str:
        """A local file with this blob."""
        ...


class Observer(Protocol):
    """Who is told how the run goes."""

    async def committed(self, course: Course, step: Step) -> None:
        """A step was committed; may raise to end the audit."""
        ...

    async def in_flight(self, step: Step, progress: Progress) -> None:
        """Work is under way."""
        ...

    def timed(self, step: Step) -> AbstractContextManager[None]:
        """Entered while a step is measured."""
        ...


class AuditRun:
    """Drives one course to its end through an executor and a memory."""

    def __init__(
        self,
        course: Course,
        material: Material,
        executor: Executor,
        memory: Memory,
        *,
        session: str,
        allowance: Allowance,
    ) -> None:
        """Prepare; nothing runs before ``run``."""
        self.course = course
        self.account = Account()
        self._material = material
        self._executor = executor
        self._memory = memory
        self._session = session
        self._allowance = allowance
        self._order = permutation(material.ids, course.seed)
        self._tensors = dict(material.tensors)
        self._job: Job | None = None
        self._ending: asyncio.Future[None] | None = None
        self._given_up = False
        self._recalled: dict[Digest, Kept] = {}
        self._untold: dict[str, Step] = {}
        """The last step of each instance that came from memory and that nobody was told of."""
        self.late = False
        """The deadline came before the end: what is committed is all there is."""

    async def run(self, observer: Observer, seconds: float | None = None) -> None:
        """Commit step after step; ends at a commit when it is given up or the time is over."""
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(seconds, self._ring) if seconds is not None else None
        try:
            while not self.late and (steps := self.course.ready(ASKED_AT_ONCE)):
                if self._given_up:
                    await self._tell(observer)
                    raise _cancelled()
                await self._advance(steps, observer)
            await self._tell(observer)
        except AssayError as error:
            if error.code is not Code.CANCELLED or self._given_up or not self.late:
                raise
        else:
            self.late = self.late and bool(self.course.ready())
        finally:
            if alarm is not None:
                alarm.cancel()
            await self._executor.close_session(self._session)

    async def _advance(self, steps: Sequence[Step], observer: Observer) -> None:
        """Commit the first of the next steps: from memory, and else measured."""
        step, key = steps[0], key_of(steps[0])
        if key not in self._recalled:
            asked = [key, *map(key_of, steps[1:])]
            self._recalled = dict(await self._memory.recall(asked))
        known = self._recalled.pop(key, None)
        if known is not None:
            self.account.hits += 1
            self._note_blobs(step, known)
            self.course.commit(step, known.done)
            self._untold[step.instance.key] = step
            await asyncio.sleep(0)  # others are served between commits, however many are known
            return
        await self._tell(observer)
        try:
            done = await self._result(key, step, observer)
        except AssayError as error:
            if not _can_do_without(step, error):
                raise
            self.course.abandon(step.instance, f"{error.code.value}: {error.sentence}")
            return
        self.course.commit(step, done)
        await observer.committed(self.course, step)

    async def _tell(self, observer: Observer) -> None:
        """Say once of each instance how far it came from memory: nobody waits between."""
        untold, self._untold = self._untold, {}
        for step in untold.values():
            await observer.committed(self.course, step)

    def _ring(self) -> None:
        """The time is over: the unit in flight is not waited for."""
        self.late = True
        if self._job is not None:
            self._ending = asyncio.ensure_future(self._job.cancel())

    async def give_up(self) -> None:
        """Cancel what is in flight; what is committed stays."""
        self._given_up = True
        if self._job is not None:
            await self._job.cancel()

    async def _result(self, key: Digest, step: Step, observer: Observer) -> Done:
        reason = await self._memory.why(key, step.shard)
        self.account.misses += 1
        self.account.reasons[step.shard.analyzer, reason] += 1
        with observer.timed(step):
            result = await self._measure(step, observer)
        self.account.retries += result.retries
        await self._memory.keep(result)
        kept = kept_of(step.unit, result)
        self.account.forwards += kept.done.passes.get("forward", 0)
        self.account.backwards += kept.done.passes.get("backward", 0)
        await self._memory.commit(key, step.shard, kept)
        self._note_blobs(step, kept)
        return kept.done

    def _note_blobs(self, step: Step, kept: Kept) -> None:
        low, high = step.unit.rows
        self._tensors.update(kept.tensors)
        for name, blob in kept.done.blobs.items():
            self.account.blobs[f"{step.instance.key}/{name}@{low}-{high}"] = blob

    async def _measure(self, step: Step, observer: Observer) -> Result:
        self._job = await self._executor.submit(self._request(step))
        if self.late or self._given_up:  # said while it was on its way
            await self._job.cancel()
        try:
            async for event in self._job.events():
                if isinstance(event, Result):
                    return event
                await observer.in_flight(step, event)
        finally:
            self._job = None
        message = "a job ended without a result"
        raise RuntimeError(message)

    def _request(self, step: Step) -> Request:
        positions = self._order[slice(*step.unit.rows)]
        body: dict[str, Any] = {
            "shard": step.shard.as_json(),
            "measure": step.instance.analyzer.measure,
            "positions": positions,
            "ids": [self._material.ids[position] for position in positions],
            "inputs": {
                name: dict(zip(("dtype", "shape"), self._tensors[blob], strict=True))
                for name, blob in step.unit.inputs.items()
            },
        }
        return Request(
            "measure",
            body,
            {name: self._memory.path(blob) for name, blob in step.unit.inputs.items()},
            session=self._session,
            opening=self._opening(),
            seconds=self._allowance.unit_seconds,
            limits=self._allowance.limits,
        )

    def _opening(self) -> Opening:
        material = self._material
        body: dict[str, Any] = {
            "subject": self.course.case.subject.as_json(),
            "input_spec": material.input_spec.as_json(),
            "images": {"dtype": material.dtype, "shape": list(material.shape)},
            "threads": self._allowance.threads,
            "device": self._executor.engine["device"],
        }
        files = {"model": material.model, "images": material.images, "labels": material.labels}
        if material.upload:
            body["upload"] = dict(material.upload_form)
            files["upload"] = material.upload
        if material.weights:
            files["weights"] = material.weights
        return Opening(body, files)


def key_of(step: Step) -> Digest:
    """Under which a result is kept: all that decides it, and no threshold."""
    return digest(step.shard.as_json())


def done_of(unit: Unit, facts: Mapping[str, Json], blobs: Mapping[str, Digest]) -> Done:
    """A verified result as plan and merge see it."""
    return Done(
        unit=unit,
        outcome=facts["outcome"],
        numbers=facts["numbers"],
        samples=facts["samples"],
        blobs=blobs,
        passes=facts["passes"],
        note=facts["note"],
    )


def kept_of(unit: Unit, result: Result) -> Kept:
    """A fresh result, its tensors by digest."""
    tensors = {one.digest: (one.dtype, one.shape) for one in result.tensors.values()}
    blobs = {name: one.digest for name, one in result.tensors.items()}
    return Kept(done_of(unit, result.facts, blobs), tensors)


def kept_to_json(kept: Kept) -> dict[str, Json]:
    """Plain data for the store."""
    done, unit = kept.done, kept.done.unit
    return {
        "unit": {
            "rows": list(unit.rows),
            "params": dict(unit.params),
            "inputs": dict(unit.inputs),
        },
        "outcome": done.outcome,
        "numbers": dict(done.numbers),
        "samples": {name: list(column) for name, column in done.samples.items()},
        "blobs": dict(done.blobs),
        "passes": dict(done.passes),
        "note": done.note,
        "tensors": {blob: [dtype, list(shape)] for blob, (dtype, shape) in kept.tensors.items()},
    }


def kept_from_json(body: Mapping[str, Json]) -> Kept:
    """Read what ``kept_to_json`` wrote."""
    low, high = body["unit"]["rows"]
    unit = Unit((low, high), body["unit"]["params"], body["unit"]["inputs"])
    tensors = {blob: (dtype, shape) for blob, (dtype, shape) in body["tensors"].items()}
    return Kept(done_of(unit, body, body["blobs"]), tensors)


_NO_ANSWER: Final = {Code.CHILD_CRASHED, Code.CHILD_MEMORY, Code.CHILD_TIMEOUT}


def _can_do_without(step: Step, error: AssayError) -> bool:
    """A gate must not end in an error over what only explains; a child that lies still ends it."""
    explains = step.instance.analyzer.description.explains
    return explains and (error.code in _NO_ANSWER or error.kind is Kind.UNUSABLE)


def _cancelled() -> AssayError:
    return AssayError(
        Code.CANCELLED,
        "The audit was cancelled; what was finished is kept.",
        "Run the same audit again: it goes on where this one stopped.",
    )
