"""What torch and onnxruntime cost each other in one process.

Fresh processes wait side by side and work in turns: one with torch alone, one with onnxruntime
alone, and two with both, in both orders: gradient steps by torch, forward passes by onnxruntime.
A side is judged by its own time alone. Each uses all processors, because one thread has nobody to
wait for; a library whose idle threads spin makes the other wait.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, cast

import numpy as np

from analyzers.graph.canonical import canonicalise
from tools import zoo
from tools.bench.rows import SEED, Effort, Row

AIM: Final = 1.3
NETS: Final = ("lenet", "mobilenet")
CASTS: Final = (("torch",), ("onnxruntime",), ("torch", "onnxruntime"), ("onnxruntime", "torch"))
_OPSET: Final = 17
_BATCH: Final = 32
_SECONDS: Final = 0.3
_WORK: Final = {"torch": "gradient", "onnxruntime": "forward"}
_ORDERS: Final = {2: "torch-ort", 3: "ort-torch"}

Spent = Mapping[str, float]


def rows(effort: Effort) -> Iterator[Row]:
    """How much longer each side takes beside the other than alone in a fresh process."""
    threads = max(2, os.cpu_count() or 2)
    for name in NETS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            _lay_out(name, Path(folder))
            yield from _rows(name, _turns(folder, threads, effort.turns), threads)


def _lay_out(name: str, folder: Path) -> None:
    raw = zoo.export(zoo.build(name), "older", _OPSET)
    (folder / "model.onnx").write_bytes(canonicalise(raw).raw)
    np.save(folder / "images.npy", zoo.pictures(_BATCH, seed=SEED))


def _rows(name: str, turns: Sequence[Sequence[Spent]], threads: int) -> Iterator[Row]:
    alone = dict(zip(("torch", "onnxruntime"), range(2), strict=True))
    for at in (2, 3):
        for side, place in alone.items():
            values = [spent[at][side] / spent[place][side] for spent in turns]
            yield Row(
                f"{name}, {_ORDERS[at]}, {_WORK[side]}: mixed / alone",
                values,
                "x",
                f"at most {AIM:g}x",
                statistics.median(values) <= AIM,
                f"{threads} threads",
            )


def _turns(folder: str, threads: int, turns: int) -> list[list[Spent]]:
    """Seconds a call of every side of every process, turn by turn."""
    with ExitStack() as stack:
        children = [stack.enter_context(_child(folder, threads, sides)) for sides in CASTS]
        for child in children:
            _answer(child)  # built and warm
        return [[_ask(child) for child in children] for _ in range(turns)]


def _child(folder: str, threads: int, sides: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tools.bench.mixed_child"]
    return subprocess.Popen(
        [*command, folder, str(threads), str(_SECONDS), *sides],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(child: subprocess.Popen[str]) -> Spent:
    stream = cast("IO[str]", child.stdin)
    stream.write("go\n")
    stream.flush()
    return _answer(child)


def _answer(child: subprocess.Popen[str]) -> Spent:
    line = cast("IO[str]", child.stdout).readline()
    if not line:
        message = "a process of the mixed table ended early"
        raise RuntimeError(message)
    return json.loads(line)
