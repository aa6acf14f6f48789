"""The command line as a pipeline calls it, with a home of its own and so a history of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_ASSAY: Final = (sys.executable, "-c", "from service.cli.main import main; main()")
REPORTS: Final = "assay-out"
_ENDING_SECONDS: Final = 30


@dataclass(frozen=True)
class Checked:
    """What one check left behind."""

    code: int
    verdict: Mapping[str, Any]
    evidence: Mapping[str, Any]
    comment: str
    """Markdown for the merge request."""

    @property
    def audit(self) -> str:
        """The name of the audit, as ``assay baseline set`` takes it."""
        return str(self.evidence["run"]["audit"])


@dataclass(frozen=True)
class Gate:
    """Calls of ``assay`` in one folder."""

    folder: Path
    home: Path

    def check(self, options: Sequence[str], out: Path) -> Checked:
        """``assay check``, its reports then moved to ``out``; no verdict is an error."""
        words = ("check", "model.onnx", *options, "--out", REPORTS)
        done = self._run(*words)
        if not (self.folder / REPORTS / "verdict.json").exists():
            raise RuntimeError(
                f"`assay {' '.join(words)}` ended with {done.returncode} and no verdict"
            )
        out.parent.mkdir(exist_ok=True)
        (self.folder / REPORTS).rename(out)
        verdict, evidence = (_read(out / name) for name in ("verdict.json", "evidence.json"))
        return Checked(done.returncode, verdict, evidence, (out / "summary.md").read_text("utf-8"))

    def audit(self, model: Path, options: Sequence[str], out: Path) -> Mapping[str, Any]:
        """The evidence of ``assay audit``, written to ``out``; none is an error."""
        words = ("audit", str(model), *options, "--no-config", "--out", str(out))
        self._run(*words).check_returncode()
        return _read(out / "evidence.json")

    def set_baseline(self, audit: str) -> None:
        """Have later audits held against this one."""
        self._run("baseline", "set", audit).check_returncode()

    def _run(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        paths = f"{_ROOT}{os.pathsep}{_ROOT / 'proto'}"
        around = {**os.environ, "ASSAY_HOME": str(self.home), "PYTHONPATH": paths}
        return subprocess.run(
            (*_ASSAY, *words), cwd=self.folder, env=around, check=False, stdout=sys.stderr
        )


@contextlib.contextmanager
def gate(folder: Path, home: Path) -> Generator[Gate]:
    """A gate over a folder; its service ends with the block."""
    try:
        yield Gate(folder, home)
    finally:
        _end_service(home)


def _end_service(home: Path) -> None:
    note = home / "service.json"
    if note.exists():
        os.kill(int(_read(note)["pid"]), signal.SIGTERM)
    end = time.monotonic() + _ENDING_SECONDS
    while note.exists() and time.monotonic() < end:
        time.sleep(0.05)


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads(path.read_bytes())
