"""An upload's ONNX to the canonical file, checked against itself. Runs in a child."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from analyzers.contract import Array
from analyzers.engines.agreement import agreed


def canonicalise(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The canonical bytes, and what reading and running them showed."""
    upload = os.pread(files["file"], os.fstat(files["file"]).st_size, 0)
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
    }
    return facts, {"canonical": np.frombuffer(model.raw, np.uint8)}
