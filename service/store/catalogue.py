"""Models, evaluation sets, audits and reports by name: added once, listed in pages, removed."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Table, delete, literal, select, tuple_, update

from analyzers.contract import Digest, Json
from service.errors import AssayError, Code
from service.store import tables
from service.store.database import Database
from service.store.dialect import insert_unless_there
from service.store.records import (
    OPEN_INTAKE,
    AuditRow,
    Conversion,
    EvalSetRow,
    ModelRow,
    NewEvalSet,
    NewModel,
    Page,
    ReportRow,
    RequestKey,
)
from service.store.requests import answered, remember
from service.store.rows import columns, record
from service.store.tables import milliseconds, moment

Row = TypeVar("Row", ModelRow, EvalSetRow, AuditRow)


class Catalogue:
    """What the store knows by name."""

    def __init__(self, database: Database) -> None:
        """Read and write through one database."""
        self._database = database

    async def ping(self) -> None:
        """Raise STORE_UNAVAILABLE when the database does not answer."""
        async with self._database.read() as connection:
            await connection.execute(select(literal(1)))

    # ------------------------------------------------------------------------------- blobs

    async def blob_size(self, project: str, digest: Digest) -> int | None:
        """Size of a blob that the project owns; None when it does not."""
        table = tables.blob.c
        async with self._database.read() as connection:
            return await connection.scalar(
                select(table.size).where(table.project == project, table.digest == digest)
            )

    async def own_blob(self, project: str, digest: Digest, size: int) -> None:
        """A project owns a blob from now on: what another one uploaded stays unseen."""
        values = {"project": project, "digest": digest, "size": size}
        async with self._database.write() as connection:
            name = connection.dialect.name
            await connection.execute(insert_unless_there(name, tables.blob, values))

    # ------------------------------------------------------------------------------ models

    async def add_model(self, wish: NewModel, key: RequestKey | None) -> ModelRow:
        """Add a model, or find the one of this id; one that failed is tried again."""
        return await self._add(tables.model, ModelRow, wish, key)

    async def model(self, project: str, model_id: str) -> ModelRow:
        """The model of an id; NOT_FOUND when there is none."""
        return await self._one(tables.model, ModelRow, project, model_id)

    async def list_models(self, project: str, limit: int, after: str) -> Page[ModelRow]:
        """A page of models, newest first."""
        return await self._page(tables.model, ModelRow, project, limit, after, {})

    async def delete_model(self, project: str, model_id: str) -> None:
        """Remove a model; IN_USE while an audit stands on it."""
        await self._delete(tables.model, tables.audit.c.model, project, model_id)

    async def open_models(self) -> Sequence[ModelRow]:
        """Every model whose intake has not ended."""
        return await self._open(tables.model, ModelRow)

    async def model_ready(
        self, row: ModelRow, *, form: str, canonical: Digest, facts: Json
    ) -> None:
        """Intake ended well."""
        changed = {"format": form, "canonical_digest": canonical, "facts": facts, "error": None}
        await self._settle(tables.model, row, {"state": "SUCCEEDED", **changed})

    async def model_failed(self, row: ModelRow, error: Json) -> None:
        """Intake ended with an error."""
        await self._settle(tables.model, row, {"state": "FAILED", "error": error})

    async def conversion(self, wish: Conversion) -> Conversion | None:
        """What intake made of this file before."""
        table = tables.conversion
        same = [
            table.c[name] == getattr(wish, name)
            for name in ("project", "file_digest", "format", "architecture", "canonicaliser")
        ]
        async with self._database.read() as connection:
            found = (await connection.execute(select(table).where(*same))).first()
        return record(Conversion, found)

    async def remember_conversion(self, made: Conversion) -> None:
        """Remember what intake made of a file."""
        async with self._database.write() as connection:
            name = connection.dialect.name
            await connection.execute(insert_unless_there(name, tables.conversion, columns(made)))

    # --------------------------------------------------------------------- evaluation sets

    async def add_eval_set(self, wish: NewEvalSet, key: RequestKey | None) -> EvalSetRow:
        """Add an evaluation set, or find the one of this id; one that failed is tried again."""
        return await self._add(tables.eval_set, EvalSetRow, wish, key)

    async def eval_set(self, project: str, set_id: str) -> EvalSetRow:
        """The evaluation set of an id; NOT_FOUND when there is none."""
        return await self._one(tables.eval_set, EvalSetRow, project, set_id)

    async def list_eval_sets(self, project: str, limit: int, after: str) -> Page[EvalSetRow]:
        """A page of evaluation sets, newest first."""
        return await self._page(tables.eval_set, EvalSetRow, project, limit, after, {})

    async def delete_eval_set(self, project: str, set_id: str) -> None:
        """Remove an evaluation set; IN_USE while an audit stands on it."""
        await self._delete(tables.eval_set, tables.audit.c.eval_set, project, set_id)

    async def open_eval_sets(self) -> Sequence[EvalSetRow]:
        """Every evaluation set whose intake has not ended."""
        return await self._open(tables.eval_set, EvalSetRow)

    async def eval_set_ready(
        self, row: EvalSetRow, *, facts: Json, blobs: Mapping[str, Digest]
    ) -> None:
        """Intake ended well; ``blobs`` are images, labels and ids."""
        digests = {f"{name}_digest": digest for name, digest in blobs.items()}
        changed = {"state": "SUCCEEDED", "facts": facts, "error": None, **digests}
        await self._settle(tables.eval_set, row, changed)

    async def eval_set_failed(self, row: EvalSetRow, error: Json) -> None:
        """Intake ended with an error."""
        await self._settle(tables.eval_set, row, {"state": "FAILED", "error": error})

    # ------------------------------------------------------------------- audits and reports

    async def audit(self, project: str, audit_id: str) -> AuditRow:
        """The audit of an id; NOT_FOUND when there is none."""
        return await self._one(tables.audit, AuditRow, project, audit_id)

    async def list_audits(
        self, project: str, limit: int, after: str, chosen: Mapping[str, Sequence[str]]
    ) -> Page[AuditRow]:
        """A page of audits, newest first; ``chosen`` maps a column to the values it may have."""
        return await self._page(tables.audit, AuditRow, project, limit, after, chosen)

    async def delete_audit(self, project: str, audit_id: str) -> None:
        """Remove an audit with its events and its report; finished shards stay."""
        await self._one(tables.audit, AuditRow, project, audit_id)
        table = tables.audit.c
        async with self._database.write() as connection:
            await connection.execute(
                delete(tables.audit).where(table.project == project, table.id == audit_id)
            )

    async def report(self, project: str, audit_id: str) -> ReportRow | None:
        """The report of an audit, once there is one."""
        table = tables.report.c
        async with self._database.read() as connection:
            found = await connection.execute(
                select(tables.report).where(table.project == project, table.audit == audit_id)
            )
            return record(ReportRow, found.first())

    # ----------------------------------------------------------------------------- in common

    async def _add(
        self, table: Table, kind: type[Row], wish: NewModel | NewEvalSet, key: RequestKey | None
    ) -> Row:
        values = columns(wish)
        async with self._database.write() as connection:
            await answered(connection, wish.project, key)
            name = connection.dialect.name
            await connection.execute(insert_unless_there(name, table, values))
            again = {"state": "QUEUED", "error": None}
            failed = (table.c.state == "FAILED") & _is(table, wish.project, wish.id)
            await connection.execute(update(table).where(failed).values(again))
            await remember(connection, wish.project, key, wish.id)
        return await self._one(table, kind, wish.project, wish.id)

    async def _one(self, table: Table, kind: type[Row], project: str, row_id: str) -> Row:
        async with self._database.read() as connection:
            found = await connection.execute(select(table).where(_is(table, project, row_id)))
            row = record(kind, found.first())
        if row is None:
            raise _not_found(table, row_id)
        return row

    async def _open(self, table: Table, kind: type[Row]) -> Sequence[Row]:
        async with self._database.read() as connection:
            found = await connection.execute(select(table).where(table.c.state.in_(OPEN_INTAKE)))
            return [row for one in found if (row := record(kind, one)) is not None]

    async def _settle(
        self, table: Table, row: ModelRow | EvalSetRow, changed: Mapping[str, Any]
    ) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(table).where(_is(table, row.project, row.id)).values(**changed)
            )

    async def _page(
        self,
        table: Table,
        kind: type[Row],
        project: str,
        limit: int,
        after: str,
        chosen: Mapping[str, Sequence[str]],
    ) -> Page[Row]:
        place = tuple_(table.c.create_time, table.c.id)
        query = select(table).where(table.c.project == project)
        for name, values in chosen.items():
            query = query.where(table.c[name].in_(values))
        if after:
            time, last = _cursor(after)
            query = query.where(place < tuple_(literal(time, tables.UtcTime()), literal(last)))
        query = query.order_by(table.c.create_time.desc(), table.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            rows = [record(kind, one) for one in await connection.execute(query)]
        items = tuple(row for row in rows[:limit] if row is not None)
        more = len(rows) > limit and bool(items)
        return Page(items, _after(items[-1]) if more else "")

    async def _delete(self, table: Table, used_by: Any, project: str, row_id: str) -> None:  # noqa: ANN401 - a column of the audit table
        await self._one(table, ModelRow if table is tables.model else EvalSetRow, project, row_id)
        async with self._database.write() as connection:
            uses = await connection.scalar(
                select(tables.audit.c.id)
                .where(tables.audit.c.project == project, used_by == row_id)
                .limit(1)
            )
            if uses is not None:
                raise AssayError(
                    Code.IN_USE,
                    f"An audit stands on this {_word(table)}.",
                    "Remove the audits first.",
                )
            await connection.execute(delete(table).where(_is(table, project, row_id)))


def _is(table: Table, project: str, row_id: str) -> Any:  # noqa: ANN401 - a condition
    return (table.c.project == project) & (table.c.id == row_id)


def _word(table: Table) -> str:
    return table.name.replace("eval_set", "evaluation set")


def _not_found(table: Table, row_id: str) -> AssayError:
    return AssayError(
        Code.NOT_FOUND,
        f"There is no {_word(table)} '{row_id[:64]}'.",
        "List what is there and use a name from that list.",
    )


def _after(row: Row) -> str:
    return json.dumps([milliseconds(row.create_time), row.id])


def _cursor(after: str) -> tuple[datetime, str]:
    try:
        time, last = json.loads(after)
        return moment(int(time)), str(last)
    except (ValueError, TypeError) as error:
        raise AssayError(
            Code.PAGE_TOKEN_INVALID,
            "This page token does not continue any list.",
            "Begin the list anew, without a token.",
        ) from error
