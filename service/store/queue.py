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
    AuditRow,
    EventRow,
    Lease,
    NewAudit,
    NewReport,
    NewStep,
    RequestKey,
    WorkerEnd,
)
from service.store.requests import answered, remember
from service.store.rows import columns, record

LEASE_MS = 30_000
MOST_ATTEMPTS = 3


class Queue:
    """Audits that wait, run and end. Time is the database's; a stale worker cannot write."""

    def __init__(self, database: Database, lease_ms: int = LEASE_MS) -> None:
        """Read and write through one database."""
        self._database = database
        self._lease_ms = lease_ms

    async def enqueue(self, wish: NewAudit, key: RequestKey | None = None) -> AuditRow:
        """Queue an audit in the transaction that remembers its request id."""
        async with self._database.write() as connection:
            known = await answered(connection, wish.project, key)
            audit = known or time_ordered_id()
            if not known:
                await connection.execute(insert(tables.audit).values(id=audit, **columns(wish)))
                await remember(connection, wish.project, key, audit)
            return await _read(connection, wish.project, audit)

    async def claim(self, worker: str) -> Lease | None:
        """Lease the oldest audit that waits or whose worker is gone; None when there is none.

        The attempt counts before the work begins, so an audit that takes its host down still
        comes to an end.
        """
        async with self._database.write() as connection:
            while (row := await _next(connection)) is not None:
                if row.attempt >= MOST_ATTEMPTS:
                    await self._quarantine(connection, row)
                    continue
                lease = Lease(row.project, row.id, row.attempt + 1, secrets.token_hex(16))
                await connection.execute(self._taking(row, lease, worker))
                return lease
        return None

    async def heartbeat(self, lease: Lease) -> bool:
        """Keep a lease; False when it is somebody else's by now."""
        return await self._update(lease, {"lease_until": database_time() + self._lease_ms})

    async def give_back(self, lease: Lease) -> bool:
        """Return an audit to the queue without charging the attempt."""
        changed = {
            "state": "QUEUED",
            "token": "",
            "lease_until": None,
            "attempt": lease.attempt - 1,
        }
        return await self._update(lease, changed)

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
        changed = {"state": state, "verdict": verdict, "error": error, "lease_until": None}
        async with self._database.write() as connection:
            if not await _changed(connection, lease, changed):
                return False
            if report is not None:
                values = {"project": lease.project, "audit": lease.audit, **columns(report)}
                name = connection.dialect.name
                await connection.execute(insert_unless_there(name, tables.report, values))
            if event is not None:
                await _append(connection, lease.project, lease.audit, event)
        return True

    async def request_cancel(self, project: str, audit: str) -> AuditRow:
        """Ask an audit to end; one that nobody works on ends here, one that ended stays so."""
        table = tables.audit.c
        mine = (table.project == project) & (table.id == audit)
        async with self._database.write() as connection:
            await _read(connection, project, audit)
            waiting = mine & table.state.in_(("QUEUED", "RECEIVING"))
            ended = {"state": "CANCELLED", "cancel_requested": True, "error": _cancelled()}
            found = await connection.execute(update(tables.audit).where(waiting).values(ended))
            if found.rowcount:
                told = {"kind": "finished", "state": "cancelled", "problem": _cancelled()}
                await _append(connection, project, audit, told)
            running = mine & (table.state == "LEASED")
            await connection.execute(
                update(tables.audit).where(running).values(cancel_requested=True)
            )
            return await _read(connection, project, audit)

    async def waiting(self) -> int:
        """How many audits wait."""
        async with self._database.read() as connection:
            query = select(func.count()).where(tables.audit.c.state == "QUEUED")
            return int(await connection.scalar(query) or 0)

    # ------------------------------------------------------------------------ steps, events

    async def step(self, project: str, key: Digest) -> Json | None:
        """The committed result of a shard, whichever audit of the project committed it."""
        table = tables.step.c
        async with self._database.read() as connection:
            return await connection.scalar(
                select(table.done).where(table.project == project, table.key == key)
            )

    async def commit_step(self, lease: Lease, step: NewStep) -> bool:
        """Keep a result under a live lease; False when the lease is stale."""
        async with self._database.write() as connection:
            if not await _holds(connection, lease):
                return False
            values = {"project": lease.project, "audit": lease.audit, **columns(step)}
            name = connection.dialect.name
            await connection.execute(insert_unless_there(name, tables.step, values))
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
            rows = [record(EventRow, one) for one in await connection.execute(query)]
        return [row for row in rows if row is not None]

    # ---------------------------------------------------------------------------- internals

    def _taking(self, row: AuditRow, lease: Lease, worker: str) -> Any:  # noqa: ANN401 - an UPDATE
        now = database_time()
        table = tables.audit.c
        return (
            update(tables.audit)
            .where(table.id == row.id)
            .values(
                state="LEASED",
                attempt=lease.attempt,
                token=lease.token,
                worker=worker,
                lease_until=now + self._lease_ms,
                claim_time=now,
                start_time=func.coalesce(table.start_time, now),
            )
        )

    async def _quarantine(self, connection: AsyncConnection, row: AuditRow) -> None:
        error = AssayError(
            Code.ATTEMPTS_EXHAUSTED,
            f"The audit was begun {row.attempt} times and never came to an end.",
            "Look into the service's log for what ended it, and start it again.",
        ).as_json()
        await connection.execute(
            update(tables.audit)
            .where(tables.audit.c.id == row.id)
            .values(state="QUARANTINED", verdict="ERROR", error=error, lease_until=None)
        )
        told = {"kind": "finished", "state": "failed", "problem": error}
        await _append(connection, row.project, row.id, told)

    async def _update(self, lease: Lease, changed: Mapping[str, Any]) -> bool:
        async with self._database.write() as connection:
            return await _changed(connection, lease, changed)


def _fence(lease: Lease) -> ColumnElement[bool]:
    """Whoever lost the lease meets no row: id, token and state must still be as claimed."""
    table = tables.audit.c
    return (table.id == lease.audit) & (table.token == lease.token) & (table.state == "LEASED")


async def _changed(connection: AsyncConnection, lease: Lease, changed: Mapping[str, Any]) -> bool:
    found = await connection.execute(update(tables.audit).where(_fence(lease)).values(**changed))
    return bool(found.rowcount)


async def _holds(connection: AsyncConnection, lease: Lease) -> bool:
    return await connection.scalar(select(tables.audit.c.id).where(_fence(lease))) is not None


async def _next(connection: AsyncConnection) -> AuditRow | None:
    table = tables.audit.c
    left = (table.state == "LEASED") & (table.lease_until < database_time())
    query = (
        select(tables.audit)
        .where(or_(table.state == "QUEUED", left))
        .order_by(table.create_time, table.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite leaves it out: there the writer is alone
    )
    return record(AuditRow, (await connection.execute(query)).first())


async def _read(connection: AsyncConnection, project: str, audit: str) -> AuditRow:
    table = tables.audit.c
    found = await connection.execute(
        select(tables.audit).where(table.project == project, table.id == audit)
    )
    row = record(AuditRow, found.first())
    if row is None:
        raise AssayError(
            Code.NOT_FOUND,
            f"There is no audit '{audit[:64]}'.",
            "List what is there and use a name from that list.",
        )
    return row


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
        Code.CANCELLED, "The audit was cancelled before it began.", "Start it again."
    ).as_json()
