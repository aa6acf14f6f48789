"""Where a model runs: this machine's processor, or its NVIDIA GPU when that was asked for.

onnxruntime answers a missing GPU with a silent session on the processor and with complaints on
stderr. So nothing of CUDA is touched before the driver's own file was seen, and whoever asked for
the GPU and cannot have it hears so.
"""

import json
import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  # carries no types
import torch
from onnx import TensorProto, helper

from analyzers.contract import Refusal

Device = Literal["cpu", "cuda"]
Choice = Literal["auto", "cpu", "cuda"]

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
TENSORRT_PROVIDER = "TensorrtExecutionProvider"
DRIVER = Path("/dev/nvidiactl")

_ort: Any = onnxruntime


@dataclass(frozen=True)
class Placement:
    """What was asked for, and what is used."""

    asked: Choice
    device: Device
    why: str = ""
    """Why ``auto`` took the processor; empty otherwise."""
    capability: str = ""
    """Compute capability of the GPU, where one is used and was looked at."""


ON_CPU = Placement("cpu", "cpu")


@dataclass(frozen=True)
class CudaOptions:
    """What may be switched on for the GPU; none of it changes the type that decides."""

    tensorrt: bool = False
    graphs: bool = False
    """Record the kernels of a batch once and replay them."""


PLAIN = CudaOptions()


def placed(asked: Choice, driver: Path = DRIVER) -> Placement:
    """Where to run; starts CUDA in this process when there is any. ``cuda`` or a refusal."""
    gap = "" if asked == "cpu" else cuda_gap(driver)
    if asked == "cpu" or gap:
        return settled(asked, gap)
    major, minor = torch.cuda.get_device_capability()
    return settled(asked, "", f"{major}.{minor}")


def settled(asked: Choice, gap: str, capability: str = "") -> Placement:
    """What an answer of the machine means for what was asked."""
    if asked == "cpu":
        return ON_CPU
    if gap and asked == "cuda":
        raise unavailable(gap)
    return Placement(asked, "cpu" if gap else "cuda", gap, capability)


def cuda_gap(driver: Path = DRIVER) -> str:
    """Why CUDA cannot be used here; empty when it can."""
    if not driver.exists():
        return f"there is no NVIDIA driver ({driver} is missing)"
    if not torch.backends.cuda.is_built():
        return "the installed torch is a build without CUDA"
    if CUDA_PROVIDER not in _ort.get_available_providers():
        return "the installed onnxruntime is a build without CUDA"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of an old driver; the gap says it too
        found = torch.cuda.is_available()
    return "" if found else "the driver offers no GPU, or is too old for the installed torch"


def unavailable(gap: str) -> Refusal:
    """What somebody hears who asked for a GPU that is not to be had."""
    return Refusal(
        "DEVICE_UNAVAILABLE",
        f"The GPU was asked for and cannot be used: {gap}.",
        "Take --device cpu, or --device auto to use a GPU only where there is one. For a GPU "
        "install a CUDA build of torch and assay[server,gpu]; `nvidia-smi` must list the device.",
    )


def probed(asked: Choice, driver: Path = DRIVER) -> Placement:
    """As ``placed``, but CUDA starts in a process of its own, and nothing is refused here.

    A process that has started CUDA cannot fork children that use it. The probe goes further than
    the question whether there is a device: it builds a session and looks where it came to lie.
    """
    if asked == "cpu":
        return ON_CPU
    if not driver.exists():
        return Placement(asked, "cpu", cuda_gap(driver))
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _tell(writing, driver)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        raw = answer.read()
    os.waitpid(child, 0)
    gap, capability = json.loads(raw) if raw else ("the probe of the GPU died", "")
    return Placement(asked, "cpu" if gap else "cuda", gap, capability)


def _tell(writing: int, driver: Path) -> None:
    """The forked side of the probe: one line of JSON, and the end whatever happens."""
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        gap = cuda_gap(driver) or session_gap()
        capability = "" if gap else placed("cuda", driver).capability
        os.write(writing, json.dumps([gap, capability]).encode())
    finally:
        os._exit(0)


def session_gap() -> str:
    """Why onnxruntime gives no session on the GPU; empty when it does."""
    try:
        preload()
        session = _ort.InferenceSession(_one_addition(), providers=providers(PLAIN))
        given = list(session.get_providers())
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no session
        return f"onnxruntime builds no session on it ({type(error).__name__})"
    return gap_of(given, PLAIN)


def gap_of(given: list[str], options: CudaOptions) -> str:
    """Why these providers, read back from a session, are not what was asked for."""
    wanted = [TENSORRT_PROVIDER] if options.tensorrt else []
    missing = [name for name in (*wanted, CUDA_PROVIDER) if name not in given]
    if not missing:
        return ""
    return f"onnxruntime gave {', '.join(given)} and not {', '.join(missing)}"


def providers(options: CudaOptions) -> list[str | tuple[str, dict[str, str]]]:
    """What to ask onnxruntime for; whether it was given has to be read back."""
    cuda = {
        "device_id": "0",
        "use_tf32": "0",
        # A search by stopwatch would choose other kernels, and other bits, from run to run.
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "enable_cuda_graph": "1" if options.graphs else "0",
    }
    found: list[str | tuple[str, dict[str, str]]] = [(CUDA_PROVIDER, cuda), CPU_PROVIDER]
    if options.tensorrt:
        exact = {"device_id": "0", "trt_fp16_enable": "0", "trt_int8_enable": "0"}
        found.insert(0, (TENSORRT_PROVIDER, exact))
    return found


def preload() -> None:
    """Load the CUDA libraries that pip installed, for onnxruntime to find."""
    if hasattr(_ort, "preload_dlls"):
        _ort.preload_dlls()


def full_precision() -> None:
    """Have torch multiply float32 as float32: TF32 keeps 10 of its 23 bits, and fp32 decides."""
    backends: Any = torch.backends
    # The older switches come first: export reads them, and refuses flags that contradict them.
    backends.cudnn.allow_tf32 = False
    backends.cuda.matmul.allow_tf32 = False
    for part in (backends, backends.mkldnn, backends.mkldnn.conv, backends.mkldnn.matmul):
        part.fp32_precision = "ieee"
    backends.cudnn.benchmark = False
    backends.cudnn.deterministic = True


def as_json(placement: Placement) -> dict[str, str]:
    """Plain data for a frame."""
    return asdict(placement)


def _one_addition() -> bytes:
    """The smallest model there is."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], "one", ends[:1], ends[1:]
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
