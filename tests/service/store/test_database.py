"""Transactions: what each door lets through, and what a crash or a cancelled task leaves."""

import asyncio
import gc
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from service.errors import AssayError, Code
from service.store import dialect
from service.store.catalogue import Catalogue
from service.store.database import Database
from service.store.records import NewModel
from service.store.tables import milliseconds, moment


@contextmanager
def outsider(url: str) -> Generator[sqlite3.Connection, None, None]:
    """Another program on the same file, which does not wait for locks."""
    path = url.partition("///")[2]
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        yield connection


async def pragma(database: Database, door: str, name: str) -> object:
    """One setting of a connection behind a door."""
    opened = database.read() if door == "read" else database.write()
    async with opened as connection:
        return await connection.scalar(text(f"PRAGMA {name}"))


@pytest.mark.parametrize("door", ["read", "write"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)],
)
async def test_every_connection_is_set_up_to_keep_what_it_commits(
    database: Database, door: str, name: str, value: object
) -> None:
    """WAL, FULL, foreign keys and a busy timeout of 10 s hold for readers and writers."""
    assert await pragma(database, door, name) == value


async def test_a_reading_transaction_cannot_turn_into_a_writing_one(
    database: Database, catalogue: Catalogue
) -> None:
    """The same statement fails behind the reading door and works behind the writing one."""
    statement = text("UPDATE model SET display_name = 'x' WHERE project = 'local'")
    with pytest.raises(AssayError) as refused:
        async with database.read() as connection:
            await connection.execute(statement)
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert (await catalogue.model("local", "m")).display_name == ""
    async with database.write() as connection:
        await connection.execute(statement)
    assert (await catalogue.model("local", "m")).display_name == "x"


async def test_a_writing_transaction_holds_the_lock_before_its_first_statement(
    database: Database, url: str
) -> None:
    """Nobody else can begin to write meanwhile; beside a reading transaction they can."""
    with outsider(url) as other:
        async with database.write():
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        async with database.read() as connection:
            await connection.execute(text("SELECT 1 FROM model"))
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")


async def test_a_reader_sees_one_moment(database: Database, catalogue: Catalogue) -> None:
    """What is committed while a reading transaction lasts does not show up in it."""
    count = text("SELECT count(*) FROM model")
    async with database.read() as connection:
        before = await connection.scalar(count)
        await catalogue.add_model(NewModel("local", "late", "a" * 64), None)
        assert await connection.scalar(count) == before
    async with database.read() as connection:
        assert await connection.scalar(count) == before + 1


async def test_a_failed_transaction_leaves_nothing(database: Database, url: str) -> None:
    """What was written before an exception is gone, and the lock with it."""

    async def fail_after_writing() -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO secret VALUES ('x', x'00', 0, 0)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_writing()
    with outsider(url) as other:
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM secret WHERE name = 'x'").fetchone() == (0,)


async def test_a_locked_database_is_an_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program keeps the lock, the caller hears STORE_UNAVAILABLE, no driver error."""
    monkeypatch.setattr(dialect, "BUSY_SECONDS", 1)
    database = await Database.open(url)
    with outsider(url) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AssayError) as refused:
            await Catalogue(database).own_blob("local", "a" * 64, 1)
    await database.close()
    assert refused.value.code is Code.STORE_UNAVAILABLE


async def test_a_writer_that_is_cancelled_lets_go_of_the_lock(
    database: Database, catalogue: Catalogue
) -> None:
    """Tasks cancelled at many moments of a transaction leave the only writer usable."""

    async def write(number: int) -> None:
        await catalogue.own_blob("local", f"{number:064}", number)

    for number in range(60):
        task = asyncio.create_task(write(number))
        for _ in range(number % 15):
            await asyncio.sleep(0.0004)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(catalogue.own_blob("local", "a" * 64, 1), 5)
    async with database.read() as connection:
        ended = await connection.scalar(text("SELECT count(*) FROM blob"))
    assert 1 <= ended <= 61


@pytest.mark.parametrize("door", ["read", "write"])
async def test_closing_waits_for_transactions_and_leaves_no_connection(url: str, door: str) -> None:
    """Disposing of a pool closes what lies in it; what is in use would never be closed.

    A connection that is forgotten says so when it is collected, which fails this test.
    """
    found = await Database.open(url)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def use() -> int:
        async with found.read() if door == "read" else found.write() as connection:
            begun.set()
            await may_end.wait()
            return int(await connection.scalar(text("SELECT 7")) or 0)

    using = asyncio.create_task(use())
    await begun.wait()
    closing_it = asyncio.create_task(found.close())
    await asyncio.sleep(0)
    assert not closing_it.done()
    may_end.set()
    assert await using == 7
    await closing_it
    gc.collect()
    with pytest.raises(AssayError) as refused:
        await use()
    assert refused.value.code is Code.STORE_UNAVAILABLE


async def test_times_come_from_the_database_in_utc(catalogue: Catalogue) -> None:
    """A row's times are aware, in UTC and of now."""
    row = await catalogue.model("local", "m")
    assert row.create_time.tzinfo is UTC
    assert abs(datetime.now(UTC) - row.create_time) < timedelta(minutes=1)
    assert row.end_time is None


def test_times_keep_their_milliseconds() -> None:
    """A time that goes into a table comes out the same, to the millisecond."""
    for value in (0, 1, 999, 1_763_720_000_123):
        assert milliseconds(moment(value)) == value
    assert moment(1_763_720_000_123).isoformat() == "2025-11-21T10:13:20.123000+00:00"


async def test_the_page_secret_belongs_to_the_database(url: str, tmp_path: Path) -> None:
    """It survives reopening and differs between databases."""
    secrets: list[bytes] = []
    for where in (url, url, f"sqlite+aiosqlite:///{tmp_path / 'second.db'}"):
        database = await Database.open(where)
        secrets.append(database.page_secret)
        await database.close()
    assert len(secrets[0]) == 32
    assert secrets[0] == secrets[1] != secrets[2]
