"""The queue of audits: leases with a fence, steps and events written under them."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzers.contract import Digest, Json
from service.errors import AssayError, Code
from service.store import tables
from service.store.database import Database
from service.store.dialect import database_time, insert_unless_there
from service.store.ids import time_ordered_id
from service.store.records import (
    WAITING,
    AuditRow,
    EventRow,
    Lease,
    NewAudit,
    NewCircumstances,
    NewReport,
    NewStep,
    RequestKey,
    WorkerEnd,
)
from service.store.requests import answered
from service.store.rows import columns, not_found, record

LEASE_MS = 30_000
MOST_ATTEMPTS = 3
MOST_CIRCUMSTANCES = 200
"""How many are read to explain a miss: those of as many audits."""


class Queue:
    """Audits that wait, run and end. Time is the database's; a stale worker cannot write."""

    def __init__(self, database: Database, lease_ms: int = LEASE_MS) -> None:
        """Read and write through one database."""
        self._database = database
        self._lease_ms = lease_ms

    async def enqueue(self, wish: NewAudit, key: RequestKey | None = None) -> AuditRow:
        """Queue an audit in the transaction that remembers its request id."""
        audit = time_ordered_id()
        async with self._database.write() as connection:
            known = await answered(connection, wish.project, key, resource=audit)
            if known is None:
                for table, row_id in ((tables.model, wish.model), (tables.eval_set, wish.eval_set)):
                    there = (table.c.project == wish.project) & (table.c.id == row_id)
                    if await connection.scalar(select(table.c.id).where(there)) is None:
                        raise not_found(table, row_id)
                await connection.execute(insert(tables.audit).values(id=audit, **columns(wish)))
            return await _audit(connection, wish.project, known or audit)

    async def admit(self, project: str, audit: str) -> bool:
        """Queue an audit that was RECEIVING; False when it is not."""
        table = tables.audit.c
        receiving = (table.project == project) & (table.id == audit) & (table.state == "RECEIVING")
        async with self._database.write() as connection:
            changed = update(tables.audit).where(receiving).values(state="QUEUED")
            return bool((await connection.execute(changed)).rowcount)

    async def claim(self, worker: str) -> Lease | None:
        """Lease an audit that waits or whose worker is gone; None when there is none.

        The project that was served longest ago comes first, in it the oldest audit. The attempt
        counts before the work begins, so an audit that takes its host down still comes to an end.
        """
        async with self._database.write() as connection:
            while (found := await _next_in_turn(connection)) is not None:
                if found.cancel_requested:
                    await _end(connection, found, "CANCELLED", error=_cancelled())
                elif found.attempt >= MOST_ATTEMPTS:
                    await _quarantine(connection, found)
                else:
                    return await self._lease(connection, found, worker)
        return None

    async def heartbeat(self, lease: Lease) -> bool:
        """Keep a lease; False when it is somebody else's by now."""
        async with self._database.write() as connection:
            return await _changed(
                connection, lease, {"lease_until": database_time() + self._lease_ms}
            )

    async def give_back(self, lease: Lease) -> bool:
        """Return an audit to the queue without charging the attempt."""
        changed = {**_WAITING_AGAIN, "attempt": lease.attempt - 1}
        async with self._database.write() as connection:
            return await _changed(connection, lease, changed)

    async def retry(self, lease: Lease, error: Json) -> bool:
        """Return an audit whose attempt failed for a reason that is not its own.

        The attempt is charged, and the last one allowed ends in QUARANTINED with this reason.
        """
        async with self._database.write() as connection:
            if not await _changed(connection, lease, {**_WAITING_AGAIN, "setback": error}):
                return False
            row = await _audit(connection, lease.project, lease.audit)
            if row.attempt >= MOST_ATTEMPTS:
                await _quarantine(connection, row)
        return True

    async def finish(
        self,
        lease: Lease,
        state: WorkerEnd,
        *,
        verdict: str = "",
        error: Json = None,
        report: NewReport | None = None,
        event: Mapping[str, Json] | None = None,
    ) -> bool:
        """End an audit once: state, report and last event together, or nothing when stale."""
        changed = {**_NOBODY_WORKS, "state": state, "verdict": verdict, "error": error}
        async with self._database.write() as connection:
            if not await _changed(connection, lease, changed):
                return False
            if report is not None:
                values = {"project": lease.project, "audit": lease.audit, **columns(report)}
                await connection.execute(insert(tables.report).values(**values))
            if event is not None:
                await _append(connection, lease.project, lease.audit, event)
        return True

    async def request_cancel(self, project: str, audit: str) -> AuditRow:
        """Ask an audit to end; one that nobody works on ends here, one that ended stays so."""
        table = tables.audit.c
        running = (table.project == project) & (table.id == audit) & (table.state == "LEASED")
        async with self._database.write() as connection:
            wanted = update(tables.audit).where(running).values(cancel_requested=True)
            await connection.execute(wanted)
            row = await _audit(connection, project, audit)
            if row.state in WAITING:
                await _end(connection, row, "CANCELLED", error=_cancelled())
                row = await _audit(connection, project, audit)
        return row

    async def waiting(self) -> int:
        """How many audits wait."""
        async with self._database.read() as connection:
            query = select(func.count()).where(tables.audit.c.state == "QUEUED")
            return int(await connection.scalar(query) or 0)

    # ------------------------------------------------------------------------ steps, events

    async def steps(self, project: str, keys: Sequence[Digest]) -> Mapping[Digest, Json]:
        """The committed results of shards, whichever audits of the project committed them."""
        table = tables.step.c
        query = select(table.key, table.done).where(table.project == project, table.key.in_(keys))
        async with self._database.read() as connection:
            found = (await connection.execute(query)).all()
        return {row.key: row.done for row in found}

    async def circumstances(self, project: str, analyzer: str) -> Sequence[Json]:
        """Under which circumstances results of an analyzer are kept in a project, newest first."""
        table = tables.circumstances.c
        query = (
            select(table.body)
            .where(table.project == project, table.analyzer == analyzer)
            .order_by(table.create_time.desc(), table.key)
            .limit(MOST_CIRCUMSTANCES)
        )
        async with self._database.read() as connection:
            return (await connection.scalars(query)).all()

    async def commit_step(
        self,
        lease: Lease,
        step: NewStep,
        event: Mapping[str, Json] | None = None,
        *,
        under: NewCircumstances | None = None,
    ) -> bool:
        """Keep a result, and tell of it, under a live lease; False when the lease is stale."""
        async with self._database.write() as connection:
            if not await _holds(connection, lease):
                return False
            values = {"project": lease.project, "audit": lease.audit, **columns(step)}
            name = connection.dialect.name
            await connection.execute(insert_unless_there(name, tables.step, values))
            if under is not None:
                values = {"project": lease.project, **columns(under)}
                await connection.execute(insert_unless_there(name, tables.circumstances, values))
            if event is not None:
                await _append(connection, lease.project, lease.audit, event)
        return True

    async def append_event(self, lease: Lease, body: Mapping[str, Json]) -> bool:
        """Keep an event under a live lease; False when the lease is stale."""
        async with self._database.write() as connection:
            if not await _holds(connection, lease):
                return False
            await _append(connection, lease.project, lease.audit, body)
        return True

    async def events(self, project: str, audit: str, *, after: int) -> Sequence[EventRow]:
        """Kept events behind a sequence number, in order."""
        table = tables.event.c
        query = (
            select(tables.event)
            .where(table.project == project, table.audit == audit, table.seq > after)
            .order_by(table.seq)
        )
        async with self._database.read() as connection:
            return [record(EventRow, one) for one in (await connection.execute(query)).mappings()]

    async def _lease(self, connection: AsyncConnection, row: AuditRow, worker: str) -> Lease:
        now = database_time()
        lease = Lease(row.project, row.id, row.attempt + 1, secrets.token_hex(16))
        taken = update(tables.audit).where(tables.audit.c.id == row.id)
        await connection.execute(
            taken.values(
                state="LEASED",
                attempt=lease.attempt,
                token=lease.token,
                worker=worker,
                lease_until=now + self._lease_ms,
                claim_time=now,
                start_time=func.coalesce(tables.audit.c.start_time, now),
                setback=None,
            )
        )
        return lease


_NOBODY_WORKS: Mapping[str, Any] = {"token": "", "lease_until": None}
_WAITING_AGAIN: Mapping[str, Any] = {**_NOBODY_WORKS, "state": "QUEUED"}


def _fence(lease: Lease) -> ColumnElement[bool]:
    """Whoever lost the lease meets no row: id, token and state must still be as claimed."""
    table = tables.audit.c
    return (table.id == lease.audit) & (table.token == lease.token) & (table.state == "LEASED")


async def _changed(connection: AsyncConnection, lease: Lease, changed: Mapping[str, Any]) -> bool:
    found = await connection.execute(update(tables.audit).where(_fence(lease)).values(**changed))
    return bool(found.rowcount)


async def _holds(connection: AsyncConnection, lease: Lease) -> bool:
    """Whether the lease lives, and nobody can take it over before this transaction ends."""
    query = select(tables.audit.c.id).where(_fence(lease)).with_for_update()
    return await connection.scalar(query) is not None


async def _next_in_turn(connection: AsyncConnection) -> AuditRow | None:
    table, sibling = tables.audit.c, tables.audit.alias()
    abandoned = (table.state == "LEASED") & (table.lease_until < database_time())
    served = (
        select(func.max(sibling.c.claim_time))
        .where(sibling.c.project == table.project)
        .correlate(tables.audit)
        .scalar_subquery()
    )
    query = (
        select(tables.audit)
        .where(or_(table.state == "QUEUED", abandoned))
        .order_by(served.nulls_first(), table.create_time, table.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite leaves it out: there the writer is alone
    )
    row = (await connection.execute(query)).mappings().first()
    return record(AuditRow, row) if row else None


async def _audit(connection: AsyncConnection, project: str, audit: str) -> AuditRow:
    table = tables.audit
    query = select(table).where(table.c.project == project, table.c.id == audit)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise not_found(table, audit)
    return record(AuditRow, row)


async def _end(
    connection: AsyncConnection, row: AuditRow, state: str, *, error: Json, verdict: str = ""
) -> None:
    """End an audit that nobody works on, and tell those who watch it."""
    ended = {**_NOBODY_WORKS, "state": state, "error": error, "verdict": verdict}
    await connection.execute(
        update(tables.audit).where(tables.audit.c.id == row.id).values(**ended)
    )
    word = "cancelled" if state == "CANCELLED" else "failed"
    told = {"kind": "finished", "state": word, "problem": error}
    await _append(connection, row.project, row.id, told)


async def _quarantine(connection: AsyncConnection, row: AuditRow) -> None:
    last = row.setback or {"code": "", "sentence": "Its worker stopped answering."}
    error = AssayError(
        Code.ATTEMPTS_EXHAUSTED,
        f"The audit was begun {row.attempt} times and never came to an end. The last time: "
        f"{last['sentence']}",
        "Look into the service's log for what ended it, and start it again.",
        last_code=last["code"],
    )
    await _end(connection, row, "QUARANTINED", error=error.as_json(), verdict="ERROR")


async def _append(
    connection: AsyncConnection, project: str, audit: str, body: Mapping[str, Json]
) -> None:
    table = tables.event.c
    last = await connection.scalar(select(func.max(table.seq)).where(table.audit == audit))
    await connection.execute(
        insert(tables.event).values(
            project=project, audit=audit, seq=int(last or 0) + 1, body=dict(body)
        )
    )


def _cancelled() -> Json:
    return AssayError(
        Code.CANCELLED, "The audit was cancelled while nobody worked on it.", "Start it again."
    ).as_json()
