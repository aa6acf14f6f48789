"""Whole audits: the service beside the same plan without one, and what an unchanged model costs."""

import asyncio
import contextlib
import hashlib
import importlib
import json
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

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
    Subject,
    SubjectFacts,
)
from analyzers.engines.subject import OnnxSubject
from service.build import Service
from service.client import Client
from service.core.driver import Course, Step, instances_for
from service.core.permutation import permutation
from service.core.policy import parse_policy
from service.core.stops import stops_for
from service.demo.shapes import draw, write_npz
from service.intake.architectures.catalogue import ARCHITECTURES
from service.intake.dataset_child import sample_ids
from service.rpc.ports import AuditView, NewAudit, NewEvalSet, NewModel, ReportQuery
from service.settings import Settings
from tools.bench.rows import SEED, Row, seconds_of

NETS = Path(__file__).resolve().parents[2] / "service" / "demo" / "nets"
ARCHITECTURE = "demo-cnn6"
IMAGES = 40
POLICY = """
apiVersion: assay/v1
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.9}
  - {id: wc, metric: robust_accuracy, threat: near, gte: 0.3}
"""


def pixels(stored: Array) -> FloatArray:
    """[0,1] float32 pixels of 8-bit ones."""
    return stored.astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class Task:
    """What both sides audit: a model file and pictures, as files and in memory."""

    model: Path
    data: Path
    images: Array
    labels: LabelArray
    ids: Sequence[str]


def task_in(folder: Path) -> Task:
    """The robust demo net and pictures drawn for it."""
    shown = draw(IMAGES, seed=SEED)
    data = folder / "shapes.npz"
    write_npz(data, shown)
    images = np.ascontiguousarray(shown.images.transpose(0, 3, 1, 2))
    ids = [bytes(one).hex() for one in sample_ids(images, shown.labels)]
    return Task(NETS / "robust.onnx", data, images, shown.labels, ids)


@dataclass
class Direct:
    """The same plan without a service: shards one by one in this process, nothing kept.

    Claimed breaks are taken at their word, which a service never does.
    """

    task: Task
    threads: int
    passes: Counter[str] = field(default_factory=Counter[str])

    def run(self) -> None:
        """Plan, measure and merge, from the bytes of the model to the last measurement."""
        task, policy = self.task, parse_policy(POLICY, ALL)
        raw = task.model.read_bytes()
        facts = SubjectFacts(hashlib.sha256(raw).hexdigest(), *_shape_of_answers())
        data = DataFacts("d" * 64, len(task.ids), facts.classes, eight_bit=True)
        instances = instances_for(ALL, policy)
        stops = {one.key: stops_for(one, policy) for one in instances}
        course = Course(Case(facts, data), instances, seed=policy.seed, engine="", stops=stops)
        # The checker takes a cached property for another thing than a property.
        subject = cast("Subject", OnnxSubject(raw, facts, InputSpec(), self.threads))
        order, kept = permutation(task.ids, course.seed), dict[Digest, Array]()
        while steps := course.ready():
            course.commit(steps[0], self._measured(steps[0], subject, order, kept=kept))
        for one in instances:
            course.measurements(one)

    def _measured(
        self, step: Step, subject: Subject, order: Sequence[int], *, kept: dict[Digest, Array]
    ) -> Done:
        module, _, name = step.instance.analyzer.measure.partition(":")
        measure: Measure = getattr(importlib.import_module(module), name)
        rows = range(*step.unit.rows)
        places = [order[row] for row in rows]
        task = self.task
        batch = Batch(
            rows,
            pixels(task.images[places]),
            task.labels[places],
            [task.ids[place] for place in places],
        )
        inputs = {name: kept[digest] for name, digest in step.unit.inputs.items()}
        partial = measure(step.shard, subject, batch, inputs, _silent)
        self.passes.update(partial.passes)
        return _taken_at_its_word(step, partial, kept)


def _shape_of_answers() -> tuple[int, tuple[int, int, int]]:
    known = ARCHITECTURES[ARCHITECTURE]
    return known.classes, known.input_shape


def _silent(done: int, total: int, note: str) -> None:
    del done, total, note


def _taken_at_its_word(step: Step, partial: Partial, kept: dict[Digest, Array]) -> Done:
    blobs = {
        name: hashlib.sha256(blob.tobytes()).hexdigest() for name, blob in partial.blobs.items()
    }
    kept.update({digest: partial.blobs[name] for name, digest in blobs.items()})
    samples = dict(partial.samples)
    if "state" in samples:
        samples["state"] = ["broken" if one == "claimed" else one for one in samples["state"]]
    return Done(
        step.unit, partial.outcome, partial.numbers, samples, blobs, partial.passes, partial.note
    )


@contextlib.contextmanager
def service_at(home: Path, threads: int) -> Generator[Client]:
    """A service with an empty home in a thread of its own, and a client of it."""
    settings = Settings(home=home, listen=f"unix:{home}.sock", http="", threads=threads)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begun() -> Service:
        service = Service(settings)
        await service.start()
        return service

    service = asyncio.run_coroutine_threadsafe(begun(), loop).result(60)
    try:
        with Client(service.addresses[0]) as client:
            yield client
    finally:
        asyncio.run_coroutine_threadsafe(service.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


@dataclass(frozen=True)
class Served:
    """One audit through the service: hash, upload, intake, audit, verdict, report."""

    seconds: float
    audit_seconds: float
    shards: int
    """Shards that had to be measured; a forward pass runs in no other place."""
    passes: Mapping[str, int]


def served(client: Client, task: Task) -> Served:
    """Audit as ``assay check`` does, from the first byte hashed to the end."""
    begun = time.perf_counter()
    model = client.create_model(NewModel(client.upload(task.model, "model")))
    subject = client.wait_operation(model)
    data = client.create_eval_set(NewEvalSet(client.upload(task.data, "data")))
    wish = NewAudit(subject.name, client.wait_operation(data).name, policy=POLICY)
    view = client.wait_operation(client.create_audit(wish))
    seconds = time.perf_counter() - begun
    evidence = _evidence(client, view)
    return Served(
        seconds,
        _span(view),
        int(evidence["run"]["cache"]["misses"]),
        evidence["facts"]["passes"],
    )


def _evidence(client: Client, view: AuditView) -> dict[str, Any]:
    if view.verdict != "PASS":
        message = f"the audit ended {view.state} with {view.verdict}, not with a PASS"
        raise RuntimeError(message)
    files = client.report(ReportQuery(view.name)).artifacts
    return json.loads(client.artifact(next(one for one in files if one.name == "evidence.json")))


def _span(view: AuditView) -> float:
    if view.started is None or view.ended is None:
        return float("nan")
    return (view.ended - view.started).total_seconds()


@dataclass(frozen=True)
class Turn:
    """One turn of both sides, and the same audit once more."""

    direct: float
    first: Served
    again: Served


def turn(task: Task, folder: Path, *, threads: int, service_first: bool) -> Turn:
    """Both sides with nothing remembered: a fresh home, fresh engines."""
    direct = Direct(task, threads)
    with service_at(folder, threads) as client:
        spent = 0.0 if service_first else seconds_of(direct.run, 1)
        first = served(client, task)
        spent = seconds_of(direct.run, 1) if service_first else spent
        again = served(client, task)
    if dict(direct.passes) != dict(first.passes):
        message = f"not the same work: {dict(direct.passes)} here, {dict(first.passes)} served"
        raise RuntimeError(message)
    return Turn(spent, first, again)


def audit_rows(threads: int, turns: int) -> list[Row]:
    """Service against in-process, and what an unchanged model costs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        task = task_in(Path(folder))
        done = [
            turn(task, Path(folder) / f"home{at}", threads=threads, service_first=at % 2 == 0)
            for at in range(turns)
        ]
    return [*_against_direct(done), *_unchanged([one.again for one in done])]


def _against_direct(done: Sequence[Turn]) -> list[Row]:
    passes = done[0].first.passes
    told = f"{IMAGES} images, {passes['forward']} forward, {passes['backward']} backward"
    whole = [one.first.seconds / one.direct for one in done]
    beyond = [one.first.seconds - 1.05 * one.direct for one in done]
    audit = [one.first.audit_seconds / one.direct for one in done]
    return [
        Row("audit in process", [one.direct for one in done], "s", note=told),
        Row("audit served, from upload to verdict", [one.first.seconds for one in done], "s"),
        Row("audit, upload to verdict: served / in process", whole, "x"),
        Row("audit, start to end: served / in process", audit, "x"),
        Row(
            "upload to verdict beyond 1.05 x in process",
            beyond,
            "s",
            "1 s",
            statistics.median(beyond) <= 1,
        ),
    ]


def _unchanged(again: Sequence[Served]) -> list[Row]:
    seconds = [one.seconds for one in again]
    forwards = [float(one.passes["forward"] if one.shards else 0) for one in again]
    return [
        Row("unchanged model", seconds, "s", "1 s", statistics.median(seconds) <= 1),
        Row("unchanged model, forwards", forwards, "", "0", not any(forwards)),
    ]
