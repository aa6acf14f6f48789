"""A session of the supervisor: one child that measures, one that confirms, jobs one by one."""

import contextlib
import hashlib
import os
import queue
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analyzers.pictures import seen
from service.errors import AssayError, Code, error_from_json, internal_error
from service.sandbox.children import Child, Nursery
from service.sandbox.claims import Claim, Settled, Stored, claims_of, judged, settled
from service.sandbox.frames import Broken, Late, Overflow
from service.sandbox.messages import (
    Answer,
    BlobHead,
    Failed,
    PartialAnswer,
    Progress,
    Ready,
    Refused,
)
from service.sandbox.witness import Opinion

Finished = Callable[["Job", Mapping[str, Any]], None]


@dataclass
class Job:
    """One request to a child, with what it may cost."""

    id: str
    session: str
    stage: str
    body: Mapping[str, Any]
    files: Mapping[str, str]
    seconds: float
    blob_cap: int
    limits: Mapping[str, int]
    cancelled: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def from_json(cls, asked: Mapping[str, Any]) -> "Job":
        """Read a submit request of the service."""
        names = ("session", "stage", "body", "files", "seconds", "blob_cap", "limits")
        return cls(id=str(asked["job"]), **{name: asked[name] for name in names})


@dataclass(frozen=True)
class Spooled:
    """A tensor that a child sent, on disk in the spool under its digest."""

    head: BlobHead
    digest: str
    path: Path

    def as_json(self) -> dict[str, Any]:
        """Plain data for the service."""
        return {
            **self.head.model_dump(),
            "size": self.head.size,
            "digest": self.digest,
            "path": str(self.path),
        }

    def array(self) -> np.ndarray[Any, Any]:
        """The tensor, mapped from the spool."""
        dtype = np.dtype(self.head.dtype).newbyteorder("<")
        return np.frombuffer(self.path.read_bytes(), dtype).reshape(self.head.shape)


class Session(threading.Thread):
    """Jobs of one (subject, evaluation set); ends with ``end`` or with the supervisor."""

    def __init__(
        self,
        opening: Mapping[str, Any] | None,
        nursery: Nursery,
        spool: Path,
        finished: Finished,
        say: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """Start the session's thread; children are forked when a job needs them."""
        super().__init__(daemon=True)
        self._opening = opening
        self._nursery = nursery
        self._spool = spool
        self._finished = finished
        self._say = say
        self._queue: queue.Queue[Job | None] = queue.Queue()
        self._children: dict[str, Child] = {}
        self._running: Job | None = None
        self.alive = True
        self.start()

    def add(self, job: Job) -> None:
        """Queue a job."""
        self._queue.put(job)

    def cancel(self, job: Job) -> None:
        """Cancel a queued or running job; its child is killed."""
        job.cancelled.set()
        if self._running is job:
            for child in list(self._children.values()):
                child.kill()

    def end(self) -> None:
        """Finish what is queued, then take the children along."""
        self.alive = False
        self._queue.put(None)

    def run(self) -> None:
        """Work through the queue; a job always ends in exactly one event."""
        while (job := self._queue.get()) is not None:
            self._running = job
            try:
                event = self._work(job)
            except AssayError as error:
                event = {"event": "failed", "error": error.as_json()}
            except Exception:  # noqa: BLE001 - a fault of ours must not lose the job
                sys.stderr.write(traceback.format_exc())
                event = {"event": "failed", "error": internal_error().as_json()}
            self._running = None
            self._finished(job, event)
            if self._opening is None:
                break  # a job that stands alone has its child for itself
        self.alive = False
        self._drop()

    def _work(self, job: Job) -> dict[str, Any]:
        """Run a job, and once more in a fresh child when its child died under it."""
        for retries in (0, 1):
            if job.cancelled.is_set():
                raise _cancelled()
            try:
                said, blobs = self._ask(job, "first", job.files, job.body, job.stage)
                settled = self._settled(job, said, blobs)
            except Overflow as error:
                self._drop()
                raise too_much() from error
            except Late as error:
                self._drop()
                raise _late(job) from error
            except Broken as error:
                died = self._drop()
                if job.cancelled.is_set():
                    raise _cancelled() from error
                if retries:
                    raise _crashed(died) from error
                continue
            return _done(said, blobs, settled, retries)
        raise _crashed(0)

    def _ask(
        self,
        job: Job,
        which: str,
        files: Mapping[str, str],
        body: Mapping[str, Any],
        stage: str,
    ) -> tuple[Answer | PartialAnswer, list[Spooled]]:
        child = self._child(which, job)
        child.channel.deadline = time.monotonic() + job.seconds
        with _opened(files) as descriptors:
            child.channel.send(
                {"type": "request", "stage": stage, "body": body, "files": list(files)},
                descriptors,
            )
        while True:
            said = child.hear()
            if isinstance(said, Progress):
                self._say({"job": job.id, "event": "progress", **said.model_dump()})
            elif isinstance(said, Answer | PartialAnswer):
                return said, self._receive(job, child, said.blobs)
            else:
                self._complain(said)

    def _complain(self, said: Refused | Failed | Ready) -> None:
        if isinstance(said, Refused):
            raise error_from_json(said.model_dump())
        if isinstance(said, Failed):
            sys.stderr.write(said.note.rstrip() + "\n")
            self._drop()
            raise _memory() if said.memory else _unexpected()
        message = f"a child said {type(said).__name__} out of turn"
        raise Overflow(message)

    def _child(self, which: str, job: Job) -> Child:
        child = self._children.get(which)
        if child is None:
            child = self._nursery.child(job.limits)
            self._children[which] = child
        if self._opening is not None and not child.opened:
            child.channel.deadline = time.monotonic() + job.seconds
            files = self._opening["files"]
            with _opened(files) as descriptors:
                child.channel.send(
                    {"type": "open", "session": self._opening["body"], "files": list(files)},
                    descriptors,
                )
            child.opened = True
        return child

    def _receive(self, job: Job, child: Child, heads: list[BlobHead]) -> list[Spooled]:
        if sum(head.size for head in heads) > job.blob_cap:
            message = "more tensor bytes than the stage may send"
            raise Overflow(message)
        found: list[Spooled] = []
        with contextlib.ExitStack() as unless_whole:
            for head in heads:
                path = self._spool / uuid.uuid4().hex
                unless_whole.callback(path.unlink, missing_ok=True)
                digest = hashlib.sha256()
                with path.open("xb") as file:
                    for piece in child.channel.receive_blob(head.size):
                        digest.update(piece)
                        file.write(piece)
                found.append(Spooled(head, digest.hexdigest(), path))
            unless_whole.pop_all()
        return found

    def _settled(self, job: Job, said: Answer | PartialAnswer, blobs: list[Spooled]) -> Settled:
        """As ``_confirm``; the tensors of a job that fails there are nobody's, so they go."""
        with contextlib.ExitStack() as unless_settled:
            for one in blobs:
                unless_settled.callback(one.path.unlink, missing_ok=True)
            found = self._confirm(job, said, blobs)
            unless_settled.pop_all()
        return found

    def _confirm(self, job: Job, said: Answer | PartialAnswer, blobs: list[Spooled]) -> Settled:
        """What others make of a measurement's claims."""
        if not isinstance(said, PartialAnswer):
            return Settled()
        claims = claims_of(said, job.body["shard"])
        return settled(said, [(one, self._second_opinion(job, one, blobs)) for one in claims])

    def _second_opinion(self, job: Job, claim: Claim, blobs: list[Spooled]) -> Opinion:
        """What the canonical file says in another child, and what the uploaded bytes say."""
        witness = next((one for one in blobs if one.head.name == claim.blob), None)
        assert self._opening is not None  # noqa: S101 - measurements always run in a session
        expected = [len(claim.rows), *self._opening["body"]["images"]["shape"][1:]]
        if witness is None or witness.head.shape != expected or witness.head.dtype != claim.dtype:
            message = "claims without one witness each"
            raise Overflow(message)
        pictures = witness.array()
        with self._seen(witness, pictures) as path:
            answers = self._asked_again(job, path, expected)
        wanted = {"logits", "uploaded"} if "upload" in self._opening["files"] else {"logits"}
        if set(answers) != wanted:
            message = "a second opinion without the answers that were asked for"
            raise Overflow(message)
        return judged(claim, job.body["shard"], pictures, answers, self._stored(job, claim.rows))

    @contextlib.contextmanager
    def _seen(self, witness: Spooled, pictures: np.ndarray[Any, Any]) -> Generator[Path]:
        """A file with the witnesses as a model sees them."""
        if pictures.dtype == np.float32:
            yield witness.path
            return
        path = self._spool / uuid.uuid4().hex
        try:
            path.write_bytes(seen(pictures).tobytes())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _asked_again(
        self, job: Job, witness: Path, shape: list[int]
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Answers to the witnesses from a second child; a fresh one when the first gives none.

        No answer is not a refutation: a job whose claims nobody could look at must fail, or a
        crash in the wrong moment would let a true break pass for a false claim.
        """
        for last in (False, True):
            try:
                files, body = {"witness": str(witness)}, {"shape": shape}
                _, found = self._ask(job, "second", files, body, "logits")
            except (Broken, AssayError) as error:
                self._drop_one("second")
                if job.cancelled.is_set():
                    raise
                if last:
                    raise _unconfirmed() from error
            else:
                answers = {one.head.name: one.array() for one in found}
                for one in found:
                    one.path.unlink()
                return answers
        raise _unconfirmed()

    def _stored(self, job: Job, rows: Sequence[int]) -> Stored:
        """The pictures and labels of some rows, from the blobs and not from the child."""
        assert self._opening is not None  # noqa: S101 - measurements always run in a session
        body, files = self._opening["body"], self._opening["files"]
        first = int(job.body["shard"]["rows"][0])
        positions = np.asarray(job.body["positions"], np.int64)[np.asarray(rows) - first]
        images = np.memmap(
            files["images"], body["images"]["dtype"], "r", shape=tuple(body["images"]["shape"])
        )
        labels = np.memmap(files["labels"], "<i8", "r")
        return Stored(np.asarray(images[positions]), np.asarray(labels[positions]))

    def _drop(self) -> int:
        """End every child; how the measuring one ended."""
        status = self._drop_one("first")
        self._drop_one("second")
        return status

    def _drop_one(self, which: str) -> int:
        child = self._children.pop(which, None)
        return child.end() if child is not None else 0


@contextlib.contextmanager
def _opened(files: Mapping[str, str]):  # noqa: ANN202 - yields descriptors for one send
    descriptors: list[int] = []
    try:
        for path in files.values():
            descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401 - each must be closed
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _done(
    said: Answer | PartialAnswer,
    blobs: list[Spooled],
    settled: Settled,
    retries: int,
) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event": "done",
        "retries": retries,
        "blobs": {one.head.name: one.as_json() for one in blobs},
    }
    if isinstance(said, Answer):
        return {**event, "facts": said.facts}
    return {
        **event,
        "facts": {
            "outcome": said.outcome,
            "numbers": {**said.numbers, **settled.counted(said.numbers)},
            "samples": {**said.samples, **settled.columns},
            "passes": said.passes,
            "note": said.note,
        },
    }


def _crashed(status: int) -> AssayError:
    return AssayError(
        Code.CHILD_CRASHED,
        "The process that ran the model died, twice in a row.",
        "If the model runs elsewhere, report it with the service's log; it may use an operator "
        "that crashes the runtime.",
        status=str(status),
    )


def _unexpected() -> AssayError:
    return AssayError(
        Code.CHILD_CRASHED,
        "The engine gave up on this model with an error that nobody expected.",
        "Report the model with the service's log, which holds the engine's own words.",
    )


def _unconfirmed() -> AssayError:
    return AssayError(
        Code.CHILD_CRASHED,
        "The process that confirms breaks could not run the model, twice in a row.",
        "Run the audit again: finished blocks are kept. If it stays, give the service more memory.",
    )


def too_much() -> AssayError:
    """What is said of a child that answered beyond its cap or out of schema."""
    return AssayError(
        Code.CHILD_OVERFLOW,
        "The process that ran the model answered with more, or with other things, than it may.",
        "Do not trust this model file; see the service's log.",
    )


def _late(job: Job) -> AssayError:
    return AssayError(
        Code.CHILD_TIMEOUT,
        f"The stage {job.stage} did not finish within {job.seconds:.0f} seconds and was ended.",
        "Use fewer images or a faster machine.",
    )


def _memory() -> AssayError:
    return AssayError(
        Code.CHILD_MEMORY,
        "The model needed more memory than a model may use here.",
        "Give the service a larger memory limit, or audit a smaller model.",
    )


def _cancelled() -> AssayError:
    return AssayError(Code.CANCELLED, "The work was cancelled.", "Start it again to resume it.")
