"""An upload's ONNX to the canonical file, checked against itself. Runs in a child."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from analyzers.contract import Array
from analyzers.engines.selfcheck import self_check
from analyzers.graph.canonical import canonicalise as canonical_form


def canonicalise(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The canonical bytes, and what reading and running them showed."""
    del body
    model = canonical_form(os.pread(files["file"], os.fstat(files["file"]).st_size, 0))
    check = self_check(model)
    facts = {
        "shape": list(model.shape),
        "layout": model.layout,
        "classes": model.classes,
        "output_name": model.output_name,
        "batch": check.batch,
        "opset": model.opset,
        "parameters": model.parameters,
        "bn_folded": model.bn_folded,
        "softmax_tail": model.softmax_tail,
        "gradient_gap": check.gradient_gap,
        "engine_parity": check.parity,
    }
    return facts, {"canonical": np.frombuffer(model.raw, np.uint8)}
