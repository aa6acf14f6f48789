"""Slopes are those of [0,1] pixels, belong to one image each, and leave the caller alone."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor

from analyzers.contract import FloatArray, InputSpec, InputType
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.threads import torch_threads
from analyzers.graph.canonical import canonicalise
from support.graphs import linear, node, noise, raw, small_net

SHAPE = (3, 8, 8)
ROOT = Path(__file__).parents[3]
IMAGENET = InputSpec("nchw", 255.0, (120.0, 115.0, 100.0), (60.0, 57.0, 55.0))


def picked(logits: Tensor, about: Tensor) -> Tensor:
    """The logit of the class in question."""
    return logits.gather(1, about[:, None])[:, 0]


def engine(upload: bytes, spec: InputSpec | None = None, threads: int = 1) -> GradientEngine:
    """A gradient engine."""
    return GradientEngine(upload, spec or InputSpec(), threads=threads, batch="free")


def test_the_slope_of_a_linear_model_is_its_weight() -> None:
    """Known answer: the row of the class, scaled by what the preprocessing does to a pixel."""
    weight = noise(4, (192,), seed=5)
    upload = linear(weight, np.zeros(4), SHAPE)
    found = engine(upload, IMAGENET).step(noise(6, SHAPE), np.arange(6) % 4, picked)
    std = np.array(IMAGENET.std).reshape(1, 3, 1, 1)
    expected = weight.reshape(4, *SHAPE)[np.arange(6) % 4] * 255.0 / std
    assert np.allclose(found.slope, expected, rtol=1e-5)


def test_the_slope_comes_back_in_channels_first_order() -> None:
    """A model that takes channels last still gives slopes of NCHW pictures."""
    weight = noise(4, (192,), seed=5)
    body = linear(weight, np.zeros(4), (8, 8, 3))
    found = engine(body, InputSpec("nhwc")).step(noise(4, SHAPE), np.arange(4), picked)
    assert np.allclose(found.slope, weight.reshape(4, 8, 8, 3).transpose(0, 3, 1, 2), rtol=1e-5)


@pytest.mark.parametrize("spec", [InputSpec(), IMAGENET, InputSpec("nhwc", 2.0, (0.5,), (0.3,))])
def test_preprocessing_is_the_same_to_the_last_bit(spec: InputSpec) -> None:
    """What torch feeds the model is what InputSpec feeds onnxruntime."""
    shape = SHAPE if spec.layout == "nchw" else (8, 8, 3)
    body = raw([node("Flatten", "image", "logits")], shape=("n", *shape), classes=192)
    images = noise(9, SHAPE)
    found = engine(body, spec).logits(images)
    assert np.array_equal(found, spec.apply(images).reshape(9, -1))


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int8", "int32", "int64"])
@pytest.mark.parametrize("axes", [(), (192,), (64, 3)])
def test_typed_and_reshaped_inputs_are_the_same_too(
    dtype: InputType, axes: tuple[int, ...]
) -> None:
    """Rounding, limits and axes are those of InputSpec, and the slope passes through them."""
    spec = InputSpec("nhwc", 255.0, (20.0,), (1.5,), dtype=dtype, axes=axes)
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    steps = [node("Cast", "image", "wide", to=1), node("Flatten", "wide", "logits")]
    shape = ("n", *(axes or (8, 8, 3)))
    body, images = raw(steps, shape=shape, classes=192, input_type=element), noise(5, SHAPE)
    net = engine(body, spec)
    expected = spec.apply(images).astype(np.float32).reshape(5, -1)
    assert np.array_equal(net.logits(images), expected)
    held = (expected > expected.min()) & (expected < expected.max())
    slope = net.step(images, np.zeros(5, np.int64), lambda logits, about: logits.sum(1)).slope
    flat = slope.transpose(0, 2, 3, 1).reshape(5, -1)
    assert np.allclose(flat[held], 255.0 / 1.5)


def test_a_search_in_half_the_bits_decides_nothing() -> None:
    """Steps in bfloat16 differ, point much the same way, and leave the deciding logits alone."""
    images, about = noise(16, (3, 32, 32)), np.arange(16) % 5
    body = small_net(shape=(3, 32, 32))
    exact = engine(body)
    search = GradientEngine(body, InputSpec(), threads=1, batch="free", search_dtype="bfloat16")
    one, other = exact.step(images, about, picked), search.step(images, about, picked)
    assert not np.array_equal(one.slope, other.slope)
    assert other.slope.dtype == other.logits.dtype == np.float32
    assert (np.sign(one.slope) == np.sign(other.slope)).mean() > 0.9
    assert np.array_equal(exact.logits(images), search.logits(images))
    assert (exact.info()["search_dtype"], search.info()["search_dtype"]) == ("float32", "bfloat16")


def test_the_slope_inside_is_that_of_what_follows() -> None:
    """Known answer: at what a linear layer reads, the weights of the label, whatever came before.

    Twenty images are more than run together, and the last batch is padded.
    """
    weight = noise(4, (6,), seed=5)
    nodes = [
        node("Flatten", "image", "flat"),
        node("Gemm", "flat v", "hidden", transB=1),
        node("Relu", "hidden", "bent"),
        node("Gemm", "bent w", "logits", transB=1),
    ]
    stored = {"v": noise(6, (192,), seed=6) - np.float32(0.5), "w": weight}
    body, images, labels = raw(nodes, stored, classes=4), noise(20, SHAPE), np.arange(20) % 4
    net = engine(body)
    found = net.inside(images, labels, "bent", lambda _, slope: slope)
    assert np.allclose(found.slope, weight[labels], rtol=1e-6)
    assert np.array_equal(found.logits, net.logits(images))
    before = net.inside(images, labels, "hidden", lambda _, slope: slope).slope
    awake = (images.reshape(20, -1) @ stored["v"].T) > 0
    assert 0 < awake.mean() < 1
    assert np.allclose(before, np.where(awake, weight[labels], 0), rtol=1e-6)


def test_a_tensor_that_the_logit_does_not_read_has_no_slope() -> None:
    """Zero, and no error: a branch that is looked at and goes nowhere."""
    nodes = [
        node("Flatten", "image", "flat"),
        node("Tanh", "flat", "aside"),
        node("Gemm", "flat w", "logits", transB=1),
    ]
    body = raw(nodes, {"w": noise(4, (192,), seed=5)}, classes=4)
    found = engine(body).inside(noise(3, SHAPE), np.arange(3), "aside", lambda _, slope: slope)
    assert found.slope.shape == (3, 192)
    assert not found.slope.any()


@pytest.mark.parametrize("name", ["whole", "again"])
def test_a_tensor_of_whole_numbers_has_no_slope(name: str) -> None:
    """Nor has one behind it: no slope goes through a cast, and that is an answer, no failure."""
    nodes = [
        node("Flatten", "image", "flat"),
        node("Cast", "flat", "whole", to=TensorProto.INT64),
        node("Cast", "whole", "again", to=TensorProto.FLOAT),
        node("Gemm", "again w", "logits", transB=1),
    ]
    body = raw(nodes, {"w": noise(4, (192,), seed=5)}, classes=4)
    found = engine(body).inside(noise(3, SHAPE), np.arange(3), name, lambda _, slope: slope)
    assert found.slope.shape == (3, 192)
    assert not found.slope.any()


def test_each_image_has_its_own_slope() -> None:
    """Alone, shuffled or in another cut, every image gets the same bits."""
    net = engine(small_net(shape=SHAPE))
    images, about = noise(53, SHAPE), np.arange(53) % 5
    whole = net.step(images, about, picked)
    order = np.random.default_rng(1).permutation(53)
    shuffled = net.step(images[order], about[order], picked)
    assert np.array_equal(shuffled.slope, whole.slope[order])
    assert np.array_equal(shuffled.logits, whole.logits[order])
    alone = [net.step(images[at : at + 1], about[at : at + 1], picked) for at in range(53)]
    assert np.array_equal(np.concatenate([one.slope for one in alone]), whole.slope)
    assert np.array_equal(np.concatenate([one.loss for one in alone]), whole.loss)


def test_image_by_image_is_the_same_to_rounding() -> None:
    """A file that fixes its batch gets the same slopes, one at a time."""
    images, about = noise(5, SHAPE), np.arange(5)
    one = GradientEngine(small_net(shape=SHAPE), InputSpec(), threads=1, batch="one")
    together = engine(small_net(shape=SHAPE)).step(images, about, picked)
    assert np.allclose(one.step(images, about, picked).slope, together.slope, atol=1e-5)


def test_probabilities_are_climbed_before_the_softmax() -> None:
    """Saturated probabilities have no slope; what goes into the softmax has, and ranks alike."""
    body = saturated()
    scores = engine(canonicalise(body).raw)
    found = scores.step(noise(4, SHAPE), np.array([0, 1, 2, 3]), picked)
    outputs = engine(body).logits(noise(4, SHAPE))
    assert np.abs(found.slope).max(axis=(1, 2, 3)).min() > 1
    assert outputs.max() == 1.0
    assert np.array_equal(found.logits.argmax(1), outputs.argmax(1))
    assert np.allclose(outputs, ForwardEngine(body, 1, "free").run(noise(4, SHAPE)))


def test_control_saturated_probabilities_have_no_slope() -> None:
    """Taken as they are, the same outputs are flat on every image."""

    def of_probabilities(logits: Tensor, about: Tensor) -> Tensor:
        return picked(torch.softmax(logits, 1), about)

    found = engine(saturated()).step(noise(4, SHAPE), np.array([0, 1, 2, 3]), of_probabilities)
    assert not found.slope.any()


def saturated() -> bytes:
    """A linear model whose softmax says 0 or 1 everywhere."""
    nodes = [
        node("Flatten", "image", "flat"),
        node("Gemm", "flat w b", "scores", transB=1),
        node("Softmax", "scores", "p", axis=1),
        node("Identity", "p", "logits"),
    ]
    weights = {
        "w": 100 * noise(4, (192,), seed=5),
        "b": np.array([0, 5000, 10000, 0], np.float32),
    }
    return raw(nodes, weights, shape=("n", *SHAPE))


def test_outputs_without_a_path_to_the_pixels_are_flat() -> None:
    """A cast to whole numbers cuts the slope: zeros, no exception."""
    nodes = [
        node("Flatten", "image", "flat"),
        node("Cast", "flat", "whole", to=7),
        node("Cast", "whole", "logits", to=1),
    ]
    found = engine(raw(nodes, shape=("n", *SHAPE), classes=192))
    assert not found.step(noise(3, SHAPE), np.arange(3), picked).slope.any()


def test_the_caller_is_left_alone() -> None:
    """Generators, gradient mode, inference mode and thread count are as before."""
    net = engine(small_net(shape=SHAPE), threads=2)
    with torch_threads(1):
        states = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002 - the global one is the point
        with torch.no_grad():
            assert net.step(noise(3, SHAPE), np.arange(3), picked).slope.any()
            assert not torch.is_grad_enabled()
        with torch.inference_mode():
            assert net.step(noise(3, SHAPE), np.arange(3), picked).slope.any()
            assert torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()
        assert torch.get_num_threads() == 1
        assert torch.equal(states[0], torch.get_rng_state())
        assert states[1] == str(np.random.get_state())  # noqa: NPY002 - as above


def test_control_threads_are_counted_inside() -> None:
    """The budget does hold inside, so that the test above has something to restore."""
    with torch_threads(1):
        with torch_threads(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1


def test_images_given_are_not_written_to() -> None:
    """The caller's arrays keep their values."""
    images, about = noise(3, SHAPE), np.arange(3)
    kept: FloatArray = images.copy()
    engine(small_net(shape=SHAPE)).step(images, about, picked)
    assert np.array_equal(images, kept)


THREADS = """
import sys
exec(sys.argv[1])
import numpy as np
from analyzers.contract import InputSpec
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.gradient import GradientEngine
from analyzers.graph.canonical import canonicalise
from support.graphs import noise, small_net
body, images = small_net(shape=(3, 32, 32), classes=100), noise(64, (3, 32, 32))
found = []
for threads in (1, 2):
    net = GradientEngine(body, InputSpec(), threads=threads, batch="free")
    step = net.step(images, np.arange(64), lambda logits, about: logits.amax(1))
    found.append([step.logits, step.slope, ForwardEngine(body, threads, "free").run(images)])
print(all(np.array_equal(one, two) for one, two in zip(*found)))
"""


def same_bits(first: str) -> str:
    """Whether one and two threads agree to the last bit, in a fresh process."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run(
        [sys.executable, "-c", THREADS, first],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    return done.stdout.strip()


def test_the_number_of_threads_changes_no_bit(
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """Results are promised per engine class, and threads are no part of it.

    The control lets torch's library work before the engines have spoken; whether its sums then
    depend on the threads is a matter of processor and release, so it is recorded, not required.
    """
    assert same_bits("") == "True"
    record_testsuite_property(
        "without_guard", same_bits("import torch; torch.ones(9, 9) @ torch.ones(9, 9)")
    )
