"""One home with one running service for all tests that need the real thing."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.demo.shapes import draw
from support.command_line import COMMAND, IMPORTS, TEST_SEED, save

POLICY = """\
apiVersion: assay/v1
threats:
  linf8: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.95}
  - {id: worst-case, metric: robust_accuracy, threat: linf8, gte: 0.40}
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose service is running; a later command starts it again should it have idled out."""
    found = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(found))
        patch.setenv("PYTHONPATH", IMPORTS)
        subprocess.run([*COMMAND, "list"], check=True)
        yield found
        if (note := found / "service.json").exists():
            os.kill(int(json.loads(note.read_text())["pid"]), signal.SIGTERM)
            end = time.monotonic() + 30
            while note.exists() and time.monotonic() < end:
                time.sleep(0.05)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that the demo networks were not trained on, and a policy."""
    found = tmp_path_factory.mktemp("inputs")
    pictures = draw(200, seed=TEST_SEED)
    save(found / "shapes.npz", images=pictures.images, labels=pictures.labels)
    (found / "policy.yaml").write_text(POLICY)
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a report goes; not there yet."""
    return tmp_path / "out"
