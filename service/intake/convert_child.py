"""Weights and a declared architecture to ONNX, in memory. Runs in a child."""

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import nn

from analyzers.contract import Array, Refusal
from service.intake.architectures_child import ARCHITECTURES

OPSET = 20


def convert(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """ONNX bytes of safetensors weights, with what the exporter changed on the way."""
    name = str(body["architecture"])
    module = _built(name, os.pread(files["file"], os.fstat(files["file"]).st_size, 0))
    raw, drift = _exported(module, ARCHITECTURES[name].input_shape)
    return {"largest_drift": float(f"{drift:.1e}")}, {"onnx": np.frombuffer(raw, np.uint8)}


def _built(name: str, raw: bytes) -> nn.Module:
    if name not in ARCHITECTURES:
        raise Refusal(
            "ARCHITECTURE_UNKNOWN",
            f"There is no architecture named '{name[:60]}' here.",
            f"Use one of: {', '.join(sorted(ARCHITECTURES))}, or export the model to ONNX.",
        )
    module = ARCHITECTURES[name].build()
    try:
        weights = safetensors.torch.load(raw)
    except safetensors.SafetensorError as error:
        raise Refusal(
            "MODEL_BROKEN",
            "The safetensors file is damaged.",
            "Write it again with safetensors.torch.save_file.",
        ) from error
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise Refusal(
            "ARCHITECTURE_MISMATCH",
            f"The weights do not fit the architecture '{name}': {_first(module, weights)}.",
            "Name the architecture that the weights were trained in.",
        ) from error
    return module.float().eval()


def _first(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> str:
    wanted = module.state_dict()
    for key in [*wanted, *weights]:
        if key not in weights:
            return f"{key} is missing"
        if key not in wanted:
            return f"{key[:60]} is not part of it"
        if wanted[key].shape != weights[key].shape:
            return f"{key} has the shape {list(weights[key].shape)}"
    return "a tensor has another type"


def _exported(module: nn.Module, shape: tuple[int, int, int]) -> tuple[bytes, float]:
    example = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    with _undisturbed(), torch.no_grad():
        program = torch.onnx.export(  # pyright: ignore[reportUnknownMemberType]  # open types
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            input_names=["image"],
            output_names=["logits"],
            verbose=False,
        )
        assert program is not None  # noqa: S101 - the exporter returns a program when dynamo is on
        raw = program.model_proto.SerializeToString()
        drift = _drift(raw, example, module(example))
    return raw, drift


@contextlib.contextmanager
def _undisturbed() -> Generator[None]:
    """Keep the exporter from the disk and from the log.

    Its imports ask for a temporary folder, which is found by writing to it, and it speaks of
    packages that nobody here needs.
    """
    folder, quiet = tempfile.tempdir, logging.root.manager.disable
    tempfile.tempdir = "/nowhere"
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        tempfile.tempdir = folder
        logging.disable(quiet)


def _drift(raw: bytes, example: torch.Tensor, wanted: torch.Tensor) -> float:
    """How far the exported file's logits lie from the module's; beyond noise it is refused."""
    from analyzers.engines.forward import ForwardEngine  # noqa: PLC0415 - the one way to run ONNX

    found = ForwardEngine(raw, threads=1, batch="free").run(example.numpy())
    drift = float(np.abs(found - wanted.numpy()).max())
    if drift > 1e-4 * max(1.0, float(wanted.abs().max())):
        raise Refusal(
            "MODEL_UNSTABLE",
            "The model answers differently after its export to ONNX.",
            "Export it to ONNX yourself and compare the outputs.",
        )
    return drift
