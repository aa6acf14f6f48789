"""What the code asks of a database can be asked of PostgreSQL too."""

import pytest
from sqlalchemy import ClauseElement, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from service.store import tables
from service.store.dialect import database_time, insert_unless_there

DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}


def written(clause: ClauseElement, dialect: str) -> str:
    """The SQL of a clause, on one line."""
    return " ".join(str(clause.compile(dialect=DIALECTS[dialect])).split())


@pytest.mark.parametrize(("dialect", "clock"), [("sqlite", "julianday"), ("postgresql", "EXTRACT")])
def test_the_clock_is_the_databases(dialect: str, clock: str) -> None:
    """Each database is asked for its own time, and a lease is added to it there."""
    assert clock in written(select(database_time() + 30_000), dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_row_that_is_there_is_left_alone(dialect: str) -> None:
    """The insert says so itself, so that no one has to look first."""
    insert = insert_unless_there(dialect, tables.blob, {"project": "p", "digest": "d", "size": 1})
    assert written(insert, dialect).endswith("ON CONFLICT DO NOTHING")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", tables.metadata.tables)
def test_every_table_can_be_made(dialect: str, name: str) -> None:
    """With its keys, in the words of either database."""
    made = written(CreateTable(tables.metadata.tables[name]), dialect)
    assert f"CONSTRAINT pk_{name} PRIMARY KEY" in made
