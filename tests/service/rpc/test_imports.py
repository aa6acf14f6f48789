"""What importing the surface costs, and what it must never bring along."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"torch", "onnx", "onnxruntime", "scipy"}
SERVER_ONLY = {"prometheus_client", "grpc_health", "grpc_reflection", "sqlalchemy", "starlette"}
SCRIPT = """
import json, sys
sys.path[:0] = [".", "proto"]
sys.modules.update(dict.fromkeys({absent}))
import {module}
pages = int(open("/proc/self/statm").read().split()[1])
print(json.dumps([sorted({{name.partition(".")[0] for name in sys.modules}}), pages]))
"""


def imported(module: str, absent: list[str]) -> tuple[set[str], float]:
    """Packages that come along, and the resident size in MB, in a fresh interpreter."""
    run = [sys.executable, "-c", SCRIPT.format(module=module, absent=absent)]
    done = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True)
    packages, pages = json.loads(done.stdout)
    return set(packages), pages * 4096 / 1e6


@pytest.mark.parametrize("module", ["service.client", "service.rpc.server"])
def test_nothing_heavy_comes_along(module: str) -> None:
    """Torch and its kin load in children only, and the surface leaves most of 150 MB to others."""
    packages, megabytes = imported(module, [])
    assert packages & HEAVY == set()
    assert megabytes < 90


def test_the_client_needs_only_the_base_install() -> None:
    """It works where nothing of the server's extra is installed."""
    packages, _ = imported("service.client", sorted(SERVER_ONLY))
    assert "grpc" in packages
