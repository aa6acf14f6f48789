"""An exported graph without what its exporter remarks on it: paths, source lines, its version."""

from typing import Any

import onnx

from service.exporting.settling_child import refuse_size

_PRODUCER, _BATCH = "assay", "batch"
_REMARKS = ("doc_string", "metadata_props")


def plain(model: onnx.ModelProto) -> bytes:
    """The same bytes for the same module, wherever and whenever it is exported."""
    fresh = onnx.ModelProto(ir_version=model.ir_version, producer_name=_PRODUCER)
    used = {node.domain for node in model.graph.node} | {""}
    fresh.opset_import.extend(one for one in model.opset_import if one.domain in used)
    fresh.functions.extend(model.functions)
    fresh.graph.CopyFrom(model.graph)
    fresh.graph.name = "model"
    _plain_graph(fresh.graph)
    _name_batch(fresh.graph)
    for function in fresh.functions:
        _without_remarks(function)
        _plain_nodes(function)
    refuse_size(fresh.ByteSize())
    return fresh.SerializeToString(deterministic=True)


def takes_any_number(model: onnx.ModelProto) -> bool:
    """Whether the batch axis of the input is open."""
    return not model.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value")


def _name_batch(graph: onnx.GraphProto) -> None:
    """The exporter's own symbols are numbered."""
    for one in (graph.input[0], graph.output[0]):
        first = one.type.tensor_type.shape.dim[0]
        if not first.HasField("dim_value"):
            first.dim_param = _BATCH


def _plain_graph(graph: onnx.GraphProto) -> None:
    del graph.value_info[:]
    for part in (graph, *graph.input, *graph.output, *graph.initializer):
        _without_remarks(part)
    _plain_nodes(graph)


def _plain_nodes(graph: Any) -> None:  # noqa: ANN401 - of a graph or of a function
    for node in graph.node:
        _without_remarks(node)
        # The exporter's order is that of a set, which changes from process to process.
        ordered = sorted(node.attribute, key=lambda one: one.name)
        del node.attribute[:]
        node.attribute.extend(ordered)
        for attribute in node.attribute:
            _plain_attribute(attribute)


def _plain_attribute(attribute: onnx.AttributeProto) -> None:
    attribute.ClearField("doc_string")
    if attribute.HasField("t"):
        _without_remarks(attribute.t)
    if attribute.HasField("g"):
        _plain_graph(attribute.g)
    for graph in attribute.graphs:
        _plain_graph(graph)


def _without_remarks(part: Any) -> None:  # noqa: ANN401 - any message of onnx
    for field in _REMARKS:
        if field in part.DESCRIPTOR.fields_by_name:
            part.ClearField(field)
