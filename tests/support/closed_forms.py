"""Small ONNX classifiers whose robustness under Linf can be computed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from analyzers.contract import Array, FloatArray, LabelArray

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """Logits ``pixels @ weight + bias`` over pictures of one shape (channels, height, width)."""

    shape: tuple[int, int, int]
    weight: Weights
    bias: Weights

    def logits(self, images: Array) -> Weights:
        """Logits in float64."""
        return images.reshape(len(images), -1).astype(np.float64) @ self.weight + self.bias

    def margins(self, images: Array, labels: LabelArray, eps: str) -> Weights:
        """Smallest lead of the true class over any other that an attacker can force.

        Each lead is linear, so its least value over the ball, cut to [0, 1], is at a corner; the
        image is robust exactly when every one of them stays positive.
        """
        flat = images.reshape(len(images), -1).astype(np.float64)
        size = float(Fraction(eps))
        low, high = np.maximum(flat - size, 0), np.minimum(flat + size, 1)
        found = np.full(len(flat), np.inf)
        for row, label in enumerate(labels):
            for other in set(range(self.weight.shape[1])) - {int(label)}:
                lead: Weights = self.weight[:, label] - self.weight[:, other]
                force = np.maximum(lead, 0) @ low[row] + np.minimum(lead, 0) @ high[row]
                least = float(force) + self.bias[label] - self.bias[other]
                found[row] = min(found[row], least)
        return found

    def tally(self, images: Array, labels: LabelArray, eps: str) -> tuple[int, int, int]:
        """How many stand, are broken and are wrong; refuses pictures too near to call."""
        clean, forced = self.margins(images, labels, "0"), self.margins(images, labels, eps)
        assert min(np.abs(clean).min(), np.abs(forced).min()) > 1e-4
        wrong, stand = int((clean < 0).sum()), int((forced > 0).sum())
        return stand, len(labels) - wrong - stand, wrong


def save_graph(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    stored: dict[str, Array],
    *,
    shape: Sequence[int],
    classes: int,
    batch: int | str = "batch",
) -> Path:
    """An ONNX file from ``image`` to ``logits``."""
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "closed",
        [tensor("image", onnx.TensorProto.FLOAT, [batch, *shape])],
        [tensor("logits", onnx.TensorProto.FLOAT, [batch, classes])],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    model: Any = helper.make_model(graph, opset_imports=opset, ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def save_linear(
    path: Path,
    one: Linear,
    *,
    layout: Literal["nchw", "nhwc"] = "nchw",
    batch: int | str = "batch",
    softmax: bool = False,
    scale: float = 1.0,
) -> Path:
    """The classifier as a file: same decisions, whichever way it is written."""
    nodes: list[onnx.NodeProto] = []
    channels, height, width = one.shape
    source, shape = "image", one.shape
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 3, 1, 2]))
        source, shape = "turned", (height, width, channels)
    result = "scores" if softmax else "logits"
    nodes += [
        helper.make_node("Flatten", [source], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "weight", "bias"], [result]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["scores"], ["logits"], axis=1))
    stored = {
        "weight": (one.weight * scale).astype(np.float32),
        "bias": (one.bias * scale).astype(np.float32),
    }
    return save_graph(path, nodes, stored, shape=shape, classes=len(one.bias), batch=batch)


def save_staircase(path: Path, shape: tuple[int, int, int], classes: int) -> Path:
    """Class ``round(first pixel * classes - 1/2)``: never a slope."""
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "pick", "half"], ["level"]),
        helper.make_node("Round", ["level"], ["step"]),
        helper.make_node("Sub", ["step", "names"], ["apart"]),
        helper.make_node("Mul", ["apart", "apart"], ["far"]),
        helper.make_node("Neg", ["far"], ["logits"]),
    ]
    pick = np.zeros((int(np.prod(shape)), classes), np.float32)
    pick[0] = classes
    names = np.arange(classes, dtype=np.float32)
    half = np.full(classes, -0.5, np.float32)
    stored = {"pick": pick, "half": half, "names": names}
    return save_graph(path, nodes, stored, shape=shape, classes=classes)


def one_pixel_a_class(shape: tuple[int, int, int], classes: int) -> Linear:
    """Each class is the brightness of a pixel of its own."""
    weight = np.zeros((int(np.prod(shape)), classes))
    weight[np.arange(classes) * 2, np.arange(classes)] = 1.0
    return Linear(shape, weight, np.zeros(classes))


def bright_or_dark(shape: tuple[int, int, int]) -> Linear:
    """Two classes: whether the left of two pixels is brighter than the right one."""
    weight = np.zeros((int(np.prod(shape)), 2))
    weight[0] = (1.0, -1.0)
    weight[1] = (-0.5, 0.5)
    return Linear(shape, weight, np.array([0.0, 0.2]))


def three_ways(shape: tuple[int, int, int]) -> Linear:
    """Three classes over six pixels with weights of both signs, so that targets differ."""
    weight = np.zeros((int(np.prod(shape)), 3))
    weight[:6] = np.array(
        [[2, -1, 0], [0, 2, -1], [-1, 0, 2], [1, 1, -2], [-2, 1, 1], [1, -2, 1]], np.float64
    )
    return Linear(shape, weight, np.array([0.1, -0.1, 0.0]))


def pictures_for(
    one: Linear, count: int, eps: str, *, seed: int, wrong: int = 0
) -> tuple[npt.NDArray[np.uint8], LabelArray]:
    """8-bit pictures, none too near to call, ``wrong`` of them under another label."""
    rng = np.random.default_rng(seed)
    images = rng.integers(40, 216, (count * 6, *one.shape), np.uint8)
    pixels = unit(images)
    labels = np.argmax(one.logits(pixels), axis=1)
    clean, forced = one.margins(pixels, labels, "0"), one.margins(pixels, labels, eps)
    kept = np.flatnonzero((clean > 1e-2) & (np.abs(forced) > 1e-2))[:count]
    assert len(kept) == count
    told = labels[kept].astype(np.int64)
    told[:wrong] = (told[:wrong] + 1) % len(one.bias)
    return images[kept], told


def unit(images: Array) -> FloatArray:
    """8-bit pictures as [0,1] pixels."""
    return images.astype(np.float32) / np.float32(255)
