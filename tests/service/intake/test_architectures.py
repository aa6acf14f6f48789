"""The architectures that weights may name: one table, and files that answer like the modules."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch

from analyzers.engines.forward import ForwardEngine
from service.intake.architectures_child import ARCHITECTURES, build
from service.intake.convert_child import convert
from service.intake.formats import ARCHITECTURES as NAMES
from service.intake.formats import MODEL_FORMATS

EVERY = sorted(ARCHITECTURES)


def test_names_are_those_of_the_table() -> None:
    """What the service offers is exactly what the child can build."""
    assert sorted(NAMES) == EVERY
    assert len(set(NAMES)) == len(NAMES)


def test_only_weights_need_an_architecture() -> None:
    """A format that carries its program asks for none."""
    assert {one.id: one.needs_architecture for one in MODEL_FORMATS} == {
        "onnx": False,
        "onnx-zip": False,
        "safetensors": True,
    }


@pytest.mark.parametrize("name", EVERY)
def test_each_is_a_classifier_of_its_shape(name: str) -> None:
    """Pictures of the declared shape give finite logits of the declared classes, in eval mode."""
    told, module = ARCHITECTURES[name], build(name)
    assert not module.training
    with torch.no_grad():
        logits = module(torch.rand(3, *told.input_shape))
    assert logits.shape == (3, told.classes)
    assert bool(torch.isfinite(logits).all())


@pytest.mark.parametrize("name", EVERY)
def test_each_is_built_anew(name: str) -> None:
    """Two builds share no tensor: weights of one upload never reach another."""
    one, other = build(name), build(name)
    held = {each.data_ptr() for each in one.parameters()}
    assert not held & {each.data_ptr() for each in other.parameters()}


def test_there_is_no_other() -> None:
    """An unknown name builds nothing."""
    with pytest.raises(KeyError):
        build("resnet-9000")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", EVERY)
def test_exported_weights_answer_like_the_module(name: str, seed: int, tmp_path: Path) -> None:
    """Random weights, statistics of batch norm included, are the same function as ONNX."""
    module = ARCHITECTURES[name].build()
    draws = torch.Generator().manual_seed(seed)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=draws) * 0.5 + 0.05)
    module.eval()
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors.torch.save(module.state_dict()))
    file = os.open(path, os.O_RDONLY)
    facts, blobs = convert({"architecture": name}, {"file": file})
    os.close(file)
    images = torch.rand(5, *ARCHITECTURES[name].input_shape, generator=draws)
    with torch.no_grad():
        wanted = module(images).numpy()
    found = ForwardEngine(blobs["onnx"].tobytes(), 1, "free").run(images.numpy())
    assert np.abs(found - wanted).max() <= 1e-4 * max(1.0, np.abs(wanted).max())
    assert facts["largest_drift"] <= 1e-4 * max(1.0, np.abs(wanted).max() * 2)
    graph = onnx.ModelProto.FromString(blobs["onnx"].tobytes()).graph
    assert ([one.name for one in graph.input], [one.name for one in graph.output]) == (
        ["image"],
        ["logits"],
    )
