"""The networks of the table `attacks`: as files that are audited and as native torch modules.

The module takes [0,1] pixels: whatever normalisation a network expects lies inside it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # its path type is open
)
from torch import Tensor, nn

from analyzers.contract import FloatArray, InputSpec, LabelArray
from service.demo.shapes import draw
from service.intake.architectures.catalogue import ARCHITECTURES, build

NETS: Final = Path(__file__).resolve().parents[2] / "service" / "demo" / "nets"
DEMO_ARCHITECTURE: Final = "demo-cnn6"
DEMO_SEED: Final = 2
"""The demo nets were measured on this draw and trained on another."""
_CONVOLUTION: Final = re.compile(r"c(\d+)k(\d+)s(\d+)(?:p(\d+))?")
_LINEAR: Final = re.compile(r"fc(\d+)")
_PLAIN: Final[Mapping[str, type[nn.Module]]] = {"R": nn.ReLU, "S": nn.Sigmoid, "F": nn.Flatten}

_NAMED: Final[Mapping[str, str]] = {"rn": "resnet20-cifar"}
"""Architectures of the manifest that are no chain, by our names."""


@dataclass(frozen=True)
class Plan:
    """What it takes to build a module again, in another process too: plain data."""

    weights: str
    layers: str
    """As a manifest spells them, or the name of an architecture that weights may name."""
    shape: tuple[int, int, int] = (3, 32, 32)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Plan":
        """Read what ``vars`` of another one became on its way."""
        lists = {name: tuple(body[name]) for name in ("shape", "mean", "std")}
        return cls(body["weights"], body["layers"], **lists)


@dataclass(frozen=True)
class Task:
    """One network, one radius and the pictures to attack."""

    name: str
    eps: str
    raw: bytes
    spec: InputSpec
    plan: Plan
    images: FloatArray
    labels: LabelArray
    recorded: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the original AutoAttack made of it, where that is known."""

    @property
    def size(self) -> Fraction:
        """The radius, exactly."""
        return Fraction(self.eps)


class _Normalised(nn.Module):
    def __init__(self, plan: Plan, inner: nn.Module) -> None:
        super().__init__()
        shape = (1, -1, 1, 1)
        self._mean = torch.tensor(plan.mean).reshape(shape)
        self._std = torch.tensor(plan.std).reshape(shape)
        self.inner = inner

    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner((pixels - self._mean) / self._std)


def module_of(plan: Plan) -> nn.Module:
    """The network itself, frozen, in evaluation mode."""
    named = plan.layers in ARCHITECTURES
    module = build(plan.layers) if named else sequential(plan.layers, plan.shape)
    _load(module, load_file(plan.weights))
    if plan.mean:
        module = _Normalised(plan, module)
    return module.float().eval().requires_grad_(requires_grad=False)


def _load(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """All weights find their place; how many batches were seen in training may be untold."""
    own = module.state_dict().items()
    untold = {name: one for name, one in own if name.endswith("num_batches_tracked")}
    module.load_state_dict({**untold, **weights})


def sequential(layers: str, shape: tuple[int, int, int]) -> nn.Sequential:
    """A chain as ``c16k4s2p1 R F fc10`` spells it: its tensors are named by their place."""
    made: list[nn.Module] = []
    features = torch.zeros(1, *shape)
    for word in layers.split():
        made.append(_layer(word, features.shape[1]))
        features = made[-1](features)
    return nn.Sequential(*made)


def _layer(word: str, wide: int) -> nn.Module:
    if told := _CONVOLUTION.fullmatch(word):
        filters, kernel, stride, padding = (int(one or 0) for one in told.groups())
        return nn.Conv2d(wide, filters, kernel, stride, padding)
    if told := _LINEAR.fullmatch(word):
        return nn.Linear(wide, int(told.group(1)))
    return _PLAIN[word]()


def demo_task(name: str, eps: str, count: int) -> Task:
    """One of the packaged demo nets with pictures that it was not trained on."""
    shown = draw(count, seed=DEMO_SEED)
    return Task(
        f"demo_{name}",
        eps,
        (NETS / f"{name}.onnx").read_bytes(),
        InputSpec(),
        Plan(str(NETS / f"{name}.safetensors"), DEMO_ARCHITECTURE),
        _pixels(shown.images),
        shown.labels,
    )


def reference_task(folder: Path, name: str, eps: str, count: int) -> Task:
    """A third-party network of the reference folder, with the first pictures of its data set."""
    (row,) = [one for one in entries(folder) if one["name"] == name]
    if not _buildable(row):
        message = f"{name} cannot be rebuilt as a torch module from its layers"
        raise ValueError(message)
    stored = np.load(folder / row["dataset"])
    told = row["normalize"]
    mean, std = tuple(told["mean"]), tuple(told["std"])
    weights = str((folder / row["safetensors"]).resolve())
    return Task(
        name,
        eps,
        (folder / row["onnx"]).read_bytes(),
        InputSpec("nchw", 1.0, mean, std),
        Plan(weights, _layers(row), tuple(row["input"][1:]), mean, std),
        _pixels(stored["images"][:count]),
        stored["labels"][:count].astype(np.int64),
        row["autoattack"].get(eps, {}),
    )


def entries(folder: Path) -> Sequence[dict[str, Any]]:
    """What the reference folder's manifest lists."""
    return json.loads((folder / "manifest.json").read_text())


def buildable(folder: Path) -> list[tuple[str, str]]:
    """Names and radii of all recorded rows whose network can be rebuilt as a module."""
    rows = [row for row in entries(folder) if _buildable(row)]
    return [(row["name"], eps) for row in rows for eps in row["autoattack"]]


def _buildable(row: Mapping[str, Any]) -> bool:
    if not row["safetensors"] or row["arch"] in _NAMED:
        return bool(row["safetensors"])
    known = (_CONVOLUTION.fullmatch, _LINEAR.fullmatch, _PLAIN.get)
    return all(any(know(word) for know in known) for word in _layers(row).split())


def _layers(row: Mapping[str, Any]) -> str:
    """Without the remark in brackets."""
    return _NAMED.get(row["arch"]) or str(row["layers"]).partition("(")[0].strip()


def _pixels(stored: np.ndarray[Any, np.dtype[np.uint8]]) -> FloatArray:
    """[0,1] NCHW of 8-bit NHWC."""
    return np.ascontiguousarray(stored.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)
