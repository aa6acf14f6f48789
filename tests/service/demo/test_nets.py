"""The shipped nets: the files are the ones described, and they behave as their figures say."""

import hashlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from service.demo.shapes import ShapeSet, draw
from service.intake.architectures.catalogue import ARCHITECTURES, build

NETS = Path(__file__).parents[3] / "service" / "demo" / "nets"
NAMES = ("normal", "robust")
EPS = 8 / 255

Floats = npt.NDArray[np.float32]
Runner = Callable[[str, Floats], Floats]


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """What nets.json says."""
    return json.loads((NETS / "nets.json").read_text())


@pytest.fixture(scope="module")
def test_set(manifest: dict[str, Any]) -> ShapeSet:
    """The beginning of the set on which the figures were measured."""
    return draw(500, seed=manifest["data"]["test"]["seed"])


@pytest.fixture
def run_onnx(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run a shipped ONNX file on the CPU."""
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded
    ort = importlib.import_module("onnxruntime")

    def run(name: str, images: Floats) -> Floats:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(
            str(NETS / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
        )
        return session.run(["logits"], {"image": images})[0]

    return run


def pixels(shape_set: ShapeSet) -> Floats:
    """The pictures as the nets take them: NCHW floats in [0,1], nothing subtracted."""
    return np.ascontiguousarray(shape_set.images.transpose(0, 3, 1, 2), np.float32) / np.float32(
        255
    )


def loaded(name: str) -> nn.Module:
    """The declared architecture with the shipped weights."""
    net = build("demo-cnn6")
    net.load_state_dict(load((NETS / f"{name}.safetensors").read_bytes()))
    return net


def test_the_manifest_describes_every_file_and_no_other(manifest: dict[str, Any]) -> None:
    """Digests and sizes in nets.json are those of the files beside it."""
    files = [path for path in NETS.iterdir() if path.name != "nets.json"]
    found = {
        path.name: {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_bytes": path.stat().st_size,
        }
        for path in files
    }
    assert found == manifest["files"]
    assert set(found) == {f"{name}.{kind}" for name in NAMES for kind in ("onnx", "safetensors")}


def test_the_folder_is_small() -> None:
    """All demo files together stay under 1.5 MB."""
    assert sum(path.stat().st_size for path in NETS.iterdir()) < 1_500_000


def test_the_figures_show_a_pair_worth_auditing(manifest: dict[str, Any]) -> None:
    """Both nets look alike on clean pictures; under attack one falls and the other half stands."""
    normal, robust = (manifest["nets"][name] for name in NAMES)
    assert min(normal["clean"]["accuracy"], robust["clean"]["accuracy"]) > 0.97
    assert normal["attacked"]["accuracy"] < 0.05
    assert robust["attacked"]["accuracy"] >= 0.52
    for net in (normal, robust):
        assert net["clean"]["accuracy"] == net["clean"]["right"] / net["clean"]["n"]
        assert net["attacked"]["accuracy"] == net["attacked"]["standing"] / net["attacked"]["n"]


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("name", NAMES)
def test_both_formats_hold_the_same_net(
    name: str, batch: int, *, run_onnx: Runner, test_set: ShapeSet
) -> None:
    """The ONNX file answers any batch size as the weights do in the declared architecture."""
    images = pixels(test_set)[:batch]
    with torch.no_grad():
        expected = loaded(name)(torch.tensor(images)).numpy()
    logits = run_onnx(name, images)
    assert logits.shape == (batch, ARCHITECTURES["demo-cnn6"].classes)
    assert np.abs(logits - expected).max() <= 1e-4
    assert np.ptp(expected) > 1.0


@pytest.mark.parametrize("name", NAMES)
def test_an_onnx_file_stands_alone(name: str) -> None:
    """One free batch axis, the agreed names, weights inside, no word about where it was made."""
    content = (NETS / f"{name}.onnx").read_bytes()
    model = onnx.ModelProto.FromString(content)
    (image,), (logits,) = model.graph.input, model.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    shape = image.type.tensor_type.shape.dim
    assert (shape[0].dim_param, [axis.dim_value for axis in shape[1:]]) == ("batch", [3, 32, 32])
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert b".py" not in content


@pytest.mark.parametrize("name", NAMES)
def test_clean_accuracy_is_as_published(
    name: str, *, run_onnx: Runner, test_set: ShapeSet, manifest: dict[str, Any]
) -> None:
    """A quarter of the test set, drawn anew, gives the published accuracy within its error."""
    guesses = run_onnx(name, pixels(test_set)).argmax(axis=1)
    accuracy = float(np.equal(guesses, test_set.labels).mean())
    assert accuracy == pytest.approx(manifest["nets"][name]["clean"]["accuracy"], abs=0.015)


def sign_ascent(net: nn.Module, images: Tensor, labels: Tensor, *, steps: int) -> Tensor:
    """Projected sign ascent on the cross-entropy in the 8/255 ball."""
    low, high = (images - EPS).clamp(0.0, 1.0), (images + EPS).clamp(0.0, 1.0)
    moved = images
    for _ in range(steps):
        leaf = moved.detach().requires_grad_()
        (slope,) = torch.autograd.grad(functional.cross_entropy(net(leaf), labels), leaf)
        moved = torch.clamp(moved + EPS / 4.0 * slope.sign(), low, high)
    return moved


def share_right(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Accuracy on the given pictures."""
    with torch.no_grad():
        return float((net(images).argmax(1) == labels).float().mean())


@pytest.mark.parametrize(("name", "least", "most"), [("normal", 0.0, 0.05), ("robust", 0.45, 0.8)])
def test_a_short_attack_tells_the_pair_apart(
    name: str, least: float, most: float, *, test_set: ShapeSet
) -> None:
    """Ten steps at 8/255 break nearly all of one net's pictures and spare half of the other's."""
    net = loaded(name)
    images, labels = torch.tensor(pixels(test_set)[:100]), torch.tensor(test_set.labels[:100])
    moved = sign_ascent(net, images, labels, steps=10)
    before, after = (share_right(net, pictures, labels) for pictures in (images, moved))
    assert before > 0.95
    assert least <= after <= most


def test_an_unknown_architecture_is_refused_by_name() -> None:
    """Only declared architectures are built."""
    with pytest.raises(KeyError, match="demo-cnn7"):
        build("demo-cnn7")


def test_the_declared_shape_is_that_of_the_module() -> None:
    """The demo's network takes its input shape and gives its number of classes."""
    declared = ARCHITECTURES["demo-cnn6"]
    logits = build("demo-cnn6")(torch.zeros(2, *declared.input_shape))
    assert logits.shape == (2, declared.classes)
