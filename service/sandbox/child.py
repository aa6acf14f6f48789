"""A child: forked, restricted, handed open files; answers requests until it is killed.

One child serves one (subject, evaluation set, device), so sessions are built once. What it says
goes through a closed schema on the other side; it is never trusted with a verdict.
"""

import importlib
import mmap
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from analyzers.contract import (
    Array,
    Batch,
    InputSpec,
    Measure,
    Partial,
    Refusal,
    Shard,
    SubjectFacts,
    Tell,
)
from analyzers.engines.subject import OnnxSubject
from analyzers.engines.uploaded import Upload
from analyzers.pictures import seen
from service.sandbox.frames import Broken, Channel
from service.sandbox.lock.hygiene import restrict
from service.sandbox.lock.rules import lock
from service.sandbox.lock.selftest import Lock

STAGES = {
    "recognise": "service.intake.recognise_child:recognise",
    "unpack": "service.intake.unpack_child:unpack",
    "convert": "service.intake.convert_child:convert",
    "canonicalise": "service.intake.canonicalise_child:canonicalise",
    "pace": "service.intake.pace_child:pace",
    "dataset": "service.intake.dataset_child:dataset",
}
_EVERY_SECONDS = 0.2


def main(descriptor: int, limits: Mapping[str, Any], parent: int, held: Lock) -> int:
    """Lock this process, then serve its channel; returns the exit status."""
    _keep_only(descriptor)
    restrict(limits, parent)
    lock(held.rules)
    channel = Channel(socket.socket(fileno=descriptor))
    channel.send({"type": "ready", "level": held.level.number})
    session: Session | None = None
    try:
        while True:
            asked = channel.receive()
            files = dict(zip(asked.body["files"], asked.files, strict=True))
            if asked.body["type"] == "open":
                session = Session(asked.body["session"], files)
            else:
                _serve(channel, session, asked.body, files)
    except Broken:
        return 0


def _keep_only(descriptor: int) -> None:
    """Close every inherited file but the channel; standard streams go nowhere."""
    nowhere = os.open("/dev/null", os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != descriptor:  # noqa: PLR2004 - the standard streams
            try:
                os.close(int(name))
            except OSError:
                continue  # the listing's own descriptor, closed by now


def _serve(
    channel: Channel, session: "Session | None", asked: Mapping[str, Any], files: Mapping[str, int]
) -> None:
    try:
        body, blobs = _answer(channel, session, asked, files)
    except Refusal as refusal:
        body, blobs = _refused(refusal), []
    except MemoryError:
        body, blobs = {"type": "failed", "memory": True, "note": "out of memory"}, []
    except Exception as error:  # noqa: BLE001 - whatever a model does to its engine ends here
        memory = "bad_alloc" in str(error) or "allocate memory" in str(error)
        body = {"type": "failed", "memory": memory, "note": traceback.format_exc()[-8000:]}
        blobs = []
    finally:
        for file in files.values():
            os.close(file)
    channel.send(body)
    for blob in blobs:
        channel.send_blob(blob.data.cast("B") if blob.size else b"")


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {
        "type": "refused",
        "code": refusal.code[:64],
        "sentence": refusal.sentence[:500],
        "remedy": refusal.remedy[:500],
    }


def _answer(
    channel: Channel, session: "Session | None", asked: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], list[Array]]:
    stage, body = asked["stage"], asked["body"]
    if stage in STAGES:
        facts, blobs = _load(STAGES[stage])(body, files)
        return {"type": "answer", "facts": facts, "blobs": _heads(blobs)}, _bodies(blobs)
    if session is None:
        message = f"the stage {stage} needs an open session"
        raise ValueError(message)
    if stage == "logits":
        blobs = session.answers(body, files["witness"])
        return {"type": "answer", "facts": {}, "blobs": _heads(blobs)}, _bodies(blobs)
    partial = session.measure(body, files, _teller(channel))
    return _partial(partial), _bodies(partial.blobs)


def _load(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _bodies(blobs: Mapping[str, Array]) -> list[Array]:
    return [np.ascontiguousarray(blob) for blob in blobs.values()]


def _heads(blobs: Mapping[str, Array]) -> list[dict[str, Any]]:
    return [
        {"name": name, "dtype": blob.dtype.name, "shape": list(blob.shape)}
        for name, blob in blobs.items()
    ]


def _partial(partial: Partial) -> dict[str, Any]:
    return {
        "type": "partial",
        "outcome": partial.outcome,
        "numbers": dict(partial.numbers),
        "samples": {name: list(column) for name, column in partial.samples.items()},
        "passes": dict(partial.passes),
        "claims": partial.claims,
        "note": partial.note[:1000],
        "blobs": _heads(partial.blobs),
    }


def _teller(channel: Channel) -> Tell:
    last = 0.0

    def tell(done: int, total: int, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY_SECONDS:
            last = now
            channel.send({"type": "progress", "done": done, "total": total, "note": note[:200]})

    return tell


class Session:
    """The subject and the evaluation set that a child was opened for."""

    def __init__(self, body: Mapping[str, Any], files: Mapping[str, int]) -> None:
        """Map the blobs; engines are built when first used."""
        self.subject = OnnxSubject(
            bytes(_body_of(files["model"])),
            SubjectFacts.from_json(body["subject"]),
            InputSpec.from_json(body["input_spec"]),
            threads=int(body["threads"]),
            device=body.get("device", "cpu"),
            upload=_upload(body.get("upload"), files),
            source_weights=_source_weights(files),
        )
        shape = tuple(body["images"]["shape"])
        self.images = np.frombuffer(_body_of(files["images"]), body["images"]["dtype"]).reshape(
            shape
        )
        self.labels = np.frombuffer(_body_of(files["labels"]), "<i8")
        for file in files.values():
            os.close(file)

    def measure(self, body: Mapping[str, Any], files: Mapping[str, int], tell: Tell) -> Partial:
        """Run one shard."""
        shard = Shard.from_json(body["shard"])
        measure: Measure = _load(body["measure"])
        inputs = {
            name: np.frombuffer(_body_of(files[name]), told["dtype"]).reshape(told["shape"])
            for name, told in body.get("inputs", {}).items()
        }
        batch = self._batch(range(*shard.rows), body["positions"], body["ids"])
        return measure(shard, self.subject, batch, inputs, tell)

    def answers(self, body: Mapping[str, Any], file: int) -> dict[str, Array]:
        """What the canonical and the uploaded file say of given pictures.

        This is how a second child confirms what the first one claims.
        """
        images = np.frombuffer(_body_of(file), "<f4").reshape(body["shape"])
        found = {"logits": self.subject.predict(images)}
        if self.subject.uploaded is not None:
            found["uploaded"] = self.subject.uploaded.predict(images)
        return found

    def _batch(self, rows: Sequence[int], positions: Sequence[int], ids: Sequence[str]) -> Batch:
        picked = self.images[np.asarray(positions, np.int64)]
        return Batch(list(rows), seen(picked), self.labels[np.asarray(positions, np.int64)], ids)


def _upload(told: Mapping[str, Any] | None, files: Mapping[str, int]) -> Upload | None:
    if told is None:
        return None
    return Upload(bytes(_body_of(files["upload"])), told["output"], told["batch"])


def _source_weights(files: Mapping[str, int]) -> Mapping[str, Array] | None:
    if "weights" not in files:
        return None
    return _load("service.intake.weights_child:floating")(bytes(_body_of(files["weights"])))


def _body_of(file: int) -> bytes | mmap.mmap:
    if os.fstat(file).st_size == 0:
        return b""
    return mmap.mmap(file, 0, prot=mmap.PROT_READ)
