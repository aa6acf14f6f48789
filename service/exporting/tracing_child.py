"""The ways from a module to a graph; on all of them batch norm is kept as it is."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

import onnx
import torch
from torch import Tensor, nn

from service.exporting.settling_child import quiet

IMAGE, SCORES = "image", "logits"
_NEWEST_FOR_TORCHSCRIPT: Final = 20
_HIDDEN = "hidden"
_STDOUT = 1

Trace = Callable[[nn.Module, Tensor, int], onnx.ModelProto]


def by_dynamo(module: nn.Module, images: Tensor, opset: int) -> onnx.ModelProto:
    """For any number of images, by torch's newer exporter."""
    # A named axis would become a plain number, silently, wherever a forward says len(x).
    return _program(module, images, opset, {0: torch.export.Dim.DYNAMIC})


def by_torchscript(module: nn.Module, images: Tensor, opset: int) -> onnx.ModelProto:
    """The same by the older one, which follows the example through branches on values."""
    body = io.BytesIO()
    open_axis = {0: "batch"}
    with quiet(), _output_sunk():
        torch.onnx.export(  # pyright: ignore[reportUnknownMemberType]  # open types
            module,
            (images,),
            body,  # pyright: ignore[reportArgumentType]  # a buffer works as well
            dynamo=False,
            opset_version=min(opset, _NEWEST_FOR_TORCHSCRIPT),
            dynamic_axes={IMAGE: open_axis, SCORES: open_axis},
            input_names=[IMAGE],
            output_names=[SCORES],
            # EVAL would multiply batch norm into convolutions; the module is in eval already.
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    return onnx.load_from_string(body.getvalue())


def for_one_image(module: nn.Module, images: Tensor, opset: int) -> onnx.ModelProto:
    """By the newer one, for modules that count the images of a batch in plain Python."""
    return _program(module, images[:1], opset, {})


def _program(
    module: nn.Module, images: Tensor, opset: int, open_axes: Mapping[int, Any]
) -> onnx.ModelProto:
    with quiet():
        program: Any = torch.onnx.export(  # pyright: ignore[reportUnknownMemberType]  # open types
            module,
            (images,),
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=(dict(open_axes),),
            input_names=[IMAGE],
            output_names=[SCORES],
            optimize=False,
            verbose=False,
        )
        with _batch_norm_hidden(program.model):
            program.optimize()
    return program.model_proto


@contextlib.contextmanager
def _output_sunk() -> Generator[None]:
    """The older exporter dumps its graph when it fails, past Python's own streams."""
    sys.stdout.flush()
    try:
        kept = os.dup(_STDOUT)
    except OSError:  # nobody listens
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDOUT)
    try:
        yield
    finally:
        os.dup2(kept, _STDOUT)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _batch_norm_hidden(model: Any) -> Generator[None]:  # noqa: ANN401 - onnx_ir carries few types
    """The optimiser multiplies batch norm into convolutions; it leaves alone what it cannot name.

    Without the rest of its work the file is full of sizes computed anew.
    """
    found = [node for node in model.graph if node.op_type == "BatchNormalization"]
    for node in found:
        node.domain = _HIDDEN
    try:
        yield
    finally:
        for node in found:
            node.domain = ""
