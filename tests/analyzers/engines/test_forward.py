"""The engine whose word counts: silent, alone with its model, and blind to a row's neighbours."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from analyzers.contract import Refusal
from analyzers.engines import forward
from analyzers.engines.forward import ForwardEngine
from support.graphs import node, noise, raw, small_net

SHAPE = (3, 8, 8)
ROOT = Path(__file__).parents[3]
AVERAGED = [
    node("ReduceMean", "image zero", "middle", keepdims=1),
    node("Sub", "image middle", "pixels"),
]
"""Pictures minus their batch's mean: every answer depends on the neighbours."""

LOOK = """
import ctypes, json, os, sys, time
cut = ctypes.CDLL(None).unshare  # no network inside, where the system allows that
cut(0x40000000) and cut(0x50000000)
exec(sys.argv[1])

def files():
    return [f for _, _, found in os.walk(os.environ["HOME"]) for f in found]

def links():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            pass  # the listing's own descriptor
    return found

begun = time.monotonic()
while time.monotonic() < begun + 2 and not files():
    time.sleep(0.05)
said = {"files": files(), "links": links(), "threads": len(os.listdir("/proc/self/task"))}
sys.stdout.write(json.dumps(said))
sys.stdout.flush()
os._exit(0)  # before anything is sent
"""
OURS = """
from support.graphs import small_net
from analyzers.engines.forward import ForwardEngine
import numpy as np
ForwardEngine(small_net(), 1, "free").run(np.zeros((2, 3, 8, 8), np.float32))
"""
BARE = "import onnxruntime"


def watched(program: str, home: Path) -> dict[str, Any]:
    """What a fresh process leaves in its home, holds open and runs after a program."""
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOOK, program],
        env=environment,
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert not done.stderr
    return json.loads(done.stdout)


def test_the_runtime_does_not_report_home(tmp_path: Path) -> None:
    """A session run leaves no file, opens no socket or database and starts no thread."""
    seen = watched(OURS, tmp_path)
    assert not seen["files"]
    assert not [link for link in seen["links"] if link.startswith("socket") or ".db" in link]
    assert seen["threads"] == 1


def test_control_the_runtime_alone_does_report_home(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Without the variable the wheels of onnxruntime queue events in the user's cache.

    A later release may stop doing so; then this is the place that notices.
    """
    seen = watched(BARE, tmp_path)
    record_testsuite_property("telemetry_files", ", ".join(sorted(seen["files"])))
    assert seen["files"], "this release no longer writes a queue: the guard may go"


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """A model that the runtime would warn about is run in silence."""
    ForwardEngine(with_unused_weight(), 1, "free").run(noise(1, SHAPE))
    assert capfd.readouterr() == ("", "")


def test_control_the_runtime_alone_does_print(capfd: pytest.CaptureFixture[str]) -> None:
    """The same model makes a default session warn on the terminal."""
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 2
    runtime.InferenceSession(with_unused_weight(), options, providers=["CPUExecutionProvider"])
    assert "unused" in capfd.readouterr().err


def with_unused_weight() -> bytes:
    """A net with a weight that no node reads."""
    return small_net(shape=SHAPE, weights={"unused": np.ones(3, np.float32)})


def test_the_provider_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime answers a missing provider with a silent CPU session; that is an error here."""
    monkeypatch.setattr(forward, "PROVIDERS", ["CUDAExecutionProvider"])
    with pytest.raises(RuntimeError, match="got"):
        ForwardEngine(small_net(), 1, "free")


def test_info_says_what_runs() -> None:
    """Provider, threads and batch mode are told."""
    told = ForwardEngine(small_net(), 1, "free").info()
    assert told["providers"] == ["CPUExecutionProvider"]
    assert (told["threads"], told["batch"]) == (1, "free")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_does_not_see_its_neighbours(threads: int) -> None:
    """Alone, shuffled or in another cut, every row gets the same bits."""
    engine = ForwardEngine(small_net(shape=SHAPE), threads, "free")
    images = noise(53, SHAPE)
    whole = engine.run(images)
    order = np.random.default_rng(1).permutation(53)
    assert np.array_equal(engine.run(images[order]), whole[order])
    assert np.array_equal(np.concatenate([engine.run(one[None]) for one in images]), whole)
    assert np.array_equal(engine.run(images[:17]), whole[:17])


def test_control_a_net_that_mixes_its_batch_is_seen_to() -> None:
    """Where neighbours count, the same comparison finds it."""
    mixing = small_net(shape=SHAPE, first=AVERAGED, weights={"zero": np.array([0])})
    engine = ForwardEngine(mixing, 1, "free")
    images = noise(53, SHAPE)
    order = np.random.default_rng(1).permutation(53)
    assert not np.allclose(engine.run(images[order]), engine.run(images)[order])


def test_a_fixed_batch_runs_image_by_image() -> None:
    """The same weights answer alike, whether the file fixes its batch or not."""
    fixed = onnx.ModelProto.FromString(small_net(shape=SHAPE))
    for value in [*fixed.graph.input, *fixed.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    images = noise(5, SHAPE)
    found = ForwardEngine(fixed.SerializeToString(), 1, "one").run(images)
    assert np.allclose(found, ForwardEngine(small_net(shape=SHAPE), 1, "free").run(images))


def test_no_images_give_no_logits() -> None:
    """An empty batch keeps its number of classes."""
    assert ForwardEngine(small_net(classes=5), 1, "free").run(noise(0, SHAPE)).shape == (0, 5)


def test_a_graph_that_does_not_fit_together_is_refused() -> None:
    """What passes the checker and no session is broken."""
    weights = {"w": np.ones((4, 5), np.float32)}
    nodes = [node("Flatten", "image", "f"), node("Gemm", "f w", "logits", transB=1)]
    with pytest.raises(Refusal) as caught:
        ForwardEngine(raw(nodes, weights), 1, "free")
    assert caught.value.code == "MODEL_BROKEN"


def test_an_operator_the_runtime_lacks_is_refused() -> None:
    """A standard operator without a kernel is told apart from a broken file."""
    nodes = [
        node("Cast", "image", "wide", to=11),
        node("Conv", "wide k", "maps"),
        node("Cast", "maps", "narrow", to=1),
        node("Flatten", "narrow", "logits"),
    ]
    with pytest.raises(Refusal) as caught:
        ForwardEngine(raw(nodes, {"k": np.ones((1, 3, 6, 6))}), 1, "free")
    assert caught.value.code == "MODEL_OPERATOR_UNSUPPORTED"
