"""Fixed masks in a graph, and what is none; patches that a first convolution cuts."""

from collections.abc import Mapping

import numpy as np
import pytest

from analyzers.contract import Array, FixedMask, Places
from analyzers.graph.canonical import canonicalise
from analyzers.graph.places import places_of
from support.graphs import model, node, subject_of

DRAWN = np.random.default_rng(0)
HOLES = (DRAWN.random((1, 5, 6, 6)) < 0.5).astype(np.float32)
WEIGHTS = {
    "k": DRAWN.standard_normal((5, 3, 3, 3)).astype(np.float32),
    "w": DRAWN.standard_normal((4, 5)).astype(np.float32),
    "b": np.zeros(4, np.float32),
}
HEAD = [
    node("Relu", "x", "y"),
    node("GlobalAveragePool", "y", "pooled"),
    node("Flatten", "pooled", "flat"),
    node("Gemm", "flat w b", "logits", transB=1),
]
CONV = node("Conv", "image k", "maps", pads=[1, 1, 1, 1], name="stem")


def masked(value: Array, *, inputs: str = "maps mask") -> list[FixedMask]:
    """The masks of a net whose first maps are multiplied by a stored value."""
    net = model([CONV, node("Mul", inputs, "x"), *HEAD], {**WEIGHTS, "mask": value})
    return list(places_of(net).masks)


@pytest.mark.parametrize("inputs", ["maps mask", "mask maps"])
def test_a_defective_convolution_is_found(inputs: str) -> None:
    """A map of zeros and ones, on either side of the product, with its layer and its zeros."""
    zeros = int((HOLES == 0).sum())
    assert masked(HOLES, inputs=inputs) == [FixedMask("x", "stem", zeros, HOLES.size)]


@pytest.mark.parametrize("shape", [(5, 6, 6), (1, 1, 6, 6), (6, 6)])
def test_a_mask_may_be_the_same_for_all_channels(shape: tuple[int, ...]) -> None:
    """Whatever broadcasts over the maps and has places."""
    assert len(masked(HOLES.ravel()[: np.prod(shape)].reshape(shape))) == 1


@pytest.mark.parametrize("kept", ["holes maps nought", "solid nought maps"])
def test_a_choice_between_maps_and_zero_is_a_mask(kept: str) -> None:
    """As filling or choosing is exported: zeros where the choice is not the maps."""
    stored = {
        **WEIGHTS,
        "holes": HOLES > 0,
        "solid": HOLES == 0,
        "nought": np.array(0, np.float32),
        "one": np.array(1, np.float32),
    }
    found = places_of(model([CONV, node("Where", kept, "x"), *HEAD], stored)).masks
    assert list(found) == [FixedMask("x", "stem", int((HOLES == 0).sum()), HOLES.size)]
    other = [CONV, node("Where", kept.replace("nought", "one"), "x"), *HEAD]
    assert places_of(model(other, stored)).masks == []


def test_a_mask_spread_over_the_batch_is_a_mask() -> None:
    """Its shape comes from the maps when the model runs, its zeros from the file."""
    nodes = [
        CONV,
        node("Shape", "maps", "sizes"),
        node("Expand", "mask sizes", "spread"),
        node("Mul", "maps spread", "x"),
        *HEAD,
    ]
    assert len(places_of(model(nodes, {**WEIGHTS, "mask": HOLES})).masks) == 1


@pytest.mark.parametrize(
    "value",
    {
        "ones": np.ones((1, 5, 6, 6), np.float32),
        "a smooth window": np.full((1, 5, 6, 6), 0.3, np.float32),
        "nothing at all": np.zeros((1, 5, 6, 6), np.float32),
        "a factor a channel": np.array([0, 1, 1, 0, 1], np.float32).reshape(1, 5, 1, 1),
        "one number": np.array(0, np.float32),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_what_is_no_mask(value: tuple[str, Array]) -> None:
    """Without zeros, without anything else, or without places it masks no positions."""
    assert masked(value[1]) == []


def test_a_product_with_what_the_image_decides_is_none() -> None:
    """A gate multiplies maps too, and so do weights of flat features."""
    gate = [CONV, node("Sigmoid", "maps", "gate"), node("Mul", "maps gate", "x"), *HEAD]
    assert places_of(model(gate, WEIGHTS)).masks == []
    flat = [
        CONV,
        node("Flatten", "maps", "flat"),
        node("Mul", "flat pick", "some"),
        node("Gemm", "some wide b", "logits"),
    ]
    picked = {"pick": HOLES.reshape(1, -1), "wide": np.ones((HOLES.size, 4), np.float32)}
    assert places_of(model(flat, {**WEIGHTS, **picked})).masks == []


def test_masks_before_any_layer_are_of_the_image() -> None:
    """A window over the image is no layer's mask."""
    window = {**WEIGHTS, "window": HOLES[:, :3]}
    nodes = [
        node("Mul", "image window", "seen"),
        node("Conv", "seen k", "x", pads=[1, 1, 1, 1]),
        *HEAD,
    ]
    assert places_of(model(nodes, window)).masks == []


def test_a_mask_survives_on_the_way_to_a_subject() -> None:
    """What the service keeps of an upload still has it."""
    net = model([CONV, node("Mul", "maps mask", "x"), *HEAD], {**WEIGHTS, "mask": HOLES})
    raw = net.SerializeToString()
    assert len(subject_of(raw).places().masks) == 1
    assert canonicalise(raw).raw


def cut(kernel: int, weights: Mapping[str, Array] | None = None, **told: list[int]) -> Places:
    """A net that convolves once, with a square kernel."""
    stored = {**WEIGHTS, "k": DRAWN.standard_normal((5, 3, kernel, kernel)).astype(np.float32)}
    nodes = [node("Conv", "image k", "x", **told), *HEAD]
    return places_of(model(nodes, {**stored, **(weights or {})}))


def test_patches_are_cut_by_the_only_convolution() -> None:
    """Steps as wide as the kernel; overlapping, padded or single pixels are no patches."""
    assert cut(3, strides=[3, 3]).patch == (3, 3)
    assert cut(3, strides=[2, 2]).patch == (0, 0)
    assert cut(2, strides=[2, 2], pads=[1, 1, 1, 1]).patch == (0, 0)
    assert cut(2, strides=[2, 2], dilations=[2, 2]).patch == (0, 0)
    assert cut(1).patch == (0, 0)


def test_a_second_convolution_sees_across_patches() -> None:
    """Then positions are not all that a shuffle of patches changes."""
    more = {**WEIGHTS, "k": WEIGHTS["k"][..., :2, :2], "s": np.ones((5, 5, 3, 3), np.float32)}
    nodes = [
        node("Conv", "image k", "maps", strides=[2, 2]),
        node("Conv", "maps s", "x", pads=[1, 1, 1, 1]),
        *HEAD,
    ]
    assert places_of(model(nodes, more)).patch == (0, 0)
