"""Models that look better than they are never PASS; the honest net beside them shows the scale."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.demo.shapes import draw, write_npz
from service.errors import AssayError, Code
from support.running import NETS, Running, policy, running
from support.surgery import fixed_batch, one_output, poisoned, rounded, scaled

N = 10
ABOVE = 0.75
"""Above the true figure of the robust demo net, which stands on about 56% of the pictures."""


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


def judged(service: Running, name: str) -> dict[str, Any]:
    """The verdict file of an audit."""
    return json.loads(service.file(name, "verdict.json"))


@pytest.mark.parametrize("gte", [ABOVE, 0.3])
def test_rounded_net_never_passes(service: Running, data: Path, tmp_path: Path, gte: float) -> None:
    """Without a gradient the attacks find little, and the evaluation says so: no PASS at all."""
    view = service.audit(rounded(tmp_path / "rounded.onnx"), data, policy(gte))
    assert view.verdict in {"INCONCLUSIVE", "FAIL"}
    if view.verdict == "INCONCLUSIVE":
        raised = {one["metric"]: one["state"] for one in judged(service, view.name)["indicators"]}
        assert raised["zero_gradient"] == "red"


def test_rounded_net_would_pass_without_the_indicator(
    service: Running, data: Path, tmp_path: Path
) -> None:
    """The control: by its counts alone the rounded net would be far above its true figure."""
    view = service.audit(rounded(tmp_path / "rounded.onnx"), data, policy(0.3))
    measured = service.evidence(view.name)["facts"]["measurements"]
    attack = next(one for one in measured if one["metric"] == "robust_accuracy")
    assert attack["value"] > ABOVE


def test_scaled_logits_change_nothing(service: Running, data: Path, tmp_path: Path) -> None:
    """Logits times 1000 fail exactly where the honest net fails: margins have no scale."""
    honest = service.audit(NETS / "robust.onnx", data, policy(ABOVE))
    liar = service.audit(scaled(tmp_path / "scaled.onnx"), data, policy(ABOVE))
    assert honest.verdict == "FAIL"
    assert liar.verdict == "FAIL"


@pytest.mark.parametrize(
    ("make", "code"),
    [(poisoned, Code.MODEL_LOGITS_NOT_FINITE), (one_output, Code.MODEL_ONE_OUTPUT)],
)
def test_models_that_cannot_be_judged(
    service: Running,
    data: Path,
    tmp_path: Path,
    make: Callable[[Path], Path],
    code: Code,
) -> None:
    """NaN logits and a single output are refused at intake, each with its own code."""
    with pytest.raises(AssayError) as caught:
        service.audit(make(tmp_path / "model.onnx"), data, policy())
    assert caught.value.code is code


def test_a_fixed_batch_is_opened_replayed_one_by_one_and_said(
    service: Running, data: Path, tmp_path: Path
) -> None:
    """A batch axis fixed at 1 is no error: the same images fall, and the evidence says how."""
    one = service.audit(fixed_batch(tmp_path / "one.onnx"), data, policy(ABOVE), rows=(0, N))
    many = service.audit(NETS / "robust.onnx", data, policy(ABOVE), rows=(0, N))
    subject = service.evidence(one.name)["facts"]["subject"]
    assert (subject["batch"], subject["freed"]) == ("free", True)
    assert subject["canonical"]["upload_batch"] == "one"
    assert one.verdict == many.verdict
    states = {each["metric"]: each["state"] for each in judged(service, one.name)["indicators"]}
    assert states["attack_replay_disagreement"] == "ok"
