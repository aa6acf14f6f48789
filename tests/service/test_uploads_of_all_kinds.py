"""Fewer digits, several outputs, weights beside the file: all audited, none passed too easily."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from service.demo.shapes import draw, write_npz
from service.errors import AssayError, Code
from support.quantised import fed_with_bytes, half, int8
from support.running import NETS, Running, policy, running

N = 10
BELOW = 0.1
"""Far below the true figure of the robust demo net, which stands on about 56% of the pictures."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for the module."""
    with running(tmp_path_factory.mktemp("home") / "home") as one:
        yield one


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of the demo set."""
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    write_npz(path, draw(N, seed=4242))
    return path


def pictures() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Other pictures of the demo set, to choose scales by: [0,1], channels first."""
    drawn = draw(32, seed=7).images
    return np.ascontiguousarray(drawn.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def states(service: Running, name: str) -> dict[str, str]:
    """State of every indicator of an audit."""
    verdict = json.loads(service.file(name, "verdict.json"))
    return {one["metric"]: one["state"] for one in verdict["indicators"]}


def standing(service: Running, name: str) -> float:
    """Share of images that stand under attack."""
    measured = service.evidence(name)["facts"]["measurements"]
    return next(one["value"] for one in measured if one["metric"] == "robust_accuracy")


@pytest.mark.parametrize("kind", ["half", pytest.param("int8", marks=pytest.mark.deep)])
def test_a_twin_earns_no_pass(service: Running, data: Path, tmp_path: Path, kind: str) -> None:
    """A robust copy in fewer digits is attacked through a twin, and that alone proves too little.

    The control is in the counts: by them alone it stands far above what is asked.
    """
    path = tmp_path / f"{kind}.onnx"
    source = NETS / "robust.onnx"
    model = int8(source, path, pictures()) if kind == "int8" else half(source, path)
    view = service.audit(model, data, policy(BELOW))
    found = states(service, view.name)
    assert view.verdict == "INCONCLUSIVE"
    assert found["slopes_lent"] == "red"
    assert found["zero_gradient"] == found["engines_disagree"] == "ok"
    assert standing(service, view.name) > 2 * BELOW
    assert "EVL-TWIN" in {one["id"] for one in service.evidence(view.name)["facts"]["findings"]}


def test_a_twin_finds_what_falls(service: Running, data: Path, tmp_path: Path) -> None:
    """Breaks found by a twin's slopes are breaks of the file itself: the normal net fails."""
    model = int8(NETS / "normal.onnx", tmp_path / "int8.onnx", pictures())
    view = service.audit(model, data, policy(BELOW))
    assert view.verdict == "FAIL"
    assert standing(service, view.name) < BELOW


@pytest.mark.deep
def test_bytes_in(service: Running, data: Path, tmp_path: Path) -> None:
    """A network that takes bytes is fed with bytes, and loses about as many images."""
    view = service.audit(
        fed_with_bytes(NETS / "robust.onnx", tmp_path / "bytes.onnx"), data, policy(BELOW)
    )
    subject = service.evidence(view.name)["facts"]["subject"]
    assert (subject["input_spec"]["dtype"], subject["input_spec"]["scale"]) == ("uint8", 255.0)
    assert subject["twin"] == "whole-number input"
    assert view.verdict == "INCONCLUSIVE"
    assert 0.2 < standing(service, view.name) < 0.75


def two_outputs(path: Path) -> Path:
    """The robust net with its first feature maps as a second output."""
    model = onnx.ModelProto.FromString((NETS / "robust.onnx").read_bytes())
    inside = model.graph.node[0].output[0]
    model.graph.output.append(helper.make_tensor_value_info(inside, 1, None))
    path.write_bytes(model.SerializeToString())
    return path


def test_one_of_several_outputs(service: Running, data: Path, tmp_path: Path) -> None:
    """Unnamed, the outputs are listed; named, the right one is judged and replayed."""
    model = two_outputs(tmp_path / "two.onnx")
    with pytest.raises(AssayError) as caught:
        service.audit(model, data, policy(BELOW))
    assert caught.value.code is Code.MODEL_OUTPUT_UNSUPPORTED
    assert "--output" in caught.value.remedy
    view = service.audit(model, data, policy(BELOW), output="logits")
    assert view.verdict == "PASS"
    assert set(states(service, view.name).values()) == {"ok"}


def test_weights_beside_the_model(service: Running, data: Path, tmp_path: Path) -> None:
    """One zip of model and weights is audited, and asked again, like the model with them inside."""
    model = onnx.ModelProto.FromString((NETS / "robust.onnx").read_bytes())
    weights = io.BytesIO()
    for tensor in model.graph.initializer:
        place, body = weights.tell(), tensor.raw_data
        weights.write(body)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        told = {"location": "net.onnx.data", "offset": place, "length": len(body)}
        for key, value in told.items():
            tensor.external_data.add(key=key, value=str(value))
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        archive.writestr("net.onnx", model.SerializeToString())
        archive.writestr("net.onnx.data", weights.getvalue())
    view = service.audit(tmp_path / "net.zip", data, policy(BELOW))
    plain = service.audit(NETS / "robust.onnx", data, policy(BELOW))
    assert view.verdict == "PASS"
    both = [service.evidence(one.name)["facts"]["subject"] for one in (view, plain)]
    assert both[0]["canonical_digest"] == both[1]["canonical_digest"]
    assert both[0]["digest"] != both[1]["digest"], "each upload is asked for itself"
    assert states(service, view.name)["replay_disagreement"] == "ok"
    told = [
        {one["id"] for one in service.evidence(each.name)["facts"]["findings"]}
        for each in (view, plain)
    ]
    assert told[0] - told[1] == {"ART-EXTERNAL"}
