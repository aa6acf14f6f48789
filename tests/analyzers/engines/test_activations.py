"""Tensors from inside: right, the same among any neighbours, and never many at once."""

import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import onnx
import pytest

from analyzers.contract import Array, FloatArray, InputSpec, Refusal
from analyzers.engines.activations import ActivationEngine
from analyzers.engines.batches import BATCH_ROWS
from analyzers.engines.forward import ForwardEngine
from analyzers.graph.canonical import canonicalise
from analyzers.graph.surgery import with_outputs
from support.graphs import model, node, noise, small_net
from support.inside import forward_subject, outputs_of
from tools import zoo

NETS = Path(__file__).parents[3] / "service" / "demo" / "nets"
SHAPE = (3, 8, 8)
ROOT = Path(__file__).parents[3]


def whole(name: str, values: FloatArray) -> Array:
    """Keep everything."""
    del name
    return values


def means(name: str, values: FloatArray) -> Array:
    """The mean of every channel."""
    del name
    return values.mean(axis=tuple(range(2, values.ndim)))


def engine_of(raw: bytes, names: list[str], *, most_bytes: int = 1 << 27) -> ActivationEngine:
    """The engine of a canonical file."""
    return ActivationEngine(
        raw,
        names,
        plain=ForwardEngine(raw, 1, "free"),
        probe=noise(3, SHAPE, seed=9),
        threads=1,
        batch="free",
        most_bytes=most_bytes,
    )


@pytest.mark.parametrize("name", ["normal", "robust"])
def test_values_are_those_of_an_independent_evaluator(name: str) -> None:
    """Every place of the demo nets holds what onnx's own evaluator computes there."""
    subject = forward_subject((NETS / f"{name}.onnx").read_bytes())
    raw = canonicalise((NETS / f"{name}.onnx").read_bytes()).raw
    images = noise(5, (3, 32, 32))
    names = list(dict.fromkeys(place.tensor for place in subject.places().found))
    found = subject.activations(images, names, whole)
    expected = outputs_of(with_outputs(raw, names), images)[1:]
    for tensor, right in zip(names, expected, strict=True):
        assert np.allclose(found[tensor], right, rtol=1e-4, atol=1e-4), tensor


@pytest.mark.parametrize("name", ["convnext", "densenet", "vit"])
def test_families_hold_what_their_head_reads(name: str) -> None:
    """Features from inside times the head's weights are the logits that the subject predicts."""
    subject = forward_subject(zoo.export(zoo.build(name, small=True), "older", 17))
    head = subject.places().head
    assert head is not None
    images = noise(4, (3, 32, 32))
    names = [place.tensor for place in subject.places().found]
    found = subject.activations(images, names, whole)
    logits = found[head.features].reshape(4, -1) @ head.weight.T + head.bias
    assert np.allclose(logits, subject.predict(images), rtol=1e-3, atol=1e-3)
    for place in subject.places().found:
        assert found[place.tensor].shape[place.axis] == place.channels


def test_no_row_depends_on_its_neighbours() -> None:
    """The same image gives the same bits alone, among others, and at another place."""
    subject = forward_subject(small_net(shape=SHAPE))
    (place,) = subject.places().of("active")
    images = noise(2 * BATCH_ROWS + 3, SHAPE)
    together = subject.activations(images, [place.tensor], whole)[place.tensor]
    for row in (0, BATCH_ROWS - 1, BATCH_ROWS, len(images) - 1):
        alone = subject.activations(images[row : row + 1], [place.tensor], whole)[place.tensor]
        assert np.array_equal(alone[0], together[row])


def test_the_declared_preprocessing_is_applied() -> None:
    """What lies inside is what the image makes of it, not what the model's own range would."""
    spec = InputSpec(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    subject = forward_subject(small_net(shape=SHAPE), spec)
    (place,) = subject.places().of("active")
    images = noise(2, SHAPE)
    raw = with_outputs(canonicalise(small_net(shape=SHAPE)).raw, [place.tensor])
    right, plain = (outputs_of(raw, fed)[1] for fed in (spec.apply(images), images))
    found = subject.activations(images, [place.tensor], whole)[place.tensor]
    assert np.allclose(found, right, atol=1e-5)
    assert not np.allclose(found, plain, atol=1e-5)


def test_few_rows_are_alive_at_once_whatever_their_number() -> None:
    """A batch is gone before the next one is computed: a thousand images need one batch."""
    engine = engine_of(canonicalise(small_net(shape=SHAPE)).raw, ["Relu_0"])
    alive: dict[int, int] = {}
    most = 0

    def counted(name: str, values: FloatArray) -> Array:
        nonlocal most
        held = values if values.base is None else values.base
        assert isinstance(held, np.ndarray)
        key = id(held)
        alive[key] = len(held)
        weakref.finalize(held, alive.pop, key)
        most = max(most, sum(alive.values()))
        return means(name, values)

    found = engine.run(noise(1000, SHAPE), counted)
    assert found["Relu_0"].shape == (1000, 6)
    assert most == engine.rows <= BATCH_ROWS


def test_a_view_that_a_reduction_returns_keeps_no_batch_alive() -> None:
    """The first channel of every row would hold all channels if it were not copied."""
    engine = engine_of(canonicalise(small_net(shape=SHAPE)).raw, ["Relu_0"])
    seen: list[weakref.ref[FloatArray]] = []

    def first(name: str, values: FloatArray) -> Array:
        del name
        seen.append(weakref.ref(values))
        return values[:, 0]

    engine.run(noise(40, SHAPE), first)
    assert len(seen) == 3
    assert [one() for one in seen] == [None] * 3


def test_large_tensors_run_in_small_batches_with_the_same_answers() -> None:
    """The cap decides how many images run together, and nothing else."""
    raw = canonicalise(small_net(shape=SHAPE)).raw
    one = 4 * (6 * 4 * 4 + 5)
    small, large = engine_of(raw, ["Relu_0"], most_bytes=3 * one), engine_of(raw, ["Relu_0"])
    assert (small.rows, large.rows) == (3, BATCH_ROWS)
    images = noise(10, SHAPE)
    found = small.run(images, whole)["Relu_0"]
    assert np.allclose(found, large.run(images, whole)["Relu_0"], atol=1e-6)


def test_what_is_too_big_for_one_image_is_refused() -> None:
    """The refusal names the largest tensor."""
    with pytest.raises(Refusal, match="'Relu_0'") as refused:
        engine_of(canonicalise(small_net(shape=SHAPE)).raw, ["Relu_0"], most_bytes=100)
    assert refused.value.code == "ACTIVATIONS_UNAVAILABLE"


def test_a_session_with_other_answers_is_refused() -> None:
    """Held against a session of another model the logits differ, and nothing is looked at."""
    raw, other = (canonicalise(small_net(seed=seed, shape=SHAPE)).raw for seed in (0, 1))
    with pytest.raises(Refusal, match="changes its answers"):
        ActivationEngine(
            raw,
            ["Relu_0"],
            plain=ForwardEngine(other, 1, "free"),
            probe=noise(3, SHAPE),
            threads=1,
            batch="free",
        )


def test_a_tensor_that_mixes_images_is_refused() -> None:
    """One row a batch, or rows in another order, cannot be told apart by image."""
    nodes = [
        node("Conv", "image k", "maps", strides=[8, 8]),
        node("Flatten", "maps", "flat"),
        node("Sub", "flat flat", "nothing"),
        node("ReduceMean", "flat", "mixed", axes=[0], keepdims=1),
        node("Mul", "nothing mixed", "still"),
        node("Add", "flat still", "logits"),
    ]
    kernel = np.random.default_rng(0).standard_normal((4, 3, 1, 1)).astype(np.float32)
    raw = model(nodes, {"k": kernel}, shape=("batch", *SHAPE), opset=17).SerializeToString()
    with pytest.raises(Refusal, match="one row an image"):
        engine_of(raw, ["mixed"])
    assert engine_of(raw, ["flat"]).run(noise(2, SHAPE), whole)["flat"].shape == (2, 4)


def test_files_fixed_at_one_image_run_one_by_one() -> None:
    """The same answers as one by one, from a file that takes no more."""
    upload = onnx.ModelProto.FromString(small_net(shape=SHAPE))
    raw = upload.SerializeToString()
    for value in (upload.graph.input[0], upload.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    fixed = ActivationEngine(
        upload.SerializeToString(),
        ["active"],
        plain=ForwardEngine(upload.SerializeToString(), 1, "one"),
        probe=noise(2, SHAPE),
        threads=1,
        batch="one",
    )
    images = noise(5, SHAPE)
    right = outputs_of(with_outputs(raw, ["active"]), images)[1]
    assert fixed.rows == 1
    assert np.allclose(fixed.run(images, whole)["active"], right, atol=1e-5)


def test_a_reduction_must_leave_a_row_for_each_image() -> None:
    """A mean over the batch would depend on where batches are cut."""
    engine = engine_of(canonicalise(small_net(shape=SHAPE)).raw, ["Relu_0"])
    with pytest.raises(ValueError, match="row for each image"):
        engine.run(noise(3, SHAPE), lambda _, values: values.mean())


def test_tensors_that_nobody_computes_are_a_mistake() -> None:
    """A name from another graph is no question to this one."""
    with pytest.raises(ValueError, match="no tensor named elsewhere"):
        with_outputs(small_net(), ["elsewhere"])


def test_no_images_give_no_rows() -> None:
    """An empty batch is answered, not crashed on."""
    engine = engine_of(canonicalise(small_net(shape=SHAPE)).raw, ["Relu_0"])
    assert len(engine.run(noise(0, SHAPE), means)["Relu_0"]) == 0


_MEASURE = r"""
import re, sys
from pathlib import Path
sys.path[:0] = [".", "tests"]
import numpy as np
from support.graphs import noise, small_net
from support.inside import forward_subject
subject = forward_subject(small_net(shape=(3, 64, 64)))
images = noise(64, (3, 64, 64))
# Of this program alone: what getrusage tells includes the parent before the exec.
peak = lambda: int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
run = lambda: subject.activations(images, ["Conv_0", "Relu_0"], {reduce})
run()
before = peak()
kept = [run() for _ in range(128)]
print(peak() - before)
"""


@pytest.mark.deep
def test_memory_does_not_grow_with_the_number_of_images() -> None:
    """Eight thousand images of 48 kB inside; the control keeps them all and is seen to."""

    def grown(reduce: str) -> int:
        told = subprocess.run(
            [sys.executable, "-c", _MEASURE.format(reduce=reduce)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(told.stdout)

    assert grown("lambda name, values: values.mean(axis=(2, 3))") < 30_000
    assert grown("lambda name, values: values") > 200_000
