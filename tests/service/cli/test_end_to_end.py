"""The command line against the real service that it starts: verdicts and files."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from service.core.evidence import evidence_digest
from support.command_line import COMMAND, IMPORTS, NORMAL, ROBUST, assay, on, read, save

COUNT = 24


@pytest.fixture(scope="session")
def normal(home: Path, folder: Path) -> Path:
    """The report of the normal network; the check itself is looked at in a test."""
    return checked(NORMAL, folder, home / "normal")


@pytest.fixture(scope="session")
def robust(home: Path, folder: Path) -> Path:
    """The report of the robust network."""
    return checked(ROBUST, folder, home / "robust")


def checked(model: str, folder: Path, out: Path) -> Path:
    """Run a check and keep what it printed beside its files."""
    ran = subprocess.run(
        [*COMMAND, *on(folder, "check", model, f"[0:{COUNT}]"), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    (out / "exit").write_text(str(ran.returncode))
    (out / "stdout").write_text(ran.stdout)
    (out / "stderr").write_text(ran.stderr)
    return out


def requiring(gte: str, folder: Path, tmp_path: Path) -> str:
    """The policy with another threshold under attack."""
    path = tmp_path / "policy.yaml"
    path.write_text((folder / "policy.yaml").read_text().replace("gte: 0.40", f"gte: {gte}"))
    return str(path)


def robust_tally(report: Path) -> dict[str, int]:
    """The counts of the robust accuracy at the depth of the data."""
    measured = read(report / "evidence.json")["facts"]["measurements"]
    found = [one for one in measured if one["metric"] == "robust_accuracy"]
    [one] = [one for one in found if one["scope"]["depth"] == "8-bit"]
    return one["counts"]


# ---------------------------------------------------------------------------------- verdicts


def test_the_normal_network_fails(normal: Path) -> None:
    """Exit 1, the sentence on standard output, and the files of the report."""
    assert (normal / "exit").read_text() == "1"
    verdict = read(normal / "verdict.json")
    assert verdict["verdict"] == "FAIL"
    assert verdict["sentence"] in (normal / "stdout").read_text()
    assert verdict["evidence_digest"] == evidence_digest(read(normal / "evidence.json"))
    assert (normal / "report.html").read_bytes().lstrip().lower().startswith(b"<!doctype html")
    assert "### Robustness gate: FAIL" in (normal / "summary.md").read_text()
    assert b'<failure type="FAIL"' in (normal / "junit.xml").read_bytes()


def test_the_page_can_be_made_again_from_its_files(normal: Path) -> None:
    """Evidence, verdict and witnesses give the service's page to the byte, pictures too."""
    made = assay("report", str(normal / "evidence.json"), "--format", "html")
    assert made.stdout_bytes == (normal / "report.html").read_bytes()
    assert made.stdout_bytes.count(b"<img ") >= 4


def test_a_clear_fail_ends_early(normal: Path) -> None:
    """The threshold stops the attacks as soon as it is out of reach."""
    tally = robust_tally(normal)
    assert tally["prefix"] < tally["population"] == COUNT


def test_the_robust_network_passes(robust: Path) -> None:
    """Exit 0, every picture attacked, and the log shows the bracket on the way."""
    assert (robust / "exit").read_text() == "0"
    assert read(robust / "verdict.json")["verdict"] == "PASS"
    tally = robust_tally(robust)
    assert tally["prefix"] == tally["population"] == COUNT
    assert tally["full"] == COUNT or tally["survivors"] > 0
    assert f"certified 0/{COUNT}, not broken " in (robust / "stderr").read_text()


@pytest.mark.usefixtures("robust")
def test_an_unchanged_model_costs_nothing(folder: Path, robust: Path, out: Path) -> None:
    """The same check again measures nothing and says the same."""
    again = assay(*on(folder, "check", ROBUST, f"[0:{COUNT}]"), "--out", str(out))
    assert again.exit_code == 0
    second = read(out / "evidence.json")
    assert second["run"]["cache"]["misses"] == 0
    assert second["facts"] == read(robust / "evidence.json")["facts"]


def test_what_is_withheld_is_shown_nowhere(folder: Path, robust: Path, out: Path) -> None:
    """The same verdict on the same facts without a picture; the open audit is the control."""
    out.mkdir()
    shutil.copytree(robust / "witnesses", out / "witnesses")
    asked = [*on(folder, "check", ROBUST, f"[0:{COUNT}]"), "--out", str(out), "--withhold"]
    assert assay(*asked).exit_code == 0
    facts, openly = (read(one / "evidence.json")["facts"] for one in (out, robust))
    assert facts["data"].pop("withheld") is True
    assert facts == openly
    assert "data:image/" in (robust / "report.html").read_text()
    page = (out / "report.html").read_text()
    assert "data:image/" not in page
    assert "are withheld" in page
    assert not (out / "witnesses").exists()
    shutil.copytree(robust / "witnesses", out / "witnesses")
    again = assay("report", str(out / "evidence.json"), "--format", "html")
    assert "are withheld" in again.stderr
    assert "data:image/" not in again.stdout


def test_a_dry_run_foresees_the_most_and_runs_nothing(
    folder: Path, robust: Path, out: Path
) -> None:
    """Of a known audit nothing is left; of one in another order all is, and it is never less."""
    asked = [*on(folder, "check", ROBUST, f"[0:{COUNT}]"), "--out", str(out), "--dry-run"]
    known = assay(*asked)
    assert (known.exit_code, out.exists()) == (0, False)
    units = read(robust / "evidence.json")["run"]["cache"]
    total = units["hits"] + units["misses"]
    assert known.stdout == f"All {total} pieces of work are known: nothing would run.\n"
    before = assay("list").stdout
    fresh = assay(*asked, "--seed", "7")
    assert (fresh.exit_code, out.exists()) == (0, False)
    assert assay("list").stdout == before
    found = re.search(r"passes +([\d,]+) forward, ([\d,]+) back\n +time +\d+", fresh.stdout)
    assert found is not None, fresh.stdout
    spent = read(robust / "evidence.json")["facts"]["passes"]
    for told, took in zip(found.groups(), (spent["forward"], spent["backward"]), strict=True):
        assert int(told.replace(",", "")) >= took > 0


def test_a_release_is_named_shown_and_withdrawn(home: Path, robust: Path) -> None:
    """By the last part of the audit's name; it is a release of what the file is called."""
    (name,) = [line.split()[0] for line in assay("list").stdout.splitlines() if "PASS" in line][:1]
    assert "No audit was made a baseline" in assay("baseline", "show").stderr
    made = assay("baseline", "set", name.rpartition("/")[2])
    assert (made.exit_code, made.stderr) == (0, "")
    assert made.stdout == f"robust.onnx: later audits are held against {name}.\n"
    shown = assay("baseline", "show", "robust.onnx").stdout.splitlines()
    assert [line.split()[:3] for line in shown[1:]] == [["robust.onnx", "yes", "PASS"]]
    assert "No audit" in assay("baseline", "show", "other.onnx").stderr
    assert assay("baseline", "unset", name).exit_code == 0
    assert assay("baseline", "show").stdout == ""


@pytest.mark.parametrize(("gte", "code"), [("0.95", 1), ("0.40", 0), ("0.10", 0)])
def test_judge_reads_evidence_again(
    robust: Path, folder: Path, tmp_path: Path, gte: str, code: int
) -> None:
    """Another threshold gives another verdict, without service or model."""
    policy = requiring(gte, folder, tmp_path)
    found = assay("judge", str(robust / "evidence.json"), "--policy", policy)
    assert found.exit_code == code


def test_judge_does_not_pass_what_was_cut_short(normal: Path, folder: Path, tmp_path: Path) -> None:
    """Evidence that ended early settles no lower threshold: INCONCLUSIVE, with what is missing."""
    policy = requiring("0.02", folder, tmp_path)
    found = assay("judge", str(normal / "evidence.json"), "--policy", policy)
    assert found.exit_code == 3
    assert "not looked at" in found.stdout


@pytest.mark.parametrize("cut", ["", "measurements", "plan", "nothing"])
def test_judge_refuses_damaged_evidence(
    robust: Path, folder: Path, tmp_path: Path, cut: str
) -> None:
    """Half a file, or one that misses a part, is an integrity error; untouched it is judged."""
    path = tmp_path / "evidence.json"
    body = read(robust / "evidence.json")
    body["facts"].pop(cut, None)
    path.write_text(json.dumps(body)[: None if cut else 1000])
    found = assay("judge", str(path), "--policy", str(folder / "policy.yaml"))
    assert found.exit_code == (0 if cut == "nothing" else 6)
    assert found.stderr == "" or found.stderr.startswith("EVIDENCE_INVALID: ")


@pytest.mark.usefixtures("home")
def test_audit_gathers_all_and_judges_nothing(folder: Path, out: Path) -> None:
    """Evidence to the end although the threshold is long out of reach, and no verdict."""
    found = assay(*on(folder, "audit", NORMAL, "[100:140]"), "--out", str(out))
    assert found.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "evidence.json",
        "report.html",
        "summary.md",
        "witnesses",
    ]
    tally = robust_tally(out)
    assert tally["full"] == tally["population"] == 40


@pytest.mark.usefixtures("normal")
def test_detach_then_status_then_show(folder: Path, out: Path) -> None:
    """The name that --detach prints leads to state, verdict and files."""
    started = assay(*on(folder, "check", NORMAL, f"[0:{COUNT}]"), "--detach")
    assert started.exit_code == 0
    name = started.stdout.splitlines()[-1]
    end = time.monotonic() + 60
    while (found := assay("status", name)).stdout.split()[0] in {"queued", "running"}:
        assert found.exit_code == 3
        assert time.monotonic() < end
        time.sleep(0.1)
    assert (found.exit_code, found.stdout.splitlines()[0]) == (1, "succeeded FAIL")
    assert name in assay("list").stdout
    assert assay("show", name, "--out", str(out)).exit_code == 1
    assert read(out / "verdict.json")["verdict"] == "FAIL"


@pytest.mark.usefixtures("home")
def test_an_interrupted_check_goes_on_where_it_stopped(folder: Path, out: Path) -> None:
    """Ctrl-C ends with 130 and no files; the same command later measures only the rest."""
    words = [*COMMAND, *on(folder, "check", ROBUST, "[60:82]"), "--out", str(out)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "standing " in line:
                break
        process.send_signal(signal.SIGINT)
        assert "Run the same command again" in process.stderr.read()
    assert process.returncode == 130
    assert not out.exists()
    assert assay(*words[len(COMMAND) :]).exit_code in {0, 1}
    assert read(out / "evidence.json")["run"]["cache"]["hits"] > 0


@pytest.mark.usefixtures("home")
def test_demo_shows_one_fail_and_one_pass(out: Path) -> None:
    """The demo ends well, leaves a policy and pictures to go on with, and two reports."""
    found = assay("demo", "--out", str(out), "--limit", str(COUNT))
    assert found.exit_code == 0, found.stderr
    rows = [line.split() for line in found.stdout.splitlines() if line[:6] in {"normal", "robust"}]
    assert [(row[0], row[-2]) for row in rows] == [("normal", "FAIL"), ("robust", "PASS")]
    assert all(Path(row[-1]).is_file() for row in rows)
    assert sorted(path.name for path in out.iterdir()) == [
        "normal",
        "policy.yaml",
        "robust",
        "shapes.npz",
    ]
    assert "--policy" in found.stdout


def test_serve_says_where_it_is(tmp_path: Path) -> None:
    """Addresses are printed when it can be reached, SIGTERM ends it with 0."""
    words = ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--home", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": IMPORTS}
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(3)]
        found = re.search(r"gRPC at (127\.0\.0\.1:\d+)", "".join(printed))
        assert found is not None
        assert assay("list", "--server", found[1]).exit_code == 0
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_serve_refuses_every_network(tmp_path: Path, address: str) -> None:
    """Without credentials nobody else may come in."""
    found = assay("serve", "--listen", address, "--home", str(tmp_path))
    assert found.exit_code == 2
    assert found.stderr.startswith("WILDCARD_REFUSED: ")


# ---------------------------------------------------------------------------------- preflight


@pytest.mark.usefixtures("home")
def test_preflight_tells_accuracy_and_alternatives(folder: Path) -> None:
    """The clean accuracy, each preprocessing that was tried, and none that is better."""
    found = assay("preflight", NORMAL, "--data", f"{folder / 'shapes.npz'}[0:{COUNT}]")
    assert found.exit_code == 0
    assert f"of {COUNT} images are right" in found.stdout
    assert "--normalize cifar10" in found.stdout
    assert "No known preprocessing is better" in found.stdout
    assert "certified" not in found.stderr  # a bracket would mean that an attack ran


@pytest.mark.usefixtures("home")
def test_a_missed_expectation_names_what_would_fit(folder: Path) -> None:
    """Fed through the wrong normalisation, the model is unusable, and the right one is named."""
    data = f"{folder / 'shapes.npz'}[0:{COUNT}]"
    wrong = ("--normalize", "0.9,0.9,0.9/0.1,0.1,0.1", "--expect-accuracy", "0.95")
    found = assay("preflight", NORMAL, "--data", data, *wrong)
    assert found.exit_code == 5
    assert "PREPROCESSING_MISMATCH: " in found.stderr
    assert "--normalize none" in found.stderr


@pytest.mark.usefixtures("robust")
def test_neither_withholding_nor_another_order_hides_a_drop(folder: Path, out: Path) -> None:
    """The same rule on the same images: what fell since the last release fails as such."""
    policy, turned = folder / "regress.yaml", folder / "turned.npz"
    body = (folder / "policy.yaml").read_text().replace("gte: 0.40", "gte: 0.0001")
    policy.write_text(body + "subject: {name: gate}\nregress: {on: [worst-case], max_drop: 1pt}\n")
    with np.load(folder / "shapes.npz") as held:
        save(turned, **{name: held[name][140 : 140 + COUNT][::-1] for name in ("images", "labels")})
    usual = f"{folder / 'shapes.npz'}[140:{140 + COUNT}]"  # of no other test: they share a home
    told: list[tuple[int, bool]] = []
    for model, data, more in (
        (ROBUST, usual, []),
        (NORMAL, usual, []),
        (NORMAL, usual, ["--withhold"]),
        (NORMAL, str(turned), []),
    ):
        words = ["check", model, "--data", data, "--policy", str(policy), *more]
        code = assay(*words, "--out", str(out)).exit_code
        lines = read(out / "verdict.json")["requirements"]
        failed = [one["id"] for one in lines if one["state"] == "FAIL"]
        told.append((code, "worst-case:regress" in failed))
    assert told == [(0, False), (1, True), (1, True), (1, True)]
