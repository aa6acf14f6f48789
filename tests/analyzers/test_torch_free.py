"""Outside the child nothing loads torch, onnx or onnxruntime: checked in a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "onnx", "onnxruntime")
CHILD_ONLY = (
    "analyzers.graph",
    "analyzers.engines",
    "analyzers.bounds",
    "analyzers.remedies",
    "analyzers.attacks.ball",
    "analyzers.attacks.losses",
    "analyzers.attacks.apgd",
    "analyzers.attacks.ranking",
    "service.intake.architectures",
    "service.sandbox.child",
    "service.sandbox.zygote",
)
RUN_BY_ALEMBIC = "service.store.migrations."
LOADER = """
import importlib, json, sys
heavy, names = json.loads(sys.argv[1])
guilty = {}
for name in names:
    before = set(sys.modules)
    importlib.import_module(name)
    found = [one for one in heavy if one in sys.modules and one not in before]
    if found:
        guilty[name] = found
print(json.dumps(guilty))
"""


def module_names() -> list[str]:
    """Every module of both packages, by its file."""
    files = [path for top in ("analyzers", "service") for path in (ROOT / top).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return sorted(
        name.removesuffix(".__init__") for name in names if not name.startswith(RUN_BY_ALEMBIC)
    )


def runs_in_a_child(name: str) -> bool:
    """Whether a module is at home in a child, where the heavy packages are allowed."""
    inside = any(name == one or name.startswith(f"{one}.") for one in CHILD_ONLY)
    return inside or name.endswith("_child")


def loaded_by(names: list[str]) -> dict[str, list[str]]:
    """Which of these modules pull in a heavy package, in an interpreter that has none."""
    ended = subprocess.run(
        [sys.executable, "-c", LOADER, json.dumps([HEAVY, names])],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "proto")])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    return json.loads(ended.stdout.splitlines()[-1])


def test_no_module_outside_the_child_loads_a_heavy_package() -> None:
    """Importing everything but the child-only modules leaves torch, onnx, onnxruntime alone."""
    names = [name for name in module_names() if not runs_in_a_child(name)]
    assert {"analyzers.catalog", "analyzers.contract", "service.core.judge"} <= set(names)
    assert loaded_by(names) == {}


def test_a_heavy_import_would_be_seen() -> None:
    """Control: a child-only module, imported in the same way, is caught."""
    assert loaded_by(["analyzers.contract", "analyzers.graph.weights"]) == {
        "analyzers.graph.weights": ["onnx"]
    }
