"""The folder of third-party reference models: entries, pictures and preprocessing."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from analyzers.contract import FloatArray, InputSpec, LabelArray


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The entries of the manifest."""
    return json.loads((folder / "manifest.json").read_text())


def spec_of(row: dict[str, Any]) -> InputSpec:
    """The normalisation that a network expects."""
    told = row["normalize"]
    return InputSpec("nchw", 1.0, tuple(told["mean"]), tuple(told["std"]))


def picture_set(folder: Path, row: dict[str, Any], count: int) -> tuple[FloatArray, LabelArray]:
    """The first pictures of a network's data set, in [0,1] and channels first."""
    stored = np.load(folder / row["dataset"])
    images = stored["images"][:count].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(images), stored["labels"][:count].astype(np.int64)
