"""A real database file and a real blob folder for every test."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from service.store.blobs import Blobs
from service.store.catalogue import Catalogue
from service.store.database import Database, migrate
from service.store.queue import Queue
from service.store.records import NewEvalSet, NewModel

PROJECTS = ("local", "other")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with its tables and nothing in them."""
    path = tmp_path_factory.mktemp("migrated") / "assay.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """Where a database may be made."""
    return f"sqlite+aiosqlite:///{tmp_path / 'new.db'}"


@pytest.fixture
def url(tmp_path: Path, migrated_file: Path) -> str:
    """Where the test's own database lives."""
    shutil.copy(migrated_file, tmp_path / "assay.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'assay.db'}"


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database, None]:
    """An open, migrated database."""
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def catalogue(database: Database) -> Catalogue:
    """A catalogue where each project has a model ``m`` and an evaluation set ``d``."""
    found = Catalogue(database)
    for project in PROJECTS:
        await found.add_model(NewModel(project, "m", "f" * 64), None)
        await found.add_eval_set(NewEvalSet(project, "d", "e" * 64), None)
    return found


@pytest.fixture
def queue(database: Database, catalogue: Catalogue) -> Queue:
    """A queue whose audits can name model ``m`` and evaluation set ``d``."""
    assert catalogue
    return Queue(database)


@pytest.fixture
async def blobs(tmp_path: Path) -> Blobs:
    """An empty blob store that takes files of at most 8 MiB."""
    return await Blobs.open(tmp_path / "blobs", max_size=8 << 20)
