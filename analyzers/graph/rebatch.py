"""A graph that was written for one image at a time, made to take many.

Files fixed at batch 1 are normal: exporters bake the 1 into the targets of Reshape and into
constants that are concatenated to activations. Shapes are inferred with a large prime in place of
the batch, so that the axis which carries it is known anywhere; then targets are written anew. The
result is never trusted: a self-check holds batches against single images afterwards.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

PROBE: Final = 4093
"""A prime that no layer has as its width."""
_SMALL = 1024
_MOST_ROUNDS = 160
"""As many as the deepest transformer has Reshapes one after the other."""

Shapes = Mapping[str, Sequence[int]]


def freed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its batch axis open, as far as known patterns go."""
    fresh = onnx.ModelProto()
    fresh.CopyFrom(model)
    del fresh.graph.value_info[:]
    axis = fresh.graph.input[0].type.tensor_type.shape.dim[0]
    axis.dim_param = "batch"
    for output in fresh.graph.output:
        output.type.tensor_type.ClearField("shape")
    for _ in range(_MOST_ROUNDS):
        if not _mend(fresh, inferred(fresh, PROBE)):
            break
    return fresh


def inferred(model: onnx.ModelProto, batch: int) -> dict[str, list[int]]:
    """Shapes of all tensors for a batch of this size, where they are wholly known."""
    skeleton = _skeleton(model)
    skeleton.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    for output in skeleton.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        found = onnx.shape_inference.infer_shapes(skeleton, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return {}
    shapes: dict[str, list[int]] = {}
    for value in [*found.input, *found.value_info, *found.output]:
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and all(one.HasField("dim_value") for one in tensor.shape.dim):
            shapes[value.name] = [one.dim_value for one in tensor.shape.dim]
    shapes.update((one.name, list(one.dims)) for one in model.graph.initializer)
    return shapes


def _skeleton(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without its large weights, of which only the shapes matter here."""
    graph = onnx.GraphProto(name="skeleton")
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input[:1])
    graph.output.extend(model.graph.output)
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL:
            graph.initializer.append(tensor)
        else:
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    return onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, graph=graph
    )


def _mend(model: onnx.ModelProto, shapes: Shapes) -> bool:
    """Mend nodes that hold on to the old batch; whether there were any.

    What reads a mended node waits for the next round: its shapes were inferred before.
    """
    stored = {one.name: one for one in model.graph.initializer}
    stale: set[str] = set()
    mended = False
    for node in list(model.graph.node):
        if stale.intersection(node.input):
            stale.update(node.output)
        elif _mended(model, node, stored=stored, shapes=shapes):
            stale.update(node.output)
            mended = True
    return mended


def _mended(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    *,
    stored: Mapping[str, onnx.TensorProto],
    shapes: Shapes,
) -> bool:
    if node.op_type == "Reshape":
        return _mend_reshape(model, node, stored=stored, shapes=shapes)
    if node.op_type == "Gather":
        return _mend_gather(model, node, stored=stored, shapes=shapes)
    if node.op_type == "Resize":
        return _mend_resize(model, node, stored=stored, shapes=shapes)
    return node.op_type == "Concat" and _mend_concat(model, node, shapes)


def _mend_reshape(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    *,
    stored: Mapping[str, onnx.TensorProto],
    shapes: Shapes,
) -> bool:
    """A target that names the batch leaves it open."""
    if node.input[1] not in stored:
        return False
    target = numpy_helper.to_array(stored[node.input[1]]).reshape(-1).tolist()
    wanted = _target(node, shapes, target, keep_last=_read_by_columns(model, node.output[0]))
    if wanted is None:
        return False
    node.input[1] = _store(model, np.array(wanted, np.int64))
    _clear(node, "allowzero")
    return True


def _read_by_columns(model: onnx.ModelProto, name: str) -> bool:
    """Whether a product reads this tensor, so that its last axis has a fixed length."""
    return any(
        node.op_type in {"Gemm", "MatMul"} and node.input[0] == name for node in model.graph.node
    )


def _target(
    node: onnx.NodeProto, shapes: Shapes, target: Sequence[int], *, keep_last: bool
) -> list[int] | None:
    """A target that keeps the batch in its place; None when the present one does, or unclear."""
    data = shapes.get(node.input[0])
    at = next((axis for axis, size in enumerate(data or []) if size and size % PROBE == 0), None)
    if data is None or at is None:
        return None
    zero_counts = any(one.name == "allowzero" and one.i for one in node.attribute)
    single = [size // PROBE if axis == at else size for axis, size in enumerate(data)]
    now = _resolved(target, data, zero_counts=zero_counts)
    alone = _resolved(target, single, zero_counts=zero_counts)
    if alone is None:
        return None
    to = _batch_axis(alone, math.prod(single[:at]), single[at], keep_last=keep_last)
    if to is None:
        return None
    meant = [size * PROBE if axis == to else size for axis, size in enumerate(alone)]
    if now == meant:
        return None
    return [-1 if axis == to else size for axis, size in enumerate(alone)]


def _batch_axis(alone: Sequence[int], before: int, beside: int, *, keep_last: bool) -> int | None:
    """Where the batch goes: as many values come before it as did before.

    Best into an axis that a batch of one leaves empty, also where it was merged into an axis behind
    ``beside`` others. Else it is merged into one: not into the last if a product reads that.
    """
    prefixes = [math.prod(alone[:axis]) for axis in range(len(alone))]
    for start in (before, before * beside):
        for axis, prefix in enumerate(prefixes):
            if prefix == start and alone[axis] == 1:
                return axis
    to = next((axis for axis, prefix in enumerate(prefixes) if prefix == before), None)
    return to - 1 if to and to == len(alone) - 1 and keep_last else to


def _resolved(target: Sequence[int], data: Sequence[int], *, zero_counts: bool) -> list[int] | None:
    """The shape that a target stands for; None where it does not fit the data."""
    sizes = [
        data[axis] if size == 0 and not zero_counts and axis < len(data) else size
        for axis, size in enumerate(target)
    ]
    known = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known and math.prod(data) % known == 0:
        sizes[sizes.index(-1)] = math.prod(data) // known
    return sizes if min(sizes, default=1) >= 0 and math.prod(sizes) == math.prod(data) else None


def _mend_gather(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    *,
    stored: Mapping[str, onnx.TensorProto],
    shapes: Shapes,
) -> bool:
    """Places picked out of one image's values in a row are picked out of each image's.

    Exporters write a squeeze of strided values so: all in one row, then every place by its number.
    """
    data, index = shapes.get(node.input[0]), stored.get(node.input[1])
    first = all(one.i == 0 for one in node.attribute if one.name == "axis")
    if data is None or len(data) != 1 or data[0] % PROBE or index is None or not first:
        return False
    places, values = numpy_helper.to_array(index), data[0] // PROBE
    if not places.ndim or places.shape[0] != 1 or places.min() < 0 or places.max() >= values:
        return False
    rows = f"rows/{len(model.graph.node)}"
    target = _store(model, np.array([-1, values], np.int64))
    made = helper.make_node("Reshape", [node.input[0], target], [rows])
    model.graph.node.insert(_place(model, node), made)
    node.input[:] = [rows, _store(model, places[0].astype(np.int64))]
    _clear(node, "axis")
    node.attribute.append(helper.make_attribute("axis", 1))
    return True


def _place(model: onnx.ModelProto, node: onnx.NodeProto) -> int:
    return next(at for at, one in enumerate(model.graph.node) if one.output == node.output)


def _mend_resize(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    *,
    stored: Mapping[str, onnx.TensorProto],
    shapes: Shapes,
) -> bool:
    """Sizes that name the batch name the picture's axes only."""
    data = shapes.get(node.input[0])
    sized = len(node.input) > 3 and node.input[3] in stored  # noqa: PLR2004 - sizes come fourth
    if not data or data[0] != PROBE or not sized or _has(node, "axes"):
        return False
    sizes = numpy_helper.to_array(stored[node.input[3]]).reshape(-1).tolist()
    if len(sizes) != len(data) or sizes[0] != 1:
        return False
    axes = list(range(1, len(data)))
    node.input[3] = _store(model, np.array(sizes[1:], np.int64))
    node.attribute.append(helper.make_attribute("axes", axes))
    return True


def _mend_concat(model: onnx.ModelProto, node: onnx.NodeProto, shapes: Shapes) -> bool:
    """A tensor of one row beside one of many (a class token) is repeated for each image."""
    given = [shapes.get(name) for name in node.input]
    known = [one for one in given if one]
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    if len(known) != len(given) or len({len(one) for one in known}) != 1:
        return False
    rank = len(known[0])
    at = next((a for a in range(rank) if any(one[a] == PROBE for one in known)), None)
    if at is None or at == axis % rank:
        return False
    for which, shape in enumerate(known):
        if shape[at] == 1:
            node.input[which] = _repeated(model, node, name=node.input[which], sizes=shape, axis=at)
            return True
    return False


def _repeated(
    model: onnx.ModelProto, before: onnx.NodeProto, *, name: str, sizes: Sequence[int], axis: int
) -> str:
    """Insert nodes that repeat a tensor along one axis, once for each image of the batch."""
    fresh = f"repeated/{len(model.graph.node)}"
    target = [1 if at == axis else size for at, size in enumerate(sizes)]
    parts = [f"{fresh}/batch"]
    parts = [
        *([_store(model, np.array(target[:axis], np.int64))] if axis else []),
        *parts,
        *([_store(model, np.array(target[axis + 1 :], np.int64))] if axis + 1 < len(sizes) else []),
    ]
    image = model.graph.input[0].name
    made = [
        helper.make_node("Shape", [image], [f"{fresh}/batch"], start=0, end=1),
        helper.make_node("Concat", parts, [f"{fresh}/shape"], axis=0),
        helper.make_node("Expand", [name, f"{fresh}/shape"], [fresh]),
    ]
    place = _place(model, before)
    for at, one in enumerate(made):
        model.graph.node.insert(place + at, one)
    return fresh


def _store(model: onnx.ModelProto, value: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    name = f"stored/{len(model.graph.initializer)}"
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _has(node: onnx.NodeProto, attribute: str) -> bool:
    return any(one.name == attribute for one in node.attribute)


def _clear(node: onnx.NodeProto, attribute: str) -> None:
    kept = [one for one in node.attribute if one.name != attribute]
    del node.attribute[:]
    node.attribute.extend(kept)
