"""Whole audits in this process: the real stages, analyzers, course and judge, and no children.

Who measures and who confirms are two subjects with engines of their own, as they are two children
in the service. Nothing here is locked down: for models that a test made itself.
"""

import asyncio
import contextlib
import hashlib
import importlib
import json
import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analyzers.catalog import ALL
from analyzers.contract import (
    Analyzer,
    Array,
    Case,
    Digest,
    InputSpec,
    Json,
    Partial,
    Refusal,
    Shard,
)
from analyzers.engines.subject import engine_facts
from analyzers.pictures import seen
from service.audit_case import sample_names, versions
from service.audit_run import (
    Account,
    Allowance,
    AuditRun,
    Kept,
    Material,
    kept_from_json,
    kept_to_json,
)
from service.core.cache_reasons import Circumstances, circumstances, reason
from service.core.driver import Course, Instance, Step, instances_for
from service.core.evidence import facts_of, sample_table
from service.core.expectation import check_expectation
from service.core.judge import judge
from service.core.lenses import Look, looked_through
from service.core.permutation import permutation
from service.core.policy import parse_policy
from service.core.stops import stops_for
from service.errors import AssayError, Code, error_from_json
from service.executors.interface import Opening, Progress, Request, Result, Tensor
from service.intake.eval_sets import ImportedSet
from service.intake.fit import check_fit
from service.intake.intake import Intake
from service.intake.models import Canonical, Told
from service.intake.subject import input_spec_of, subject_of
from service.sandbox.child import STAGES, Session
from service.sandbox.claims import Claim, Settled, Stored, claims_of, judged, settled
from service.sandbox.messages import BlobHead, PartialAnswer
from service.sandbox.witness import Opinion


@contextlib.contextmanager
def opened(files: Mapping[str, str]) -> Generator[dict[str, int]]:
    """Descriptors of files; those that their reader has not closed are closed at the end."""
    held = {name: os.open(path, os.O_RDONLY) for name, path in files.items()}
    try:
        yield held
    finally:
        for descriptor in held.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)


def session_of(opening: Opening, model: Path | None = None) -> Session:
    """What a child holds for its session, over another model file where one is given."""
    files = {**opening.files, **({"model": str(model)} if model else {})}
    return Session(opening.body, {name: os.open(path, os.O_RDONLY) for name, path in files.items()})


class InProcessJob:
    """A job that runs while its events are read."""

    def __init__(self, work: Callable[[list[Progress]], Result]) -> None:
        """Wait to be read."""
        self._work = work
        self._cancelled = False

    async def events(self) -> AsyncIterator[Progress | Result]:
        """All progress, then the result; an AssayError when it ended otherwise."""
        if self._cancelled:
            raise AssayError(Code.CANCELLED, "The work was cancelled.", "Start it again.")
        heard: list[Progress] = []
        try:
            result = self._work(heard)
        except Refusal as refusal:
            told = {name: getattr(refusal, name) for name in ("code", "sentence", "remedy")}
            raise error_from_json(told) from refusal
        for one in heard:
            yield one
        yield result

    async def cancel(self) -> None:
        """Give it up, if it has not begun."""
        self._cancelled = True


class InProcess:
    """Implements service.executors.interface.Executor without processes."""

    def __init__(self, spool: Path, *, second: Path | None = None) -> None:
        """Spool tensors to a folder; ``second`` is a model file for the confirming side alone."""
        spool.mkdir(parents=True, exist_ok=True)
        self.requests: list[Request] = []
        self.closed: list[str] = []
        self._spool = spool
        self._second = second
        self._sessions: dict[str, tuple[Session, Session]] = {}

    async def start(self) -> None:
        """Be ready at once."""

    async def stop(self) -> None:
        """Forget every session."""
        self._sessions.clear()

    async def submit(self, request: Request) -> InProcessJob:
        """Take a job."""
        self.requests.append(request)
        return InProcessJob(lambda heard: self._work(request, heard))

    async def close_session(self, session: str) -> None:
        """Forget the engines of a session."""
        self.closed.append(session)
        self._sessions.pop(session, None)

    @property
    def engine(self) -> Mapping[str, str]:
        """The engine class of results from here."""
        return engine_facts()

    @property
    def placement(self) -> Mapping[str, str]:
        """This processor, as asked."""
        return {"asked": "cpu", "device": "cpu", "why": "", "capability": ""}

    @property
    def sandbox_level(self) -> int:
        """Told as locked, so that every stage runs; it is for models that a test made itself."""
        return 2

    @property
    def sandbox_gap(self) -> str:
        """None is told."""
        return ""

    def _work(self, request: Request, heard: list[Progress]) -> Result:
        if request.stage in STAGES:
            with opened(request.files) as files:
                facts, blobs = _named(STAGES[request.stage])(request.body, files)
            return Result(_as_json(facts), self._spooled(blobs), 0)
        assert request.opening is not None
        if request.session not in self._sessions:
            sides = session_of(request.opening), session_of(request.opening, self._second)
            self._sessions[request.session] = sides
        first, second = self._sessions[request.session]

        def tell(done: int, total: int, note: str) -> None:
            heard.append(Progress(done, total, note))

        with opened(request.files) as files:
            partial = first.measure(request.body, files, tell)
        said = _said(partial)
        found = _settled(second, request, said, partial)
        facts = {
            **said.model_dump(exclude={"type", "claims", "blobs"}),
            "numbers": {**said.numbers, **found.counted(said.numbers)},
            "samples": {**said.samples, **found.columns},
        }
        return Result(_as_json(facts), self._spooled(partial.blobs), 0)

    def _spooled(self, blobs: Mapping[str, Array]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, blob in blobs.items():
            raw = np.ascontiguousarray(blob).tobytes()
            digest = hashlib.sha256(raw).hexdigest()
            path = self._spool / digest
            path.write_bytes(raw)
            found[name] = Tensor(blob.dtype.name, blob.shape, digest, len(raw), path)
        return found


def _named(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _as_json(body: Mapping[str, Json]) -> Json:
    """What a frame would leave of it."""
    return json.loads(json.dumps(body, allow_nan=False))


def _said(partial: Partial) -> PartialAnswer:
    """A partial through the schema that a child's words go through."""
    heads = [
        BlobHead(name=name, dtype=blob.dtype.name, shape=list(blob.shape))  # pyright: ignore[reportArgumentType]  # the schema decides
        for name, blob in partial.blobs.items()
    ]
    return PartialAnswer(
        type="partial",
        outcome=partial.outcome,
        numbers=dict(partial.numbers),
        samples={name: list(column) for name, column in partial.samples.items()},
        passes=dict(partial.passes),  # pyright: ignore[reportArgumentType]  # the schema decides
        claims=partial.claims,
        note=partial.note,
        blobs=heads,
    )


def _settled(second: Session, request: Request, said: PartialAnswer, partial: Partial) -> Settled:
    """What confirmation by the other side makes of claims."""
    shard, heard = request.body["shard"], list[tuple[Claim, Opinion]]()
    positions = np.asarray(request.body["positions"], np.int64)
    for claim in claims_of(said, shard):
        own = positions[np.asarray(claim.rows) - shard["rows"][0]]
        witness = partial.blobs[claim.blob]
        answers = {"logits": second.subject.predict(seen(witness))}
        if second.subject.uploaded is not None:
            answers["uploaded"] = second.subject.uploaded.predict(seen(witness))
        stored = Stored(second.images[own], second.labels[own])
        heard.append((claim, judged(claim, shard, witness, answers, stored)))
    return settled(said, heard)


class Shelf:
    """Blobs by digest in a folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def put(self, raw: bytes) -> Digest:
        """Keep bytes; their digest."""
        digest = hashlib.sha256(raw).hexdigest()
        (self._folder / digest).write_bytes(raw)
        return digest

    def local_path(self, digest: Digest) -> Path:
        """A file with these bytes."""
        return self._folder / digest

    async def adopt(self, path: Path, digest: Digest) -> None:
        """Take a spooled file over."""
        assert self.put(path.read_bytes()) == digest


class InMemory:
    """Implements service.audit_run.Memory; results pass through JSON as they do in the store."""

    def __init__(self, shelf: Shelf) -> None:
        """Begin with nothing known."""
        self.shelf = shelf
        self.known: dict[Digest, str] = {}
        self.under: list[Circumstances] = []
        self.calls: list[tuple[str, str]] = []
        """What was asked of it, in order: a verb and a digest or a name."""

    async def recall(self, keys: Sequence[Digest]) -> Mapping[Digest, Kept]:
        """Results that were committed before."""
        self.calls.append(("recall", keys[0]))
        return {
            key: kept_from_json(json.loads(self.known[key])) for key in keys if key in self.known
        }

    async def why(self, key: Digest, shard: Shard) -> str:
        """Why a result is not known; what this very audit has added counts too."""
        del key
        return reason(
            circumstances(shard), [one for one in self.under if one["analyzer"] == shard.analyzer]
        )

    async def commit(self, key: Digest, shard: Shard, kept: Kept) -> None:
        """Keep a result."""
        self.calls.append(("commit", shard.analyzer))
        self.under.insert(0, circumstances(shard))
        self.known[key] = json.dumps(kept_to_json(kept), allow_nan=False)

    async def keep(self, result: Result) -> None:
        """Keep the tensors of a result."""
        self.calls.append(("keep", str(len(result.tensors))))
        for one in result.tensors.values():
            await self.shelf.adopt(one.path, one.digest)

    def path(self, blob: Digest) -> str:
        """A file with a kept tensor."""
        return str(self.shelf.local_path(blob))


@dataclass
class Heard:
    """Implements service.audit_run.Observer: writes down what it hears."""

    steps: list[Step] = field(default_factory=list[Step])
    progress: list[Progress] = field(default_factory=list[Progress])
    timings: list[Step] = field(default_factory=list[Step])
    expected_accuracy: float | None = None

    async def committed(self, course: Course, step: Step) -> None:
        """Note a commit, and hold the promised accuracy against it as the service does."""
        self.steps.append(step)
        check_expectation(course, step.instance, self.expected_accuracy)

    async def in_flight(self, step: Step, progress: Progress) -> None:
        """Note progress."""
        del step
        self.progress.append(progress)

    @contextlib.contextmanager
    def timed(self, step: Step) -> Generator[None]:
        """Note a step that was measured."""
        self.timings.append(step)
        yield


@dataclass(frozen=True)
class Audited:
    """A finished audit."""

    evidence: Mapping[str, Json]
    verdict: Mapping[str, Json]
    course: Course
    account: Account
    heard: Heard
    ids: Sequence[str]
    order: Sequence[int]

    @property
    def facts(self) -> Mapping[str, Json]:
        """What a repeat must say again."""
        return self.evidence["facts"]

    def instance(self, analyzer: str) -> Instance:
        """The first instance of an analyzer."""
        return next(one for one in self.course.instances if one.analyzer.description.id == analyzer)

    def measured(self, metric: str) -> Mapping[str, Json]:
        """The only measurement of a metric, at the depth of the data where there are two."""
        named = [one for one in self.facts["measurements"] if one["metric"] == metric]
        deep = self.facts["data"].get("eight_bit", False)
        other = "float32" if deep else "8-bit"
        (found,) = [one for one in named if one["scope"].get("depth") != other]
        return found

    def counts(self, metric: str) -> Mapping[str, int]:
        """Counts of a metric."""
        return self.measured(metric)["counts"]

    def states(self, analyzer: str = "attacks.linf") -> dict[str, str]:
        """State by sample id."""
        table = sample_table(self.course.done(self.instance(analyzer)))
        named = [self.ids[self.order[int(row)]] for row in table["row"]]
        return dict(zip(named, (str(state) for state in table["state"]), strict=True))

    @property
    def indicators(self) -> dict[str, str]:
        """State of each indicator."""
        return {one["metric"]: one["state"] for one in self.verdict["indicators"]}


@dataclass(frozen=True)
class Pair:
    """A model and pictures that were taken in, and what an audit of them needs."""

    canonical: Canonical
    data: ImportedSet
    spec: InputSpec
    shelf: Shelf

    @property
    def case(self) -> Case:
        """The case of the two; refuses what does not fit together."""
        subject = subject_of(self.canonical, self.spec)
        check_fit(subject, self.data.facts, self.data.details["shape"])
        return Case(subject, self.data.facts)

    @property
    def material(self) -> Material:
        """The blobs as files."""
        data, details = self.data, self.data.details
        path = self.shelf.local_path
        upload = self.canonical.facts["upload"]
        weights = self.case.subject.source_weights
        return Material(
            model=str(path(self.canonical.digest)),
            images=str(path(data.images)),
            labels=str(path(data.labels)),
            ids=sample_names(path(data.ids).read_bytes()),
            dtype=details["dtype"],
            shape=[data.facts.n, *details["shape"]],
            input_spec=input_spec_of(self.canonical, self.spec),
            upload=str(path(upload)) if upload else "",
            upload_form={
                "output": self.canonical.facts["output_name"],
                "batch": self.canonical.facts["replay_batch"],
            },
            weights=str(path(weights)) if weights else "",
        )


async def take_in(
    intake: Intake, shelf: Shelf, model: Path, data: bytes, spec: InputSpec, architecture: str = ""
) -> Pair:
    """Both files through every stage of intake."""
    file = shelf.put(model.read_bytes())
    form = await intake.models.recognise(file, architecture)
    canonical = await intake.models.canonical(file, form, Told(architecture))
    return Pair(canonical, await intake.eval_sets.read(shelf.put(data), None), spec, shelf)


def npz(images: Array, labels: Array, home: Path) -> bytes:
    """A data file."""
    np.savez(home / "data.npz", images=images, labels=labels)
    return (home / "data.npz").read_bytes()


@dataclass(frozen=True)
class How:
    """What may differ between audits of the same files."""

    spec: InputSpec = field(default_factory=InputSpec)
    memory: InMemory | None = None
    second: Path | None = None
    seed: int | None = None
    stop_early: bool = True
    expected_accuracy: float | None = None
    catalogue: Sequence[Analyzer] = ALL
    look: Look = "weights"


def audit_in_process(
    model: Path,
    images: Array,
    labels: Array,
    policy_text: str,
    *,
    home: Path,
    how: How | None = None,
) -> Audited:
    """Take in, audit and judge, as the service does; the seed is the policy's unless given."""
    how = how or How()
    executor = InProcess(home / "spool", second=how.second)
    shelf = Shelf(home / "shelf")
    memory = how.memory or InMemory(shelf)
    intake = Intake(executor, shelf, {})
    raw = npz(images, labels, home)
    pair = asyncio.run(take_in(intake, shelf, model, raw, how.spec))
    policy = parse_policy(policy_text, how.catalogue)
    lenses = looked_through(how.catalogue, how.look)
    instances = instances_for(how.catalogue, policy, lenses)
    course = Course(
        pair.case,
        instances,
        seed=policy.seed if how.seed is None else how.seed,
        engine="in-process",
        stops={one.key: stops_for(one, policy) if how.stop_early else () for one in instances},
    )
    run = AuditRun(
        course,
        pair.material,
        executor,
        memory,
        session="audit",
        allowance=Allowance(threads=1, unit_seconds=600.0, limits={}),
    )
    heard = Heard(expected_accuracy=how.expected_accuracy)
    asyncio.run(run.run(heard))
    evidence = {"facts": _facts(course, pair, executor.engine), "run": {}}
    verdict = judge(evidence, policy, evaluated_at="2026-01-01T00:00:00Z")
    ids = pair.material.ids
    order = permutation(ids, course.seed)
    return Audited(evidence, verdict, course, run.account, heard, ids, order)


def _facts(course: Course, pair: Pair, engine: Mapping[str, str]) -> dict[str, Json]:
    return facts_of(
        course,
        subject={
            **course.case.subject.as_json(),
            "canonical_digest": pair.canonical.digest,
            "canonical": dict(pair.canonical.facts),
        },
        data={**course.case.data.as_json(), **pair.data.details},
        engine=engine,
        versions=versions(),
        labels=np.fromfile(pair.material.labels, "<i8")[
            permutation(pair.material.ids, course.seed)
        ].tolist(),
    )
