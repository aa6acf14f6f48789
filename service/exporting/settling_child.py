"""A module as it will be exported, and everything of its owner's left as it was."""

import contextlib
import copy
import itertools
import logging
import warnings
from collections.abc import Generator
from typing import Any, Final

import torch
from torch import Tensor, nn

from service.errors import AssayError, Code
from service.exporting.wording import attempted, failed

MOST_BYTES: Final = (1 << 31) - (1 << 20)
"""One ONNX file is a protobuf message of less than 2 GiB; the graph itself needs some of it."""
_MOVE = "Export model.cpu().float() instead."


@contextlib.contextmanager
def settled(module: object) -> Generator[nn.Module]:
    """The bare module in evaluation mode, float32, on the processor; its modes come back."""
    bare = _bare(module)
    refuse_size(sum(one.numel() * _bytes(one) for one in _tensors(bare)))
    if not all(_plain(one) for one in _tensors(bare)):
        held = bare
        bare = attempted(lambda: copy.deepcopy(held), "The module cannot be copied", _MOVE)
        bare.to("cpu", torch.float32)
    modes = [(one, one.training) for one in bare.modules()]
    bare.eval()
    try:
        with torch.no_grad(), _draws_kept(), _arithmetic_kept(), _written_out():
            yield bare
    finally:
        for one, mode in modes:
            one.training = mode


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Keep exporters from speaking of what nobody here can change."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def refuse_size(size: int) -> None:
    """Weights that do not go into one file."""
    if size > MOST_BYTES:
        raise AssayError(
            Code.MODEL_TOO_LARGE,
            f"The model takes {size / (1 << 30):.1f} GiB; one ONNX file holds less than 2 GiB.",
            "Audit a smaller variant of it; weights beside the file are not written here.",
        )


def _bare(module: object) -> nn.Module:
    """Without the wrappers of several devices and of compilation."""
    bare: Any = getattr(module, "_orig_mod", module)
    if isinstance(bare, nn.DataParallel | nn.parallel.DistributedDataParallel):
        bare = bare.module  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # generic
    if not isinstance(bare, nn.Module):
        raise failed(
            f"What was given is of the type {type(module).__name__}, not a torch.nn.Module.",
            "Give the module itself, not its weights.",
        )
    return bare


def _tensors(module: nn.Module) -> list[Tensor]:
    found = list(itertools.chain(module.parameters(), module.buffers()))
    if any(one.is_meta for one in found):
        raise failed(
            "Some weights of the module hold no numbers (they lie on the device 'meta').",
            "Load the weights first.",
        )
    return found


def _bytes(tensor: Tensor) -> int:
    return torch.float32.itemsize if tensor.is_floating_point() else tensor.element_size()


def _plain(tensor: Tensor) -> bool:
    exact = not tensor.is_floating_point() or tensor.dtype == torch.float32
    return exact and tensor.device.type == "cpu"


@contextlib.contextmanager
def _written_out() -> Generator[None]:
    """Attention as operators that have a name in ONNX: in evaluation mode torch fuses it all."""
    before = bool(torch.backends.mha.get_fastpath_enabled())
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextlib.contextmanager
def _draws_kept() -> Generator[None]:
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


@contextlib.contextmanager
def _arithmetic_kept() -> Generator[None]:
    """Our engines forbid fast float32 arithmetic for the process; here the process is another's."""
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda.matmul, backends.cudnn, backends.mkldnn
    parts = (backends, cudnn, cudnn.conv, cudnn.rnn, cuda, mkldnn, mkldnn.conv, mkldnn.matmul)
    # The older switches come first, on the way back too: they write over the newer ones.
    switches = ((cudnn, "allow_tf32"), (cuda, "allow_tf32"))
    switches += tuple((part, "fp32_precision") for part in parts)
    switches += ((cudnn, "benchmark"), (cudnn, "deterministic"))
    before = [(part, name, getattr(part, name)) for part, name in switches]
    try:
        yield
    finally:
        for part, name, value in before:
            setattr(part, name, value)
