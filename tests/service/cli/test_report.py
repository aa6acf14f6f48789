"""``assay report``: evidence in another form, offline; and the files that a check leaves itself."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from analyzers.contract import Json
from service.cli.files import fetch
from service.report.folder import render_folder
from service.report.html import render_html
from service.report.junit import render_junit
from service.report.markdown import MARKER, render_markdown
from service.rpc.ports import Artifact, FileRef, ReportQuery, ReportView
from support import evidence as sample
from support.command_line import assay
from support.rpc_server import serving


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder as a check leaves it."""
    put(tmp_path / "evidence.json", sample.evidence())
    put(tmp_path / "verdict.json", sample.verdict())
    (tmp_path / "report.html").touch()
    return tmp_path


def put(path: Path, body: Mapping[str, Json]) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(body))


def test_markdown_is_the_summary(place: Path) -> None:
    """Without a format it is the summary, with the verdict and the page beside the evidence."""
    found = assay("report", str(place / "evidence.json"))
    page = str(place / "report.html")
    assert found.exit_code == 0
    assert found.stdout == render_markdown(sample.evidence(), sample.verdict(), report=page)


def test_junit_and_page_are_the_renderers_bytes(place: Path) -> None:
    """Both come out whole, to standard output or into a file."""
    evidence, out = str(place / "evidence.json"), place / "made"
    found = assay("report", evidence, "--format", "junit", "--out", str(out))
    assert (found.exit_code, found.stdout) == (0, "")
    assert out.read_bytes() == render_junit(sample.evidence(), sample.verdict())
    page = assay("report", evidence, "--format", "html")
    assert page.stdout_bytes == render_html(sample.evidence(), sample.verdict())


@pytest.mark.parametrize("word", ["PASS", "FAIL", "INCONCLUSIVE"])
def test_the_exit_code_says_that_it_was_written(place: Path, word: str) -> None:
    """A report of an earlier verdict is no verdict: writing it ends with 0."""
    put(place / "verdict.json", {**sample.verdict(), "verdict": word})
    assert assay("report", str(place / "evidence.json")).exit_code == 0


def test_a_verdict_lying_elsewhere_can_be_named(place: Path, tmp_path: Path) -> None:
    """--verdict wins over the one beside the evidence."""
    other = tmp_path / "other.json"
    put(other, {**sample.verdict(), "verdict": "PASS"})
    found = assay("report", str(place / "evidence.json"), "--verdict", str(other))
    assert "### Robustness gate: PASS" in found.stdout


def test_without_a_verdict(place: Path) -> None:
    """The summary shows what was measured; JUnit has nothing to tell and says so."""
    (place / "verdict.json").unlink()
    evidence = str(place / "evidence.json")
    assert "not judged" in assay("report", evidence).stdout
    refused = assay("report", evidence, "--format", "junit")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("FILE_NOT_FOUND: ")
    assert refused.stdout == ""


def test_a_verdict_on_other_evidence_is_refused(place: Path) -> None:
    """Two files that do not belong together make no report; as they were, they did."""
    evidence = sample.evidence()
    evidence["facts"]["data"]["n"] = 7
    put(place / "evidence.json", evidence)
    found = assay("report", str(place / "evidence.json"))
    assert found.exit_code == 6
    assert "other evidence" in found.stderr


@pytest.mark.parametrize("form", ["md", "junit", "html"])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("evidence.json", "{"),
        ("evidence.json", "[]"),
        ("evidence.json", '{"facts": 3}'),
        ("evidence.json", "[" * 100_000),
        ("verdict.json", '{"verdict": "PASS"}'),
        ("verdict.json", '{"requirements": [], "x": NaN}'),
    ],
)
def test_damaged_files_are_told(place: Path, form: str, name: str, body: str) -> None:
    """Half a file or another one is an integrity error, whatever was to be made of it."""
    (place / name).write_text(body)
    found = assay("report", str(place / "evidence.json"), "--format", form)
    assert found.exit_code == 6
    assert found.stderr.startswith("EVIDENCE_INVALID: ")


def test_wrong_paths_are_usage(place: Path) -> None:
    """A file that is not there, a verdict that is not there, a folder that cannot be written."""
    evidence, gone = str(place / "evidence.json"), str(place / "gone" / "x")
    assert assay("report", gone).exit_code == 2
    assert assay("report", evidence, "--verdict", gone).exit_code == 2
    assert assay("report", evidence, "--out", gone).exit_code == 2
    assert assay("report", evidence, "--format", "docx").exit_code == 2
    assert assay("report", evidence, "--format", "html", "--out", str(place)).exit_code == 2


def test_a_folder_is_written_where_there_is_room(place: Path) -> None:
    """The page with its style and pictures beside it; never over other files."""
    evidence, out = str(place / "evidence.json"), place / "made" / "report"
    found = assay("report", evidence, "--format", "directory", "--out", str(out))
    assert found.exit_code == 0
    assert str(out / "index.html") in found.stderr
    for name, body in render_folder(sample.evidence(), sample.verdict()).items():
        assert (out / name).read_bytes() == body
    again = assay("report", evidence, "--format", "directory", "--out", str(out))
    assert (again.exit_code, "is not empty" in again.stderr) == (2, True)
    assert assay("report", evidence, "--format", "directory").exit_code == 2


def test_without_witnesses_the_page_says_that_it_shows_none(place: Path) -> None:
    """A note, and the page as it is without counterexamples; damaged ones are told as well."""
    evidence = str(place / "evidence.json")
    found = assay("report", evidence, "--format", "html")
    assert "shows no counterexamples" in found.stderr
    (place / "witnesses").mkdir()
    (place / "witnesses" / "index.json").write_text("{")
    damaged = assay("report", evidence, "--format", "html")
    assert "cannot be read" in damaged.stderr
    assert damaged.stdout_bytes == found.stdout_bytes


# -------------------------------------------------------------------- what a check leaves itself


def fetched(
    bodies: Mapping[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, bytes]:
    """What lies in a folder once a report of these files came over a real connection."""
    artifacts = [
        Artifact(name, "text/plain", FileRef(sha256(body).hexdigest(), len(body)), body)
        for name, body in bodies.items()
    ]

    async def report(query: ReportQuery) -> ReportView:
        return ReportView(query.audit, None, "", artifacts)

    with serving() as served, served.client() as client:
        monkeypatch.setattr(served.api, "report", report)
        fetch(client, "projects/local/audits/a", folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def packed(body: Mapping[str, Json]) -> bytes:
    """A JSON file's bytes."""
    return json.dumps(body).encode()


def test_a_check_leaves_summary_and_junit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are there beside evidence and verdict, and speak of these."""
    bodies = {
        "evidence.json": packed(sample.evidence()),
        "verdict.json": packed(sample.verdict()),
        "report.html": b"<p>",
    }
    found = fetched(bodies, tmp_path, monkeypatch)
    page = str(tmp_path / "report.html")
    assert set(found) == {*bodies, "summary.md", "junit.xml"}
    assert found["junit.xml"] == render_junit(sample.evidence(), sample.verdict())
    summary = render_markdown(sample.evidence(), sample.verdict(), report=page)
    assert found["summary.md"].decode() == summary


def test_an_audit_leaves_a_summary_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a verdict there is no JUnit, and one of an earlier check does not stay."""
    (tmp_path / "junit.xml").write_text("old")
    found = fetched({"evidence.json": packed(sample.evidence())}, tmp_path, monkeypatch)
    assert set(found) == {"evidence.json", "summary.md"}
    assert found["summary.md"].startswith(MARKER.encode())


@pytest.mark.parametrize("evidence", [b"{", b"[" * 100_000, b"\xff"])
def test_what_cannot_be_told_changes_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    evidence: bytes,
) -> None:
    """Evidence that no summary can be made of is still written, and nothing is raised."""
    (tmp_path / "summary.md").write_text("old")
    found = fetched({"evidence.json": evidence}, tmp_path, monkeypatch)
    assert found == {"evidence.json": evidence}
    assert "No summary was written" in capsys.readouterr().err


def test_a_place_that_is_taken_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the summary cannot be written the report still is, and the exit code stays its own."""
    (tmp_path / "summary.md" / "mine").mkdir(parents=True)
    bodies = {"evidence.json": packed(sample.evidence()), "verdict.json": packed(sample.verdict())}
    found = fetched(bodies, tmp_path, monkeypatch)
    assert {name: found.get(name) for name in bodies} == bodies
    assert "No summary was written to" in capsys.readouterr().err
