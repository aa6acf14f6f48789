"""Named weights through the stage that makes ONNX of them: the file answers like the module."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from analyzers.contract import Array
from analyzers.engines.agreement import agreed
from analyzers.engines.forward import ForwardEngine
from service.intake.architectures.catalogue import ARCHITECTURES, build
from service.intake.convert_child import convert

FAMILIES = (
    *("resnet20-cifar", "resnet20-b-cifar", "resnet18-cifar", "preactresnet18-bn-cifar"),
    *("preactresnet18-raw-cifar", "wideresnet-16-4-cifar", "mobilenetv2-cifar", "vgg11-bn-cifar"),
    *("vit-ti-4-cifar", "densenet121-cifar", "lenet5-cifar", "demo-cnn6"),
    *("mobilenetv2", "vit-ti-16"),  # of full size, those that take less than minutes
)


def trained(name: str, seed: int) -> nn.Module:
    """The network with statistics of batch norm and offsets that all change the outcome."""
    module, noise = build(name), torch.Generator().manual_seed(seed)
    for key, value in module.state_dict().items():
        if key.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=noise) + 0.5)
        elif key.endswith(("bias", "running_mean", "cls_token", "pos_embed")):
            value.copy_(torch.randn(value.shape, generator=noise) * 0.1)
    return module


def converted(name: str, raw: bytes, folder: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """What the stage makes of a safetensors file."""
    path = folder / "w.safetensors"
    path.write_bytes(raw)
    file = os.open(path, os.O_RDONLY)
    try:
        return convert({"format": "safetensors", "architecture": name}, {"file": file})
    finally:
        os.close(file)


def check(name: str, seed: int, folder: Path) -> bytes:
    """Export, compare on fresh pictures, and give the file."""
    module = trained(name, seed)
    facts, blobs = converted(name, safetensors.torch.save(module.state_dict()), folder)
    made = blobs["onnx"].tobytes()
    noise = torch.Generator().manual_seed(seed + 1)
    images = torch.rand(3, *ARCHITECTURES[name].input_shape, generator=noise)
    with torch.no_grad():
        wanted: Tensor = module(images)
    found = ForwardEngine(made, 1, "free").run(images.numpy())
    limit = 1e-4 * max(1.0, float(wanted.abs().max()))
    assert np.abs(found - wanted.numpy()).max() <= limit
    assert np.ptp(found) > 0
    assert facts["largest_drift"] <= 2 * limit
    graph = onnx.ModelProto.FromString(made).graph
    assert [one.name for one in (*graph.input, *graph.output)] == ["image", "logits"]
    return made


def test_exported_weights_answer_like_the_module(tmp_path: Path) -> None:
    """Random weights of the smallest network are the same function as ONNX."""
    check("lenet5", 0, tmp_path)


@pytest.mark.deep
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_survives_the_way_to_the_canonical_file(name: str, tmp_path: Path) -> None:
    """One or more of each family: exported, canonicalised, with a gradient in both engines."""
    model, told = agreed(check(name, 3, tmp_path), "")
    assert model.shape == ARCHITECTURES[name].input_shape
    assert model.classes == ARCHITECTURES[name].classes
    assert told.gradient_gap == ""


@pytest.mark.reference
def test_a_published_network_loads_and_answers_as_published(
    reference_models: Path, tmp_path: Path
) -> None:
    """Third-party weights of ResNet-20: the logits and the accuracy of their own export."""
    name = "cifar_resnet20_nat_akamaster"
    weights = (reference_models / f"{name}.safetensors").read_bytes()
    _, blobs = converted("resnet20-cifar", weights, tmp_path)
    held = np.load(reference_models / "cifar10_test_first600.npz")
    pixels = held["images"].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
    std = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
    images = (pixels - mean) / std
    found = ForwardEngine(blobs["onnx"].tobytes(), 1, "free").run(images)
    theirs = ForwardEngine((reference_models / f"{name}.onnx").read_bytes(), 1, "free").run(images)
    assert np.abs(found - theirs).max() < 1e-4
    assert np.equal(found.argmax(1), held["labels"]).mean() == pytest.approx(0.9183, abs=2e-4)
