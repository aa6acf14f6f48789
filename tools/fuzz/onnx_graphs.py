"""ONNX models with parts changed: each change keeps the rest of the file well formed."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from tools.fuzz import onnx_seeds, onnx_tensors, onnx_wrapped
from tools.fuzz.damage import damaged
from tools.fuzz.draws import Draw
from tools.fuzz.wire import lied

Change = Callable[[onnx.ModelProto, Draw], None]
_OPERATORS: Final = (
    *("Relu", "Add", "Conv", "Gemm", "Softmax", "Reshape", "DepthToSpace", "Resize", "Pad", "Tile"),
    *("Expand", "Range", "TopK", "Loop", "Scan", "If", "LSTM", "Einsum", "NonMaxSuppression"),
    *("RandomNormal", "Dropout", "StringNormalizer", "SequenceConstruct", "Optional", "Gather"),
    *("MaxRoiPool", "Col2Im", "GridSample", "DFT", "ConvTranspose", "MaxUnpool", "NoSuchOperator"),
)

_ATTRIBUTES: Final = (
    *("axis", "axes", "pads", "strides", "group", "perm", "to", "value", "auto_pad", "mode"),
    *("kernel_shape", "dilations", "keepdims", "blocksize", "body", "then_branch", "epsilon"),
)


def graph_changed(draw: Draw) -> bytes:
    """An honest model with one to three parts changed."""
    model = onnx.ModelProto.FromString(draw.pick(onnx_seeds.models()))
    for _ in range(1 + draw.below(3)):
        draw.pick(CHANGES)(model, draw)
    return model.SerializeToString()


def wire_changed(draw: Draw) -> bytes:
    """An honest or changed model with lies in its encoding."""
    raw = graph_changed(draw) if draw.chance(0.2) else draw.pick(onnx_seeds.models())
    for _ in range(1 + draw.below(2)):
        raw = damaged(raw, draw) if draw.chance(0.2) else lied(raw, draw)
    return raw


# --------------------------------------------------------------------------------------- nodes


def _node(model: onnx.ModelProto, draw: Draw) -> onnx.NodeProto:
    lists = [model.graph.node, *(one.node for one in model.functions)]
    nodes = lists[0] if draw.chance(0.8) else draw.pick(lists)
    return draw.pick(nodes) if nodes else model.graph.node.add(op_type="Relu")


def _values(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    made = [name for one in graph.node for name in one.output]
    return [*made, *(one.name for one in (*graph.input, *graph.initializer)), ""]


def node_dropped(model: onnx.ModelProto, draw: Draw) -> None:
    """One node less."""
    if model.graph.node:
        del model.graph.node[draw.below(len(model.graph.node))]


def node_doubled(model: onnx.ModelProto, draw: Draw) -> None:
    """One node again, with the same outputs or with new ones between it and its readers."""
    copy = model.graph.node.add()
    copy.CopyFrom(_node(model, draw))
    if draw.chance(0.5):
        copy.output[:] = [f"{name}_again" for name in copy.output]


def node_moved(model: onnx.ModelProto, draw: Draw) -> None:
    """Another order, in which readers may come first."""
    nodes = list(model.graph.node)
    if nodes:
        nodes.insert(draw.below(len(nodes)), nodes.pop(draw.below(len(nodes))))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def rewired(model: onnx.ModelProto, draw: Draw) -> None:
    """An input from elsewhere: of another shape, missing, or in a circle."""
    one = _node(model, draw)
    source = draw.pick([*_values(model), *one.output, "nowhere"])
    if one.input:
        one.input[draw.below(len(one.input))] = source
    else:
        one.input.append(source)


def connections_counted(model: onnx.ModelProto, draw: Draw) -> None:
    """Too few or too many inputs and outputs."""
    one = _node(model, draw)
    side = one.input if draw.chance(0.6) else one.output
    if side and draw.chance(0.5):
        del side[draw.below(len(side))]
    else:
        side.extend([draw.pick(_values(model))] * draw.pick((1, 2, 300)))


def operator_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Another operator, known or not."""
    one = _node(model, draw)
    if draw.chance(0.8):
        one.op_type = draw.pick(_OPERATORS)
    else:
        one.domain = draw.pick(("own", "com.microsoft", "ai.onnx.ml", "ai.onnx", draw.name()))


# ---------------------------------------------------------------------------------- attributes


def attribute_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """A number in an attribute that no layer has."""
    held = [one for one in model.graph.node if one.attribute]
    if not held:
        return
    one = draw.pick(draw.pick(held).attribute)
    if one.ints and draw.chance(0.7):
        one.ints[draw.below(len(one.ints))] = _int64(draw)
    elif one.ints:
        one.ints.extend([_int64(draw)] * draw.pick((1, 1, 100)))
    else:
        one.i = _int64(draw)
        one.f = draw.pick((0.0, -1.0, 1e38, float("nan"), float("inf"), 1e-45))


def attribute_added(model: onnx.ModelProto, draw: Draw) -> None:
    """An attribute that the operator may not know, or may know otherwise."""
    values = (_int64(draw), [_int64(draw)] * 3, 1.5, draw.name(), [0.5], ["a", "b"])
    _node(model, draw).attribute.append(
        helper.make_attribute(draw.pick((*_ATTRIBUTES, draw.name())), draw.pick(values))
    )


def attribute_retyped(model: onnx.ModelProto, draw: Draw) -> None:
    """An attribute that says it is of another kind, has another name, or refers to a call's."""
    held = [one for one in model.graph.node if one.attribute]
    if not held:
        return
    one = draw.pick(draw.pick(held).attribute)
    if draw.chance(0.6):
        kinds = list(AttributeProto.AttributeType.values())
        one.type = cast("AttributeProto.AttributeType", draw.pick(kinds))
    elif draw.chance(0.5):
        one.ref_attr_name = draw.name()
    else:
        one.name = draw.name()


def _int64(draw: Draw) -> int:
    return max(-(2**63), min(2**63 - 1, draw.number()))


# ------------------------------------------------------------------- inputs, outputs, the whole


def declaration_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Another shape or type of an input or output."""
    graph = model.graph
    declared = [*graph.input, *graph.output]
    if not declared:
        return
    kind = draw.pick(declared).type
    axes = kind.tensor_type.shape.dim
    if draw.chance(0.2):
        kind.tensor_type.elem_type = draw.below(30)
    elif draw.chance(0.15):
        kind.sequence_type.elem_type.tensor_type.elem_type = 1
    elif draw.chance(0.15) or not axes:
        axes.extend([onnx.TensorShapeProto.Dimension(dim_value=1)] * draw.pick((1, 3, 200)))
    elif draw.chance(0.15):
        del axes[draw.below(len(axes))]
    elif draw.chance(0.3):
        draw.pick(axes).dim_param = draw.name()
    else:
        draw.pick(axes).dim_value = _int64(draw)


def ends_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Inputs and outputs that are missing, doubled, renamed or each other."""
    graph = model.graph
    ends = graph.input if draw.chance(0.5) else graph.output
    if ends and draw.chance(0.25):
        del ends[draw.below(len(ends))]
    elif ends and draw.chance(0.4):
        draw.pick(ends).name = draw.pick([*_values(model), draw.name()])
    else:
        name = draw.pick([*_values(model), "more"])
        ends.add().CopyFrom(helper.make_tensor_value_info(name, draw.pick((1, 7, 8)), [1, 3, 6, 6]))


def opset_changed(model: onnx.ModelProto, draw: Draw) -> None:
    """Another version of the operators or of the format."""
    if draw.chance(0.25):
        model.ir_version = _int64(draw)
    elif model.opset_import and draw.chance(0.2):
        del model.opset_import[draw.below(len(model.opset_import))]
    elif draw.chance(0.3):
        model.opset_import.add(domain=draw.pick(("", "own", draw.name())), version=_int64(draw))
    elif model.opset_import:
        versions = (-1, 0, 1, 6, 7, 9, 11, 13, 15, 17, 19, 21, 22, 23, 24, 26, 999, _int64(draw))
        draw.pick(model.opset_import).version = draw.pick(versions)


def renamed(model: onnx.ModelProto, draw: Draw) -> None:
    """One value under another name everywhere, so that only the name is odd."""
    old, new = draw.pick(_values(model)), draw.name()
    for one in model.graph.node:
        one.input[:] = [new if name == old else name for name in one.input]
        one.output[:] = [new if name == old else name for name in one.output]
    for held in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        held.name = new if held.name == old else held.name


def titled(model: onnx.ModelProto, draw: Draw) -> None:
    """Odd texts where nothing depends on them."""
    name = draw.name()
    draw.pick((model.graph, _node(model, draw))).name = name
    model.producer_name, model.doc_string = name, name * draw.pick((1, 200))
    model.metadata_props.add(key=name, value=name)


def inserted(model: onnx.ModelProto, draw: Draw) -> None:
    """A new operator with odd constants in the way of the image."""
    makers: Sequence[tuple[str, list[int]]] = (
        ("Expand", [1, 3, 6, draw.pick((6, 1 << 20, 1 << 40))]),
        ("Tile", [1, 1, 1, _int64(draw)]),
        ("Reshape", [_int64(draw), -1]),
        ("Pad", [0, 0, 0, 0, 0, 0, 0, _int64(draw)]),
        ("ConstantOfShape", [_int64(draw), 3, 6, 6]),
        ("Slice", [_int64(draw)]),
        ("Unsqueeze", [_int64(draw)]),
        ("ReduceSum", [_int64(draw)]),
    )
    operator, numbers = draw.pick(makers)
    model.graph.initializer.append(numpy_helper.from_array(np.array(numbers), "odd"))
    first = ["odd"] if operator == "ConstantOfShape" else ["image", "odd"]
    more = ["odd"] if operator == "Slice" else []
    for one in model.graph.node:
        one.input[:] = ["mended" if name == "image" else name for name in one.input]
    model.graph.node.insert(0, helper.make_node(operator, [*first, *more], ["mended"]))


def beside(model: onnx.ModelProto, draw: Draw) -> None:
    """Parts of the format that models of pictures seldom have."""
    if draw.chance(0.4):
        model.graph.quantization_annotation.add(tensor_name=draw.name())
    elif draw.chance(0.5):
        model.training_info.add().algorithm.CopyFrom(model.graph)
    else:
        sparse = model.graph.sparse_initializer.add(dims=[_int64(draw), 4])
        sparse.values.CopyFrom(numpy_helper.from_array(np.ones(2, np.float32), draw.name()))
        sparse.indices.CopyFrom(numpy_helper.from_array(np.array([0, _int64(draw)])))
    model.graph.value_info.add(name=draw.name()).type.tensor_type.elem_type = TensorProto.FLOAT


CHANGES: Final[tuple[Change, ...]] = (
    *(node_dropped, node_doubled, node_moved, rewired, connections_counted, operator_changed),
    *(attribute_changed, attribute_added, attribute_retyped, attribute_changed),
    *(declaration_changed, declaration_changed, ends_changed, opset_changed, renamed, titled),
    *(inserted, beside, *onnx_tensors.CHANGES, *onnx_wrapped.CHANGES),
)
