"""The rules of conftest.py, seen from outside: each session below is a real pytest run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = "import pytest\n\ndef test_absent():\n    pytest.skip('a part is missing')\n"
PASSES = "def test_present():\n    assert True\n"
REFERENCE = "import pytest\n\n@pytest.mark.reference\ndef test_peer(reference_models):\n    pass\n"


def session(folder: Path, body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``body`` as a test file under our conftest, with only ``environment`` of ours set."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "conftest.py")
    (folder / "test_it.py").write_text(body)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    gpu\n    reference\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ASSAY_", "PYTEST_", "COV_"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", str(folder)]
    bare = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # our conftest alone; also starts faster
    return subprocess.run(
        command,
        cwd=folder,
        env=kept | bare | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_skip_fails_the_session_under_ci(tmp_path: Path) -> None:
    """Under ASSAY_CI=1 a skipped test turns the exit status to failure and is counted."""
    run = session(tmp_path, SKIPS, ASSAY_CI="1")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 skipped, and here a skip is a failure" in run.stdout


@pytest.mark.parametrize(("body", "ci"), [(SKIPS, "0"), (PASSES, "1")])
def test_other_sessions_keep_their_status(tmp_path: Path, body: str, ci: str) -> None:
    """A skip at a desk, and a session without skips under CI, both end well."""
    assert session(tmp_path, body, ASSAY_CI=ci).returncode == pytest.ExitCode.OK


def test_a_module_that_skips_itself_counts_too(tmp_path: Path) -> None:
    """A skip of a whole module at collection fails the session as one inside a test does."""
    body = f"import pytest\npytest.skip('no such part', allow_module_level=True)\n{PASSES}"
    assert session(tmp_path, body, ASSAY_CI="1").returncode == pytest.ExitCode.TESTS_FAILED


def test_reference_tests_are_deselected_under_ci(tmp_path: Path) -> None:
    """Without the folder, CI takes reference tests out with one line and passes on the rest."""
    run = session(tmp_path, REFERENCE + PASSES, ASSAY_CI="1")
    assert run.returncode == pytest.ExitCode.OK
    assert "1 reference tests deselected: ASSAY_REFERENCE does not name" in run.stdout


def test_reference_tests_skip_loudly_at_a_desk(tmp_path: Path) -> None:
    """Without the folder and without CI, a reference test skips with a sentence."""
    run = session(tmp_path, REFERENCE)
    assert run.returncode == pytest.ExitCode.OK
    assert "SKIPPED" in run.stdout
    assert "does not name the folder of reference models" in run.stdout


def test_reference_tests_run_with_the_folder(tmp_path: Path) -> None:
    """With ASSAY_REFERENCE naming a folder, the test runs and nothing is taken out."""
    run = session(tmp_path, REFERENCE, ASSAY_CI="1", ASSAY_REFERENCE=str(tmp_path))
    assert run.returncode == pytest.ExitCode.OK
    assert "1 passed" in run.stdout
    assert "deselected" not in run.stdout


def test_a_mistyped_folder_is_named(tmp_path: Path) -> None:
    """A folder that is not there is reported by name, never taken for a present one."""
    run = session(tmp_path, REFERENCE, ASSAY_REFERENCE=str(tmp_path / "modles"))
    assert "modles, which is not a folder" in run.stdout
