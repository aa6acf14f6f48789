"""The stages that make one canonical file, called as a child calls them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch

from analyzers.contract import Array, Refusal
from analyzers.engines.forward import ForwardEngine
from service.intake.canonicalise_child import canonicalise
from service.intake.convert_child import convert
from support.running import NETS
from support.surgery import fixed_batch, one_output, poisoned, rounded

Stage = Callable[[Mapping[str, Any], Mapping[str, int]], tuple[dict[str, Any], dict[str, Array]]]
Weights = dict[str, torch.Tensor]
DEMO = {"format": "safetensors", "architecture": "demo-cnn6"}


def staged(stage: Stage, path: Path, **body: Any) -> tuple[dict[str, Any], dict[str, Array]]:  # noqa: ANN401 - a stage's own body
    """Run a stage on an open file."""
    file = os.open(path, os.O_RDONLY)
    try:
        return stage(body, {"file": file})
    finally:
        os.close(file)


def refusal(stage: Stage, path: Path, **body: Any) -> Refusal:  # noqa: ANN401 - a stage's own body
    """The refusal that a file earns."""
    with pytest.raises(Refusal) as caught:
        staged(stage, path, **body)
    assert caught.value.sentence
    assert caught.value.remedy
    return caught.value


def test_weights_become_the_network_they_were_trained_in() -> None:
    """The exported file answers as the packaged ONNX of the same weights does."""
    facts, blobs = staged(convert, NETS / "robust.safetensors", **DEMO)
    images = np.random.default_rng(1).random((5, 3, 32, 32), np.float32)
    made = ForwardEngine(blobs["onnx"].tobytes(), 1, "free").run(images)
    kept = ForwardEngine((NETS / "robust.onnx").read_bytes(), 1, "free").run(images)
    assert np.abs(made - kept).max() < 1e-3
    assert facts["largest_drift"] < 1e-4


def test_unknown_architecture(tmp_path: Path) -> None:
    """A name that is not in the catalogue is refused with names that are."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors.torch.save({"w": torch.zeros(1)}))
    found = refusal(convert, path, format="safetensors", architecture="resnet-9000")
    assert found.code == "ARCHITECTURE_UNKNOWN"
    assert "resnet50" in found.remedy


def changed(change: Callable[[Weights], None], path: Path) -> Path:
    """The robust net's weights with something changed."""
    weights = safetensors.torch.load((NETS / "robust.safetensors").read_bytes())
    change(weights)
    path.write_bytes(safetensors.torch.save(weights))
    return path


def without_first(weights: Weights) -> None:
    """Lose a tensor."""
    del weights["0.weight"]


def with_more(weights: Weights) -> None:
    """Bring a tensor that nobody asked for."""
    weights["extra"] = torch.zeros(2)


def misshapen(weights: Weights) -> None:
    """Bring a tensor in another shape."""
    weights["0.weight"] = torch.zeros(2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_first, "0.weight is missing"),
        (with_more, "extra is not part"),
        (misshapen, "0.weight has the shape"),
    ],
)
def test_weights_of_another_network(
    tmp_path: Path, change: Callable[[Weights], None], says: str
) -> None:
    """A missing, foreign or misshapen tensor is named."""
    found = refusal(convert, changed(change, tmp_path / "w.safetensors"), **DEMO)
    assert found.code == "ARCHITECTURE_MISMATCH"
    assert says in found.sentence


@pytest.mark.parametrize("keep", [9, 100, 0.5])
def test_damaged_weights(tmp_path: Path, keep: float) -> None:
    """A cut safetensors file is broken, whatever its header says."""
    raw = (NETS / "robust.safetensors").read_bytes()
    path = tmp_path / "w.safetensors"
    path.write_bytes(raw[: int(keep if keep > 1 else keep * len(raw))])
    assert refusal(convert, path, **DEMO).code == "MODEL_BROKEN"


def test_canonical_file_says_what_it_is() -> None:
    """Shape, classes, parameters, parity of the two engines: all that later stages rely on."""
    facts, blobs = staged(canonicalise, NETS / "normal.onnx")
    assert facts["shape"] == [3, 32, 32]
    assert (facts["layout"], facts["classes"], facts["batch"]) == ("nchw", 10, "free")
    assert facts["gradient_gap"] == ""
    assert facts["engine_parity"] < 1e-4
    again = ForwardEngine(blobs["canonical"].tobytes(), 1, "free")
    assert again.run(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 10)


def test_canonical_form_is_deterministic_and_idempotent(tmp_path: Path) -> None:
    """The canonical file of a canonical file is itself."""
    _, once = staged(canonicalise, NETS / "normal.onnx")
    (tmp_path / "again.onnx").write_bytes(once["canonical"].tobytes())
    _, twice = staged(canonicalise, tmp_path / "again.onnx")
    assert once["canonical"].tobytes() == twice["canonical"].tobytes()


def test_names_and_remarks_do_not_matter_but_weights_do(tmp_path: Path) -> None:
    """Renamed tensors and doc strings give the same bytes; one changed weight does not."""
    model = onnx.ModelProto.FromString((NETS / "normal.onnx").read_bytes())
    _, plain = staged(canonicalise, NETS / "normal.onnx")
    model.producer_name, model.doc_string, model.graph.name = "somebody", "a remark", "renamed"
    for node in model.graph.node:
        node.name, node.doc_string = f"n-{node.name}", "another remark"
    (tmp_path / "renamed.onnx").write_bytes(model.SerializeToString())
    _, renamed = staged(canonicalise, tmp_path / "renamed.onnx")
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights.flat[0] += 1
    name = model.graph.initializer[0].name
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, name))
    (tmp_path / "changed.onnx").write_bytes(model.SerializeToString())
    _, other = staged(canonicalise, tmp_path / "changed.onnx")
    assert renamed["canonical"].tobytes() == plain["canonical"].tobytes()
    assert other["canonical"].tobytes() != plain["canonical"].tobytes()


def test_fixed_batch_is_told(tmp_path: Path) -> None:
    """A batch axis fixed at 1 is opened, and what it was is remembered for replays."""
    facts, _ = staged(canonicalise, fixed_batch(tmp_path / "one.onnx"))
    assert (facts["batch"], facts["upload_batch"]) == ("free", "one")


def test_rounding_has_a_gradient_engine_and_no_slope(tmp_path: Path) -> None:
    """A Round node is no gap: both engines run it, and the attack's indicator tells the rest."""
    facts, _ = staged(canonicalise, rounded(tmp_path / "rounded.onnx"))
    assert facts["gradient_gap"] == ""


@pytest.mark.parametrize(
    ("make", "code"),
    [(poisoned, "MODEL_LOGITS_NOT_FINITE"), (one_output, "MODEL_ONE_OUTPUT")],
)
def test_unusable_models(tmp_path: Path, make: Callable[[Path], Path], code: str) -> None:
    """NaN logits and one output are refused with their own codes."""
    assert refusal(canonicalise, make(tmp_path / "model.onnx")).code == code


def test_declared_sets_of_operators_are_told(tmp_path: Path) -> None:
    """A set beyond the standard is named, without what could deceive a reader; others are not."""
    path = tmp_path / "net.onnx"
    told: dict[str, object] = {}
    for domain in ("ai.onnx.ml", "my.ops\u202e\n<b>"):
        model = onnx.ModelProto.FromString((NETS / "robust.onnx").read_bytes())
        model.opset_import.add(domain=domain, version=1)
        path.write_bytes(model.SerializeToString())
        told[domain] = staged(canonicalise, path)[0]["notices"]
    assert list(told.values()) == [[], [{"id": "ART-CUSTOM", "detail": "my.ops<b>."}]]
