"""The command line as tests run it: in this process or in its own, on the demo's pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner, Result

from service.cli.main import app

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from service.cli.main import main; main()")
NETS = ROOT / "service" / "demo" / "nets"
NORMAL, ROBUST = str(NETS / "normal.onnx"), str(NETS / "robust.onnx")
TEST_SEED = 2
"""Of pictures on which the demo networks were not trained."""
IMPORTS = f"{ROOT}{os.pathsep}{ROOT / 'proto'}"
"""What PYTHONPATH needs where the project is not installed."""


def assay(*words: str) -> Result:
    """Run a verb in this process."""
    return CliRunner().invoke(app, list(words))


_LOADS = """
import json, sys
from service.cli.main import app
try:
    app(json.loads(sys.argv[1]))
except SystemExit as ended:
    assert ended.code == int(sys.argv[2]), ended.code
print(json.dumps([name for name in json.loads(sys.argv[3]) if name in sys.modules]))
"""


def loaded(words: Sequence[str], modules: Sequence[str], *, code: int = 0) -> list[str]:
    """Which of these modules a command loads in a fresh interpreter, where it exits with a code."""
    told = [json.dumps(list(words)), str(code), json.dumps(list(modules))]
    ran = subprocess.run(
        [sys.executable, "-c", _LOADS, *told],
        env={"PYTHONPATH": IMPORTS},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout.splitlines()[-1])


def on(folder: Path, verb: str, model: str, cut: str = "") -> list[str]:
    """A verb on a model, with the pictures and the policy of a folder."""
    data, policy = folder / "shapes.npz", folder / "policy.yaml"
    return [verb, model, "--data", f"{data}{cut}", "--policy", str(policy)]


def save(path: Path, **arrays: Any) -> None:  # noqa: ANN401 - arrays of any kind, bad ones too
    """Write an npz file."""
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read(path: Path) -> dict[str, Any]:
    """A JSON file."""
    return json.loads(path.read_bytes())
