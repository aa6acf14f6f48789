"""Every opset becomes the working one; the one output that is judged is found or asked for."""

import numpy as np
import onnx
import pytest
from onnx import helper

from analyzers.contract import Array, Refusal
from analyzers.graph.canonical import canonicalise
from analyzers.graph.normalise import WORKING_OPSET, Wish
from analyzers.graph.reading import NEWEST_OPSET, OLDEST_OPSET
from support.graphs import model, node, raw, reference_answers

WEIGHT = np.random.default_rng(0).normal(size=(4, 108)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(size=(3, 3, 6, 6)).astype(np.float32)
SCORES = IMAGES.reshape(3, -1) @ WEIGHT.T
HEAD = [node("Flatten", "image", "flat"), node("Gemm", "flat w none", "logits", transB=1)]
STORED = {"w": WEIGHT, "none": np.zeros(4, np.float32)}


def answers(body: bytes) -> Array:
    """What a model says of the images."""
    return reference_answers(body, IMAGES)


@pytest.mark.parametrize("opset", range(OLDEST_OPSET, NEWEST_OPSET + 1))
def test_every_opset_becomes_the_working_one(opset: int) -> None:
    """The same graph written for any opset has one canonical file."""
    found = canonicalise(raw(HEAD, STORED, opset=opset))
    assert (found.upload_opset, found.opset) == (opset, WORKING_OPSET)
    assert found.digest == canonicalise(raw(HEAD, STORED, opset=WORKING_OPSET)).digest
    assert np.allclose(answers(found.raw), SCORES, atol=1e-5)


def test_old_meanings_survive() -> None:
    """Before opset 13 a softmax took every axis from its own on as one row."""
    nodes = [
        node("Softmax", "image", "shares", axis=1),
        node("Flatten", "shares", "flat"),
        HEAD[1],
    ]
    found = canonicalise(raw(nodes, STORED, opset=11))
    powers = np.exp(IMAGES.reshape(3, -1))
    expected = (powers / powers.sum(axis=1, keepdims=True)) @ WEIGHT.T
    assert np.allclose(answers(found.raw), expected, atol=1e-6)
    assert found.opset == WORKING_OPSET


def test_a_file_may_keep_its_opset() -> None:
    """Less is done where it is asked for."""
    assert canonicalise(raw(HEAD, STORED, opset=11), Wish(convert=False)).opset == 11


def test_what_the_runtime_does_not_know_yet_is_refused() -> None:
    """A newer opset is named, with the range that is taken."""
    with pytest.raises(Refusal) as caught:
        canonicalise(raw(HEAD, STORED, opset=NEWEST_OPSET + 1))
    assert caught.value.code == "MODEL_OPERATOR_UNSUPPORTED"
    assert f"{OLDEST_OPSET} to {NEWEST_OPSET}" in caught.value.sentence


def several() -> onnx.ModelProto:
    """A model that also puts out its features."""
    body = model(HEAD, STORED)
    body.graph.output.append(helper.make_tensor_value_info("flat", 1, ["n", 108]))
    return body


def test_several_outputs_are_listed() -> None:
    """The refusal names them all and the way to choose."""
    with pytest.raises(Refusal) as caught:
        canonicalise(several().SerializeToString())
    assert caught.value.code == "MODEL_OUTPUT_UNSUPPORTED"
    assert "logits, flat" in caught.value.sentence
    assert "--output" in caught.value.remedy


@pytest.mark.parametrize(("name", "classes"), [("logits", 4), ("flat", 108)])
def test_the_chosen_output_is_judged(name: str, classes: int) -> None:
    """The rest of the graph goes; the upload's own name is kept for replays."""
    found = canonicalise(several().SerializeToString(), Wish(output=name))
    assert (found.classes, found.upload_output) == (classes, name)
    assert [one.name for one in onnx.ModelProto.FromString(found.raw).graph.output] == ["logits"]


def test_an_output_that_is_not_there() -> None:
    """A wrong name meets the list of right ones."""
    with pytest.raises(Refusal) as caught:
        canonicalise(several().SerializeToString(), Wish(output="scores"))
    assert "it has logits, flat" in caught.value.sentence


def test_scores_as_maps_of_one_pixel() -> None:
    """Fully convolutional classifiers end so; the maps become a row."""
    nodes = [
        node("Reshape", "image to", "pixels"),
        node("Conv", "pixels w", "logits"),
    ]
    stored = {"to": np.array([0, 108, 1, 1]), "w": WEIGHT.reshape(4, 108, 1, 1)}
    found = canonicalise(raw(nodes, stored, output_shape=["n", 4, 1, 1]))
    assert np.allclose(answers(found.raw), SCORES, atol=1e-5)


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE", "INT32"])
def test_other_numbers_become_floats(kind: str) -> None:
    """Half, double and whole scores are cast at the end, and ranked as they are."""
    to = getattr(onnx.TensorProto, kind)
    nodes = [
        HEAD[0],
        node("Gemm", "flat w none", "scores", transB=1),
        node("Cast", "scores", "logits", to=to),
    ]
    found = canonicalise(raw(nodes, STORED, output_type=to))
    dtype = helper.tensor_dtype_to_np_dtype(to)
    assert answers(found.raw).dtype == np.float32
    assert np.allclose(answers(found.raw), SCORES.astype(dtype).astype(np.float32), rtol=2e-3)
