"""A user's own pictures in conflict through a real channel and locked children, to the evidence."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from analyzers.contract import Array, Json
from service.errors import AssayError, Code
from service.intake.reading import Reading
from service.rpc.ports import AnalyzerSpec, AuditView, NewAudit, NewEvalSet, NewModel
from support.conflicts import by_shape, by_texture, pairs, pictures
from support.running import Running, running

COUNT = 24
LOOK = AnalyzerSpec("behaviour.texture", {"plan": "quick"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for the module."""
    with running(tmp_path_factory.mktemp("home") / "home") as one:
        yield one


def stored(count: int, *, same: int = 0) -> tuple[Array, Array, Array]:
    """Pictures in bytes, with the class of their shape and of their texture."""
    shapes, textures = pairs(count, same=same)
    return np.rint(255 * pictures(shapes, textures)).astype(np.uint8), shapes, textures


def asked(
    service: Running,
    home: Path,
    model: bytes,
    cues: Mapping[str, Array],
    *,
    look: AnalyzerSpec = LOOK,
    reading: Reading = Reading(cues=True),  # noqa: B008 - it never changes
) -> AuditView:
    """An audit without a policy, on pictures without a conflict and on these."""
    client = service.client
    (home / "model.onnx").write_bytes(model)
    images, shapes, _ = stored(0, same=COUNT)
    np.savez(home / "data.npz", images=images, labels=shapes)
    np.savez(home / "cues.npz", allow_pickle=False, **cues)
    subject = client.create_model(NewModel(client.upload(home / "model.onnx", "model")))
    data = client.create_eval_set(NewEvalSet(client.upload(home / "data.npz", "data")))
    given = client.create_eval_set(
        NewEvalSet(client.upload(home / "cues.npz", "data"), reading=reading)
    )
    wish = NewAudit(
        client.wait_operation(subject).name,
        client.wait_operation(data).name,
        cue_set=client.wait_operation(given).name,
        analyzers=[look],
    )
    name = client.create_audit(wish).name.replace("operations/audits.", "audits/")
    for _ in client.watch_audit(name):
        pass
    return client.audit(name)


def conflict() -> dict[str, Array]:
    """Twenty-four pictures in conflict."""
    return dict(zip(("images", "shape", "texture"), stored(COUNT), strict=True))


def told(service: Running, view: AuditView) -> Mapping[str, Json]:
    """The measurement of the bias."""
    found = service.evidence(view.name)["facts"]["measurements"]
    (one,) = [one for one in found if one["metric"] == "texture.own_shape_bias"]
    return one


@pytest.mark.parametrize(("model", "bias"), [(by_shape, 1.0), (by_texture, 0.0)])
def test_the_known_answers_come_through(
    service: Running, tmp_path: Path, model: type, bias: float
) -> None:
    """From the file to the evidence, which names the set by its digest."""
    view = asked(service, tmp_path, model(), conflict())
    one = told(service, view)
    assert (one["outcome"], one["value"]) == ("measured", bias)
    assert one["counts"]["denominator"] == COUNT
    assert view.cue_set.startswith("projects/local/evalSets/")
    kept = service.evidence(view.name)["facts"]["data"]["cues"]
    assert kept["n"] == COUNT
    assert len(kept["digest"]) == 64


def test_the_set_is_part_of_what_is_remembered(service: Running, tmp_path: Path) -> None:
    """The same set is known; other textures on the same pictures are asked about anew."""
    first = asked(service, tmp_path, by_shape(), conflict())
    again = asked(service, tmp_path, by_shape(), conflict())
    cache = service.evidence(again.name)["run"]["cache"]
    assert cache["misses"] == 0
    assert again.evidence_digest == first.evidence_digest
    other = {**conflict(), "texture": np.full(COUNT, 2)}
    changed = asked(service, tmp_path, by_shape(), other)
    assert service.evidence(changed.name)["run"]["cache"]["misses"] > 0
    assert changed.evidence_digest != first.evidence_digest


def test_what_cannot_be_looked_at_is_refused(service: Running, tmp_path: Path) -> None:
    """Another size, classes beyond the model, one label only, and nobody who would look."""
    plain = conflict()
    small = {**plain, "images": plain["images"][:, :, :8, :8]}
    far = {**plain, "texture": plain["texture"] + 7}
    single = {"images": plain["images"], "labels": plain["shape"]}
    weights = AnalyzerSpec("structure.filters")
    for cues, reading, look, code in (
        (small, Reading(cues=True), LOOK, Code.IMAGE_SHAPE_MISMATCH),
        (far, Reading(cues=True), LOOK, Code.LABELS_OUT_OF_RANGE),
        (single, Reading(cues=True), LOOK, Code.DATA_ARRAY_MISSING),
        (single, Reading(), LOOK, Code.REQUEST_INVALID),
        (plain, Reading(cues=True), weights, Code.CONFIG_INVALID),
    ):
        with pytest.raises(AssayError) as caught:
            asked(service, tmp_path, by_shape(), cues, look=look, reading=reading)
        assert caught.value.code is code


def test_no_verdict_rests_on_pictures_with_two_labels(service: Running, tmp_path: Path) -> None:
    """They have no one right answer, so they are no evaluation set."""
    client = service.client
    (tmp_path / "model.onnx").write_bytes(by_shape())
    np.savez(tmp_path / "cues.npz", allow_pickle=False, **conflict())
    subject = client.create_model(NewModel(client.upload(tmp_path / "model.onnx", "model")))
    cues = NewEvalSet(client.upload(tmp_path / "cues.npz", "data"), reading=Reading(cues=True))
    wish = NewAudit(
        client.wait_operation(subject).name,
        client.wait_operation(client.create_eval_set(cues)).name,
        analyzers=[LOOK],
    )
    with pytest.raises(AssayError) as caught:
        client.create_audit(wish)
    assert caught.value.code is Code.REQUEST_INVALID
    assert "cue set" in caught.value.remedy
