"""Graphs written for one image answer a batch as they answer its images, one by one."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest

from analyzers.contract import Array
from analyzers.graph.canonical import canonicalise
from analyzers.graph.normalise import Wish
from support.graphs import node, raw, reference_answers

DRAWN = np.random.default_rng(0)
IMAGES = DRAWN.uniform(size=(5, 3, 6, 6)).astype(np.float32)


def weights(*shape: int) -> Array:
    """Random numbers of this shape."""
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def sizes(*numbers: int) -> Array:
    """A target of Reshape and its like."""
    return np.array(numbers, np.int64)


READ_OUT = [node("Gemm", "flat w", "logits", transB=1)]
GRAPHS: dict[str, tuple[list[onnx.NodeProto], dict[str, Array]]] = {
    "the rest": (
        [node("Reshape", "image to", "flat"), *READ_OUT],
        {"to": sizes(1, -1), "w": weights(4, 108)},
    ),
    "all sizes": (
        [node("Reshape", "image to", "flat"), *READ_OUT],
        {"to": sizes(1, 108), "w": weights(4, 108)},
    ),
    "more axes": (
        [
            node("Reshape", "image to", "parts"),
            node("Transpose", "parts", "turned", perm=[0, 2, 1, 3]),
            node("Reshape", "turned back", "flat"),
            *READ_OUT,
        ],
        {"to": sizes(1, 3, 9, 4), "back": sizes(1, 108), "w": weights(4, 108)},
    ),
    "fewer axes": (
        [
            node("Reshape", "image to", "rows"),
            node("MatMul", "rows m", "mixed"),
            node("Reshape", "mixed back", "flat"),
            *READ_OUT,
        ],
        {"to": sizes(18, 6), "m": weights(6, 6), "back": sizes(1, 108), "w": weights(4, 108)},
    ),
    "a class token": (
        [
            node("Reshape", "image to", "maps"),
            node("Transpose", "maps", "tokens", perm=[0, 2, 1]),
            node("Concat", "token tokens", "all", axis=1),
            node("ReduceMean", "all where", "flat", keepdims=0),
            *READ_OUT,
        ],
        {
            "to": sizes(1, 3, 36),
            "token": weights(1, 1, 3),
            "where": sizes(1),
            "w": weights(4, 3),
        },
    ),
    "heads beside the batch": (
        [
            node("Reshape", "image to", "maps"),
            node("Transpose", "maps", "tokens", perm=[2, 0, 1]),
            node("Reshape", "tokens split", "heads"),
            node("Transpose", "heads", "each", perm=[1, 0, 2]),
            node("Transpose", "heads", "other", perm=[1, 2, 0]),
            node("MatMul", "each other", "scores"),
            node("Softmax", "scores", "share"),
            node("MatMul", "share each", "seen"),
            node("Transpose", "seen", "back", perm=[1, 0, 2]),
            node("Reshape", "back join", "joined"),
            node("ReduceMean", "joined where", "flat", keepdims=0),
            *READ_OUT,
        ],
        {
            "to": sizes(1, 6, 18),
            "split": sizes(18, 2, 3),
            "join": sizes(18, 1, 6),
            "where": sizes(0),
            "w": weights(4, 6),
        },
    ),
    "tokens merged with the batch": (
        [
            node("Reshape", "image to", "maps"),
            node("Transpose", "maps", "tokens", perm=[2, 0, 1]),
            node("Reshape", "tokens split", "heads"),
            node("Reshape", "heads join", "rows"),
            node("Gemm", "rows mix", "mixed", transB=1),
            node("Reshape", "mixed part", "parted"),
            node("ReduceMean", "parted where", "flat", keepdims=0),
            *READ_OUT,
        ],
        {
            "to": sizes(1, 6, 18),
            "split": sizes(18, 1, 2, 3),
            "join": sizes(18, 6),
            "mix": weights(6, 6),
            "part": sizes(18, 1, 6),
            "where": sizes(0),
            "w": weights(4, 6),
        },
    ),
    "places in one row": (
        [
            node("GlobalAveragePool", "image", "means"),
            node("Reshape", "means to", "row"),
            node("Gather", "row places", "picked"),
            node("Reshape", "picked back", "flat"),
            *READ_OUT,
        ],
        {
            "to": sizes(-1),
            "places": np.array([[[2], [0], [1]]]),
            "back": sizes(1, 3),
            "w": weights(4, 3),
        },
    ),
    "a resize to sizes": (
        [
            node("Resize", "image - - to", "small", mode="nearest"),
            node("Flatten", "small", "flat"),
            *READ_OUT,
        ],
        {"to": sizes(1, 3, 3, 3), "w": weights(4, 27)},
    ),
}


def one_by_one(body: bytes) -> Array:
    """The answers of a model that takes one image at a time."""
    return np.concatenate(
        [reference_answers(body, IMAGES[at : at + 1]) for at in range(len(IMAGES))]
    )


def upload(nodes: Sequence[onnx.NodeProto], stored: Mapping[str, Array], first: int | str) -> bytes:
    """A model whose batch axis is this."""
    return raw(nodes, stored, shape=(first, 3, 6, 6))


@pytest.mark.parametrize("first", [1, "n"], ids=["declared", "baked in"])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_batch_is_answered_like_its_images(name: str, first: int | str) -> None:
    """Also where the input's axis is open and only the inside says 1."""
    body = upload(*GRAPHS[name], first)
    found = canonicalise(body)
    assert found.batch == "free"
    assert found.upload_batch == ("one" if first == 1 else "free")
    assert np.allclose(reference_answers(found.raw, IMAGES), one_by_one(body), atol=1e-5)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_control_does_not_take_a_batch(name: str) -> None:
    """Left as it was written, the graph fails or answers wrongly: there is something to mend."""
    body = upload(*GRAPHS[name], 1)
    kept = canonicalise(body, Wish(free=False))
    assert kept.batch == "one"
    try:
        found = reference_answers(kept.raw, IMAGES)
    except Exception:  # noqa: BLE001 - each operator complains in its own way
        return
    assert found.shape != (5, 4) or not np.allclose(found, one_by_one(body), atol=1e-5)


def test_a_target_that_is_right_is_left_alone() -> None:
    """A graph that takes batches keeps its bytes."""
    nodes = [node("Reshape", "image to", "flat"), *READ_OUT]
    stored = {"to": sizes(-1, 108), "w": weights(4, 108)}
    body = upload(nodes, stored, "n")
    assert canonicalise(body).raw == canonicalise(body, Wish(free=False)).raw
