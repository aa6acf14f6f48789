"""The supervisor's side in the test's own process, over a real zygote."""

import queue
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analyzers.contract import InputSpec, SubjectFacts
from service.sandbox.children import Nursery
from service.sandbox.sessions import Job, Session
from support.deeds import shard_body
from support.running import NETS

ROWS = 4


def opening(folder: Path) -> dict[str, Any]:
    """What a session over a few pictures is opened with."""
    images = np.random.default_rng(3).integers(0, 256, (ROWS, 3, 32, 32)).astype(np.uint8)
    (folder / "images").write_bytes(images.tobytes())
    (folder / "labels").write_bytes(np.zeros(ROWS, "<i8").tobytes())
    body = {
        "subject": SubjectFacts("5" * 64, 10, (3, 32, 32)).as_json(),
        "input_spec": InputSpec().as_json(),
        "images": {"dtype": "uint8", "shape": [ROWS, 3, 32, 32]},
        "threads": 1,
    }
    names = {name: str(folder / name) for name in ("images", "labels")}
    return {"body": body, "files": {"model": str(NETS / "robust.onnx"), **names}}


def job(
    name: str, deed: str, *, seconds: float = 20, blob_cap: int = 1 << 24, **params: object
) -> Job:
    """A job that makes a child do something."""
    return Job(
        name, "s", "measure", shard_body(deed, ROWS, **params), {}, seconds, blob_cap, LIMITS
    )


LIMITS: Mapping[str, int] = {"memory": 1 << 30, "cpu_seconds": 77}


class Watched:
    """A session whose events are kept."""

    def __init__(self, nursery: Nursery, folder: Path, spool: Path) -> None:
        """Open a session in this process."""
        self.said: list[Mapping[str, Any]] = []
        self._ends: queue.Queue[tuple[str, Mapping[str, Any]]] = queue.Queue()
        self.session = Session(opening(folder), nursery, spool, self._finished, self.said.append)

    def _finished(self, job: Job, event: Mapping[str, Any]) -> None:
        self._ends.put((job.id, event))

    def run(self, *jobs: Job) -> list[Mapping[str, Any]]:
        """Queue some jobs and wait for their events, which come in order."""
        for one in jobs:
            self.session.add(one)
        ends = [self._ends.get(timeout=30) for _ in jobs]
        assert [name for name, _ in ends] == [one.id for one in jobs]
        return [event for _, event in ends]

    def end(self) -> None:
        """End the session and wait until its children are gone."""
        self.session.end()
        self.session.join(20)
        assert not self.session.is_alive()
