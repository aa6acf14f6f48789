"""What every test session keeps to: which tests may run here, and what a skip means.

At a desk a test whose surroundings are missing skips with a sentence. Under ``ASSAY_CI=1`` a skip
fails the session, so nothing drops out unseen; only tests that need a GPU or the reference models
are taken out up front, with one printed line each, where the machine has neither.
"""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read by torch as it loads; see the zygote
# A shell without job control starts background jobs deaf to Ctrl-C, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine is no find: how long an example takes is for benchmarks.
hypothesis.settings.register_profile("assay", deadline=None)
hypothesis.settings.load_profile("assay")
UNDER_CI = os.environ.get("ASSAY_CI") == "1"
TAKEN_OUT = pytest.StashKey[list[str]]()


def missing_surroundings() -> dict[str, str]:
    """Say, for each marker whose surroundings are absent from this machine, what is missing."""
    missing: dict[str, str] = {}
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        missing["gpu"] = "no NVIDIA device on this machine"
    folder = os.environ.get("ASSAY_REFERENCE", "")
    if not folder:
        missing["reference"] = "ASSAY_REFERENCE does not name the folder of reference models"
    elif not Path(folder).is_dir():
        missing["reference"] = f"ASSAY_REFERENCE names {folder}, which is not a folder"
    return missing


@pytest.hookimpl(trylast=True)  # after -m has chosen, so that only tests asked for are counted
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests whose surroundings are missing; under CI deselect them instead."""
    lines: list[str] = []
    for marker, reason in missing_surroundings().items():
        affected = [item for item in items if item.get_closest_marker(marker)]
        if UNDER_CI and affected:
            config.hook.pytest_deselected(items=affected)
            items[:] = [item for item in items if item not in affected]
            lines.append(f"{len(affected)} {marker} tests deselected: {reason}")
        for item in affected:
            item.add_marker(pytest.mark.skip(reason=reason))
    config.stash[TAKEN_OUT] = lines


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Where several processes collect, unheard, the lines come first and without counts."""
    if not UNDER_CI or not getattr(config.option, "numprocesses", None):
        return []
    return [f"{marker} tests deselected: {why}" for marker, why in missing_surroundings().items()]


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Print one line for each group of tests that was taken out."""
    return config.stash.get(TAKEN_OUT, list[str]())


@pytest.hookimpl(tryfirst=True)  # before the terminal writes its summary line
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Under CI, turn a session with skipped tests into a failed one."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if not UNDER_CI or terminal is None:
        return
    skipped = len(terminal.stats.get("skipped", []))
    if skipped and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        sentence = f"ASSAY_CI: {skipped} skipped, and here a skip is a failure"
        terminal.write_line(f"\n{sentence}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def reference_models() -> Path:
    """The folder of third-party reference models; the test skips where there is none."""
    reason = missing_surroundings().get("reference")
    if reason is not None:
        pytest.skip(reason)
    return Path(os.environ["ASSAY_REFERENCE"])
