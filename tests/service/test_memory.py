"""The API process stays small, and the engines stay out of it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.client import Client
from service.demo.shapes import draw, write_npz
from service.embedded import join
from service.rpc.ports import NewAudit, NewEvalSet, NewModel
from support.running import NETS, policy

AUDITS = 10
MOST_MB = 150
ENGINES = ("libtorch", "onnxruntime", "onnx_cpp2py")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def loaded(pid: int) -> set[str]:
    """Which engines a process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {name for name in ENGINES if name in maps}


def test_ten_audits_leave_a_small_process_without_engines(tmp_path: Path) -> None:
    """After ten audits the API process is under 150 MB and has no engine mapped."""
    home = tmp_path / "home"
    with Client(join(home)) as client:
        pid = json.loads((home / "service.json").read_text())["pid"]
        try:
            for number in range(AUDITS):
                _audit(client, tmp_path, number)
            size, engines = resident_mb(pid), loaded(pid)
        finally:
            os.kill(pid, signal.SIGTERM)
    print(f"API process after {AUDITS} audits: {size:.0f} MB")
    assert not engines
    assert size < MOST_MB


def _audit(client: Client, folder: Path, number: int) -> None:
    data = folder / f"{number}.npz"
    write_npz(data, draw(20, seed=100 + number))
    model = client.wait_operation(
        client.create_model(NewModel(client.upload(NETS / "normal.onnx", "model")))
    )
    held = client.wait_operation(client.create_eval_set(NewEvalSet(client.upload(data, "data"))))
    asked = client.create_audit(NewAudit(model.name, held.name, policy=policy()))
    assert client.wait_operation(asked).verdict == "FAIL"


@pytest.mark.parametrize("engine", ["torch", "onnxruntime"])
def test_control_the_maps_do_show_an_engine(engine: str) -> None:
    """The look into the maps would see an engine: a process that imports one has it mapped."""
    program = f"import {engine}; input()"
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdin is not None
        while not loaded(process.pid):
            assert process.poll() is None
        process.stdin.write("\n")
        process.stdin.close()
