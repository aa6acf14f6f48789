"""A small network as torch saves it, archives with a change, and loaders without a guard."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from analyzers.contract import FloatArray
from analyzers.engines.forward import session

SHAPE = (3, 8, 8)
Change = Callable[[dict[str, bytes]], None]


class Tiny(nn.Module):
    """A convolution, a normalisation that has seen something, a buffer, and a head."""

    mean: torch.Tensor

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it open
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 5)
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits."""
        seen = self.norm(self.conv(images - self.mean)).relu()
        return self.head(seen.mean((2, 3)))


def tiny() -> Tiny:
    """The same network every time, at rest."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # its number has no type
    net = Tiny()
    with torch.no_grad():
        for value in (net.norm.running_mean, net.norm.running_var, net.norm.weight):
            assert value is not None
            value.add_(torch.rand(4))
    return net.eval()


def images(count: int) -> torch.Tensor:
    """Noise in [0, 1]."""
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(count))


def logits(raw: bytes, given: torch.Tensor) -> FloatArray:
    """What an ONNX file answers."""
    return np.asarray(session(raw, 1).run(None, {"image": given.numpy()})[0], np.float32)


def members(raw: bytes) -> dict[str, bytes]:
    """What an archive holds, by its name below the one folder."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def changed(raw: bytes, change: Change) -> bytes:
    """The archive with its members changed."""
    held = members(raw)
    change(held)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, body in held.items():
            archive.writestr(f"archive/{name}", body)
    return buffer.getvalue()


def in_json(name: str, change: Callable[[dict[str, Any]], None]) -> Change:
    """A change of one JSON member."""

    def edit(held: dict[str, bytes]) -> None:
        told = json.loads(held[name])
        change(told)
        held[name] = json.dumps(told).encode()

    return edit


_LOADERS = """
import io, json, sys, torch, warnings
warnings.simplefilter("ignore")
for path in json.loads(sys.argv[1]):
    with open(path, "rb") as file:
        raw = io.BytesIO(file.read())
    try:
        if path.endswith(".pt2"):
            torch.export.load(path if "native" in path else raw).module()(torch.rand(2, 3, 8, 8))
        else:
            torch.jit.load(raw)(torch.rand(2, 3, 8, 8))
    except BaseException as error:
        print(path, repr(error)[:2000])
"""


def loaded_unguarded(folder: Path, files: Mapping[str, bytes]) -> str:
    """Load and run each file as its format's own loader does, in one other process."""
    paths: Sequence[str] = [str(folder / name) for name in files]
    for path, raw in zip(paths, files.values(), strict=True):
        Path(path).write_bytes(raw)
    command = [sys.executable, "-c", _LOADERS, json.dumps(paths)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


_LOCKED = """
import importlib, io, json, os, sys
for name in ("analyzers.engines", "onnx", "safetensors.torch", "service.sandbox.child"):
    importlib.import_module(name)
from service.sandbox.lock.hygiene import restrict
from service.sandbox.lock.rules import lock, rules_for
raw, rules = sys.stdin.buffer.read(), rules_for("cpu")
restrict({}, os.getppid())
lock(rules)
converted = importlib.import_module(sys.argv[1]).converted
sys.stdout.buffer.write(converted(raw, *json.loads(sys.argv[2])).onnx)
"""


def converted_under_the_lock(module: str, raw: bytes, *arguments: object) -> bytes:
    """The ONNX that a converter makes where nothing can be written, opened or started."""
    command = [sys.executable, "-c", _LOCKED, module, json.dumps(arguments)]
    root = Path(__file__).parents[2]
    return subprocess.run(
        command, check=True, capture_output=True, input=raw, timeout=300, cwd=root
    ).stdout
