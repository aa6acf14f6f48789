"""One file for one graph: what it computes decides the bytes, not how it was written down."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import onnx
from onnx import helper, numpy_helper

from analyzers.contract import Digest, Layout, Refusal
from analyzers.graph.reading import opset_of, read_model
from analyzers.graph.weights import bn_folded, parameter_count

INPUT_NAME = "image"
OUTPUT_NAME = "logits"
CHANNELS = (1, 3, 4)

_IMAGE_AXES = 4
_MOST_VALUES = 1 << 26
"""Values of one image: 4,700 x 4,700 pixels in colour are more than any classifier takes."""
_LOGIT_AXES = 2
_IR_VERSION = 10
_BATCH = "batch"
_FIX_INPUT = "Export the model with one float32 input [batch, channels, height, width]."
_FIX_OUTPUT = "Export the model with one float32 output [batch, classes] of logits."


@dataclass(frozen=True)
class CanonicalModel:
    """The one ONNX file that everything after intake works on, and what it says of itself."""

    raw: bytes
    digest: Digest
    layout: Layout
    """What the input's shape says."""
    shape: tuple[int, int, int]
    """Channels, height and width, whatever the layout."""
    classes: int
    batch: Literal["free", "one"]
    opset: int
    parameters: int
    bn_folded: Literal["yes", "no", "unknown"]
    softmax_tail: bool
    """Whether the outputs are probabilities; the file is left as it is."""
    input_name: str = INPUT_NAME
    output_name: str = OUTPUT_NAME

    @property
    def model_shape(self) -> tuple[int, int, int]:
        """The axes of one image in the order of the file."""
        channels, height, width = self.shape
        return self.shape if self.layout == "nchw" else (height, width, channels)


def canonicalise(raw: bytes) -> CanonicalModel:
    """Check an upload and write it anew: live nodes only, own order, own names, no remarks."""
    model = read_model(raw)
    source = _image_input(model)
    axes = _image_axes(source)
    layout = _layout(axes)
    output = _output(model)
    classes = _classes(model, output)
    nodes = _live_nodes(model, output.name)
    if not any(source.name in node.input for node in nodes):
        raise _output_refused("The model's output does not depend on the image.")
    fresh = _rewritten(model, nodes, names={source.name: INPUT_NAME, output.name: OUTPUT_NAME})
    batch: Literal["free", "one"] = "one" if axes[0] == 1 else "free"
    first = 1 if batch == "one" else _BATCH
    fresh.graph.input.append(_declared(INPUT_NAME, [first, *axes[1:]]))
    fresh.graph.output.append(_declared(OUTPUT_NAME, [first, classes]))
    body = fresh.SerializeToString(deterministic=True)
    height, width, channels = axes[1:] if layout == "nhwc" else (*axes[2:], axes[1])
    return CanonicalModel(
        raw=body,
        digest=hashlib.sha256(body).hexdigest(),
        layout=layout,
        shape=(channels, height, width),
        classes=classes,
        batch=batch,
        opset=opset_of(fresh),
        parameters=parameter_count(fresh),
        bn_folded=bn_folded(fresh),
        softmax_tail=_tail(fresh.graph) == "Softmax",
    )


def _input_refused(sentence: str) -> Refusal:
    return Refusal("MODEL_INPUT_UNSUPPORTED", sentence, _FIX_INPUT)


def _output_refused(sentence: str) -> Refusal:
    return Refusal("MODEL_OUTPUT_UNSUPPORTED", sentence, _FIX_OUTPUT)


def _image_input(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    stored = {tensor.name for tensor in model.graph.initializer}
    given = [one for one in model.graph.input if one.name not in stored]
    if len(given) != 1:
        raise _input_refused(f"The model has {len(given)} inputs; exactly one image is taken.")
    if given[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise _input_refused("The model's input is not a float32 tensor.")
    return given[0]


def _image_axes(source: onnx.ValueInfoProto) -> list[int]:
    """Batch (0 when free) and the three fixed axes of one image."""
    axes = _sizes(source)
    if len(axes) != _IMAGE_AXES:
        raise _input_refused(
            f"The model's input has {len(axes)} axes; four are needed, the batch first."
        )
    if axes[0] > 1:
        raise _input_refused(f"The model takes exactly {axes[0]} images at once.")
    if 0 in axes[1:]:
        raise _input_refused("The model leaves the image size or the channels open.")
    if min(axes[1:]) < 0 or math.prod(axes[1:]) > _MOST_VALUES:
        raise _input_refused(f"No image has the size {axes[1:]}.")
    return axes


def _sizes(value: onnx.ValueInfoProto) -> list[int]:
    """Axis sizes, 0 where one is open."""
    return [axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _layout(axes: Sequence[int]) -> Layout:
    if axes[1] in CHANNELS:
        return "nchw"
    if axes[3] in CHANNELS:
        return "nhwc"
    raise _input_refused(
        f"No axis of the input [batch, {axes[1]}, {axes[2]}, {axes[3]}] holds 1, 3 or 4 channels."
    )


def _output(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    if len(model.graph.output) != 1:
        count = len(model.graph.output)
        raise _output_refused(f"The model has {count} outputs; exactly one is judged.")
    return model.graph.output[0]


def _classes(model: onnx.ModelProto, output: onnx.ValueInfoProto) -> int:
    if output.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise _output_refused("The model's output is not a float32 tensor.")
    axes = _sizes(output)
    if len(axes) == _LOGIT_AXES and axes[1] == 0:
        axes = _inferred(model)
    if len(axes) != _LOGIT_AXES or axes[1] == 0:
        raise _output_refused("The model's output is not one row of class scores an image.")
    if axes[1] == 1:
        raise Refusal(
            "MODEL_ONE_OUTPUT",
            "The model has a single output, so no class can win over another.",
            "Give it one output a class: for a yes-or-no model, [0, score] will do.",
        )
    return axes[1]


def _inferred(model: onnx.ModelProto) -> list[int]:
    """Axis sizes of the output by the operators' own rules; empty where those do not tell."""
    open_ended = onnx.ModelProto()
    open_ended.CopyFrom(model)
    open_ended.graph.output[0].type.tensor_type.ClearField("shape")
    try:
        found = onnx.shape_inference.infer_shapes(open_ended)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return []
    return _sizes(found.graph.output[0])


def _live_nodes(model: onnx.ModelProto, output: str) -> list[onnx.NodeProto]:
    """Nodes that the output needs, each after what it needs: the graph alone fixes this order."""
    nodes = model.graph.node
    producers = {name: at for at, node in enumerate(nodes) for name in node.output if name}
    ordered: list[int] = []
    placed: set[int] = set()

    def waiting(at: int) -> Iterator[int]:
        needed = (producers.get(name) for name in nodes[at].input if name)
        return (one for one in needed if one is not None and one not in placed)

    stack = [producers[output]] if output in producers else []
    while stack:
        following = next(waiting(stack[-1]), None)
        if following is not None:
            stack.append(following)
        else:
            at = stack.pop()
            placed.add(at)
            ordered.append(at)
    return [nodes[at] for at in ordered]


def _rewritten(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], *, names: dict[str, str]
) -> onnx.ModelProto:
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    read = {name for node in nodes for name in node.input} | set(names)
    graph = onnx.GraphProto(name="model")
    numbers: Counter[str] = Counter()
    for node in nodes:
        title = f"{node.op_type}_{numbers[node.op_type]}"
        numbers[node.op_type] += 1
        for at, name in enumerate(node.input):
            if name in stored and name not in names:
                names[name] = f"{title}/{at}"
                graph.initializer.append(_plain(stored[name], names[name]))
        for at, name in enumerate(node.output):
            if at and name not in read:
                names[name] = ""  # an optional output that nobody reads
            names.setdefault(name, f"{title}:{at}" if at else title)
        graph.node.append(_renamed(node, title, {**names, "": ""}))
    opset = helper.make_opsetid("", opset_of(model))
    least = helper.find_min_ir_version_for([opset])
    return onnx.ModelProto(ir_version=max(_IR_VERSION, least), opset_import=[opset], graph=graph)


def _renamed(node: onnx.NodeProto, title: str, names: Mapping[str, str]) -> onnx.NodeProto:
    fresh = onnx.NodeProto(op_type=node.op_type, name=title)
    fresh.input.extend(names[name] for name in node.input)
    fresh.output.extend(names[name] for name in node.output)
    while not fresh.output[-1]:
        fresh.output.pop()
    for attribute in sorted(node.attribute, key=lambda one: one.name):
        copy = fresh.attribute.add()
        copy.CopyFrom(attribute)
        copy.ClearField("doc_string")
        if copy.HasField("t"):
            copy.t.CopyFrom(_plain(attribute.t, ""))
    return fresh


def _plain(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    """The same numbers in the one spelling of raw bytes."""
    try:
        fresh = numpy_helper.from_array(numpy_helper.to_array(tensor), name or None)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Refusal(
            "MODEL_BROKEN",
            f"The weights of '{tensor.name[:60]}' do not fit their declared shape.",
            "Export the model again.",
        ) from error
    return fresh


def _declared(name: str, axes: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, axes)


def _tail(graph: onnx.GraphProto) -> str:
    """The last operator that does something."""
    producers = {name: node for node in graph.node for name in node.output}
    node = producers[OUTPUT_NAME]
    while node.op_type == "Identity" and node.input[0] in producers:
        node = producers[node.input[0]]
    return node.op_type
