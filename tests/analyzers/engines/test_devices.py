"""Asking for a GPU: a clear answer, a recorded fall-back, silence, and exact arithmetic."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analyzers.contract import Array, InputSpec, Refusal
from analyzers.engines import devices
from analyzers.engines.devices import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    DRIVER,
    ON_CPU,
    PLAIN,
    TENSORRT_PROVIDER,
    Choice,
    CudaOptions,
    Placement,
    cuda_gap,
    full_precision,
    gap_of,
    placed,
    probed,
    providers,
    settled,
)
from analyzers.engines.forward import ForwardEngine, session
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.resident import ResidentBatches
from analyzers.engines.subject import OnnxSubject, engine_facts
from support.graphs import node, noise, raw, small_net, subject_of

ROOT = Path(__file__).parents[3]
SHAPE = (3, 8, 8)
without_gpu = pytest.mark.skipif(DRIVER.exists(), reason="speaks of machines without a GPU")
ENGINES = """
import sys
from analyzers.contract import InputSpec, Refusal
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gradient import GradientEngine
from support.graphs import noise, small_net
body, codes = small_net(), []
for device in ("auto", "cuda"):
    try:
        one = ForwardEngine(body, 1, "free", device=device)
        one.run(noise(2, (3, 8, 8)))
        GradientEngine(body, InputSpec(), threads=1, batch="free", device=device)
    except Refusal as refusal:
        codes.append(refusal.code)
sys.exit(0 if codes == ["DEVICE_UNAVAILABLE"] and one.info()["device_fallback"] else 1)
"""
BARE = f"""
import onnxruntime
onnxruntime.InferenceSession({small_net()!r}, providers=["CUDAExecutionProvider"])
"""


def ran(program: str) -> tuple[int, str]:
    """How a fresh process ends, and everything that it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@without_gpu
def test_nothing_is_written_where_there_is_no_gpu() -> None:
    """A refusal and a fall-back leave both streams empty."""
    assert ran(ENGINES) == (0, "")


@without_gpu
def test_control_the_runtime_alone_complains_and_falls_back_in_silence() -> None:
    """Asked for CUDA without a look at the machine, it writes to stderr and gives a session."""
    code, written = ran(BARE)
    assert code == 0
    assert "CUDA" in written


@without_gpu
@pytest.mark.parametrize("driver", [DRIVER, Path("/dev/null")])
def test_a_gpu_that_is_not_there_is_an_error(driver: Path) -> None:
    """Without a driver, and with one but without more, the reason and the way out are told."""
    with pytest.raises(Refusal) as caught:
        placed("cuda", driver)
    assert caught.value.code == "DEVICE_UNAVAILABLE"
    assert cuda_gap(driver) in caught.value.sentence
    assert "--device" in caught.value.remedy


@without_gpu
def test_both_engines_and_the_subject_refuse() -> None:
    """No engine runs elsewhere than it was told to."""
    body, subject = small_net(), subject_of(small_net())
    with pytest.raises(Refusal, match="GPU"):
        ForwardEngine(body, 1, "free", device="cuda")
    with pytest.raises(Refusal, match="GPU"):
        GradientEngine(body, InputSpec(), threads=1, batch="free", device="cuda")
    told = OnnxSubject(body, subject.facts, InputSpec(), 1, device="cuda")
    with pytest.raises(Refusal, match="GPU"):
        told.predict(noise(1, SHAPE))


@without_gpu
def test_auto_says_why_it_took_the_processor() -> None:
    """The fall-back is recorded, and providers are those of the session."""
    told = ForwardEngine(small_net(), 1, "free", device="auto").info()
    assert told["providers"] == [CPU_PROVIDER]
    assert (told["device"], told["device_asked"]) == ("cpu", "auto")
    assert "driver" in str(told["device_fallback"])
    slopes = GradientEngine(small_net(), InputSpec(), threads=1, batch="free", device="auto")
    assert slopes.info()["device_fallback"] == told["device_fallback"]


def test_the_processor_is_no_fall_back() -> None:
    """Who asks for the processor gets it, without a word of a GPU and without a look for one."""
    assert placed("cpu", Path("/nowhere")) == ON_CPU
    assert ForwardEngine(small_net(), 1, "free").info()["device_fallback"] == ""


@without_gpu
@pytest.mark.parametrize("asked", ["auto", "cuda"])
@pytest.mark.parametrize("driver", [Path("/nowhere"), Path("/dev/null")])
def test_the_probe_tells_and_leaves_no_process(asked: Choice, driver: Path) -> None:
    """It answers through a process of its own, which is collected, and refuses nothing."""
    found = probed(asked, driver)
    assert (found.asked, found.device, found.why) == (asked, "cpu", cuda_gap(driver))
    assert found.why
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(
    ("given", "options", "missing"),
    [
        ([CUDA_PROVIDER, CPU_PROVIDER], PLAIN, ""),
        ([CPU_PROVIDER], PLAIN, CUDA_PROVIDER),
        ([CUDA_PROVIDER, CPU_PROVIDER], CudaOptions(tensorrt=True), TENSORRT_PROVIDER),
        ([TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER], CudaOptions(tensorrt=True), ""),
    ],
)
def test_what_was_given_is_held_against_what_was_asked(
    given: list[str], options: CudaOptions, missing: str
) -> None:
    """A session on the processor is no GPU session, whatever was asked."""
    gap = gap_of(given, options)
    assert gap.endswith(missing) if missing else gap == ""


def test_a_session_elsewhere_is_refused_or_recorded() -> None:
    """``cuda`` raises, ``auto`` takes the processor and keeps the reason."""
    with pytest.raises(Refusal):
        settled("cuda", "why")
    assert settled("auto", "why") == Placement("auto", "cpu", "why")
    assert settled("auto", "", "9.0") == Placement("auto", "cuda", "", "9.0")


def test_extras_are_off_unless_asked_for() -> None:
    """fp32 without TF32, no recorded kernels, no TensorRT, no search by stopwatch."""
    plain: Any = dict([one for one in providers(PLAIN) if not isinstance(one, str)])
    assert list(plain) == [CUDA_PROVIDER]
    assert plain[CUDA_PROVIDER]["use_tf32"] == "0"
    assert plain[CUDA_PROVIDER]["enable_cuda_graph"] == "0"
    assert plain[CUDA_PROVIDER]["cudnn_conv_algo_search"] != "EXHAUSTIVE"
    more: Any = providers(CudaOptions(tensorrt=True, graphs=True))
    assert [one[0] for one in more[:2]] == [TENSORRT_PROVIDER, CUDA_PROVIDER]
    assert more[0][1]["trt_fp16_enable"] == "0"
    assert more[1][1]["enable_cuda_graph"] == "1"


def flags() -> list[str]:
    """How torch multiplies float32 on a GPU."""
    found: Any = torch.backends
    parts = (found.cuda.matmul, found.cudnn.conv, found.cudnn.rnn)
    return [str(part.fp32_precision) for part in parts]


def gradient_engine() -> None:
    """Build one."""
    GradientEngine(small_net(), InputSpec(), threads=1, batch="free")


def forward_engine() -> None:
    """Build one."""
    ForwardEngine(small_net(), 1, "free")


@pytest.mark.parametrize("build", [gradient_engine, forward_engine])
def test_an_engine_switches_tf32_off(build: Callable[[], None]) -> None:
    """Whatever it was before, float32 is multiplied as float32 afterwards.

    The control is in the first lines: the flag can be on, and then it reads so.
    """
    backends: Any = torch.backends
    backends.cuda.matmul.fp32_precision = "tf32"
    backends.cudnn.conv.fp32_precision = "tf32"
    assert flags()[:2] == ["tf32", "tf32"]
    build()
    assert flags() == ["ieee"] * 3
    assert torch.get_float32_matmul_precision() == "highest"
    assert backends.cudnn.allow_tf32 is False, "reading it raises where old and new flags differ"
    full_precision()


def test_the_two_devices_are_two_engine_classes() -> None:
    """Their evidence is never taken for each other's; the type that decides is the same."""
    on_gpu = engine_facts(Placement("cuda", "cuda", "", "9.0"))
    on_cpu = engine_facts()
    assert on_gpu != on_cpu
    assert (on_gpu["device"], on_gpu["capability"]) == ("cuda", "9.0")
    assert on_gpu != engine_facts(Placement("cuda", "cuda", "", "8.6"))
    assert on_gpu["dtype"] == on_cpu["dtype"] == "float32"
    assert engine_facts(Placement("auto", "cpu", "no driver")) == on_cpu


@pytest.mark.parametrize("count", [1, 15, 16, 17, 53])
def test_bound_batches_answer_as_plain_ones(count: int) -> None:
    """Input and output that never move, on the processor: the same bits as handing rows over."""
    body, images = small_net(shape=SHAPE), noise(count, SHAPE)
    bound = ResidentBatches(session(body, 1), 16, "cpu")
    assert np.array_equal(bound.run(images), ForwardEngine(body, 1, "free").run(images))
    assert np.array_equal(bound.run(images[::-1].copy())[::-1], bound.run(images))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.int64])
def test_bound_batches_take_any_input(dtype: type[np.generic]) -> None:
    """Whole numbers and halves reach the model as they are."""
    onnx: Any = importlib.import_module("onnx")
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    steps = [node("Cast", "image", "wide", to=1), node("Flatten", "wide", "logits")]
    body = raw(steps, shape=("n", *SHAPE), classes=192, input_type=element)
    values: Array = (200 * noise(5, SHAPE)).astype(dtype)
    expected = values.astype(np.float32).reshape(5, -1)
    assert np.array_equal(ResidentBatches(session(body, 1), 4, "cpu").run(values), expected)
    assert np.array_equal(ForwardEngine(body, 1, "free").run(values), expected)


def test_many_rows_cross_in_several_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory on the device is bounded, and no row is lost at the seams."""
    resident = importlib.import_module("analyzers.engines.resident")
    body, images = small_net(shape=SHAPE), noise(53, SHAPE)
    expected = ForwardEngine(body, 1, "free").run(images)
    monkeypatch.setattr(resident, "_AT_ONCE", 20 * images[:1].nbytes)
    assert np.array_equal(ResidentBatches(session(body, 1), 16, "cpu").run(images), expected)


def test_a_probe_that_dies_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that takes its process along leaves ``auto`` on the processor."""

    def dies(writing: int, driver: Path) -> None:
        del writing, driver
        os._exit(3)

    monkeypatch.setattr(devices, "_tell", dies)
    found = probed("auto", Path("/dev/null"))
    assert (found.device, found.why) == ("cpu", "the probe of the GPU died")
