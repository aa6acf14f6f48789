"""Models, evaluation sets, audits and reports by name: added once, listed in pages, removed."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Table, delete, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzers.contract import Digest, Json
from service.errors import AssayError, Code
from service.store import tables
from service.store.cursors import Cursor, seal, unseal
from service.store.database import Database
from service.store.dialect import database_time, insert_unless_there
from service.store.records import (
    OPEN_AUDIT,
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
from service.store.requests import answered
from service.store.rows import columns, not_found, record, word_for

Row = TypeVar("Row", ModelRow, EvalSetRow, AuditRow)

DEFAULT_PAGE = 50
LONGEST_PAGE = 1000


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
        """A page of models, newest first; ``limit`` 0 leaves its length to the store."""
        wanted = tables.model.c.project == project
        return await self._page(
            tables.model, ModelRow, wanted, question=[project], limit=limit, after=after
        )

    async def delete_model(
        self, project: str, model_id: str, key: RequestKey | None = None
    ) -> None:
        """Remove a model; IN_USE while an audit stands on it."""
        await self._delete(tables.model, project, model_id, key=key)

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
        same = [column == getattr(wish, column.name) for column in table.primary_key]
        async with self._database.read() as connection:
            query = select(table).where(*same)
            found = (await connection.execute(query)).mappings().first()
        return record(Conversion, found) if found else None

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
        wanted = tables.eval_set.c.project == project
        return await self._page(
            tables.eval_set, EvalSetRow, wanted, question=[project], limit=limit, after=after
        )

    async def alike(self, row: EvalSetRow) -> frozenset[str]:
        """Ids of the sets that hold the same images with the same labels as one, itself too.

        By the digest of what they hold, which knows no order: neither has an audit's own order.
        """
        table = tables.eval_set
        ready = (table.c.project == row.project) & (table.c.state == "SUCCEEDED")
        async with self._database.read() as connection:
            found = await connection.execute(select(table.c.id, table.c.facts).where(ready))
        same = (set_id for set_id, facts in found if facts["data"] == row.facts["data"])
        return frozenset(same) | {row.id}

    async def delete_eval_set(
        self, project: str, set_id: str, key: RequestKey | None = None
    ) -> None:
        """Remove an evaluation set; IN_USE while an audit stands on it."""
        await self._delete(tables.eval_set, project, set_id, key=key)

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
        self,
        project: str,
        limit: int,
        after: str,
        chosen: Mapping[str, Sequence[str]],
        *,
        baselines: bool = False,
    ) -> Page[AuditRow]:
        """A page of audits, newest first; ``chosen`` maps a column to the values it may have."""
        wanted = tables.audit.c.project == project
        for name, values in chosen.items():
            wanted &= tables.audit.c[name].in_(values)
        if baselines:
            wanted &= tables.audit.c.baseline_time.is_not(None)
        question = [project, {name: sorted(values) for name, values in chosen.items()}, baselines]
        return await self._page(
            tables.audit, AuditRow, wanted, question=question, limit=limit, after=after
        )

    async def set_baseline(self, project: str, audit_id: str, *, withdraw: bool) -> AuditRow:
        """Make an audit that has a report a baseline, or no baseline any more."""
        table, reports = tables.audit, tables.report
        there = select(literal(1)).where(reports.c.project == project, reports.c.audit == audit_id)
        async with self._database.write() as connection:
            row = await _found(connection, table, AuditRow, project=project, row_id=audit_id)
            if not withdraw and not (row.final and await connection.scalar(there)):
                raise AssayError(
                    Code.NOT_READY,
                    "The audit has no evidence that later ones could be held against.",
                    "Wait for its end, or name another one.",
                )
            since = None if withdraw else database_time()
            changed = update(table).where(_is(table, project, audit_id))
            await connection.execute(
                changed.values(baseline_time=since, update_time=table.c.update_time)
            )
            return await _found(connection, table, AuditRow, project=project, row_id=audit_id)

    async def baselines(self, project: str) -> Sequence[AuditRow]:
        """Every audit that is a baseline, the one made last first."""
        table = tables.audit
        query = (
            select(table)
            .where(table.c.project == project, table.c.baseline_time.is_not(None))
            .order_by(table.c.baseline_time.desc(), table.c.id.desc())
        )
        async with self._database.read() as connection:
            return [record(AuditRow, one) for one in (await connection.execute(query)).mappings()]

    async def delete_audit(
        self, project: str, audit_id: str, key: RequestKey | None = None
    ) -> None:
        """Remove an audit that ended, with its events and its report; finished shards stay."""
        table = tables.audit
        async with self._database.write() as connection:
            if await answered(connection, project, key, resource=audit_id) is not None:
                return
            row = await _found(connection, table, AuditRow, project=project, row_id=audit_id)
            if row.state in OPEN_AUDIT:
                raise AssayError(
                    Code.NOT_READY, "The audit has not ended.", "Cancel it first, then remove it."
                )
            if row.baseline_time is not None:
                raise AssayError(
                    Code.IN_USE,
                    "The audit is a baseline, which later ones are held against.",
                    "Withdraw it first: assay baseline unset NAME.",
                )
            await connection.execute(delete(table).where(_is(table, project, audit_id)))

    async def report(self, project: str, audit_id: str) -> ReportRow | None:
        """The report of an audit, once there is one."""
        table = tables.report.c
        async with self._database.read() as connection:
            found = await connection.execute(
                select(tables.report).where(table.project == project, table.audit == audit_id)
            )
            row = found.mappings().first()
        return record(ReportRow, row) if row else None

    # ----------------------------------------------------------------------------- in common

    async def _add(
        self, table: Table, kind: type[Row], wish: NewModel | NewEvalSet, key: RequestKey | None
    ) -> Row:
        failed = _is(table, wish.project, wish.id) & (table.c.state == "FAILED")
        async with self._database.write() as connection:
            known = await answered(connection, wish.project, key, resource=wish.id)
            if known is None:
                name = connection.dialect.name
                await connection.execute(insert_unless_there(name, table, columns(wish)))
                again = {"state": "QUEUED", "error": None}
                await connection.execute(update(table).where(failed).values(again))
            return await _found(
                connection, table, kind, project=wish.project, row_id=known or wish.id
            )

    async def _one(self, table: Table, kind: type[Row], project: str, row_id: str) -> Row:
        async with self._database.read() as connection:
            return await _found(connection, table, kind, project=project, row_id=row_id)

    async def _open(self, table: Table, kind: type[Row]) -> Sequence[Row]:
        query = select(table).where(table.c.state.in_(OPEN_INTAKE)).order_by(table.c.create_time)
        async with self._database.read() as connection:
            return [record(kind, one) for one in (await connection.execute(query)).mappings()]

    async def _settle(
        self, table: Table, row: ModelRow | EvalSetRow, changed: Mapping[str, Any]
    ) -> None:
        """End an intake; one that has ended already keeps its end."""
        open_one = _is(table, row.project, row.id) & table.c.state.in_(OPEN_INTAKE)
        async with self._database.write() as connection:
            await connection.execute(update(table).where(open_one).values(**changed))

    async def _page(
        self,
        table: Table,
        kind: type[Row],
        wanted: ColumnElement[bool],
        *,
        question: Json,
        limit: int,
        after: str,
    ) -> Page[Row]:
        secret, question = self._database.page_secret, [table.name, question]
        if after:
            wanted &= _behind(table, unseal(after, secret, question=question))
        length = max(1, min(limit or DEFAULT_PAGE, LONGEST_PAGE))
        order = (table.c.create_time.desc(), table.c.id.desc())
        query = select(table).where(wanted).order_by(*order).limit(length + 1)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).mappings()
            rows = [record(kind, one) for one in found]
        items = tuple(rows[:length])
        if len(rows) <= length:
            return Page(items)
        last = Cursor(items[-1].create_time, items[-1].id)
        return Page(items, seal(last, secret, question=question))

    async def _delete(
        self, table: Table, project: str, row_id: str, *, key: RequestKey | None
    ) -> None:
        this = _is(table, project, row_id)
        used_by: Column[str] = tables.audit.c[table.name]
        uses = select(literal(1)).where(tables.audit.c.project == project, used_by == row_id)
        async with self._database.write() as connection:
            if await answered(connection, project, key, resource=row_id) is not None:
                return
            if await connection.scalar(uses.limit(1)):
                raise AssayError(
                    Code.IN_USE,
                    f"An audit stands on this {word_for(table)}.",
                    "Remove the audits first.",
                )
            if not (await connection.execute(delete(table).where(this))).rowcount:
                raise not_found(table, row_id)


async def _found(
    connection: AsyncConnection, table: Table, kind: type[Row], *, project: str, row_id: str
) -> Row:
    query = select(table).where(_is(table, project, row_id))
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise not_found(table, row_id)
    return record(kind, row)


def _is(table: Table, project: str, row_id: str) -> ColumnElement[bool]:
    return (table.c.project == project) & (table.c.id == row_id)


def _behind(table: Table, cursor: Cursor) -> ColumnElement[bool]:
    place = tuple_(table.c.create_time, table.c.id)
    return place < tuple_(literal(cursor.create_time, tables.UtcTime()), literal(cursor.id))
