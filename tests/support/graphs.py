"""Small ONNX models, and subjects made of them."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from analyzers.contract import Array, FloatArray, InputSpec, Json, SubjectFacts
from analyzers.engines.agreement import agreed
from analyzers.engines.selfcheck import self_check
from analyzers.engines.subject import OnnxSubject
from analyzers.engines.uploaded import Upload
from analyzers.graph.canonical import canonicalise
from analyzers.graph.normalise import Wish


def node(operator: str, inputs: str, outputs: str, **attributes: Json) -> onnx.NodeProto:
    """A node; names are separated by spaces, ``-`` is an absent one."""
    before, after = (
        ["" if name == "-" else name for name in told.split()] for told in (inputs, outputs)
    )
    return helper.make_node(operator, before, after, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, Array] | None = None,
    *,
    shape: Sequence[int | str] = ("batch", 3, 6, 6),
    classes: int | str = 4,
    opset: int = 18,
    **changed: Json,
) -> onnx.ModelProto:
    """A model from ``image`` to ``logits``."""
    float32 = onnx.TensorProto.FLOAT
    axes = changed.pop("output_shape", [shape[0], classes])
    stored = [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(
        list(nodes),
        changed.pop("graph_name", "toy"),
        [helper.make_tensor_value_info("image", changed.pop("input_type", float32), shape)],
        [helper.make_tensor_value_info("logits", changed.pop("output_type", float32), axes)],
        stored,
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, **{"ir_version": 10, **changed})


def raw(*args: Json, **kwargs: Json) -> bytes:
    """The same as bytes."""
    return model(*args, **kwargs).SerializeToString()


def linear(
    weight: Array, bias: Array, shape: tuple[int, int, int], *, factor: float = 1.0
) -> bytes:
    """Logits that are linear in the pixels: one row of ``weight`` a class."""
    stored = {
        "weight": (factor * weight).astype(np.float32),
        "bias": (factor * bias).astype(np.float32),
    }
    nodes = [node("Flatten", "image", "flat"), node("Gemm", "flat weight bias", "logits", transB=1)]
    return raw(nodes, stored, shape=("batch", *shape), classes=len(weight))


def small_net(
    *,
    seed: int = 0,
    shape: tuple[int, int, int] = (3, 8, 8),
    classes: int = 5,
    factor: float = 1.0,
    first: Sequence[onnx.NodeProto] = (),
    weights: Mapping[str, Array] | None = None,
    opset: int = 18,
) -> bytes:
    """Convolution, ReLU, linear, with random weights; ``first`` maps ``image`` to ``pixels``."""
    drawn = np.random.default_rng(seed)
    channels, height, width = shape
    flat = 6 * ((height + 1) // 2) * ((width + 1) // 2)
    stored = {
        "kernel": drawn.normal(size=(6, channels, 3, 3)).astype(np.float32),
        "offset": drawn.normal(size=6).astype(np.float32),
        "weight": (factor * drawn.normal(size=(classes, flat)) / flat**0.5).astype(np.float32),
        "bias": np.zeros(classes, np.float32),
        **(weights or {}),
    }
    nodes = [
        *(first or [node("Identity", "image", "pixels")]),
        node("Conv", "pixels kernel offset", "maps", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", "maps", "active"),
        node("Flatten", "active", "flat"),
        node("Gemm", "flat weight bias", "logits", transB=1),
    ]
    return raw(nodes, stored, shape=("batch", *shape), classes=classes, opset=opset)


def unruled_net(shape: tuple[int, int, int] = (3, 8, 8)) -> bytes:
    """A small net behind an operator without a gradient rule, which changes nothing."""
    channels, height, width = shape
    first = [
        node("Reshape", "image rows", "columns"),
        node("Col2Im", "columns size block", "pixels"),
    ]
    weights = {
        "rows": np.array([0, channels, height * width]),
        "size": np.array([height, width]),
        "block": np.array([1, 1]),
    }
    return small_net(shape=shape, first=first, weights=weights)


def curved_net(
    *, seed: int = 0, shape: tuple[int, int, int] = (3, 8, 8), gain: float = 16.0
) -> bytes:
    """Two layers of steep tanh: no single step finds what many steps find."""
    drawn = np.random.default_rng(seed)
    sizes = [int(np.prod(shape)), 30, 30, 5]
    stored = {
        f"w{at}": (gain * drawn.normal(size=(after, before)) / before**0.5).astype(np.float32)
        for at, (before, after) in enumerate(itertools.pairwise(sizes))
    }
    nodes = [
        node("Sub", "image half", "centred"),
        node("Flatten", "centred", "flat"),
        node("Gemm", "flat w0", "a0", transB=1),
        node("Tanh", "a0", "t0"),
        node("Gemm", "t0 w1", "a1", transB=1),
        node("Tanh", "a1", "t1"),
        node("Gemm", "t1 w2", "logits", transB=1),
    ]
    stored["half"] = np.array(0.5, np.float32)
    return raw(nodes, stored, shape=("batch", *shape), classes=5)


def subject_of(
    upload: bytes,
    spec: InputSpec | None = None,
    *,
    threads: int = 1,
    free: bool = True,
    replay: bool = False,
) -> OnnxSubject:
    """The subject that an upload becomes; ``replay`` lets it ask the upload itself."""
    if free:
        found, check = agreed(upload)
    else:
        found = canonicalise(upload, Wish(free=False))
        check = self_check(found, upload)
    facts = SubjectFacts(
        found.digest,
        found.classes,
        found.shape,
        check.batch,
        gradient_gap=check.gradient_gap,
        uploaded=replay,
        twin=check.twin,
    )
    held = Upload(upload, found.upload_output, check.replay_batch) if replay else None
    return OnnxSubject(found.raw, facts, spec or found.input_spec, threads, upload=held)


def noise(count: int, shape: Sequence[int], seed: int = 0) -> FloatArray:
    """Pictures of uniform noise."""
    return np.random.default_rng(seed).random((count, *shape), np.float32)


def reference_answers(body: bytes, images: Array) -> Array:
    """What onnx's own evaluator says of images under a canonical or toy model."""
    evaluator: Json = ReferenceEvaluator(onnx.ModelProto.FromString(body))
    return np.asarray(evaluator.run(None, {"image": images})[0])
