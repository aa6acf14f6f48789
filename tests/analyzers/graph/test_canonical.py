"""Same graph, same file; anything else is refused with its reason."""

import copy

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from analyzers.contract import Json, Refusal
from analyzers.graph.canonical import canonicalise
from support.graphs import linear, model, node, noise, raw, reference_answers, small_net

FLAT = np.ones((4, 108), np.float32)
READ_OUT = [node("Flatten", "image", "flat"), node("Gemm", "flat w", "logits", transB=1)]


def disguised(upload: bytes) -> onnx.ModelProto:
    """The same graph under other names, in another order and spelling, with remarks."""
    body = onnx.ModelProto.FromString(upload)
    body.producer_name, body.producer_version, body.doc_string = "someone", "9", "a remark"
    body.metadata_props.add(key="user", value="alice")
    body.opset_import.append(helper.make_opsetid("pkg.unused", 1))
    graph = body.graph
    graph.name, graph.doc_string = "alias", "another remark"
    for one in graph.node:
        one.name, one.doc_string = f"node/{one.op_type}", "remark"
        one.input[:] = [rename(name) for name in one.input]
        one.output[:] = [rename(name) for name in one.output]
        attributes = [copy.deepcopy(attribute) for attribute in one.attribute][::-1]
        del one.attribute[:]
        one.attribute.extend(attributes)
    for value in [*graph.input, *graph.output]:
        value.name = rename(value.name)
    for place, tensor in enumerate(graph.initializer):
        numbers = numpy_helper.to_array(tensor)
        spelled = helper.make_tensor(
            rename(tensor.name), tensor.data_type, tensor.dims, numbers.flatten().tolist()
        )
        graph.initializer[place].CopyFrom(spelled)
    graph.initializer.append(numpy_helper.from_array(np.ones(7, np.float32), "unused"))
    graph.node.append(helper.make_node("Relu", [graph.node[0].output[0]], ["dead"]))
    body.ir_version -= 3
    return body


def rename(name: str) -> str:
    """Another name for a tensor."""
    return f"renamed::{name}" if name else ""


def test_the_same_graph_gives_the_same_bytes() -> None:
    """Names, remarks, order, spelling, dead nodes and unused weights do not count."""
    plain = canonicalise(small_net())
    other = disguised(small_net())
    onnx.checker.check_model(other)  # pyright: ignore[reportUnknownMemberType]  # a bare PathLike in onnx
    assert other.SerializeToString() != small_net()
    assert canonicalise(other.SerializeToString()).raw == plain.raw


def test_node_order_does_not_count() -> None:
    """Two branches may be listed either way round."""
    left, right = node("Relu", "image", "left"), node("Sigmoid", "image", "right")
    tail = [
        node("Add", "left right", "sum"),
        node("Flatten", "sum", "flat"),
        node("Gemm", "flat w", "logits", transB=1),
    ]
    found = {
        canonicalise(raw([*order, *tail], {"w": FLAT})).digest
        for order in ([left, right], [right, left])
    }
    assert len(found) == 1


@pytest.mark.parametrize("change", ["weight", "attribute", "operator"])
def test_another_graph_gives_another_digest(change: str) -> None:
    """The digest sees one weight's last bit, an attribute, an operator."""
    body = onnx.ModelProto.FromString(small_net())
    if change == "weight":
        numbers = numpy_helper.to_array(body.graph.initializer[0]).copy()
        numbers.flat[0] = np.nextafter(numbers.flat[0], np.float32(9))
        body.graph.initializer[0].raw_data = numbers.tobytes()
    elif change == "attribute":
        strides = next(one for one in body.graph.node[1].attribute if one.name == "strides")
        strides.ints[:] = [1, 1]
    else:
        body.graph.node[2].op_type = "Sigmoid"
    assert canonicalise(body.SerializeToString()).digest != canonicalise(small_net()).digest


def test_canonical_is_a_fixed_point() -> None:
    """A canonical file is its own canonical form, is valid and keeps nobody's words."""
    once = canonicalise(disguised(small_net()).SerializeToString())
    assert canonicalise(once.raw).raw == once.raw
    valid = onnx.ModelProto.FromString(once.raw)
    onnx.checker.check_model(valid, full_check=True)  # pyright: ignore[reportUnknownMemberType]  # a bare PathLike in onnx
    assert not any(word in once.raw for word in (b"renamed", b"remark", b"alice", b"unused"))


def test_weights_that_pose_as_inputs_become_weights() -> None:
    """Old files list every initializer as an input; they do not count as images."""
    body = onnx.ModelProto.FromString(small_net())
    for tensor in body.graph.initializer:
        body.graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    found = canonicalise(body.SerializeToString())
    assert found.digest == canonicalise(small_net()).digest
    assert len(onnx.ModelProto.FromString(found.raw).graph.input) == 1


def test_facts_of_a_net() -> None:
    """Shape, classes, batch, opset and parameters are what was built."""
    found = canonicalise(small_net(shape=(3, 8, 8), classes=5))
    assert (found.layout, found.shape, found.image.axes) == ("nchw", (3, 8, 8), (3, 8, 8))
    assert (found.classes, found.batch, found.upload_opset, found.tail) == (5, "free", 18, "")
    assert found.parameters == 6 * 27 + 6 + 5 * 96 + 5


def test_classes_left_open_are_inferred() -> None:
    """An output of open width gets it from the graph."""
    assert canonicalise(raw(READ_OUT, {"w": FLAT}, classes="k")).classes == 4


def test_deep_graphs_do_not_exhaust_the_stack() -> None:
    """Thousands of nodes in a row are ordered without recursion."""
    chain = [node("Relu", f"t{at}", f"t{at + 1}") for at in range(3000)]
    chain[0].input[0] = "image"
    nodes = [*chain, node("Flatten", "t3000", "f"), node("Gemm", "f w", "logits", transB=1)]
    assert canonicalise(raw(nodes, {"w": FLAT})).classes == 4


CASES: dict[str, tuple[str, Json]] = {
    "two images": ("MODEL_INPUT_UNSUPPORTED", "second_input"),
    "texts": ("MODEL_INPUT_UNSUPPORTED", {"input_type": onnx.TensorProto.STRING}),
    "one axis": ("MODEL_INPUT_UNSUPPORTED", {"shape": (108,)}),
    "free size": ("MODEL_INPUT_UNSUPPORTED", {"shape": ("n", 3, "h", "w")}),
    "free channels": ("MODEL_INPUT_UNSUPPORTED", {"shape": ("n", "c", 6, 6)}),
    "fixed batch of four": ("MODEL_INPUT_UNSUPPORTED", {"shape": (4, 3, 6, 6)}),
    "twelve channels": ("MODEL_INPUT_UNSUPPORTED", {"shape": ("n", 12, 3, 12)}),
    "two outputs": ("MODEL_OUTPUT_UNSUPPORTED", "second_output"),
    "one output": ("MODEL_ONE_OUTPUT", "single"),
    "constant": ("MODEL_OUTPUT_UNSUPPORTED", "constant"),
    "unknown classes": ("MODEL_OUTPUT_UNSUPPORTED", "maps"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_classifier_is_refused(name: str) -> None:
    """Each mistake meets its own code, with a sentence and a remedy."""
    code, change = CASES[name]
    nodes = list(READ_OUT)
    told: dict[str, Json] = {}
    if change == "constant":
        nodes = [node("Identity", "fixed", "logits")]
    elif change == "single":
        nodes[1] = node("Gemm", "flat single", "logits", transB=1)
    elif change == "maps":
        nodes, told = [node("Relu", "image", "logits")], {"output_shape": ["n", 3, 6, 6]}
    elif isinstance(change, dict):
        told.update(change)  # pyright: ignore[reportUnknownArgumentType]  # rows of a table
    body = model(
        nodes, {"w": FLAT, "single": FLAT[:1], "fixed": np.ones((1, 4), np.float32)}, **told
    )
    if change == "second_input":
        body.graph.input.append(helper.make_tensor_value_info("extra", 1, [1]))
    elif change == "second_output":
        body.graph.output.append(helper.make_tensor_value_info("flat", 1, ["n", 108]))
    with pytest.raises(Refusal) as caught:
        canonicalise(body.SerializeToString())
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")
    assert caught.value.remedy


def test_weights_that_do_not_fit_their_shape_are_refused() -> None:
    """Too few bytes for the declared shape make a broken model."""
    body = onnx.ModelProto.FromString(linear(np.ones((2, 12)), np.zeros(2), (3, 2, 2)))
    body.graph.initializer[0].raw_data = body.graph.initializer[0].raw_data[:-4]
    with pytest.raises(Refusal) as caught:
        canonicalise(body.SerializeToString())
    assert caught.value.code == "MODEL_BROKEN"


@pytest.mark.parametrize("kept", range(3))
def test_outputs_that_nobody_reads_still_count(kept: int) -> None:
    """A Split says by its outputs into how many parts it cuts; the other parts stay, unread."""
    parts = ["a", "b", "c"]
    nodes = [
        node("Split", "image", " ".join(parts), axis=1, num_outputs=3),
        node("Flatten", parts[kept], "logits"),
    ]
    body = raw(nodes)
    found = canonicalise(body)
    images = noise(2, (3, 6, 6))
    assert found.classes == 36
    assert np.array_equal(reference_answers(found.raw, images), images[:, kept].reshape(2, -1))
