"""The gate as a step: what it hands to ``assay check``, what it tells, and how it ends."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import typer
import yaml

from analyzers.contract import Json
from service.cli.main import app
from service.closing import as_file
from support.actions import loaded, plain_environment, run_action, scripts
from support.command_line import IMPORTS, NORMAL, ROBUST

DEPLOY = Path(__file__).parents[2] / "deploy"
ACTION = DEPLOY / "action" / "action.yml"
COMMANDS: Any = typer.main.get_command(app)
DIGEST = "0123456789abcdef" * 4
FAKE = """#!/bin/sh
# Stands for assay: keeps its arguments, leaves the files of a verdict, ends as it is told.
printf '%s\\0' "$@" >"$KEPT/arguments"
mkdir -p assay-out
if [ "$FAKE_EXIT" -ne 4 ]; then
    cp "$KEPT/verdict.json" assay-out/
    printf '### Robustness gate\\n' >assay-out/summary.md
fi
exit "$FAKE_EXIT"
"""
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "a b  c",
    "one\ntouch pwned\n",
    "&& touch pwned",
    "*",
    "--help",
    "-x",
    "${IFS}touch${IFS}pwned",
    "${{ github.token }}",
    "é\\n%0A::set-output name=verdict::PASS",
]


class Bench:
    """A folder to run in, with a stand-in for assay."""

    def __init__(self, place: Path) -> None:
        self.folder, self.kept = place / "work", place / "kept"
        programs = place / "bin"
        for one in (self.folder, self.kept, programs):
            one.mkdir()
        (programs / "assay").write_text(FAKE)
        (programs / "assay").chmod(0o755)
        self.verdict({"evidence_digest": DIGEST})
        self.environment = {**plain_environment(programs), "KEPT": str(self.kept)}

    def verdict(self, body: Mapping[str, Json]) -> None:
        """What the stand-in leaves as verdict.json, as the service writes it."""
        (self.kept / "verdict.json").write_bytes(as_file(body))

    def with_exit(self, code: int) -> dict[str, str]:
        """The environment in which the stand-in ends so."""
        return {**self.environment, "FAKE_EXIT": str(code)}

    def arguments(self) -> list[str]:
        """What the stand-in was called with."""
        return (self.kept / "arguments").read_text().split("\0")[:-1]

    def gate(
        self, code: int = 0, inputs: Mapping[str, str] = MappingProxyType({}), **named: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the shell step by itself."""
        environment = {**self.with_exit(code), **inputs, **named}
        return subprocess.run(
            ["sh", str(DEPLOY / "gate.sh")],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fresh one for each test."""
    return Bench(tmp_path)


def options(arguments: list[str]) -> dict[str, Any]:
    """What the real command line makes of the arguments; nothing is run."""
    verb, *rest = arguments
    return COMMANDS.commands[verb].make_context(verb, rest).params


# ------------------------------------------------------------------------------------ the step


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 130])
def test_the_exit_code_is_that_of_the_check(bench: Bench, code: int) -> None:
    """The verdict's code leaves the step as it came."""
    assert bench.gate(code, GATE_MODEL="m.onnx").returncode == code


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 130])
def test_only_an_inconclusive_is_let_through(bench: Bench, code: int) -> None:
    """With warn, 3 becomes 0; every other code stays."""
    ran = bench.gate(code, GATE_MODEL="m.onnx", GATE_ON_INCONCLUSIVE="warn")
    assert ran.returncode == (0 if code == 3 else code)
    assert ("INCONCLUSIVE" in ran.stderr) == (code == 3)


def test_an_unknown_wish_for_inconclusive_blocks(bench: Bench) -> None:
    """A misspelt wish is a usage error and no check is run."""
    assert bench.gate(0, GATE_MODEL="m.onnx", GATE_ON_INCONCLUSIVE="Warn").returncode == 2
    assert not (bench.kept / "arguments").exists()


def test_without_a_model_nothing_passes(bench: Bench) -> None:
    """An input that is missing or empty is a usage error."""
    assert bench.gate().returncode == bench.gate(GATE_MODEL="").returncode == 2


def test_without_assay_nothing_passes(bench: Bench) -> None:
    """Where the program is not installed the step ends as infrastructure does."""
    (bench.folder.parent / "bin" / "assay").unlink()
    ran = bench.gate(GATE_MODEL="m.onnx")
    assert ran.returncode == 4
    assert "no assay" in ran.stderr


def test_a_good_end_without_a_verdict_is_no_pass(bench: Bench) -> None:
    """Another program of the same name that ends with 0 opens no gate."""
    (bench.folder.parent / "bin" / "assay").write_text("#!/bin/sh\nexit 0\n")
    assert bench.gate(GATE_MODEL="m.onnx").returncode == 4


@pytest.mark.parametrize("place", ["assay-out", "assay-out/", "assay-out/evidence.json"])
def test_a_baseline_that_would_be_emptied_is_refused(bench: Bench, place: str) -> None:
    """The step clears its folder first, and must not take the baseline with it."""
    (bench.folder / "assay-out").mkdir()
    (bench.folder / "assay-out" / "evidence.json").write_text("{}")
    ran = bench.gate(GATE_MODEL="m.onnx", GATE_BASELINE=place)
    assert (ran.returncode, "another folder" in ran.stderr) == (2, True)
    assert (bench.folder / "assay-out" / "evidence.json").exists()
    assert bench.gate(GATE_MODEL="m.onnx", GATE_BASELINE="assay-out-old").returncode == 0


def test_results_of_an_earlier_run_are_not_its_own(bench: Bench) -> None:
    """A check that ends early leaves neither the last verdict nor the last summary behind."""
    names = ("evidence.json", "junit.xml", "report.html", "summary.md", "verdict.json")
    out = bench.folder / "assay-out"
    out.mkdir()
    for name in (*names, "notes.txt"):
        (out / name).write_text("old")
    assert bench.gate(4, GATE_MODEL="m.onnx").returncode == 4
    assert [one.name for one in out.iterdir()] == ["notes.txt"]


def test_the_arguments_are_what_the_command_takes(bench: Bench) -> None:
    """The real parser reads each input under its own option."""
    named = {"MODEL": "m.onnx", "DATA": "d.npz[0:9]", "POLICY": "p.yaml", "SERVER": "h:1"}
    bench.gate(0, {f"GATE_{name}": text for name, text in named.items()}, GATE_OUT="results")
    found = options(bench.arguments())
    assert (found["model"], found["data"], found["server"]) == ("m.onnx", "d.npz[0:9]", "h:1")
    assert (str(found["policy"]), str(found["out"])) == ("p.yaml", "results")


def test_what_was_not_named_is_left_to_the_command(bench: Bench) -> None:
    """Empty inputs hand over no option, so assay.yaml beside the model can speak."""
    bench.gate(GATE_MODEL="m.onnx", GATE_DATA="", GATE_POLICY="", GATE_SERVER="")
    assert bench.arguments() == ["check", "--out=assay-out", "--", "m.onnx"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_stay_words(bench: Bench, text: str) -> None:
    """No input becomes a command, an option or several words; the real parser sees it whole."""
    names = ("MODEL", "DATA", "POLICY", "SERVER", "OUT")
    bench.gate(0, {f"GATE_{name}": text for name in names})
    out = f"./{text}" if text.startswith("-") else text
    assert bench.arguments() == [
        *("check", f"--out={out}", f"--data={text}", f"--policy={text}", f"--server={text}"),
        *("--", text),
    ]
    assert options(bench.arguments())["model"] == text
    assert not list(bench.folder.rglob("pwned*"))


def test_a_model_named_help_would_pass_without_the_dashes() -> None:
    """Control: handed over bare, such a name prints help and ends with 0."""
    with pytest.raises(typer.Exit) as ended:
        options(["check", "--help"])
    assert ended.value.exit_code == 0


def test_other_shells_read_the_step_too() -> None:
    """POSIX alone: dash and bash parse it, and none of the words that only bash knows is in it."""
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-n", str(DEPLOY / "gate.sh")], check=True)
    lines = (DEPLOY / "gate.sh").read_text().splitlines()
    code = [line for line in lines if not line.lstrip().startswith("#")]
    assert not [line for line in code if "[[" in line or "local " in line or "pipefail" in line]
    assert os.access(DEPLOY / "gate.sh", os.X_OK)


# ---------------------------------------------------------------------------------- the action

INPUTS = {"model": "m.onnx", "data": "d.npz", "policy": "p.yaml"}


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, "PASS"), (1, "FAIL"), (3, "INCONCLUSIVE"), (4, "")]
)
def test_the_action_ends_and_tells_as_the_verdict_says(
    bench: Bench, code: int, verdict: str
) -> None:
    """Exit code, outputs and the job's page; what is not there is left out."""
    ran = run_action(ACTION, INPUTS, folder=bench.folder, environment=bench.with_exit(code))
    assert ran.exit == code
    assert ran.outputs == {"verdict": verdict, "evidence-digest": DIGEST if verdict else ""}
    assert ran.summary == ("### Robustness gate\n" if verdict else "")
    assert options(bench.arguments())["data"] == "d.npz"


def test_the_action_lets_an_inconclusive_through_when_asked(bench: Bench) -> None:
    """The step succeeds, the output still says INCONCLUSIVE, and the page shows a warning."""
    inputs = {**INPUTS, "on-inconclusive": "warn"}
    ran = run_action(ACTION, inputs, folder=bench.folder, environment=bench.with_exit(3))
    assert (ran.exit, ran.outputs["verdict"]) == (0, "INCONCLUSIVE")
    assert "::warning" in ran.told


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_inputs_of_the_action_stay_words(bench: Bench, text: str) -> None:
    """Every input at once, through the runner's substitution; the outputs keep their lines."""
    known = loaded(ACTION)["inputs"]
    inputs = {name: text for name in known if name != "on-inconclusive"}
    ran = run_action(ACTION, inputs, folder=bench.folder, environment=bench.with_exit(1))
    assert options(bench.arguments())["model"] == text
    assert options(bench.arguments())["data"] == text
    assert ran.exit == 1
    assert ran.outputs["verdict"] == "FAIL"
    assert not list(bench.folder.rglob("pwned*"))


def test_a_hostile_wish_for_inconclusive_blocks(bench: Bench) -> None:
    """The last input is compared and never run."""
    inputs = {**INPUTS, "on-inconclusive": "$(touch pwned)"}
    ran = run_action(ACTION, inputs, folder=bench.folder, environment=bench.with_exit(0))
    assert ran.exit == 2
    assert not list(bench.folder.rglob("pwned*"))


def test_no_script_of_the_action_holds_an_expression() -> None:
    """An expression in a script is replaced before the shell reads it, whoever wrote the value."""
    assert scripts(loaded(ACTION))
    assert not [script for script in scripts(loaded(ACTION)) if "${{" in script]


def test_an_expression_in_a_script_would_be_run(bench: Bench) -> None:
    """Control: a careless action, run in the same way, does what an input says."""
    careless = loaded(ACTION)
    careless["runs"]["steps"] = [{"shell": "bash", "run": 'assay check "${{ inputs.model }}"'}]
    careless["outputs"] = {}
    path = bench.folder.parent / "careless" / "action.yml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(careless))
    inputs = {**INPUTS, "model": "$(touch pwned)"}
    run_action(path, inputs, folder=bench.folder, environment=bench.with_exit(0))
    assert (bench.folder / "pwned").exists()


@pytest.mark.parametrize(
    ("own", "told"), [(DIGEST, DIGEST), ("x\nverdict=PASS", ""), (DIGEST.upper(), ""), (None, "")]
)
def test_a_verdict_tells_its_own_digest_alone(bench: Bench, own: str | None, told: str) -> None:
    """A digest in a baseline or in somebody's words is not it, and what is none is left out."""
    other = DIGEST[::-1]
    words = f'\n "evidence_digest": "{other}"\nverdict=PASS'
    nested = {"evidence_digest": other, "words": words}
    bench.verdict({"baseline": nested, "list": [nested], "evidence_digest": own, "zz": words})
    ran = run_action(ACTION, INPUTS, folder=bench.folder, environment=bench.with_exit(1))
    assert ran.outputs == {"verdict": "FAIL", "evidence-digest": told}


# --------------------------------------------------------------------------------------- GitLab


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_gitlab_job_ends_as_the_check_does(bench: Bench, code: int) -> None:
    """Its script, run as GitLab runs it, hands over its variables and keeps the exit code."""
    job = yaml.safe_load((DEPLOY / "gitlab-ci.yml").read_text())[".robustness"]
    environment = {**bench.with_exit(code), **job["variables"], "GATE_MODEL": "--help"}
    command = ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])]
    ran = subprocess.run(command, cwd=bench.folder, env=environment, check=False)
    assert ran.returncode == code
    found = options(bench.arguments())
    assert (found["model"], found["data"]) == ("--help", job["variables"]["GATE_DATA"])


def test_gitlab_warns_on_branches_and_blocks_releases() -> None:
    """Only the merge request's job may end INCONCLUSIVE; infrastructure is tried again in both."""
    jobs = yaml.safe_load((DEPLOY / "gitlab-ci.yml").read_text())
    assert jobs["robustness"]["allow_failure"] == {"exit_codes": [3]}
    assert "allow_failure" not in {**jobs["robustness-before-release"], **jobs[".robustness"]}
    assert jobs[".robustness"]["retry"] == {"max": 2, "exit_codes": [4]}
    assert all(jobs[name]["extends"] == ".robustness" for name in jobs if name[0] != ".")


# ---------------------------------------------------------------------------------- the real thing


@pytest.mark.deep
@pytest.mark.parametrize(("model", "code", "verdict"), [(ROBUST, 0, "PASS"), (NORMAL, 1, "FAIL")])
def test_the_action_gates_real_models(
    *, model: str, code: int, verdict: str, home: Path, material: Path, tmp_path: Path
) -> None:
    """The demo's networks through the action and the real ``assay``: true verdict, true digest."""
    programs, folder = tmp_path / "bin", tmp_path / "work"
    programs.mkdir()
    folder.mkdir()
    code_of_it = "from service.cli.main import main; main()"
    program = f'#!/bin/sh\nexec {sys.executable} -c "{code_of_it}" "$@"\n'
    (programs / "assay").write_text(program)
    (programs / "assay").chmod(0o755)
    environment = {
        **plain_environment(programs),
        "ASSAY_HOME": str(home),
        "PYTHONPATH": IMPORTS,
        "OMP_NUM_THREADS": "1",
    }
    inputs = {
        "model": model,
        "data": str(material / "shapes.npz"),
        "policy": str(material / "policy.yaml"),
    }
    ran = run_action(ACTION, inputs, folder=folder, environment=environment)
    assert ran.exit == code, ran.told
    found = yaml.safe_load((folder / "assay-out" / "verdict.json").read_text())
    assert found["verdict"] == ran.outputs["verdict"] == verdict
    assert found["evidence_digest"] == ran.outputs["evidence-digest"]
    summary = folder / "assay-out" / "summary.md"
    assert ran.summary == (summary.read_text() if summary.exists() else "")
