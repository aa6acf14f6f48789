"""Uploaded weights reach the analyses of a child, in whatever precision they were stored."""

import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from analyzers.contract import SubjectFacts
from service.intake.weights_child import floating
from service.sandbox.child import Session
from support.inside import forward_subject
from support.running import NETS


def test_only_floating_tensors_come_through_and_all_widened() -> None:
    """Counters are no weights; bfloat16, which numpy does not know, is read all the same."""
    stored = {
        "a": torch.full((2,), 0.5, dtype=torch.bfloat16),
        "b": torch.full((2,), 0.25, dtype=torch.float64),
        "steps": torch.tensor(3),
    }
    found = floating(safetensors.torch.save(stored))
    assert sorted(found) == ["a", "b"]
    assert all(value.dtype == np.float32 for value in found.values())
    assert found["a"].tolist() == [0.5, 0.5]


def opened(home: Path, *, weights: bool) -> Session:
    """A child's session over the robust demo net."""
    files = {name: home / name for name in ("images", "labels")}
    files["images"].write_bytes(bytes(3 * 32 * 32))
    files["labels"].write_bytes(bytes(8))
    files["model"] = NETS / "robust.onnx"
    if weights:
        files["weights"] = NETS / "robust.safetensors"
    facts = SubjectFacts("5" * 64, 10, (3, 32, 32), source_weights="9" * 64)
    spec = forward_subject((NETS / "robust.onnx").read_bytes()).input_spec
    body = {
        "subject": facts.as_json(),
        "input_spec": spec.as_json(),
        "images": {"dtype": "uint8", "shape": [1, 3, 32, 32]},
        "threads": 1,
    }
    return Session(body, {name: os.open(path, os.O_RDONLY) for name, path in files.items()})


def test_a_session_reads_the_weights_it_was_opened_with(tmp_path: Path) -> None:
    """The child looks at the kernels as they were trained and says so."""
    found = opened(tmp_path, weights=True).subject.conv_weights()
    assert (found.source, found.bn_folded) == ("upload", "no")
    right = safetensors.torch.load((NETS / "robust.safetensors").read_bytes())["0.weight"]
    assert np.array_equal(found.layers[0].weight, right.numpy())


def test_weights_that_were_promised_and_not_handed_over_are_missed(tmp_path: Path) -> None:
    """The key of a result names them, so the file's may not take their place in silence."""
    with pytest.raises(ValueError, match="not handed over"):
        opened(tmp_path, weights=False).subject.conv_weights()
