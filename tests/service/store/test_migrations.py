"""The migrations make exactly the tables that the code speaks of."""

import asyncio
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Integer, MetaData, inspect, text

from service.errors import AssayError, Code
from service.store.database import HEAD, MIGRATIONS, Database, migrate
from service.store.dialect import migration_engine
from service.store.tables import metadata

OPENS = """
import asyncio, sys
from service.store.database import Database
async def main():
    database = await Database.open(sys.argv[1])
    await database.close()
asyncio.run(main())
print("alembic" in sys.modules)
"""


@contextmanager
def migrated(url: str) -> Generator[Connection, None, None]:
    """A connection to a database that ``migrate`` has made."""
    migrate(url)
    engine = migration_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def differences(connection: Connection, wanted: MetaData) -> list[object]:
    """What a new revision would have to change."""
    return list(compare_metadata(MigrationContext.configure(connection), wanted))


def test_the_revisions_make_the_tables_of_the_code(empty_url: str) -> None:
    """Nothing is left to generate; a column more in the code would be noticed."""
    grown = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        table.to_metadata(grown)
    grown.tables["audit"].append_column(Column("later", Integer))
    with migrated(empty_url) as connection:
        assert differences(connection, metadata) == []
        assert len(differences(connection, grown)) == 1


def test_head_is_the_newest_revision(empty_url: str) -> None:
    """The revision that the code looks for is the one that the files end in."""
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]
    with migrated(empty_url) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD


def test_going_back_leaves_no_table(empty_url: str) -> None:
    """The first revision takes away what it made."""
    with migrated(empty_url) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]


async def test_two_services_may_open_a_new_database_at_once(empty_url: str) -> None:
    """Only one of them migrates, and both find it ready."""
    opened = await asyncio.gather(*(Database.open(empty_url) for _ in range(4)))
    assert len({one.page_secret for one in opened}) == 1
    for one in opened:
        await one.close()


def test_new_files_bear_many_first_connections(tmp_path: Path) -> None:
    """SQLite refuses one of two that change its journal at once; one file in twelve met that."""

    def connect(at: str) -> None:
        engine = migration_engine(at)
        engine.connect().close()
        engine.dispose()

    files = [f"sqlite:///{tmp_path}/{number}.db" for number in range(60)]
    with ThreadPoolExecutor(4) as threads:
        for at in files:
            list(threads.map(connect, [at] * 4))


async def test_a_newer_database_is_refused(empty_url: str) -> None:
    """A revision that this version does not know is no reason to write into its tables."""
    await (await Database.open(empty_url)).close()
    engine = migration_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(AssayError) as refused:
        await Database.open(empty_url)
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert "newer version" in refused.value.sentence


def test_only_a_service_that_must_migrate_loads_the_migration_tool(empty_url: str) -> None:
    """A new database needs it; on one that is up to date it stays out of memory."""
    loaded = [
        subprocess.run(
            [sys.executable, "-c", OPENS, empty_url], check=True, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert loaded == ["True", "False"]


def test_a_home_with_rows_goes_forward(empty_url: str) -> None:
    """Rows of the first revision that others point at survive, as they were meant then."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = migration_engine(empty_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table in ("model", "eval_set"):
            kept = {"state": "SUCCEEDED", "project": "p", "id": "m"}
            for column in inspect(connection).get_columns(table):
                kept.setdefault(str(column["name"]), "2026-01-01 00:00:00.000000")
            names = ", ".join(kept)
            marks = ", ".join(f":{name}" for name in kept)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), kept)  # noqa: S608 - names of our own columns
    engine.dispose()
    with migrated(empty_url) as connection:
        assert connection.execute(text("SELECT id, output FROM model")).all() == [("m", "")]
        sets = connection.execute(text("SELECT id, reading FROM eval_set")).all()
        assert sets == [("m", None)]
