"""An upload is read whole or refused with its reason."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import helper

from analyzers.contract import Refusal
from analyzers.graph.reading import opset_of, read_model
from support.graphs import model, node, raw, small_net


def refused(upload: bytes) -> Refusal:
    """The refusal that an upload meets."""
    with pytest.raises(Refusal) as caught:
        read_model(upload)
    assert caught.value.sentence.endswith(".")
    assert caught.value.remedy
    return caught.value


def test_a_whole_model_is_read() -> None:
    """A plain net passes and says its opset."""
    assert opset_of(read_model(small_net(opset=13))) == 13


def test_nothing_is_an_empty_model() -> None:
    """No bytes are told apart from wrong bytes."""
    assert refused(b"").code == "MODEL_EMPTY"


@pytest.mark.parametrize("upload", [b"not a model at all", b"\x08\x07", b"\x00" * 64, b"\x80\x04."])
def test_other_bytes_are_not_recognised(upload: bytes) -> None:
    """Bytes that do not parse, or parse to nothing, are no model."""
    assert refused(upload).code == "MODEL_NOT_RECOGNISED"


def test_every_truncation_is_refused() -> None:
    """A file cut anywhere never passes as a smaller model."""
    whole = small_net(shape=(1, 4, 4), classes=2)
    for length in range(1, len(whole), 37):
        assert refused(whole[:length]).code in {"MODEL_NOT_RECOGNISED", "MODEL_BROKEN"}


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        ("net.onnx.data", "MODEL_BROKEN", "second file"),
        ("/etc/passwd", "MODEL_EXTERNAL_DATA_UNSAFE", "no file beside the model"),
        ("../net.onnx.data", "MODEL_EXTERNAL_DATA_UNSAFE", "no file beside the model"),
        ("a\\b", "MODEL_EXTERNAL_DATA_UNSAFE", "no file beside the model"),
    ],
)
def test_weights_in_a_second_file_are_refused(place: str, code: str, words: str) -> None:
    """External data would read the disk: the model must carry its weights, or send them along."""
    body = onnx.ModelProto.FromString(small_net())
    tensor = body.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    found = refused(body.SerializeToString())
    assert found.code == code
    assert words in found.sentence


def test_external_data_inside_an_attribute_is_refused() -> None:
    """A Constant node is no way round the rule."""
    tensor = onnx.TensorProto(dims=[4], data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    body = raw([node("Constant", "", "c", value=tensor), node("Add", "image c", "logits")])
    assert refused(body).code == "MODEL_BROKEN"


def test_a_missing_initializer_is_refused() -> None:
    """A name that nothing provides makes a broken model."""
    found = refused(raw([node("Add", "image nowhere", "logits")]))
    assert found.code == "MODEL_BROKEN"


def test_an_initializer_without_its_numbers_is_refused() -> None:
    """A declared shape without data is broken, not zero."""
    body = onnx.ModelProto.FromString(small_net())
    body.graph.initializer[0].ClearField("raw_data")
    assert refused(body.SerializeToString()).code == "MODEL_BROKEN"


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "my.own"])
def test_operators_of_other_domains_are_refused_by_name(domain: str) -> None:
    """Custom operators mean custom code: the refusal names them."""
    nodes = [helper.make_node("Secret", ["image"], ["logits"], domain=domain)]
    body = model(nodes)
    body.opset_import.append(helper.make_opsetid(domain, 1))
    found = refused(body.SerializeToString())
    assert found.code == "MODEL_OPERATOR_UNSUPPORTED"
    assert "Secret" in found.sentence
    assert domain in found.sentence


def test_graphs_inside_operators_are_refused() -> None:
    """Control flow may never end and hides operators: it is refused."""
    inner = helper.make_graph([node("Identity", "image", "out")], "branch", [], [])
    inner.output.append(helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None))
    nodes = [node("If", "yes", "logits", then_branch=inner, else_branch=inner)]
    assert refused(raw(nodes, {"yes": np.array(True)})).code == "MODEL_OPERATOR_UNSUPPORTED"


def test_sparse_weights_are_refused() -> None:
    """Sparse initializers are weights that no lens here sees."""
    body = onnx.ModelProto.FromString(small_net())
    values = helper.make_tensor("s", onnx.TensorProto.FLOAT, [1], [1.0])
    places = helper.make_tensor("i", onnx.TensorProto.INT64, [1], [0])
    body.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [3]))
    assert refused(body.SerializeToString()).code == "MODEL_OPERATOR_UNSUPPORTED"


def test_ancient_operators_are_refused() -> None:
    """Before opset 7 the same names meant other things."""
    assert refused(small_net(opset=6)).code == "MODEL_OPERATOR_UNSUPPORTED"


def doubled(body: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """A model that calls a function of its own, which has this body from ``x`` to ``y``."""
    own = "pkg.mine"
    made = model([node("Twice", "image", "wide", domain=own), node("Flatten", "wide", "logits")])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(own, 1)]
    made.functions.append(
        helper.make_function(own, "Twice", ["x"], ["y"], list(body), opset_imports=opsets)
    )
    made.opset_import.append(opsets[1])
    return made


def test_functions_of_the_file_are_written_out() -> None:
    """Exporters leave some; what they are made of is what counts."""
    found = read_model(doubled([node("Add", "x x", "y")]).SerializeToString())
    assert [one.op_type for one in found.graph.node] == ["Add", "Flatten"]
    assert not found.functions


def test_a_function_that_calls_itself_is_refused() -> None:
    """It has no end to be written out."""
    body = doubled([node("Twice", "x", "y", domain="pkg.mine")])
    assert refused(body.SerializeToString()).code in {"MODEL_BROKEN", "MODEL_OPERATOR_UNSUPPORTED"}
