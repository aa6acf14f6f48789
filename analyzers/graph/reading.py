"""An uploaded ONNX file as a checked model, or a refusal in the user's words."""

from collections.abc import Container

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError, EncodeError
from onnx import numpy_helper
from onnx.checker import ValidationError

from analyzers.contract import Array, Refusal
from analyzers.graph.precheck import Limits, check_graph, outline, precheck
from analyzers.graph.precheck.functions import Key, function_key
from analyzers.graph.precheck.limits import broken, not_recognised, shown
from analyzers.graph.precheck.places import OWN_DOMAINS

OLDEST_OPSET = 7
"""Before it, broadcasting and batch normalisation meant something else."""

NEWEST_OPSET = 26
"""What the runtime runs."""

_ONNX_DOMAINS = OWN_DOMAINS | {
    *("ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training"),
}
_LARGE = 1 << 28
"""Bytes of a file whose outline was whole: the parser calls a lack of memory damage as well."""
_LIMITS = Limits()


def read_model(raw: bytes, limits: Limits = _LIMITS) -> onnx.ModelProto:
    """Parse and check; what comes back is whole and uses standard operators only."""
    if not raw:
        raise Refusal("MODEL_EMPTY", "The model file is empty.", "Export the model again.")
    outlined = outline(raw, limits)
    model = _parsed(raw)
    # First, because no smaller loop and no smaller custom operator would be taken either.
    _refuse_foreign_operators(model, frozenset(map(function_key, model.functions)))
    precheck(model, outlined, limits)
    model = _without_functions(model, limits)
    for output in model.graph.output:
        output.type.tensor_type.shape.SetInParent()  # one without a shape is found out later
    try:
        onnx.checker.check_model(model)  # pyright: ignore[reportUnknownMemberType]  # a bare PathLike in onnx
    except (ValidationError, DecodeError, EncodeError, RuntimeError, ValueError) as error:
        raise broken(f"The ONNX model is damaged: {_first_line(error)}") from error
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators that the file was written for; 0 when it says none."""
    return max((one.version for one in model.opset_import if one.domain in OWN_DOMAINS), default=0)


def foreign_domains(model: onnx.ModelProto) -> tuple[str, ...]:
    """Operator sets that the file declares and that ONNX does not define, as they may be shown."""
    named = {one.domain for one in model.opset_import}
    return tuple(sorted(shown(one) for one in named - _ONNX_DOMAINS))


def array_of(tensor: onnx.TensorProto) -> Array:
    """The numbers of a stored tensor; refused where they do not fit what it declares."""
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Refusal(
            "MODEL_BROKEN",
            f"The weights of '{shown(tensor.name)}' do not fit their declared shape.",
            "Export the model again.",
        ) from error


def _parsed(raw: bytes) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(raw)
    except DecodeError as error:
        if len(raw) >= _LARGE:
            raise MemoryError from error
        raise not_recognised() from error
    # Protobuf skips fields it does not know, so most bytes of anything parse as something.
    if not model.graph.node or not model.opset_import:
        raise not_recognised()
    return model


def _without_functions(model: onnx.ModelProto, limits: Limits) -> onnx.ModelProto:
    """Functions that the file brings along are written out where they are called."""
    if not model.functions:
        return model
    try:
        flat = onnx.inliner.inline_local_functions(model)
    except Exception as error:  # the inliner's own exceptions share no narrower parent
        raise broken("A function of the ONNX model cannot be written out.") from error
    _refuse_foreign_operators(flat)
    check_graph(flat.graph, limits)  # again: what a call hands over is only now in its place
    return flat


def _refuse_foreign_operators(model: onnx.ModelProto, known: Container[Key] = ()) -> None:
    if model.graph.sparse_initializer:
        raise _unsupported("sparse weights")
    for node in model.graph.node:
        if node.domain not in OWN_DOMAINS and function_key(node) not in known:
            raise _unsupported(f"the operator {shown(node.op_type)} of '{shown(node.domain)}'")
        if any(one.HasField("g") or one.graphs for one in node.attribute):
            raise _unsupported(
                f"the operator {shown(node.op_type)}, which holds a graph of its own"
            )
    if opset_of(model) and not OLDEST_OPSET <= opset_of(model) <= NEWEST_OPSET:
        raise _unsupported(f"operators of version {opset_of(model)}")


def _unsupported(what: str) -> Refusal:
    return Refusal(
        "MODEL_OPERATOR_UNSUPPORTED",
        f"The model uses {what}; only standard ONNX operators of versions {OLDEST_OPSET} to "
        f"{NEWEST_OPSET} are taken.",
        "Export the model with standard operators only.",
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".") + "."
