"""Help is quick and light, and every mistake in a command line exits with 2."""

import os
import subprocess
from pathlib import Path

import pytest

from support.command_line import COMMAND, IMPORTS, assay, loaded

HEAVY = ("numpy", "grpc", "google.protobuf", "torch", "onnx", "onnxruntime")


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    """Not even numpy or gRPC, so that help is there at once."""
    assert loaded(words, HEAVY) == []


def test_a_missing_policy_is_told_without_gRPC() -> None:  # noqa: N802 - its name
    """What can be told here needs no connection; pydantic shows that the look itself works."""
    words = ["check", "model.onnx", "--data", "data.npz"]
    assert loaded(words, [*HEAVY, "pydantic"], code=2) == ["pydantic"]


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
