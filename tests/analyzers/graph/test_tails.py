"""Softmax and its like are cut off; whatever else looks like them stays."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest

from analyzers.contract import Array
from analyzers.graph.canonical import CanonicalModel, canonicalise
from support.graphs import node, raw, reference_answers

WEIGHT = np.random.default_rng(0).normal(size=(4, 108)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(size=(5, 3, 6, 6)).astype(np.float32)
SCORES = IMAGES.reshape(5, -1) @ WEIGHT.T
HEAD = [node("Flatten", "image", "flat"), node("Gemm", "flat w", "scores", transB=1)]


def found(tail: Sequence[onnx.NodeProto], **told: Array) -> CanonicalModel:
    """The canonical form of a linear model with this behind its scores."""
    return canonicalise(raw([*HEAD, *tail], {"w": WEIGHT, **told}))


def answers(model: CanonicalModel) -> Array:
    """What it says of the images."""
    return reference_answers(model.raw, IMAGES)


FOUR = np.array([0, 4, 1, 1])
TAILS: dict[str, tuple[str, list[onnx.NodeProto]]] = {
    "softmax": ("softmax", [node("Softmax", "scores", "logits")]),
    "by its axis": ("softmax", [node("Softmax", "scores", "logits", axis=1)]),
    "logarithm": ("log_softmax", [node("LogSoftmax", "scores", "logits")]),
    "sigmoid": ("sigmoid", [node("Sigmoid", "scores", "logits")]),
    "in two steps": (
        "log_of_softmax",
        [node("Softmax", "scores", "p"), node("Log", "p", "logits")],
    ),
    "behind an identity": (
        "softmax",
        [node("Softmax", "scores", "p"), node("Identity", "p", "logits")],
    ),
    "behind a product with one": (
        "softmax",
        [node("Softmax", "scores", "p"), node("Mul", "p one", "logits")],
    ),
    "behind a sum with nothing": (
        "softmax",
        [node("Softmax", "scores", "p"), node("Add", "p nothing", "logits")],
    ),
    "turned twice": (
        "softmax",
        [
            node("Softmax", "scores", "p"),
            node("Transpose", "p", "aside", perm=[1, 0]),
            node("Transpose", "aside", "logits", perm=[1, 0]),
        ],
    ),
    "on maps of one pixel": (
        "softmax",
        [
            node("Reshape", "scores four", "maps"),
            node("Softmax", "maps", "p", axis=1),
            node("Flatten", "p", "logits"),
        ],
    ),
}


@pytest.mark.parametrize("name", TAILS)
def test_scores_are_recovered(name: str) -> None:
    """What is judged is what went into the tail, to the last digits."""
    tail, nodes = TAILS[name]
    told = {"four": FOUR, "one": np.ones(1, np.float32), "nothing": np.zeros(1, np.float32)}
    model = found(nodes, **told)
    assert tail in model.tail
    assert not any(word in model.raw for word in (b"Softmax", b"Sigmoid", b"Log"))
    assert np.allclose(answers(model), SCORES, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Softmax", "scores", "logits", axis=0)],
        [node("Softmax", "scores", "p"), node("Relu", "p", "logits")],
        [node("Exp", "scores", "e"), node("Log", "e", "logits")],
        [node("Sigmoid", "scores", "s"), node("Mul", "s scores", "logits")],
    ],
    ids=["over the batch", "before a nonlinearity", "a logarithm of powers", "inside a SiLU"],
)
def test_what_ranks_differently_stays(nodes: list[onnx.NodeProto]) -> None:
    """Only a tail that ranks one image's classes alike is left out."""
    model = found(nodes)
    assert model.tail == ""
    assert not np.allclose(answers(model), SCORES, atol=1e-3) or nodes[0].op_type == "Exp"


def test_a_bare_model_has_no_tail() -> None:
    """Nothing is cut where nothing hangs on."""
    nodes = [HEAD[0], node("Gemm", "flat w", "logits", transB=1)]
    plain = canonicalise(raw(nodes, {"w": WEIGHT}))
    assert plain.tail == ""
    assert plain.digest == found([node("Softmax", "scores", "logits")]).digest
