"""One file for one graph: what it computes decides the bytes, not how it was written down."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import onnx
from onnx import helper, numpy_helper

from analyzers.contract import Digest, InputSpec, Layout
from analyzers.graph.inputs import ImageInput, image_input
from analyzers.graph.normalise import Wish, normalised, output_refused
from analyzers.graph.packed import whole
from analyzers.graph.reading import array_of, foreign_domains, opset_of, read_model
from analyzers.graph.weights import bn_folded, parameter_count

INPUT_NAME = "image"
OUTPUT_NAME = "logits"

_IR_VERSION = 10
_BATCH = "batch"
_HALVES = frozenset({onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16})


@dataclass(frozen=True)
class CanonicalModel:
    """The one ONNX file that everything after intake works on, and what it says of itself."""

    raw: bytes
    digest: Digest
    image: ImageInput
    """How the file takes one image."""
    classes: int
    batch: Literal["free", "one"]
    opset: int
    parameters: int
    bn_folded: Literal["yes", "no", "unknown"]
    half: bool
    """Whether it holds half-precision numbers, which every rewriting rounds in other places."""
    tail: str
    """What followed the scores in the upload and was cut off: ``softmax`` or the like."""
    upload_opset: int
    upload_batch: Literal["free", "one"]
    upload_output: str
    """The upload's own name of the output that is judged."""
    upload_domains: tuple[str, ...]
    """Operator sets that the upload declares beyond the standard; none of them is in use."""

    @property
    def layout(self) -> Layout:
        """What the input's shape says."""
        return self.image.layout

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width, whatever the layout."""
        return self.image.shape

    @property
    def input_spec(self) -> InputSpec:
        """The map from pixels to this file's input when no normalisation was declared."""
        return self.image.spec


def canonicalise(upload: bytes, wish: Wish | None = None) -> CanonicalModel:
    """Check an upload and write it anew: live nodes only, own order, own names, no remarks."""
    wish = wish or Wish()
    model = read_model(whole(upload))
    image = image_input(model)
    working = normalised(model, wish)
    graph = working.model.graph
    output = _without_idle_end(graph)
    nodes = _live_nodes(working.model, output)
    if not any(image.name in node.input for node in nodes):
        raise output_refused("The model's output does not depend on the image.")
    names = {image.name: INPUT_NAME, output: OUTPUT_NAME}
    fresh = _rewritten(working.model, nodes, names=names)
    upload_batch: Literal["free", "one"] = "one" if image.batch == 1 else "free"
    batch = "free" if wish.free else upload_batch
    first = 1 if batch == "one" else _BATCH
    fresh.graph.input.append(_declared(INPUT_NAME, image.type, [first, *image.axes]))
    fresh.graph.output.append(
        _declared(OUTPUT_NAME, onnx.TensorProto.FLOAT, [first, working.classes])
    )
    body = fresh.SerializeToString(deterministic=True)
    return CanonicalModel(
        raw=body,
        digest=hashlib.sha256(body).hexdigest(),
        image=image,
        classes=working.classes,
        batch=batch,
        opset=opset_of(fresh),
        parameters=parameter_count(fresh),
        bn_folded=bn_folded(fresh),
        half=any(one.data_type in _HALVES for one in fresh.graph.initializer),
        tail=working.tail,
        upload_opset=opset_of(model),
        upload_batch=upload_batch,
        upload_output=wish.output or model.graph.output[0].name,
        upload_domains=foreign_domains(model),
    )


def _without_idle_end(graph: onnx.GraphProto) -> str:
    """The tensor that the output is a copy of."""
    producers = {name: node for node in graph.node for name in node.output}
    name = graph.output[0].name
    while name in producers and producers[name].op_type == "Identity":
        name = producers[name].input[0]
    return name


def _live_nodes(model: onnx.ModelProto, output: str) -> list[onnx.NodeProto]:
    """Nodes that the output needs, each after what it needs: the graph alone fixes this order."""
    nodes = model.graph.node
    producers = {name: at for at, node in enumerate(nodes) for name in node.output if name}
    ordered: list[int] = []

    def needed(at: int) -> Iterator[int]:
        return (producers[name] for name in nodes[at].input if name in producers)

    begun: set[int] = set()
    stack: list[tuple[int, Iterator[int]]] = []
    if output in producers:
        stack.append((producers[output], needed(producers[output])))
    while stack:
        at, rest = stack[-1]
        begun.add(at)
        following = next((one for one in rest if one not in begun), None)
        if following is not None:
            stack.append((following, needed(following)))
        else:
            stack.pop()
            ordered.append(at)
    return [nodes[at] for at in ordered]


def _rewritten(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], *, names: dict[str, str]
) -> onnx.ModelProto:
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    read = {name for node in nodes for name in node.input} | set(names)
    opset = opset_of(model)
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
            if name not in read and _optional(node, at, opset):
                names[name] = ""
            names.setdefault(name, f"{title}:{at}" if at else title)
        graph.node.append(_renamed(node, title, {**names, "": ""}))
    meant = helper.make_opsetid("", opset)
    least = helper.find_min_ir_version_for([meant])
    return onnx.ModelProto(ir_version=max(_IR_VERSION, least), opset_import=[meant], graph=graph)


def _optional(node: onnx.NodeProto, at: int, opset: int) -> bool:
    """Whether this output may be left out: those of Split say by their number what it does."""
    outputs = onnx.defs.get_schema(node.op_type, opset).outputs
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    return at < len(outputs) and outputs[at].option == optional


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
    return numpy_helper.from_array(array_of(tensor), name or None)


def _declared(name: str, kind: int, axes: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, axes)
