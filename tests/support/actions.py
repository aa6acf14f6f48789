"""A composite action as its runner has it: inputs become environment, bash runs each ``run``."""

import os
import re
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True)
class Ran:
    """How an action ended and what it told."""

    exit: int
    outputs: Mapping[str, str]
    summary: str
    told: str


def loaded(path: Path) -> dict[str, Any]:
    """The action's description."""
    return yaml.safe_load(path.read_text())


def scripts(action: Mapping[str, Any]) -> list[str]:
    """Every ``run`` of it."""
    return [step["run"] for step in action["runs"]["steps"] if "run" in step]


def run_action(
    path: Path, inputs: Mapping[str, str], *, folder: Path, environment: Mapping[str, str]
) -> Ran:
    """Run each step in ``folder`` until one fails, and read what the steps left for the runner."""
    action = loaded(path)
    known = {name: one.get("default", "") for name, one in action["inputs"].items()}
    values = {f"inputs.{name}": text for name, text in {**known, **inputs}.items()}
    place = folder.parent / f"runner-{uuid.uuid4().hex}"
    place.mkdir()
    output, summary = place / "output", place / "summary"
    output.touch()
    summary.touch()
    base = {
        **environment,
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(path.parent),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    code, told = 0, ""
    for number, step in enumerate(action["runs"]["steps"]):
        assert step["shell"] == "bash"
        script = place / f"{number}.sh"
        script.write_text(_put_in(step["run"], values))
        own = {name: _put_in(text, values) for name, text in step.get("env", {}).items()}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=folder,
            env={**base, **own},
            capture_output=True,
            text=True,
            check=False,
        )
        code, told = ran.returncode, told + ran.stdout + ran.stderr
        values |= {f"steps.{step.get('id')}.outputs.{k}": v for k, v in _pairs(output).items()}
        if code:
            break
    declared = action.get("outputs", {})
    outputs = {name: _put_in(one["value"], values) for name, one in declared.items()}
    return Ran(code, outputs, summary.read_text(), told)


def _put_in(text: str, values: Mapping[str, str]) -> str:
    """Text with its expressions replaced, by the runner's plain rule: as it stands."""
    return EXPRESSION.sub(lambda found: values.get(found[1], ""), text)


def _pairs(output: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in output.read_text().splitlines())


def plain_environment(*folders: Path) -> dict[str, str]:
    """An environment with nothing but a search path that begins with these folders."""
    return {"PATH": os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])}
