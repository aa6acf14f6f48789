"""Torch to ONNX, in memory, and how far the file's answers lie from torch's. Runs in a child."""

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Generator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from analyzers.contract import Refusal

OPSET = 20
INPUT, OUTPUT = "image", "logits"
_MOST_IMAGES = 4096
_TOLERANCE = 1e-4


class Exported(NamedTuple):
    """An ONNX file and what the exporter changed on the way."""

    raw: bytes
    drift: float
    """The largest distance between its answers and torch's on one probe."""


class Notice(NamedTuple):
    """Something that was left out of an upload, which changes no answer."""

    id: str
    sentence: str


class Converted(NamedTuple):
    """What intake makes of a file that torch wrote."""

    onnx: bytes
    drift: float
    weights: Mapping[str, torch.Tensor]
    """Parameters and buffers as they were trained, under their own names."""
    notices: tuple[Notice, ...] = ()


def exported(module: nn.Module, input_shape: tuple[int, int, int]) -> Exported:
    """A module with a free batch axis; it must be in evaluation mode."""
    example = probe((2, *input_shape))
    with undisturbed(), torch.no_grad():
        raw = _written(module, example, {0: Dim("batch", min=1, max=_MOST_IMAGES)})
        return Exported(raw, drift(raw, example, module(example)))


def exported_program(program: ExportedProgram, example: torch.Tensor) -> Exported:
    """A program that torch.export made; its batch axis stays as free as it is."""
    with undisturbed(), torch.no_grad():
        raw = _written(program, example, None)
        return Exported(raw, drift(raw, example, program.module()(example)))


def probe(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The same noise in [0, 1] whenever it is asked for."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@contextlib.contextmanager
def undisturbed() -> Generator[None]:
    """Keep the exporters from the disk and from the log.

    Their imports ask for a temporary folder, which is found by writing to it, and make a folder for
    what a compiler would keep, unless it is there; and they speak of packages that nobody needs.
    """
    folder, quiet = tempfile.tempdir, logging.root.manager.disable
    tempfile.tempdir = "/nowhere"
    logging.disable(logging.WARNING)
    try:
        with environment("TORCHINDUCTOR_CACHE_DIR", "/"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        tempfile.tempdir = folder
        logging.disable(quiet)


@contextlib.contextmanager
def environment(name: str, value: str) -> Generator[None]:
    """A variable that holds for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def drift(raw: bytes, example: torch.Tensor, wanted: torch.Tensor) -> float:
    """How far a file's answers lie from those wanted; beyond noise it is refused."""
    from analyzers.engines.forward import session  # noqa: PLC0415 - the one way to run ONNX

    told = session(raw, 1)
    found = np.asarray(told.run(None, {INPUT: example.numpy()})[0], np.float64)
    right = wanted.double().numpy()
    if not (np.isfinite(found).all() and np.isfinite(right).all()):
        raise _not_finite()
    if found.shape != right.shape:
        raise _unstable()
    lies = float(np.abs(found - right).max(initial=0.0))
    if lies > _TOLERANCE * max(1.0, float(np.abs(right).max(initial=0.0))):
        raise _unstable()
    return lies


def _written(
    model: nn.Module | ExportedProgram, example: torch.Tensor, free: dict[int, Dim] | None
) -> bytes:
    program = torch.onnx.export(  # pyright: ignore[reportUnknownMemberType]  # open types
        model,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        dynamic_shapes=None if free is None else (free,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        verbose=False,
    )
    assert program is not None  # noqa: S101 - the exporter returns a program when dynamo is on
    return program.model_proto.SerializeToString()


def _not_finite() -> Refusal:
    return Refusal(
        "MODEL_LOGITS_NOT_FINITE",
        "The model answers a plain picture with logits that are not finite numbers.",
        "Check the weights for overflow and the forward for masks that end in the logits.",
    )


def _unstable() -> Refusal:
    return Refusal(
        "MODEL_UNSTABLE",
        "The model answers differently after its export to ONNX.",
        "Call model.eval() before saving it, or export it to ONNX and compare the outputs.",
    )
