"""What the lock costs: inference in a locked process beside an open one, and a child's start."""

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, cast

import numpy as np

from analyzers.graph.canonical import canonicalise
from service.sandbox.children import Nursery
from tools import zoo
from tools.bench.rows import SEED, Effort, Row

NETS: Final = ("lenet", "mobilenet")
AIM: Final = 0.05
READY_MS: Final = 60.0
_OPSET: Final = 17
_BATCH: Final = 32
_PAIRS: Final = 4
"""Pairs a turn: an interval as narrow as the aim takes many."""
_STARTS: Final = 30
_NORMAL_95: Final = 1.96


def rows(effort: Effort) -> Iterator[Row]:
    """The open process's time over the locked one's, pair by pair; then a child's start."""
    for name in NETS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            raw = zoo.export(zoo.build(name), "older", _OPSET)
            (Path(folder) / "model.onnx").write_bytes(canonicalise(raw).raw)
            np.save(Path(folder) / "images.npy", zoo.pictures(_BATCH, seed=SEED))
            yield _row(name, _pairs(folder, effort))
    yield _ready()


def _row(name: str, values: Sequence[float]) -> Row:
    low, high = interval(values)
    return Row(
        f"{name}, forward: locked / open",
        values,
        "x",
        f"1 within {AIM:.0%}",
        low <= 1 <= high and abs(statistics.median(values) - 1) <= AIM,
        f"95 % interval of the mean {low:.3f} to {high:.3f}, {len(values)} pairs",
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """A 95 % interval of the geometric mean of paired ratios."""
    logs = [math.log(one) for one in values]
    middle = statistics.fmean(logs)
    half = _NORMAL_95 * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(middle - half), math.exp(middle + half)


def _pairs(folder: str, effort: Effort) -> list[float]:
    with ExitStack() as stack:
        locked, unlocked = (
            stack.enter_context(_child(folder, effort.turn_seconds, how))
            for how in ("locked", "open")
        )
        for child in (locked, unlocked):
            _answer(child)
        found: list[float] = []
        for turn in range(effort.turns * _PAIRS):
            order = (locked, unlocked) if turn % 2 == 0 else (unlocked, locked)
            spent = {child: _ask(child) for child in order}
            found.append(spent[unlocked] / spent[locked])
        return found


def _child(folder: str, seconds: float, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tools.bench.lock_child"]
    return subprocess.Popen(
        [*command, folder, str(seconds), how, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(child: subprocess.Popen[str]) -> float:
    stream = cast("IO[str]", child.stdin)
    stream.write("go\n")
    stream.flush()
    return float(_answer(child))


def _answer(child: subprocess.Popen[str]) -> str:
    line = cast("IO[str]", child.stdout).readline()
    if not line:
        message = "a process of the lock table ended early"
        raise RuntimeError(message)
    return line


def _ready() -> Row:
    """From asking for a child to a locked one that waits for its request."""
    nursery = Nursery()
    try:
        values: list[float] = []
        for _ in range(_STARTS):
            begun = time.perf_counter()
            child = nursery.child({"memory": 1 << 32})
            values.append((time.perf_counter() - begun) * 1000)
            child.end()
        level = nursery.level()
    finally:
        nursery.end()
    reached = statistics.median(values) <= READY_MS
    return Row("child ready", values, "ms", f"at most {READY_MS:g} ms", reached, f"level {level}")
