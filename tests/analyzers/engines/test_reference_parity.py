"""Third-party files run alike in both engines, free batch or fixed, and keep their accuracy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzers.attacks.losses import margin
from analyzers.contract import FloatArray, LabelArray
from analyzers.engines.agreement import agreed
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.uploaded import Upload, UploadedModel
from analyzers.graph.canonical import canonicalise
from support.graphs import subject_of
from support.reference import picture_set, rows_of, spec_of

pytestmark = pytest.mark.reference


def files(folder: Path) -> list[tuple[dict[str, Any], str]]:
    """Every ONNX file of the manifest with its entry."""
    rows = json.loads((folder / "manifest.json").read_text())
    return [(row, row[key]) for row in rows for key in ("onnx", "onnx_batch1") if row.get(key)]


def test_every_file_is_covered(reference_models: Path) -> None:
    """No ONNX file of the folder stays outside the manifest."""
    named = {name for _, name in files(reference_models)}
    assert named == {path.name for path in reference_models.glob("*.onnx")}


def test_engines_agree_on_every_file(reference_models: Path) -> None:
    """Outputs agree to 1e-5 of the largest logit, on probes and on real pictures."""
    for row, name in files(reference_models):
        raw = (reference_models / name).read_bytes()
        model, check = agreed(raw)
        assert check.gradient_gap == "", name
        assert (model.batch, check.batch) == ("free", "free"), name
        assert model.upload_batch == ("one" if name == row.get("onnx_batch1") else "free"), name
        assert check.parity is not None, name
        assert check.parity < 1e-5, name
        images, _ = picture_set(reference_models, row, 40)
        subject = subject_of(raw, spec_of(row))
        assert subject.gradient is not None
        expected = subject.predict(images)
        gap = np.abs(subject.gradient.logits(images) - expected).max()
        assert gap <= 1e-5 * np.abs(expected).max(), name


def test_batches_answer_as_the_uploaded_file_does_one_by_one(reference_models: Path) -> None:
    """Brought to one form and run in batches, every file keeps its own single answers to 1e-5."""
    for row, name in files(reference_models):
        raw = (reference_models / name).read_bytes()
        model, _ = agreed(raw)
        images, _ = picture_set(reference_models, row, 37)
        alone = UploadedModel(Upload(raw, model.upload_output, "one"), spec_of(row), 1)
        together = subject_of(raw, spec_of(row)).predict(images)
        assert np.abs(together - alone.predict(images)).max() <= 1e-5, name


def test_slopes_agree_between_free_and_fixed_files(reference_models: Path) -> None:
    """A network's two files give the same slopes, the one in batches and the other not."""
    for row in rows_of(reference_models):
        if not row.get("onnx_batch1"):
            continue
        images, labels = picture_set(reference_models, row, 8)
        found = [
            slopes(reference_models / row[key], row, images, labels)
            for key in ("onnx", "onnx_batch1")
        ]
        assert np.abs(found[0] - found[1]).max() <= 1e-4 * np.abs(found[0]).max(), row["name"]


def slopes(path: Path, row: dict[str, Any], images: FloatArray, labels: LabelArray) -> FloatArray:
    """Slopes of the margin."""
    model = canonicalise(path.read_bytes())
    engine = GradientEngine(model.raw, spec_of(row), threads=1, batch=model.batch)
    return engine.step(images, labels, margin).slope


def test_clean_accuracy_is_as_published(reference_models: Path) -> None:
    """On the images of the manifest's own figure, counted by the forward engine."""
    for row in rows_of(reference_models):
        raw = (reference_models / row["onnx"]).read_bytes()
        images, labels = picture_set(reference_models, row, row["clean"]["n"])
        right = (subject_of(raw, spec_of(row)).predict(images).argmax(1) == labels).mean()
        assert round(float(right), 4) == row["clean"]["acc"], row["name"]
