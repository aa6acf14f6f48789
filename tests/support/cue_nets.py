"""Networks that go by one cue alone, with pictures of shapes filled with stripes."""

import numpy as np

from analyzers.contract import FloatArray, LabelArray
from support.graphs import node, raw

SIDE = 32
PERIOD = 4
CELLS = 4
"""Cells a side of the pictures in which one cell is bright."""
_MAP = ("batch", 1, SIDE, SIDE)


def bag_of_pixels(shape: tuple[int, int, int] = (3, SIDE, SIDE), classes: int = 5) -> bytes:
    """One pixel at a time, then the mean: no order of pixels can change its answer."""
    drawn = np.random.default_rng(0)
    stored = {
        "k": drawn.normal(size=(16, shape[0], 1, 1)).astype(np.float32),
        "c": drawn.normal(size=16).astype(np.float32) / 4,
        "w": drawn.normal(size=(classes, 16)).astype(np.float32),
        "b": np.zeros(classes, np.float32),
    }
    nodes = [
        node("Conv", "image k c", "maps"),
        node("Relu", "maps", "active"),
        node("GlobalAveragePool", "active", "pooled"),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat w b", "logits", transB=1),
    ]
    return raw(nodes, stored, shape=("batch", *shape), classes=classes)


def bright_cell() -> bytes:
    """One class for each cell of the picture: the brightest wins, and nothing else counts."""
    weight = np.zeros((CELLS, CELLS, SIDE, SIDE), np.float32)
    size = SIDE // CELLS
    for row in range(CELLS):
        for column in range(CELLS):
            here = slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size)
            weight[row, column][here] = 1
    stored = {"w": weight.reshape(CELLS**2, -1), "b": np.zeros(CELLS**2, np.float32)}
    nodes = [node("Flatten", "image", "flat"), node("Gemm", "flat w b", "logits", transB=1)]
    return raw(nodes, stored, shape=_MAP, classes=CELLS**2)


def bright_cells(count: int) -> tuple[FloatArray, LabelArray]:
    """Pictures for it: one cell of noise that is brighter than the noise elsewhere."""
    drawn = np.random.default_rng(1)
    labels = np.arange(count, dtype=np.int64) % CELLS**2
    images = drawn.random((count, 1, SIDE, SIDE), np.float32) * np.float32(0.3)
    size = SIDE // CELLS
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = (size * one for one in divmod(label, CELLS))
        image[0, row : row + size, column : column + size] += np.float32(0.5)
    return images, labels


def stripes_only() -> bytes:
    """Energy of lying or standing stripes, wherever they are; class 2: hardly any."""
    wave = np.array([[1, 0, -1, 0], [0, 1, 0, -1]], np.float32)
    down = np.broadcast_to(wave[:, None, :, None], (2, 1, PERIOD, PERIOD))
    kernels = np.concatenate([down, down.transpose(0, 1, 3, 2)])
    stored = {
        "k": kernels,
        "w": np.array([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]], np.float32),
        "b": np.array([0, 0, 0.6], np.float32),
    }
    nodes = [
        node("Conv", "image k", "maps"),
        node("Mul", "maps maps", "energy"),
        node("GlobalAveragePool", "energy", "pooled"),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat w b", "logits", transB=1),
    ]
    return raw(nodes, stored, shape=_MAP, classes=3)


def outlines_only() -> bytes:
    """Brightness where only the disc is, against where only the cross is: stripes even out."""
    disc, cross = outlines()
    weight = np.stack([disc & ~cross, cross & ~disc]).reshape(2, -1).astype(np.float32)
    stored = {"w": weight / weight.sum(axis=1, keepdims=True), "b": np.zeros(2, np.float32)}
    nodes = [node("Flatten", "image", "flat"), node("Gemm", "flat w b", "logits", transB=1)]
    return raw(nodes, stored, shape=_MAP, classes=2)


def outlines() -> tuple[np.ndarray, np.ndarray]:
    """A disc and a cross about the middle."""
    down, right = np.abs(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2)
    return down**2 + right**2 < 9**2, (np.minimum(down, right) < 3) & (down + right < SIDE / 2 + 2)


def striped_shapes(count: int) -> tuple[FloatArray, LabelArray, LabelArray]:
    """Disc or cross, filled with lying or standing stripes: pictures, shapes, stripes."""
    drawn = np.random.default_rng(2)
    shapes = np.arange(count, dtype=np.int64) % 2
    stripes = np.arange(count, dtype=np.int64) // 2 % 2
    images = np.full((count, 1, SIDE, SIDE), 0.3, np.float32)
    places = np.arange(SIDE)
    for image, shape, lying in zip(images, shapes.tolist(), stripes.tolist(), strict=True):
        shift = drawn.random() * 2 * np.pi
        wave = 0.6 + 0.25 * np.sin(2 * np.pi * places / PERIOD + shift)
        # Class 0 varies from row to row: lying stripes.
        filled = np.broadcast_to(wave[None] if lying else wave[:, None], (SIDE, SIDE))
        image[0] = np.where(outlines()[shape], filled, image[0])
    return images, shapes, stripes
