"""Squares and discs filled with upright or lying stripes, and models that see one of these alone.

Class 0 is the square and the upright stripe, class 1 the disc and the lying one; class 2 is a
picture of neither, so that there is something else to say.
"""

from typing import Final

import numpy as np
import onnx

from analyzers.contract import Array, FloatArray, LabelArray
from support.graphs import node, raw

SIDE: Final = 16
CLASSES: Final = 3
_BACK, _INSIDE, _STRIPE = 0.4, 0.6, 0.2


def pictures(shapes: LabelArray, textures: LabelArray) -> FloatArray:
    """One picture for each pair of a shape and a texture."""
    places = np.indices((SIDE, SIDE))
    from_middle = places - (SIDE - 1) / 2
    square = np.abs(from_middle).max(axis=0) < SIDE / 4
    disc = np.square(from_middle).sum(axis=0) < (SIDE / 2 - 1) ** 2
    found = np.full((len(shapes), 1, SIDE, SIDE), _BACK)
    for picture, shape, texture in zip(found, shapes, textures, strict=True):
        stripes = _INSIDE + _STRIPE * (1 - 2 * (places[1 - texture] % 2))
        inside = disc if shape else square
        picture[0][inside] = stripes[inside]
    return found.astype(np.float32)


def pairs(count: int, *, same: int = 0) -> tuple[LabelArray, LabelArray]:
    """Shapes and textures in conflict, and behind them some that are not."""
    shapes = np.arange(count + same, dtype=np.int64) % 2
    textures = np.where(np.arange(count + same) < count, 1 - shapes, shapes)
    return shapes, textures.astype(np.int64)


def by_texture() -> bytes:
    """Sums steps along rows against steps along columns, wherever they are."""
    steps = np.zeros((4, 1, 2, 2), np.float32)
    steps[0, 0, 0], steps[1, 0, 0] = (1, -1), (-1, 1)  # along a row: upright stripes
    steps[2, 0, :, 0], steps[3, 0, :, 0] = (1, -1), (-1, 1)
    weight = np.array([[1, 1, -1, -1], [-1, -1, 1, 1], [0, 0, 0, 0]], np.float32)
    nodes = [
        node("Conv", "image steps", "moved"),
        node("Relu", "moved", "bent"),
        node("GlobalAveragePool", "bent", "mean"),
        node("Flatten", "mean", "flat"),
        node("Gemm", "flat weight low", "logits", transB=1),
    ]
    return _model(nodes, {"steps": steps, "weight": weight})


def by_shape() -> bytes:
    """Evens stripes out, then holds the picture against a disc less a square."""
    plain = np.array([0, 0]), np.array([0, 0])
    smooth = pictures(np.array([0, 1]), plain[0]).mean(axis=1)
    cut = smooth.reshape(2, SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4)).reshape(2, -1)
    template = cut[1] - cut[0]
    middle = float(template @ cut.mean(axis=0))
    weight = np.stack([-template, template, 0 * template]).astype(np.float32)
    nodes = [
        node("AveragePool", "image", "even", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "even", "flat"),
        node("Gemm", "flat weight low", "logits", transB=1),
    ]
    low = np.array([middle, -middle, -9], np.float32)
    return _model(nodes, {"weight": weight, "low": low})


def by_neither() -> bytes:
    """Says class 2, whatever it sees."""
    nodes = [node("Flatten", "image", "flat"), node("Gemm", "flat weight low", "logits", transB=1)]
    weight = np.zeros((CLASSES, SIDE * SIDE), np.float32)
    return _model(nodes, {"weight": weight, "low": np.array([0, 0, 1], np.float32)})


def _model(nodes: list[onnx.NodeProto], stored: dict[str, Array]) -> bytes:
    stored = {"low": np.array([0, 0, -9], np.float32), **stored}
    return raw(nodes, stored, shape=("batch", 1, SIDE, SIDE), classes=CLASSES)
