"""What is looked at before a library is: a walk over the file that runs and allocates nothing.

The checker, the inliner and the runtime all trust parts of a file. Thirty functions that call each
other twice never come back from any of them, and a block of 2^32 ends the process with a signal.
"""

from collections.abc import Iterable

import onnx

from analyzers.graph.precheck.external import refuse_weights_elsewhere
from analyzers.graph.precheck.functions import check_functions
from analyzers.graph.precheck.limits import Limits, broken
from analyzers.graph.precheck.order import check_body, check_graph
from analyzers.graph.precheck.places import Contents, contents_of
from analyzers.graph.precheck.sizes import check_declared, check_image, check_tensor
from analyzers.graph.precheck.wire import Outline, outline

__all__ = ["Limits", "Outline", "check_graph", "outline", "precheck"]


def precheck(model: onnx.ModelProto, outlined: Outline, limits: Limits) -> None:
    """Refuse a parsed file that could hurt whatever touches it next."""
    check_functions(model, limits)
    found = contents_of(model)
    _check_stored(found, outlined, limits)
    _check_shapes(model, found.graphs, limits)
    check_graph(model.graph, limits)
    for function in model.functions:
        check_body(function, limits)


def _check_stored(found: Contents, outlined: Outline, limits: Limits) -> None:
    own, inner = found.graphs[0].initializer, found.graphs[1:]
    beside = [*found.beside, *(tensor for graph in inner for tensor in graph.initializer)]
    refuse_weights_elsewhere((*own, *beside))
    if len(own) != len(outlined.raw_lengths):
        raise broken("The model's stored tensors are not where the format puts them.")
    for tensor, length in zip(own, outlined.raw_lengths, strict=True):
        check_tensor(tensor, limits, length)
    for tensor in beside:
        check_tensor(tensor, limits)


def _check_shapes(
    model: onnx.ModelProto, graphs: Iterable[onnx.GraphProto], limits: Limits
) -> None:
    stored = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        (check_declared if value.name in stored else check_image)(value, limits)
    declared = (one for graph in graphs for one in (*graph.output, *graph.value_info))
    beside = (one for function in model.functions for one in function.value_info)
    for value in (*declared, *beside):
        check_declared(value, limits)
