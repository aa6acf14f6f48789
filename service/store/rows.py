"""Between rows of a table and the frozen records that leave the store."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Row

Record = TypeVar("Record")


def record(kind: type[Record], row: Row[Any] | None) -> Record | None:
    """The record of a row: columns that the record does not name stay inside."""
    if row is None:
        return None
    held: Mapping[str, Any] = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    names = [one.name for one in fields(kind)]  # pyright: ignore[reportArgumentType]  # a dataclass
    return kind(**{name: held[name] for name in names if name in held})


def columns(wish: object) -> dict[str, Any]:
    """The columns of a record that is to be inserted."""
    return {one.name: getattr(wish, one.name) for one in fields(wish)}  # pyright: ignore[reportArgumentType]  # a dataclass
