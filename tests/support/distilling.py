"""Defensive distillation (Papernot et al., 2016, arXiv:1511.04508) of a small net, from scratch.

A teacher learns the labels through a softmax of high temperature, a student learns the teacher's
soft answers through the same, and answers without it: its scores are as many times larger, and
its cross-entropy has no slope left.
"""

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from analyzers.engines.operators.stored import torch_of
from support.graphs import node, raw
from support.liars import Pictures

CLASSES = 10
_BATCH = 64
_RATE = 1e-2
_LAYERS = ((16, 5, 2), (32, 3, 2), (64, 3, 1))
"""Filters, side and stride of each convolution."""


def distilled(taught: Pictures, *, temperature: float, epochs: int, seed: int = 0) -> bytes:
    """The student as an ONNX file."""
    images, labels = torch_of(taught.images), torch_of(taught.labels)
    hard = functional.one_hot(labels, CLASSES).float()
    teacher = _learned(images, hard, epochs=epochs, seed=2 * seed)
    with torch.no_grad():
        soft = torch.softmax(teacher(images), dim=1)
    student = _learned(images, soft, epochs=epochs, seed=2 * seed + 1)
    # What learned are the scores over the temperature: a head of that size starts far too small.
    head = student[-1]
    with torch.no_grad():
        for value in head.parameters():
            value.mul_(temperature)
    return _as_onnx(student)


def _learned(images: Tensor, answers: Tensor, *, epochs: int, seed: int) -> nn.Sequential:
    with torch.random.fork_rng():  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # its number has no type
        net = _net()
        optimizer = torch.optim.Adam(net.parameters(), lr=_RATE)
        for epoch in range(epochs):
            for group in optimizer.param_groups:
                group["lr"] = _RATE * (1 - epoch / epochs)
            for rows in torch.split(torch.randperm(len(images)), _BATCH):
                optimizer.zero_grad()
                loss = functional.cross_entropy(net(images[rows]), answers[rows])
                torch.autograd.backward(loss)
                optimizer.step()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    return net.eval()


def _net() -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3
    for width, side, stride in _LAYERS:
        padding = side // 2
        layers += [nn.Conv2d(before, width, side, stride=stride, padding=padding, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, CLASSES))


def _as_onnx(net: nn.Sequential) -> bytes:
    """Written by hand: an exporter takes longer than the training."""
    stored = {name: value.numpy() for name, value in net.state_dict().items() if value.ndim}
    nodes: list[onnx.NodeProto] = []
    name = "image"
    for layer, (_, side, stride) in enumerate(_LAYERS):
        at, norm = 3 * layer, 3 * layer + 1
        told = {"strides": [stride] * 2, "pads": [side // 2] * 4}
        read = " ".join(
            f"{norm}.{one}" for one in ("weight", "bias", "running_mean", "running_var")
        )
        nodes += [
            node("Conv", f"{name} {at}.weight", f"conv{layer}", **told),
            node("BatchNormalization", f"conv{layer} {read}", f"norm{layer}", epsilon=1e-5),
            node("Relu", f"norm{layer}", f"relu{layer}"),
        ]
        name = f"relu{layer}"
    head = 3 * len(_LAYERS) + 2
    nodes += [
        node("GlobalAveragePool", name, "pooled"),
        node("Flatten", "pooled", "features"),
        node("Gemm", f"features {head}.weight {head}.bias", "logits", transB=1),
    ]
    return raw(nodes, stored, shape=("batch", 3, 32, 32), classes=CLASSES)
