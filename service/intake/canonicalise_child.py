"""An upload's ONNX to the canonical file, checked against itself. Runs in a child."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analyzers.contract import Array
from analyzers.engines.agreement import agreed
from analyzers.graph.canonical import CanonicalModel
from service.intake.archives.archive_child import Archive
from service.intake.content_child import content
from service.intake.notices import listed


def canonicalise(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The canonical bytes, and what reading and running them showed."""
    upload = content(files["file"])
    model, check = agreed(upload, body.get("output", ""))
    facts = {
        "shape": list(model.shape),
        "layout": model.layout,
        "either_layout": model.image.either_layout,
        "dtype": model.input_spec.dtype,
        "scale": model.input_spec.scale,
        "mean": list(model.input_spec.mean),
        "std": list(model.input_spec.std),
        "axes": list(model.input_spec.axes),
        "classes": model.classes,
        "output_name": model.upload_output,
        "tail": model.tail,
        "batch": check.batch,
        "opset": model.opset,
        "upload_opset": model.upload_opset,
        "upload_batch": model.upload_batch,
        "replay_batch": check.replay_batch,
        "upload_gap": check.upload_gap,
        "parameters": model.parameters,
        "bn_folded": model.bn_folded,
        "gradient_gap": check.gradient_gap,
        "twin": check.twin,
        "engine_parity": check.parity,
        "notices": _notices(upload, model),
    }
    return facts, {"canonical": np.frombuffer(model.raw, np.uint8)}


def _notices(upload: bytes, model: CanonicalModel) -> list[dict[str, str]]:
    """What else the upload holds or declares."""
    found: list[dict[str, str]] = []
    if model.upload_domains:
        found.append({"id": "ART-CUSTOM", "detail": f"{listed(model.upload_domains)}."})
    if upload.startswith(b"PK\x03\x04"):
        beside = [name for name in Archive(upload).names if not name.lower().endswith(".onnx")]
        if beside:
            found.append({"id": "ART-EXTERNAL", "detail": f"{listed(beside)}."})
    return found
