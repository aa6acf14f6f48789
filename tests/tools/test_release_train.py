"""The release train ends as its page in the docs says it does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.command_line import ROOT, read
from tools.release_train import page

PAGE = ROOT / "docs" / "release-train.md"
LINES = ("clean", "worst-case", "worst-case:regress")
ENDS = {
    "first": ("PASS", "PASS PASS"),
    "export": ("PASS", "PASS PASS PASS"),
    "8-bit": ("PASS", "PASS PASS PASS"),
    "retrained": ("FAIL", "PASS FAIL FAIL"),
    "4-bit": ("FAIL", "PASS PASS FAIL"),
    "rounding": ("INCONCLUSIVE", "PASS INCONCLUSIVE PASS"),
    "raised": ("PASS", "PASS FAIL PASS"),
}
EXITS = {"PASS": "0", "FAIL": "1", "INCONCLUSIVE": "3"}
_DIGESTS = re.compile(r"\b[0-9a-f]{8}[0-9a-f-]{4,}\b")
_NUMBERS = re.compile(r"[+−-]?\d+(\.\d+)?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run left behind, with a copy of the page that it wrote anew."""
    found = tmp_path_factory.mktemp("train")
    copy = found / "page.md"
    copy.write_text(PAGE.read_text("utf-8"), "utf-8")
    words = (sys.executable, "-m", "tools.release_train", "--out", str(found / "out"))
    done = subprocess.run(
        (*words, "--page", str(copy)), cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    (found / "printed").write_bytes(done.stdout)
    return found


@pytest.mark.deep
def test_each_candidate_ends_as_foretold(folder: Path) -> None:
    """Verdict, and the state of each requirement, in the files that the gate wrote."""
    for name, (word, states) in ENDS.items():
        verdict = read(folder / "out" / "reports" / name / "verdict.json")
        assert verdict["verdict"] == word, name
        found = {one["id"]: one["state"] for one in verdict["requirements"]}
        assert found == dict(zip(LINES, states.split(), strict=False)), name


@pytest.mark.deep
def test_the_exit_code_is_the_verdicts(folder: Path) -> None:
    """The printed table has a row for each candidate, with the process's own exit code."""
    rows = [line.split(" | ") for line in (folder / "printed").read_text("utf-8").splitlines()[2:]]
    assert [(row[0].removeprefix("| "), row[2], row[3]) for row in rows] == [
        (name, word, EXITS[word]) for name, (word, _) in ENDS.items()
    ]


@pytest.mark.deep
def test_only_what_passed_is_on_main(folder: Path) -> None:
    """Tags and history hold the released ones in their order, after policy and pictures."""
    checkout = folder / "out" / "repository"
    released = [f"release/{name}" for name, (word, _) in ENDS.items() if word == "PASS"]
    assert git(checkout, "tag") == sorted(released)
    commits = [git(checkout, "rev-list", "--max-count=1", tag)[0] for tag in released]
    assert git(checkout, "rev-list", "--reverse", "main")[2:] == commits


def git(checkout: Path, *words: str) -> list[str]:
    """The lines that a git command prints."""
    told = subprocess.run(("git", *words), cwd=checkout, check=True, capture_output=True, text=True)
    return told.stdout.splitlines()


@pytest.mark.deep
def test_a_raised_floor_costs_no_measurement(folder: Path) -> None:
    """The released network under another threshold and a waiver is judged from what is known."""
    cache = read(folder / "out" / "reports" / "raised" / "evidence.json")["run"]["cache"]
    assert cache["misses"] == 0
    assert cache["hits"] > 0


@pytest.mark.deep
def test_its_service_has_ended(folder: Path) -> None:
    """Nothing goes on in the home of the train."""
    assert not (folder / "out" / "home" / "service.json").exists()


@pytest.mark.deep
def test_the_page_tells_what_the_run_told(folder: Path) -> None:
    """Table, policy and comments are those of the run; numbers may differ from host to host."""
    anew = (folder / "page.md").read_text("utf-8")
    assert masked(PAGE.read_text("utf-8")) == masked(anew)


def masked(text: str) -> str:
    """The same without digests, names and numbers; nothing measured is not a number."""
    kept = text.replace("| 0 of ", "| none of ")
    kept = re.sub(r"\| ([0-4]) \|", lambda found: f"| exit {'abcde'[int(found[1])]} |", kept)
    return _NUMBERS.sub("#", _DIGESTS.sub("#", kept))


def test_every_candidate_has_a_block_on_the_page() -> None:
    """A block that nobody fills, or a candidate that is not told, would be seen here."""
    blocks = dict.fromkeys([*ENDS, "policy", "table"], "told")
    filled = page.refreshed(PAGE.read_text("utf-8"), blocks)
    assert filled.count("-->\ntold\n<!-- end -->") == len(blocks) == filled.count("<!-- end -->")


def test_a_changed_word_is_noticed_and_a_changed_number_is_not() -> None:
    """Masking leaves verdicts, exit codes and whether anything was measured."""
    row = "| a | b | PASS | 0 | 0 of 14 | -2.5 pt `1cdaa31d135c` |"
    assert masked(row) == masked(
        row.replace("-2.5", "+3.75").replace("1cdaa31d135c", "8c8ef5546cc9")
    )
    for old, new in (("PASS", "FAIL"), ("| 0 |", "| 3 |"), ("0 of 14", "14 of 14")):
        assert masked(row) != masked(row.replace(old, new))


def test_a_quotation_holds_verdict_reasons_and_waivers() -> None:
    """The mark of the comment, its indicators and its foot are left out."""
    told = (
        "<!-- m -->\n### Gate",
        "**PASS.** So.",
        "**Trust: 3 ok**",
        "- N",
        "**Waivers**",
        "- `W`",
    )
    comment = "\n\n".join((*told, "Evidence"))
    assert page.quoted(comment) == "> ### Gate\n>\n> **PASS.** So.\n>\n> **Waivers**\n>\n> - `W`"
