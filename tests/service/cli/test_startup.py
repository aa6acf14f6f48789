"""Help is quick and light, and every mistake in a command line exits with 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.command_line import COMMAND, IMPORTS, assay

HEAVY = ("numpy", "grpc", "google.protobuf", "torch", "onnx", "onnxruntime")
PROGRAM = """
import json, sys
from service.cli.main import app
try:
    app(json.loads(sys.argv[1]))
except SystemExit as ended:
    assert ended.code == int(sys.argv[2]), ended.code
print(json.dumps([name for name in json.loads(sys.argv[3]) if name in sys.modules]))
"""


def loaded(words: list[str], *, code: int = 0) -> list[str]:
    """Which heavy libraries a command loads in a fresh interpreter."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(words), str(code), json.dumps(HEAVY)],
        env={"PYTHONPATH": IMPORTS},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    """Not even numpy or gRPC, so that help is there at once."""
    assert loaded(words) == []


def test_a_missing_policy_is_told_without_gRPC() -> None:  # noqa: N802 - its name
    """What can be told here needs no connection; numpy shows that the look itself works."""
    found = loaded(["check", "model.onnx", "--data", "data.npz"], code=2)
    assert "numpy" in found
    assert {"grpc", "torch", "onnx", "onnxruntime"}.isdisjoint(found)


@pytest.mark.parametrize(
    "words",
    [
        ["chekc"],
        ["check"],
        ["check", "model.onnx"],
        ["check", "model.onnx", "--data", "data.npz", "--layout", "chwn"],
        ["check", "model.onnx", "--data", "data.npz", "--limit", "0"],
        ["check", "model.onnx", "--data", "data.npz", "--expect-accuracy", "95"],
        ["check", "model.onnx", "--data", "data.npz", "--seed", "-1"],
        ["judge"],
        ["status"],
    ],
)
def test_mistakes_in_a_command_line_are_usage(words: list[str]) -> None:
    """Unknown verbs, missing arguments and numbers out of range exit with 2."""
    assert assay(*words).exit_code == 2


def test_out_must_not_be_a_file(tmp_path: Path) -> None:
    """A folder that cannot be one is told before an audit has run for minutes."""
    taken = tmp_path / "taken"
    taken.touch()
    words = ["check", "model.onnx", "--data", "data.npz", "--out", str(taken)]
    assert assay(*words).exit_code == 2


def test_a_reader_that_went_away_is_no_verdict() -> None:
    """When nobody reads what is printed, the exit code must not be 1, which would say FAIL."""
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*COMMAND, "check", "model.onnx", "--data", "data.npz"],
        env={"PYTHONPATH": IMPORTS},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert ran.returncode == 4
    assert "Traceback" not in ran.stderr
