"""Everything in which SQLite and PostgreSQL differ. No other module asks which one it is."""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Insert,
    Table,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

BUSY_SECONDS = 10
READERS = 4
_MEETING_SECONDS = 0.01

_JSON = partial(json.dumps, allow_nan=False, separators=(",", ":"))


class database_time(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """Milliseconds since 1970 in UTC by the clock of the database."""

    type = BigInteger()
    inherit_cache = True


@compiles(database_time, "sqlite")
def _sqlite_time(_element: database_time, _compiler: SQLCompiler, **_options: object) -> str:
    # unixepoch('subsec') would say it in one word, but only from SQLite 3.42 on.
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


@compiles(database_time, "postgresql")
def _postgresql_time(_element: database_time, _compiler: SQLCompiler, **_options: object) -> str:
    # now() stands still inside a transaction, which may have waited for a lock.
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def insert_unless_there(dialect: str, table: Table, values: Mapping[str, Any]) -> Insert:
    """Insert a row, or leave the one with this primary key as it is and affect no row."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).values(**values).on_conflict_do_nothing()


@dataclass(frozen=True)
class Engines:
    """Two ways in, so that no transaction can begin by reading and end by writing."""

    reader: AsyncEngine
    writer: AsyncEngine


def open_engines(url: str) -> Engines:
    """Engines for a database that is there and migrated."""
    at = make_url(url)
    if at.get_backend_name() == "sqlite":
        return _sqlite_engines(at)
    writer = create_async_engine(at, json_serializer=_JSON, hide_parameters=True)
    return Engines(writer.execution_options(postgresql_readonly=True), writer)


def migration_engine(url: str) -> Engine:
    """A blocking engine whose transactions take the whole database."""
    at = make_url(url)
    if at.get_backend_name() != "sqlite":
        return create_engine(at)
    engine = create_engine(at.set(drivername="sqlite+pysqlite"), connect_args=_sqlite_arguments())
    _on_connect(engine, _sqlite_settings)
    _on_begin(engine, "BEGIN IMMEDIATE")
    return engine


def _sqlite_engines(at: URL) -> Engines:
    # One writing connection a process: writers wait for it in turn, which SQLite's own busy
    # handler, asleep in a thread with growing pauses, does not grant them.
    writer = create_async_engine(
        at,
        json_serializer=_JSON,
        hide_parameters=True,
        connect_args=_sqlite_arguments(),
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    _on_connect(writer.sync_engine, _sqlite_settings)
    _on_begin(writer.sync_engine, "BEGIN IMMEDIATE")
    reader = create_async_engine(
        at,
        json_serializer=_JSON,
        hide_parameters=True,
        connect_args=_sqlite_arguments(),
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    _on_connect(reader.sync_engine, _sqlite_reader_settings)
    _on_begin(reader.sync_engine, "BEGIN")
    return Engines(reader, writer)


def _sqlite_arguments() -> dict[str, Any]:
    # With a level set, the driver would begin transactions by itself, and begin them reading.
    return {"isolation_level": None, "timeout": BUSY_SECONDS}


def _on_connect(engine: Engine, apply: Callable[[DBAPIConnection], None]) -> None:
    def connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        apply(connection)

    event.listen(engine, "connect", connected)


def _on_begin(engine: Engine, statement: str) -> None:
    def began(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    event.listen(engine, "begin", began)


def _sqlite_settings(connection: DBAPIConnection) -> None:
    cursor = connection.cursor()
    _to_write_ahead(cursor)
    for setting in (
        "synchronous=FULL",  # in WAL mode NORMAL may lose the last commits with the power
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _to_write_ahead(cursor: DBAPICursor) -> None:
    """Two that turn a new file over at once may meet: SQLite then refuses one without waiting."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_MEETING_SECONDS)
        else:
            return


def _sqlite_reader_settings(connection: DBAPIConnection) -> None:
    _sqlite_settings(connection)
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()
