"""A model that contradicts itself is refused or run more carefully, never trusted."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest

from analyzers.contract import Array, Refusal
from analyzers.engines.gaps import relative_gap
from analyzers.engines.selfcheck import SelfCheck, probe_images, self_check
from analyzers.graph.canonical import canonicalise
from support.graphs import node, raw, small_net

SHAPE = (3, 8, 8)


def checked(
    first: Sequence[onnx.NodeProto] = (), weights: Mapping[str, Array] | None = None
) -> SelfCheck:
    """The check of a small net behind some nodes."""
    return self_check(canonicalise(small_net(shape=SHAPE, first=first, weights=weights, opset=20)))


def refused(first: Sequence[onnx.NodeProto], weights: Mapping[str, Array] | None = None) -> str:
    """The code with which a small net behind some nodes is refused."""
    with pytest.raises(Refusal) as caught:
        checked(first, weights)
    return caught.value.code


def test_an_honest_net_runs_freely() -> None:
    """Batches are free, gradients exist, and the engines agree to float32."""
    found = checked()
    assert (found.batch, found.gradient_gap) == ("free", "")
    assert found.parity is not None
    assert found.parity < 1e-5


def test_a_net_that_mixes_its_batch_runs_image_by_image() -> None:
    """Batch statistics at run time, as a net left in training mode has them."""
    nodes = [node("ReduceMean", "image zero", "m"), node("Sub", "image m", "pixels")]
    assert checked(nodes, {"zero": np.array([0])}).batch == "one"


def test_a_graph_that_fixes_its_batch_inside_is_freed() -> None:
    """A Reshape with a leading 1 fails for more than one image; its target is mended."""
    nodes = [node("Reshape", "image sizes", "pixels")]
    assert checked(nodes, {"sizes": np.array([1, 3, 8, 8])}).batch == "free"


def test_logits_that_are_no_numbers_are_refused() -> None:
    """The logarithm of a black picture is minus infinity."""
    assert refused([node("Log", "image", "pixels")]) == "MODEL_LOGITS_NOT_FINITE"


def test_an_operator_without_a_slope_is_named() -> None:
    """The model stays usable; what is missing is said."""
    nodes = [
        node("Unsqueeze", "image last", "wide"),
        node("DFT", "wide - second", "waves", inverse=0),
        node("ReduceSum", "waves last", "pixels", keepdims=0),
    ]
    found = checked(nodes, {"last": np.array([-1]), "second": np.array(-2)})
    assert found.gradient_gap == "op DFT at DFT_0"
    assert found.parity is None


def test_the_number_of_classes_is_what_comes_out() -> None:
    """A file that declares seven and answers 192 has 192."""
    nodes = [node("Flatten", "image", "logits")]
    found = canonicalise(raw(nodes, shape=("n", *SHAPE), classes=7))
    assert found.classes == 192
    assert self_check(found).batch == "free"


def test_a_canonical_file_that_answers_differently_is_refused() -> None:
    """Whatever rewriting did to it, it may not speak for this upload."""
    upload, other = small_net(shape=SHAPE), small_net(shape=SHAPE, factor=1.01)
    assert self_check(canonicalise(upload), upload).upload_gap == 0.0
    with pytest.raises(Refusal) as caught:
        self_check(canonicalise(other), upload)
    assert caught.value.code == "MODEL_CANONICAL_DIFFERS"


def test_probes_are_the_same_everywhere() -> None:
    """Black, white, grey and noise from a generator that numpy promises to keep."""
    found = probe_images((1, 2, 2))
    assert found.shape == (6, 1, 2, 2)
    assert [one.mean() for one in found[:3]] == [0.0, 1.0, 0.5]
    assert found[3].ravel().tolist() == pytest.approx(
        [0.0115467, 0.2415492, 0.1114258, 0.5644146], abs=1e-6
    )
    assert np.array_equal(found, probe_images((1, 2, 2)))


def test_gap_is_relative() -> None:
    """A thousand times larger logits have the same gap; silence has none."""
    one, other = np.array([[1.0, 2.0]], np.float32), np.array([[1.0, 2.5]], np.float32)
    assert relative_gap(one, other) == pytest.approx(1 / 3)
    assert relative_gap(1000 * one, 1000 * other) == pytest.approx(1 / 3)
    assert relative_gap(0 * one, 0 * one) == 0.0


def test_common_offset_hides_no_gap() -> None:
    """What is added to all classes alike changes no decision, and neither the gap."""
    one, other = np.array([[1.0, 2.0]], np.float32), np.array([[1.0, 2.5]], np.float32)
    assert relative_gap(one + 1000, other + 1000) == pytest.approx(1 / 3, rel=1e-3)
    naive = float(np.abs(one - other).max() / np.abs(other + 1000).max())
    assert naive < 1e-3, "the control: measured by the largest logit, the same gap looks like noise"
