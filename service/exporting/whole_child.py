"""The way of an export: settle the module, ask it, trace it, clean the file, ask that."""

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any, Final

import onnx
from torch import nn

from service.export import Product, Tell
from service.exporting.examining_child import Asked, asked
from service.exporting.plain_child import plain, takes_any_number
from service.exporting.settling_child import settled
from service.exporting.tracing_child import Trace, by_dynamo, by_torchscript, for_one_image
from service.exporting.wording import failed, root_line

_OTHER_WAYS: Final[tuple[tuple[Trace, str, str], ...]] = (
    (by_torchscript, "torchscript", "the older one, based on TorchScript"),
    (for_one_image, "dynamo", "the newer one for a single image"),
)


def exported(module: object, shape: Sequence[int], opset: int, tell: Tell) -> Product:
    """The file's bytes, compared with the module where onnxruntime is there to run them."""
    with settled(module) as bare:
        _exact_arithmetic()
        tell("Asking the module for its answers.")
        answers = asked(bare, shape)
        tell("Exporting it.")
        try:
            model = by_dynamo(bare, answers[-1].images, opset)
        except Exception as error:  # noqa: BLE001 - it wraps what any module may raise
            return _otherwise(bare, answers, opset, why=root_line(error), tell=tell)
        tell("Checking the file.")
        return _product(model, answers, "dynamo")


def _otherwise(
    module: nn.Module, answers: Sequence[Asked], opset: int, *, why: str, tell: Tell
) -> Product:
    """What the newer exporter cannot do for any number of images."""
    reasons = [why]
    for trace, exporter, words in _OTHER_WAYS:
        tell(f"The exporter failed ({reasons[-1]}); trying {words}.")
        try:
            return _product(trace(module, answers[-1].images, opset), answers, exporter)
        except Exception as error:  # noqa: BLE001 - as above
            reasons.append(root_line(error))
    raise failed(
        f"No exporter of torch can write the module: {'; '.join(dict.fromkeys(reasons))[:400]}.",
        "Replace what it names by standard tensor operations, without branches on values.",
    )


def _product(model: onnx.ModelProto, answers: Sequence[Asked], exporter: str) -> Product:
    raw = plain(model)
    together = takes_any_number(model)
    comparing = _comparing()
    return Product(
        raw,
        max(one.version for one in model.opset_import if not one.domain),
        int(answers[0].scores.shape[1]),
        exporter,
        "free" if together else "one",
        sum(node.op_type == "BatchNormalization" for node in model.graph.node),
        comparing.compared(raw, answers, together=together) if comparing else None,
        comparing.gradient_gap(raw) if comparing else "",
    )


def _comparing() -> Any:  # noqa: ANN401 - a module
    """What needs onnxruntime, where that is installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    return importlib.import_module("service.exporting.comparing_child")


def _exact_arithmetic() -> None:
    """The module is compared as our engines compute: TF32 keeps 10 of 23 bits."""
    if importlib.util.find_spec("onnxruntime") is not None:
        importlib.import_module("analyzers.engines.devices").full_precision()
