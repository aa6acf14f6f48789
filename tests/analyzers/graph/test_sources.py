"""Uploaded weights are found again in the file that was made of them, or not used at all."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load

from analyzers.contract import Array
from analyzers.graph.canonical import canonicalise
from analyzers.graph.sources import parallel
from analyzers.graph.weights import conv_weights
from support.graphs import model, node
from support.inside import forward_subject

NETS = Path(__file__).parents[3] / "service" / "demo" / "nets"
RANDOM = np.random.default_rng(0)
FIRST, SECOND = (
    RANDOM.standard_normal(shape).astype(np.float32) for shape in ((4, 3, 3, 3), (4, 4, 3, 3))
)
GAIN = np.array([2.0, -0.5, 1e-3, 0.0], np.float32).reshape(4, 1, 1, 1)


def folded(first: Array, second: Array) -> onnx.ModelProto:
    """Two convolutions with the bias that a folded batch norm leaves behind."""
    nodes = [node("Conv", "image k bias", "a"), node("Conv", "a s bias", "logits")]
    return model(nodes, {"k": first, "s": second, "bias": np.ones(4, np.float32)})


def test_folded_layers_are_read_as_they_were_uploaded() -> None:
    """A factor an output, of either sign or zero, does not hide the source."""
    uploaded = {"features.3.weight": SECOND, "features.0.weight": FIRST}
    found = conv_weights(folded(FIRST * GAIN, SECOND * GAIN[::-1]), uploaded)
    assert (found.source, found.bn_folded, found.why_file) == ("upload", "no", "")
    assert [layer.origin for layer in found.layers] == ["features.0.weight", "features.3.weight"]
    assert all(layer.bn_folded == "no" for layer in found.layers)
    assert np.array_equal(found.layers[0].weight, FIRST)
    assert np.array_equal(found.layers[1].weight, SECOND)
    assert [layer.depth for layer in found.layers] == [0.0, 1.0]


def test_control_without_sources_the_folded_weights_are_what_there_is() -> None:
    """The file alone shows other numbers and does not know why."""
    found = conv_weights(folded(FIRST * GAIN, SECOND))
    assert (found.source, found.bn_folded) == ("file", "unknown")
    assert not np.array_equal(found.layers[0].weight, FIRST)


@pytest.mark.parametrize(
    "other", [SECOND[::-1], SECOND + np.float32(0.1), SECOND[:, ::-1], SECOND[:, :3]]
)
def test_weights_of_another_network_are_not_used(other: Array) -> None:
    """One layer that does not fit is enough to speak of the file, and it is named."""
    found = conv_weights(folded(FIRST, SECOND), {"a": FIRST, "b": np.ascontiguousarray(other)})
    assert found.source == "file"
    assert found.layers[1].name in found.why_file
    assert np.array_equal(found.layers[1].weight, SECOND)


def test_a_layer_used_twice_has_one_source() -> None:
    """Shared weights are one tensor of the upload at two places of the graph."""
    nodes = [
        node("Conv", "image k", "a"),
        node("Conv", "a s", "b", pads=[1] * 4),
        node("Conv", "b s", "logits"),
    ]
    found = conv_weights(model(nodes, {"k": FIRST, "s": SECOND}), {"k": FIRST, "s": SECOND})
    assert [layer.origin for layer in found.layers] == ["k", "s", "s"]


def test_half_precision_keeps_its_direction() -> None:
    """Rounding to half precision is no other network; noise of a per cent is one."""
    assert parallel(SECOND.astype(np.float16).astype(np.float32), SECOND)
    noisy = SECOND * (1 + 0.05 * RANDOM.standard_normal(SECOND.shape)).astype(np.float32)
    assert not parallel(noisy, SECOND)


def test_numbers_that_are_none_fit_nothing() -> None:
    """NaN points nowhere, and whole numbers are no weights."""
    assert not parallel(SECOND, np.full_like(SECOND, np.nan))
    assert not parallel(SECOND, SECOND.astype(np.int64))


@pytest.mark.parametrize("name", ["normal", "robust"])
def test_the_demo_nets_are_found_in_their_weights(name: str) -> None:
    """The exporter folded their batch norms; all six kernels are found again by direction."""
    uploaded = load((NETS / f"{name}.safetensors").read_bytes())
    raw = (NETS / f"{name}.onnx").read_bytes()
    found = forward_subject(raw, source_weights=uploaded).conv_weights()
    assert found.source == "upload"
    assert [layer.origin for layer in found.layers] == [f"{at}.weight" for at in range(0, 18, 3)]
    plain = conv_weights(onnx.ModelProto.FromString(canonicalise(raw).raw))
    assert not np.allclose(plain.layers[0].weight, found.layers[0].weight)
