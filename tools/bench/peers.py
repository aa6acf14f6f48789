"""The peers as this side sees them: one waiting process, one job at a time."""

import json
import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np

from analyzers.contract import FloatArray
from tools.bench.attack_nets import Task
from tools.bench.peers_home import python_of_peers

RECIPE: Final = "recipe"
NAMES: Final[Mapping[str, str]] = {
    RECIPE: "AutoAttack recipe",
    "torchattacks-pgd": "torchattacks PGD-40",
    "torchattacks-autoattack": "torchattacks AutoAttack (10 it.)",
    "foolbox-pgd": "foolbox PGD-40",
    "art-pgd": "ART PGD-40",
    "art-apgd": "ART Auto-PGD-100 CE",
}
CLASSES: Final = 10
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What one attack came to, before anybody judged it."""

    moved: FloatArray
    cpu_seconds: float
    seconds: float
    forwards: int
    backwards: int
    stages: Mapping[str, float]
    """Share that stands after each stage, by the peer's own word."""


class Peers:
    """The process; ``peers`` starts and ends it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._line()

    def run(self, peer: str, task: Task, *, seed: int = 0, classes: int = CLASSES) -> Answer:
        """Let one peer attack."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            np.save(Path(folder) / "images.npy", task.images)
            np.save(Path(folder) / "labels.npy", task.labels)
            job = {"peer": peer, "folder": folder, "plan": asdict(task.plan), "seed": seed}
            told = self._ask(job | {"eps": float(task.size), "classes": classes})
            with np.load(Path(folder) / "found.npz") as stored:
                moved = np.array(stored["found"], np.float32)
        if moved.shape != task.images.shape:
            message = f"{peer} answered with pictures of another shape"
            raise RuntimeError(message)
        return Answer(moved, **told)

    def _ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        stream = cast("IO[str]", self._process.stdin)
        stream.write(json.dumps(job) + "\n")
        stream.flush()
        return self._line()

    def _line(self) -> dict[str, Any]:
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            message = "the process of the peers ended early"
            raise RuntimeError(message)
        return json.loads(line)


@contextmanager
def peers() -> Generator[Peers]:
    """The peers in their own environment, one thread, ready and waiting."""
    told = {**os.environ, "PYTHONPATH": str(_ROOT), "GIT_PYTHON_REFRESH": "quiet"}
    told |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [python_of_peers(), "-m", "tools.bench.peers_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=told,
        cwd=_ROOT,
    )
    try:
        yield Peers(process)
    finally:
        cast("IO[str]", process.stdin).close()
        process.wait(60)
        cast("IO[str]", process.stdout).close()
