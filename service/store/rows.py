"""Between rows of a table and the frozen records that leave the store."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from service.errors import AssayError, Code

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlalchemy import RowMapping, Table

    Record = TypeVar("Record", bound=DataclassInstance)


def record(kind: type[Record], row: RowMapping) -> Record:
    """The record of a row: columns that the record does not name stay inside."""
    return kind(**{one.name: row[one.name] for one in fields(kind)})


def columns(wish: DataclassInstance) -> dict[str, Any]:
    """The columns of a record that is to be inserted."""
    return {one.name: getattr(wish, one.name) for one in fields(wish)}


def not_found(table: Table, row_id: str) -> AssayError:
    """That a project has no row of this id, whether or not another project has one."""
    return AssayError(
        Code.NOT_FOUND,
        f"There is no {word_for(table)} '{row_id[:64]}'.",
        "List what is there and use a name from that list.",
    )


def word_for(table: Table) -> str:
    """What people call the rows of a table."""
    return table.name.replace("eval_set", "evaluation set")
