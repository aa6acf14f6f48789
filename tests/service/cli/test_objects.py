"""What a program hears: one JSON object on standard output, whatever came of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from support.command_line import NORMAL, assay, on, read

pytestmark = pytest.mark.usefixtures("home")


def heard(found: Result) -> dict[str, Any]:
    """The one object; anything else on standard output would not parse."""
    return json.loads(found.stdout)


@pytest.fixture
def checked(folder: Path, out: Path) -> tuple[Result, Path]:
    """A check of the normal network that spoke to a program."""
    return assay(*on(folder, "check", NORMAL, "[0:20]"), "--out", str(out), "--json"), out


def test_a_check_says_its_verdict(checked: tuple[Result, Path]) -> None:
    """The same verdict as in the file, the same exit code as without the option."""
    found, out = checked
    assert found.exit_code == 1
    said = heard(found)
    assert said["verdict"] == read(out / "verdict.json")
    assert said["folder"] == str(out)
    status = assay("status", said["audit"], "--json")
    assert status.exit_code == 1
    assert heard(status)["audit"]["verdict"] == "FAIL"
    assert heard(status)["audit"]["problem"] is None
    listed = heard(assay("list", "--json"))["audits"]
    assert said["audit"] in {one["name"] for one in listed}


def test_judging_again_says_the_verdict(checked: tuple[Result, Path], folder: Path) -> None:
    """Offline too, with the exit code of what is said."""
    _, out = checked
    policy = ["--policy", str(folder / "policy.yaml")]
    found = assay("judge", str(out / "evidence.json"), *policy, "--json")
    assert found.exit_code == 1
    assert heard(found)["verdict"]["verdict"] == "FAIL"


def test_preflight_says_what_it_measured(folder: Path) -> None:
    """Each metric with its value and counts."""
    data = ["--data", f"{folder / 'shapes.npz'}[0:20]"]
    said = heard(assay("preflight", NORMAL, *data, "--json"))["measurements"]
    (accuracy,) = [one for one in said if one["metric"] == "accuracy"]
    assert 0.5 < accuracy["value"] <= 1.0
    assert accuracy["counts"]["population"] == 20


def test_a_dry_run_says_what_it_would_cost(folder: Path) -> None:
    """Numbers, not sentences."""
    said = heard(assay(*on(folder, "check", NORMAL, "[0:30]"), "--dry-run", "--json"))
    assert said["estimate"]["images"] == 30
    assert said["estimate"]["forward"] > 0


def test_an_error_is_an_object_too(folder: Path) -> None:
    """With its stable code, and the exit code that it has always had."""
    found = assay(*on(folder, "check", "nowhere.onnx"), "--json")
    assert found.exit_code == assay(*on(folder, "check", "nowhere.onnx")).exit_code
    assert heard(found)["problem"]["code"] == "FILE_NOT_FOUND"
    assert heard(found)["problem"]["remedy"]


def test_without_a_policy_the_object_stands_alone(folder: Path) -> None:
    """The minimal policy is for people, so it goes beside the result."""
    found = assay("check", NORMAL, "--data", str(folder / "shapes.npz"), "--json")
    assert found.exit_code == 2
    assert heard(found)["problem"]["code"] == "POLICY_MISSING"
    assert "apiVersion: assay/v1" in found.stderr
