"""Both engines on the robust demo net, beside the module that it was exported from."""

import statistics
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # its path type is open
)
from torch import nn

from analyzers.attacks.losses import margin
from analyzers.contract import FloatArray, InputSpec, LabelArray
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gradient import GradientEngine
from service.demo.shapes import draw
from service.intake.architectures.catalogue import build
from tools.bench.audits import ARCHITECTURE, NETS, pixels
from tools.bench.native import tensor
from tools.bench.rows import SEED, Row, ratios

BATCH = 32
AGREE = 1e-4


@dataclass(frozen=True)
class Net:
    """One network twice: as the file that is audited, and as the module it was exported from."""

    raw: bytes
    module: nn.Module
    images: FloatArray
    labels: LabelArray


def demo_net() -> Net:
    """The robust demo net with one batch of pictures."""
    module = build(ARCHITECTURE)
    module.load_state_dict(load_file(NETS / "robust.safetensors"))
    module.requires_grad_(requires_grad=False)
    shown = draw(BATCH, seed=SEED)
    images = np.ascontiguousarray(pixels(shown.images.transpose(0, 3, 1, 2)))
    return Net((NETS / "robust.onnx").read_bytes(), module, images, shown.labels)


def forward_row(net: Net, *, threads: int, turns: int, calls: int) -> Row:
    """ONNX Runtime against torch eager, numpy to numpy."""
    engine = ForwardEngine(net.raw, threads, "free")

    def ours() -> FloatArray:
        return engine.run(net.images)

    def peer() -> FloatArray:
        with torch.inference_mode():
            return net.module(tensor(net.images)).numpy()

    _agree(ours(), peer(), "logits")
    values = ratios(ours, peer, turns=turns, calls=calls)
    return Row(
        f"forward, batch {BATCH}: torch eager / ours",
        values,
        "x",
        "4x for small nets",
        statistics.median(values) >= 4,  # noqa: PLR2004 - the aim
    )


def gradient_row(net: Net, *, threads: int, turns: int, calls: int) -> Row:
    """A step of our interpreter against one of the native module, numpy to numpy."""
    engine = GradientEngine(net.raw, InputSpec(), threads=threads, batch="free")

    def ours() -> FloatArray:
        return engine.step(net.images, net.labels, margin).slope

    def peer() -> FloatArray:
        images = tensor(net.images.copy()).requires_grad_()
        loss = margin(net.module(images), tensor(net.labels))
        (slope,) = torch.autograd.grad(loss.sum(), images)
        return slope.numpy()

    _agree(ours(), peer(), "slopes")
    values = ratios(ours, peer, turns=turns, calls=calls)
    return Row(
        f"gradient step, batch {BATCH}: torch eager / ours",
        values,
        "x",
        "1.0x",
        statistics.median(values) >= 1,
    )


def _agree(ours: FloatArray, peer: FloatArray, what: str) -> None:
    drift = float(np.abs(ours - peer).max())
    if drift > AGREE * max(1.0, float(np.abs(peer).max())):
        message = f"the two sides disagree on {what} by {drift:.2g}: nothing to compare"
        raise RuntimeError(message)
