"""Normalising goes as far as the uploaded bytes agree, and no further."""

import numpy as np
import pytest

from analyzers.contract import Refusal
from analyzers.engines import agreement
from analyzers.engines.agreement import agreed
from analyzers.engines.selfcheck import self_check
from analyzers.graph.canonical import CanonicalModel, canonicalise
from analyzers.graph.normalise import WORKING_OPSET, Wish
from support.graphs import node, raw, small_net

SHAPE = (3, 8, 8)


def test_an_honest_net_goes_all_the_way() -> None:
    """Working opset, open batch, the same answers."""
    model, check = agreed(small_net(shape=SHAPE))
    assert (model.opset, model.batch, check.batch) == (WORKING_OPSET, "free", "free")
    assert check.upload_gap == 0.0


def test_a_file_keeps_the_opset_that_the_runtime_knows() -> None:
    """Random operators exist in old versions only; the file runs, and is then seen through."""
    nodes = [node("RandomUniformLike", "image", "r"), node("Add", "image r", "pixels")]
    with pytest.raises(Refusal) as caught:
        agreed(small_net(shape=SHAPE, first=nodes))
    assert caught.value.code == "MODEL_UNSTABLE"


def test_what_cannot_be_read_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lesser wish mends no refusal of the reader, so there is no second try."""
    tries: list[Wish | None] = []

    def counted(upload: bytes, wish: Wish | None = None) -> CanonicalModel:
        tries.append(wish)
        return canonicalise(upload, wish)

    monkeypatch.setattr(agreement, "canonicalise", counted)
    foreign = [node("Strange", "image", "pixels", domain="own")]
    with pytest.raises(Refusal):
        agreed(small_net(shape=SHAPE, first=foreign))
    assert len(tries) == 1


def test_a_tail_is_put_back_for_the_comparison() -> None:
    """The upload answers with probabilities, the canonical file with scores; they agree."""
    weight = np.random.default_rng(0).normal(size=(4, 108)).astype(np.float32)
    nodes = [
        node("Flatten", "image", "flat"),
        node("Gemm", "flat w", "scores", transB=1),
        node("Softmax", "scores", "logits"),
    ]
    model, check = agreed(raw(nodes, {"w": weight}))
    assert model.tail == "softmax"
    assert check.upload_gap is not None
    assert check.upload_gap < 1e-5


def test_a_net_that_mixes_its_batch_keeps_one_image_at_a_time() -> None:
    """Freeing the axis would change the answers, so images run one by one."""
    nodes = [node("ReduceMean", "image zero", "m"), node("Sub", "image m", "pixels")]
    _, check = agreed(small_net(shape=SHAPE, first=nodes, weights={"zero": np.array([0])}))
    assert check.batch == "one"


def test_a_logarithm_of_probabilities_is_put_back_too() -> None:
    """Softmax and logarithm apart are as common as both in one."""
    weight = np.random.default_rng(0).normal(size=(4, 108)).astype(np.float32)
    nodes = [
        node("Flatten", "image", "flat"),
        node("Gemm", "flat w", "scores", transB=1),
        node("Softmax", "scores", "p"),
        node("Log", "p", "logits"),
    ]
    model, check = agreed(raw(nodes, {"w": weight}))
    assert model.tail == "log_of_softmax"
    assert check.upload_gap is not None


def test_an_open_batch_axis_that_the_inside_breaks_is_replayed_one_by_one() -> None:
    """The canonical file is mended; the upload is as it is, and is asked as it can be asked."""
    nodes = [node("Reshape", "image sizes", "pixels")]
    upload = small_net(shape=SHAPE, first=nodes, weights={"sizes": np.array([1, *SHAPE])})
    model, check = agreed(upload)
    assert (model.upload_batch, check.batch, check.replay_batch) == ("free", "free", "one")


def test_sizes_that_a_file_computes_are_settled_before_its_batch_is_opened() -> None:
    """Older exports ask tensors for their sizes; in a batch of one these are known.

    The control: without settling them, the same file runs image by image.
    """
    nodes = [
        node("Shape", "image", "sizes"),
        node("Gather", "sizes zero", "count"),
        node("Add", "count two", "more"),
        node("Mod", "more two", "odd"),
        node("Unsqueeze", "odd where", "first"),
        node("Concat", "first rest", "target", axis=0),
        node("Reshape", "image target", "maps"),
        node("Concat", "token maps", "all", axis=1),
        node("Flatten", "all", "flat"),
        node("Gemm", "flat w", "logits", transB=1),
    ]
    drawn = np.random.default_rng(0)
    stored = {
        "zero": np.array(0),
        "two": np.array(2),
        "where": np.array([0]),
        "rest": np.array([3, 64]),
        "token": drawn.normal(size=(1, 1, 64)).astype(np.float32),
        "w": drawn.normal(size=(4, 256)).astype(np.float32),
    }
    upload = raw(nodes, stored, shape=(1, *SHAPE))
    _, check = agreed(upload)
    assert check.batch == "free"
    assert self_check(canonicalise(upload)).batch == "one"
