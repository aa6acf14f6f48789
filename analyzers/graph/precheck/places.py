"""Every place of a model that may hold nodes or tensors, however deep."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import onnx

OWN_DOMAINS = frozenset({"", "ai.onnx"})


def graphs_in(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node holds itself."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def nodes_in(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """These nodes and all in the graphs that they hold; the outline has bounded their depth."""
    for node in nodes:
        yield node
        for graph in graphs_in(node):
            yield from nodes_in(graph.node)


class Contents(NamedTuple):
    """All that a model holds besides nodes."""

    graphs: list[onnx.GraphProto]
    """The model's own first, then those that nodes hold."""
    beside: list[onnx.TensorProto]
    """Tensors that are no initializers: inside attributes, and sparse ones."""


def contents_of(model: onnx.ModelProto) -> Contents:
    """Find all in one walk; the outline has bounded how deep it goes."""
    found = Contents([], [])
    _graph(model.graph, found)
    for function in model.functions:
        for attribute in function.attribute_proto:
            _attribute(attribute, found)
        _nodes(function.node, found)
    return found


def tensors_of(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor of every graph and function."""
    found = contents_of(model)
    for graph in found.graphs:
        yield from graph.initializer
    yield from found.beside


def _graph(graph: onnx.GraphProto, found: Contents) -> None:
    found.graphs.append(graph)
    for sparse in graph.sparse_initializer:
        found.beside.extend((sparse.values, sparse.indices))
    _nodes(graph.node, found)


def _nodes(nodes: Iterable[onnx.NodeProto], found: Contents) -> None:
    for node in nodes:
        for attribute in node.attribute:
            _attribute(attribute, found)


def _attribute(attribute: onnx.AttributeProto, found: Contents) -> None:
    if attribute.HasField("t"):
        found.beside.append(attribute.t)
    found.beside.extend(attribute.tensors)
    if attribute.HasField("sparse_tensor"):
        found.beside.extend((attribute.sparse_tensor.values, attribute.sparse_tensor.indices))
    for sparse in attribute.sparse_tensors:
        found.beside.extend((sparse.values, sparse.indices))
    if attribute.HasField("g"):
        _graph(attribute.g, found)
    for graph in attribute.graphs:
        _graph(graph, found)
