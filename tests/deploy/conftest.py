"""The demo's pictures, a policy, and a home of one's own for the tests that run a real check."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.demo.shapes import draw
from support.command_line import TEST_SEED, save
from support.running import policy


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that the demo networks were not trained on, and what is required on them."""
    found = tmp_path_factory.mktemp("material")
    pictures = draw(10, seed=TEST_SEED)
    save(found / "shapes.npz", images=pictures.images, labels=pictures.labels)
    (found / "policy.yaml").write_text(policy(gte=0.2))
    return found


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose service is ended afterwards."""
    found = tmp_path_factory.mktemp("home")
    yield found
    if (note := found / "service.json").exists():
        os.kill(int(json.loads(note.read_text())["pid"]), signal.SIGTERM)
        end = time.monotonic() + 30
        while note.exists() and time.monotonic() < end:
            time.sleep(0.05)
