"""An upload's graph brought to one way of speaking: one opset, one output, an open batch axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import onnx
from onnx import helper, version_converter

from analyzers.contract import Refusal
from analyzers.graph.folding import folded
from analyzers.graph.reading import NEWEST_OPSET, opset_of
from analyzers.graph.rebatch import freed, inferred
from analyzers.graph.tails import cut_tail

WORKING_OPSET: Final = NEWEST_OPSET
"""Older files are converted, newer ones were refused: onnx hardly knows the way back."""

_SCORE_AXES = 2
_SCORE_TYPES = frozenset({1, 2, 3, 5, 6, 7, 10, 11})
"""float32, uint8, int8, int16, int32, int64, float16, float64: cast to float32 at the end."""
_FIX_OUTPUT = "Export the model with one float32 output [batch, classes] of logits."


@dataclass(frozen=True)
class Wish:
    """What to do to a graph; a self-check asks for less when its answers suffer."""

    output: str = ""
    """The output to judge; empty takes the only one."""
    convert: bool = True
    free: bool = True
    settle: bool = False
    """Whether to take the sizes that a batch of one has for given before freeing it."""
    cut: bool = True
    """Whether to leave out a softmax at the end."""


@dataclass(frozen=True)
class Normalised:
    """A graph with one image input and one row of scores an image, and what was done to it."""

    model: onnx.ModelProto
    classes: int
    tail: str
    """What was cut off after the scores; empty when nothing was."""


def normalised(model: onnx.ModelProto, wish: Wish) -> Normalised:
    """Bring a checked model to its working form; ``wish`` says how far to go."""
    working = _one_output(model, wish.output)
    declared = [one.dim_value for one in working.graph.output[0].type.tensor_type.shape.dim]
    if wish.convert:
        working = _at_working_opset(working)
    working = folded(working)
    if wish.settle:
        working = folded(working, inferred(working, 1))
    if wish.free:
        working = freed(working)
    shapes = inferred(working, 1)
    tail = ""
    if wish.cut:
        working, tail = cut_tail(working, shapes)
    if tail:  # it left nodes behind that pass their input through
        working = folded(working)
    classes = _classes(working, shapes.get(working.graph.output[0].name) or declared)
    return Normalised(_as_scores(working, shapes), classes, tail)


def output_refused(sentence: str) -> Refusal:
    """No row of class scores an image."""
    return Refusal("MODEL_OUTPUT_UNSUPPORTED", sentence, _FIX_OUTPUT)


def _one_output(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    given = [one.name for one in model.graph.output]
    if name and name not in given:
        listed = ", ".join(one[:60] for one in given[:12])
        raise Refusal(
            "MODEL_OUTPUT_UNSUPPORTED",
            f"The model has no output named '{name[:60]}'; it has {listed or 'none'}.",
            "Name one of them with --output.",
        )
    if not name and len(given) > 1:
        listed = ", ".join(one[:60] for one in given[:12])
        raise Refusal(
            "MODEL_OUTPUT_UNSUPPORTED",
            f"The model has {len(given)} outputs: {listed}; one of them is judged.",
            "Name the one that holds the class scores with --output.",
        )
    if not given:
        raise output_refused("The model has no output.")
    fresh = onnx.ModelProto()
    fresh.CopyFrom(model)
    chosen = onnx.ValueInfoProto()
    chosen.CopyFrom(next(one for one in model.graph.output if one.name == (name or given[0])))
    del fresh.graph.output[:]
    fresh.graph.output.append(chosen)
    del fresh.graph.value_info[:]
    return fresh


def _at_working_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same operators in their newest meaning; as it was where onnx cannot say that."""
    if opset_of(model) == WORKING_OPSET:
        return model
    try:
        return version_converter.convert_version(model, WORKING_OPSET)
    except Exception:  # noqa: BLE001 - an adapter is missing, and the runtime knows old opsets too
        return model


def _classes(model: onnx.ModelProto, axes: Sequence[int]) -> int:
    if model.graph.output[0].type.tensor_type.elem_type not in _SCORE_TYPES:
        raise output_refused("The model's output does not hold numbers.")
    if len(axes) < _SCORE_AXES or len(_long(axes)) > 1 or 0 in axes[1:]:
        raise output_refused("The model's output is not one row of class scores an image.")
    if not _long(axes):
        raise Refusal(
            "MODEL_ONE_OUTPUT",
            "The model has a single output, so no class can win over another.",
            "Give it one output a class: for a yes-or-no model, [0, score] will do.",
        )
    return axes[_long(axes)[0]]


def _long(axes: Sequence[int]) -> list[int]:
    return [at for at, size in enumerate(axes) if at and size != 1]


def _as_scores(model: onnx.ModelProto, shapes: dict[str, list[int]]) -> onnx.ModelProto:
    """Append what makes the output a float32 matrix, where it is none."""
    output = model.graph.output[0]
    rank = len(shapes.get(output.name, ())) or len(output.type.tensor_type.shape.dim)
    name = output.name
    if rank > _SCORE_AXES:
        model.graph.node.append(helper.make_node("Flatten", [name], [f"{name}/flat"], axis=1))
        name = f"{name}/flat"
    if output.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        to = onnx.TensorProto.FLOAT
        model.graph.node.append(helper.make_node("Cast", [name], [f"{name}/float"], to=to))
        name = f"{name}/float"
    output.name = name
    return model
