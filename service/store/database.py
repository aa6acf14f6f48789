"""One database: opened, migrated, read from and written to, closed."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy import ColumnClause, Connection, String, column, inspect, select, table
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.errors import AssayError, Code
from service.store import tables
from service.store.dialect import (
    BUSY_SECONDS,
    Engines,
    insert_unless_there,
    migration_engine,
    open_engines,
)

HEAD = "0006"
"""The newest revision in ``migrations/versions``."""

MIGRATIONS = Path(__file__).parent / "migrations"
_SECRET_BYTES = 32


class Database:
    """Two doors: ``read`` cannot write, ``write`` holds the lock from its first statement on."""

    def __init__(self, engines: Engines) -> None:
        """Hold open engines; ``open`` is the way to get one."""
        self._engines = engines
        self._running = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False
        self.page_secret = b""
        """Seals page tokens; the same for all processes on this database."""

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Bring the database up to date and open it."""
        await asyncio.to_thread(migrate, url)
        database = cls(open_engines(url))
        try:
            database.page_secret = await _page_secret(database)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Close every connection, once those in use are given back: nothing else closes those."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(BUSY_SECONDS):
                await self._quiet.wait()
        await self._engines.reader.dispose()
        await self._engines.writer.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that sees one moment; whatever tries to write in it fails."""
        async with self._transaction(self._engines.reader) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that nothing else writes beside; commits at the end, or not at all."""
        async with self._transaction(self._engines.writer) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
        if self._closed:
            raise _unavailable()
        self._running += 1
        self._quiet.clear()
        try:
            async with engine.begin() as connection:
                yield connection
        except NoConnection as error:
            raise _unavailable() from error
        except DatabaseError as error:
            if _is_no_fault_of_ours(error):
                raise _unavailable() from error
            raise
        finally:
            self._running -= 1
            if not self._running:
                self._quiet.set()


def _is_no_fault_of_ours(error: DatabaseError) -> bool:
    """Locked, full, gone, or damaged, which SQLite tells by the bare class."""
    out_of_reach = isinstance(error, OperationalError) or error.connection_invalidated
    return out_of_reach or type(error) is DatabaseError


def _unavailable() -> AssayError:
    return AssayError(
        Code.STORE_UNAVAILABLE,
        "The database does not answer: it is locked, full, damaged or out of reach.",
        "Look at the free space of its disk and at other programs that use it, then try again.",
    )


async def _page_secret(database: Database) -> bytes:
    there = select(tables.secret.c.value).where(tables.secret.c.name == "pages")
    async with database.write() as connection:
        fresh = {"name": "pages", "value": secrets.token_bytes(_SECRET_BYTES)}
        await connection.execute(insert_unless_there(connection.dialect.name, tables.secret, fresh))
        return bytes(await connection.scalar(there) or b"")


def migrate(url: str) -> None:
    """Bring the tables of a database up to date. Blocks."""
    engine = migration_engine(url)
    try:
        with engine.begin() as connection:
            if _revision(connection) != HEAD:
                _upgrade(connection)
    except DatabaseError as error:
        if _is_no_fault_of_ours(error):
            raise _unavailable() from error
        raise
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    """The revision that the tables have, found without loading the migration tool."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: ColumnClause[str] = column("version_num", String)
    return connection.scalar(select(version).select_from(table("alembic_version")))


def _upgrade(connection: Connection) -> None:
    # Ten megabytes that a service on an up-to-date database never pays for.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above
    from alembic.util import CommandError  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise AssayError(
            Code.STORE_UNAVAILABLE,
            "The database was written by a newer version of this service.",
            "Run that version, or choose another folder with ASSAY_HOME.",
        ) from error
