"""Everything that only a GPU can show, in a few minutes: parity, speed, ceilings, one JSON.

The last test runs the same measurements on the processor with small nets, so that a machine
without a GPU notices when they no longer work.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from analyzers.contract import Array, FloatArray, InputSpec
from analyzers.engines.devices import CUDA_PROVIDER, CudaOptions, Device, probed
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.subject import engine_facts
from tools import zoo

NAMES = ("lenet", "resnet18", "vit")
OPSET = 18
REPORT = Path(os.environ.get("ASSAY_GPU_REPORT", "gpu-report.json"))
LOGITS = 1e-4
"""As the self-check: relative to the largest logit."""
SIGNS = 0.999
TURNS = 5
Figures = dict[str, Any]


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, image by image."""
    return functional.cross_entropy(logits, labels, reduction="none")


def seconds(work: Callable[[], object], device: Device) -> float:
    """The median time of a call, with the device's own work in it."""
    for _ in range(2):
        work()
    found: list[float] = []
    for _ in range(TURNS):
        _settle(device)
        begun = time.perf_counter()
        work()
        _settle(device)
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def _settle(device: Device) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def ceilings(device: Device, size: int) -> Figures:
    """What float32 reaches here at best, in GFLOP/s: a large product and a wide convolution."""
    square = torch.rand(size, size, device=device)
    maps = torch.rand(size // 16, 64, 32, 32, device=device)
    kernel = torch.rand(64, 64, 3, 3, device=device)
    product = seconds(lambda: square @ square, device)
    window = seconds(lambda: functional.conv2d(maps, kernel, padding=1), device)
    flops = 2 * len(maps) * 64 * 64 * 9 * 32 * 32
    return {"matmul": 2 * size**3 / product / 1e9, "conv": flops / window / 1e9}


def parity(raw: bytes, images: FloatArray, labels: Array, device: Device) -> Figures:
    """How far the device's answers and slopes are from the processor's."""
    forward = {at: ForwardEngine(raw, 1, "free", device=at).run(images) for at in ("cpu", device)}
    steps = {at: _gradient(raw, at).step(images, labels, loss) for at in ("cpu", device)}
    ours, theirs = steps[device].slope, steps["cpu"].slope
    spread = float(np.abs(forward["cpu"]).max())
    return {
        "logits": float(np.abs(forward[device] - forward["cpu"]).max()) / spread,
        "labels": float((forward[device].argmax(1) == forward["cpu"].argmax(1)).mean()),
        "slopes": float(np.abs(ours - theirs).max() / np.abs(theirs).max()),
        "signs": float((np.sign(ours) == np.sign(theirs)).mean()),
    }


def repeatable(raw: bytes, images: FloatArray, labels: Array, device: Device) -> Figures:
    """Whether a row has the same bits alone, shuffled, and again."""
    order = np.random.default_rng(1).permutation(len(images))
    engine = ForwardEngine(raw, 1, "free", device=device)
    slopes = _gradient(raw, device)
    whole, step = engine.run(images), slopes.step(images, labels, loss)
    mixed = slopes.step(images[order], labels[order], loss)
    return {
        "again": bool(np.array_equal(engine.run(images), whole)),
        "shuffled": bool(np.array_equal(engine.run(images[order]), whole[order])),
        "slopes_shuffled": bool(np.array_equal(mixed.slope, step.slope[order])),
    }


def speed(raw: bytes, module: nn.Module, images: FloatArray, device: Device) -> Figures:
    """Images a second of both engines, beside the native module and beside other ways to run."""
    labels = np.arange(len(images)) % zoo.CLASSES
    engine, native = ForwardEngine(raw, 1, "free", device=device), module.to(device)
    run = {
        "forward": lambda: engine.run(images),
        "forward_plain": lambda: engine.run_plain(images),
        "forward_native": lambda: _native_forward(native, images, device),
        "step": partial(_gradient(raw, device).step, images, labels, loss),
        "step_native": lambda: _native_step(native, images, labels, device),
    }
    if device == "cuda":
        graphs = ForwardEngine(raw, 1, "free", device=device, cuda=CudaOptions(graphs=True))
        assert np.array_equal(graphs.run(images), engine.run(images))
        run["forward_graphs"] = lambda: graphs.run(images)
    return {name: len(images) / seconds(work, device) for name, work in run.items()}


def ratios(rates: Mapping[str, float], flops: float, best: Mapping[str, float]) -> Figures:
    """What the rates come to beside each other and beside the ceilings."""
    found = {
        "forward_to_native": rates["forward"] / rates["forward_native"],
        "step_to_native": rates["step"] / rates["step_native"],
        "bound_to_plain": rates["forward"] / rates["forward_plain"],
        "of_ceiling": rates["forward"] * flops / 1e9 / max(best.values()),
    }
    if "forward_graphs" in rates:
        found["graphs_to_bound"] = rates["forward_graphs"] / rates["forward"]
    return found


def measured(
    name: str, device: Device, best: Mapping[str, float], *, count: int, small: bool
) -> Figures:
    """All figures of one net."""
    module = zoo.build(name, small=small)
    raw = zoo.export(module, "older", OPSET)
    images = zoo.pictures(count, seed=3)
    labels = np.arange(count) % zoo.CLASSES
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, 3, zoo.SIDE, zoo.SIDE))
    flops = float(counter.get_total_flops())
    few = min(count, 48)
    found: Figures = {
        "info": ForwardEngine(raw, 1, "free", device=device).info(),
        "parity": parity(raw, images[:few], labels[:few], device),
        "repeatable": repeatable(raw, images[:few], labels[:few], device),
        "rates": speed(raw, module, images, device),
        "flops": flops,
    }
    return {**found, "ratios": ratios(found["rates"], flops, best)}


def _gradient(raw: bytes, device: Device) -> GradientEngine:
    return GradientEngine(raw, InputSpec(), threads=1, batch="free", device=device)


def _native_forward(module: nn.Module, images: FloatArray, device: Device) -> FloatArray:
    with torch.inference_mode():
        return module(_tensor(images).to(device)).cpu().numpy()


def _native_step(
    module: nn.Module, images: FloatArray, labels: Array, device: Device
) -> FloatArray:
    rows = _tensor(images).to(device).requires_grad_()
    values = loss(module(rows), _tensor(labels).to(device))
    return torch.autograd.grad(values.sum(), rows)[0].cpu().numpy()


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(values.copy())  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


@pytest.fixture(scope="module")
def report() -> Figures:
    """The figures of all nets on the GPU, written down whatever the tests then say of them."""
    placement = probed("cuda")
    assert placement.device == "cuda", placement.why
    best = ceilings("cuda", 8192)
    found: Figures = {
        "gpu": torch.cuda.get_device_name(),
        "engine": engine_facts(placement),
        "ceilings": best,
        "nets": {},
    }
    for name in NAMES:
        found["nets"][name] = measured(name, "cuda", best, count=1024, small=False)
        REPORT.write_text(json.dumps(found, indent=1))
    return found


@pytest.mark.gpu
def test_the_providers_are_those_of_the_gpu(report: Figures) -> None:
    """Read back from the session of every net, with the GPU's engine class."""
    for net in report["nets"].values():
        assert net["info"]["providers"][0] == CUDA_PROVIDER
        assert net["info"]["device"] == "cuda"
    assert report["engine"]["device"] == "cuda"
    assert report["engine"]["capability"]


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_the_gpu_answers_as_the_processor(report: Figures, name: str) -> None:
    """Logits within the self-check's tolerance, and slopes that point the same way."""
    found = report["nets"][name]["parity"]
    assert found["logits"] < LOGITS
    assert found["labels"] == 1.0
    assert found["signs"] > SIGNS


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_rows_keep_their_bits_on_the_gpu(report: Figures, name: str) -> None:
    """No answer and no slope depends on neighbours, order or repetition."""
    assert all(report["nets"][name]["repeatable"].values())


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_resident_batches_pay(report: Figures, name: str) -> None:
    """Rows that lie on the GPU are not slower than rows that cross the bus batch by batch."""
    assert report["nets"][name]["ratios"]["bound_to_plain"] > 0.9


@pytest.mark.gpu
def test_control_tf32_is_seen() -> None:
    """With TF32 on, a product is off by what the parity above would not let pass."""
    backends: Any = torch.backends
    rows = torch.rand(512, 512, device="cuda") - 0.5
    exact = rows.double() @ rows.double()
    gaps: list[float] = []
    for precision in ("ieee", "tf32"):
        backends.cuda.matmul.fp32_precision = precision
        gaps.append(float(((rows @ rows).double() - exact).abs().max() / exact.abs().max()))
    backends.cuda.matmul.fp32_precision = "ieee"
    assert gaps[0] < 1e-5
    assert gaps[1] > LOGITS


def test_the_measurements_run_on_the_processor_too() -> None:
    """The same code with a small net: parity with itself is exact, and every figure is there."""
    best = ceilings("cpu", 64)
    found = measured("lenet", "cpu", best, count=20, small=True)
    assert found["parity"] == {"logits": 0.0, "labels": 1.0, "slopes": 0.0, "signs": 1.0}
    assert all(found["repeatable"].values())
    assert all(value > 0 for value in found["ratios"].values())
    json.dumps(found)
