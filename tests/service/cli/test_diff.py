"""``assay diff``: two folders of files, in words or for a program."""

import json
from pathlib import Path

import pytest

from support.command_line import assay
from support.verdicts import evidence, policy, verdict


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Two audits as their checks left them; the second model is worse."""
    for name, broken in (("old", 0.3), ("new", 0.6)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "evidence.json").write_text(json.dumps(evidence(broken=broken)))
    return str(tmp_path / "old"), str(tmp_path / "new")


def test_it_tells_in_words_what_changed(folders: tuple[str, str]) -> None:
    """A folder or the file itself; the classes that lost most are named."""
    found = assay("diff", folders[0], f"{folders[1]}/evidence.json")
    assert found.exit_code == 0
    assert "robust_accuracy Linf:8/255:white:gate float32: worse, -" in found.stdout
    assert "newly fell, 0 newly stand; rows " in found.stdout
    assert "classes that lost most: " in found.stdout
    assert "accuracy float32: same" in found.stdout


def test_a_program_gets_everything(folders: tuple[str, str]) -> None:
    """The same as JSON."""
    found = assay("diff", *folders, "--json")
    assert json.loads(found.stdout)["schema"] == "assay/diff/v1"


def test_it_writes_a_page(folders: tuple[str, str], tmp_path: Path) -> None:
    """The comparison as a page, with the verdicts that lie beside the evidence."""
    rules = policy(0.5)
    for name, broken in (("old", 0.3), ("new", 0.6)):
        found = verdict(evidence(broken=broken), rules)
        (tmp_path / name / "verdict.json").write_text(json.dumps(found))
    out = tmp_path / "diff.html"
    found = assay("diff", *folders, "--html", str(out))
    assert found.exit_code == 0
    assert "worse" in found.stdout
    page = out.read_text()
    assert page.count('id="requirements"') == 1
    assert "PASS" in page
    assert "FAIL" in page
    assert 'href="' not in page


def test_a_verdict_on_other_evidence_is_left_out(folders: tuple[str, str], tmp_path: Path) -> None:
    """What was judged on something else would say untrue things; so would a damaged file."""
    other = verdict(evidence(broken=0.1), policy(0.5))
    (tmp_path / "old" / "verdict.json").write_text(json.dumps(other))
    (tmp_path / "new" / "verdict.json").write_text("{")
    out = tmp_path / "diff.html"
    assert assay("diff", *folders, "--html", str(out)).exit_code == 0
    assert 'id="requirements"' not in out.read_text()
    assert assay("diff", *folders, "--html", str(tmp_path / "no" / "diff.html")).exit_code == 2


def test_an_early_end_is_told(folders: tuple[str, str], tmp_path: Path) -> None:
    """Where not every attack was tried, too much stands; a whole audit says nothing of it."""
    assert "not every attack" not in assay("diff", *folders).stdout
    body = json.dumps(evidence(broken=0.6, stop_at=0.9))
    (tmp_path / "new" / "evidence.json").write_text(body)
    found = assay("diff", *folders)
    assert "not every attack was tried on what stands in the new audit" in found.stdout


def test_other_data_is_told_and_not_compared(folders: tuple[str, str]) -> None:
    """By which the two differ."""
    path = Path(folders[1]) / "evidence.json"
    body = json.loads(path.read_text())
    body["facts"]["data"]["digest"] = "e" * 64
    path.write_text(json.dumps(body))
    found = assay("diff", *folders)
    assert "(not comparable)" in found.stdout
    assert "cannot be compared, another data" in found.stdout


_DEEP = "[" * 200_000
_TORN = '{"facts": {"measurements": 7}}'


@pytest.mark.parametrize(
    ("body", "code"), [("{", 6), ("[]", 6), ("", 6), (_DEEP, 6), (_TORN, 6), (None, 2)]
)
def test_what_is_no_evidence_is_refused(
    folders: tuple[str, str], body: str | None, code: int
) -> None:
    """Damaged or absent."""
    path = Path(folders[1]) / "evidence.json"
    path.unlink()
    if body is not None:
        path.write_text(body)
    assert assay("diff", *folders).exit_code == code


def test_judge_takes_a_baseline_and_waivers(folders: tuple[str, str], tmp_path: Path) -> None:
    """From files; a name cannot be looked up without a service."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: assay/v1\nthreats: {near: {norm: Linf, eps: 8/255}}\nrequire:\n"
        "  - {id: clean, metric: accuracy, gte: 0.5}\nregress: {on: [clean], max_drop: 5pt}\n"
    )
    judged = ["judge", f"{folders[1]}/evidence.json", "--policy", str(policy)]
    found = assay(*judged, "--baseline", folders[0])
    assert "clean:regress: accuracy beside the baseline. 0 images newly fell" in found.stdout
    assert assay(*judged, "--baseline", "projects/local/audits/a").exit_code == 2
    waivers = tmp_path / "waivers.yaml"
    waivers.write_text("- {id: W}\n")
    assert assay(*judged, "--waivers", str(waivers)).exit_code == 2


def test_an_empty_baseline_is_not_taken_for_none(folders: tuple[str, str], tmp_path: Path) -> None:
    """What a failed download leaves; the control names no baseline at all."""
    (tmp_path / "p.yaml").write_text(
        "apiVersion: assay/v1\nrequire: [{id: clean, metric: accuracy, gte: 0.5}]\n"
        "regress: {on: [clean]}\n"
    )
    judged = ["judge", f"{folders[1]}/evidence.json", "--policy", str(tmp_path / "p.yaml")]
    (tmp_path / "evidence.json").write_bytes(b"")
    assert assay(*judged, "--baseline", str(tmp_path)).exit_code == 6
    assert assay(*judged).exit_code in {0, 3}


def test_numbers_beyond_all_numbers_are_damage(folders: tuple[str, str], tmp_path: Path) -> None:
    """Infinity, as JSON can write it, is refused by both offline verbs."""
    (tmp_path / "p.yaml").write_text(
        "apiVersion: assay/v1\nrequire: [{id: clean, metric: accuracy, gte: 0.5}]\n"
    )
    path = Path(folders[1]) / "evidence.json"
    body = json.loads(path.read_text())
    body["facts"]["data"]["n"] = "HUGE"
    path.write_text(json.dumps(body).replace('"HUGE"', "1e999"))
    assert assay("judge", str(path), "--policy", str(tmp_path / "p.yaml")).exit_code == 6
    assert assay("diff", *folders).exit_code == 6
