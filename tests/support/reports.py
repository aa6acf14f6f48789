"""Reports of real audits, as the service wrote them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analyzers.contract import Json
from service.demo.shapes import draw
from support.command_line import NORMAL, ROBUST, TEST_SEED, save
from support.running import Running, policy, running

HOSTILE_NAME = "<img src=x onerror=console.log(1)>{{7*7}}'\";.onnx"
"""What somebody may call a file."""
RULES = policy(gte=0.3, clean=0.8)


@dataclass(frozen=True)
class Report:
    """A report with the files that it was made from."""

    page: Path
    evidence: Mapping[str, Json]
    verdict: Mapping[str, Json]

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return self.page.as_uri()


def real_reports(folder: Path) -> Mapping[str, Report]:
    """Audits with all lenses: a FAIL, and a PASS of a file with a hostile name."""
    pictures = draw(40, seed=TEST_SEED)
    save(folder / "shapes.npz", images=pictures.images, labels=pictures.labels)
    hostile = folder / HOSTILE_NAME
    shutil.copy(ROBUST, hostile)
    with running(folder / "home") as service:
        found = {
            word: _audited(service, model, folder, word)
            for word, model in {"FAIL": Path(NORMAL), "PASS": hostile}.items()
        }
    assert all(one.verdict["verdict"] == word for word, one in found.items())
    return found


def _audited(service: Running, model: Path, folder: Path, word: str) -> Report:
    audit = service.audit(model, folder / "shapes.npz", RULES, look="quick")
    page = folder / f"{word}.html"
    page.write_bytes(service.file(audit.name, "report.html"))
    verdict = json.loads(service.file(audit.name, "verdict.json"))
    return Report(page, service.evidence(audit.name), verdict)
