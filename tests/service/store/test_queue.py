"""The queue: one lease an audit, one end an audit, whatever workers do or fail to do."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from analyzers.contract import Json
from service.errors import AssayError, Code
from service.store.catalogue import Catalogue
from service.store.database import Database
from service.store.queue import MOST_ATTEMPTS, Queue
from service.store.records import Lease, NewAudit, NewReport, NewStep, RequestKey

WISH = NewAudit("local", "m", "d", policy="requirements: []", options={"seed": 3})
KEY = RequestKey("7f3c", "CreateAudit", "c" * 64)
REPORT = NewReport("a" * 64, "b" * 64, {"verdict": "PASS"}, "c" * 64)
STEP = NewStep("k" * 64, "toy", {"outcome": "measured"})
EVENT: Mapping[str, Json] = {"kind": "log", "level": "info", "text": "hello"}
WORKER = Path(__file__).parent / "claiming_process.py"


async def claimed(queue: Queue, worker: str = "w") -> Lease:
    """The next lease, which must be there."""
    lease = await queue.claim(worker)
    assert lease is not None
    return lease


async def expire(database: Database, lease: Lease) -> None:
    """Let the time of a lease run out at once."""
    async with database.write() as connection:
        query = text("UPDATE audit SET lease_until = 1 WHERE id = :id")
        await connection.execute(query, {"id": lease.audit})


async def count(database: Database, table: str) -> int:
    """Rows of a table."""
    async with database.read() as connection:
        return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608 - a name from this file


# -------------------------------------------------------------------------------- into the queue


async def test_an_audit_is_queued_as_it_was_wished_for(queue: Queue, catalogue: Catalogue) -> None:
    """What goes in comes out, waiting and never begun."""
    row = await queue.enqueue(WISH)
    assert row == await catalogue.audit("local", row.id)
    assert (row.policy, row.options, row.state) == ("requirements: []", {"seed": 3}, "QUEUED")
    assert (row.attempt, row.start_time, row.end_time, row.final) == (0, None, None, False)


async def test_the_same_request_queues_one_audit(queue: Queue, database: Database) -> None:
    """However often and however closely together it arrives."""
    rows = await asyncio.gather(*(queue.enqueue(WISH, KEY) for _ in range(8)))
    assert len({row.id for row in rows}) == 1
    assert await count(database, "audit") == 1
    with pytest.raises(AssayError) as refused:
        await queue.enqueue(WISH, replace(KEY, content="d" * 64))
    assert refused.value.code is Code.REQUEST_ID_REUSED
    assert await count(database, "audit") == 1


async def test_wishes_without_a_request_id_are_each_their_own(queue: Queue) -> None:
    """Without the promise, the same wish twice is two audits."""
    assert (await queue.enqueue(WISH)).id != (await queue.enqueue(WISH)).id


@pytest.mark.parametrize("part", ["model", "eval_set"])
async def test_an_audit_of_what_is_not_there_is_refused(queue: Queue, part: str) -> None:
    """NOT_FOUND, nothing is queued, and the request id may be used again."""
    with pytest.raises(AssayError) as refused:
        await queue.enqueue(replace(WISH, **{part: "nowhere"}), KEY)
    assert refused.value.code is Code.NOT_FOUND
    assert "nowhere" in refused.value.sentence
    assert await queue.waiting() == 0
    assert await queue.enqueue(WISH, KEY)


async def test_an_audit_that_is_still_receiving_is_not_claimed(queue: Queue) -> None:
    """It waits for ``admit``, which works once."""
    row = await queue.enqueue(replace(WISH, state="RECEIVING"))
    assert await queue.claim("w") is None
    assert await queue.admit("other", row.id) is False
    assert await queue.admit("local", row.id) is True
    assert await queue.admit("local", row.id) is False
    assert (await claimed(queue)).audit == row.id


# ------------------------------------------------------------------------------------- claiming


async def test_a_claim_charges_the_attempt_before_the_work(
    queue: Queue, catalogue: Catalogue
) -> None:
    """The row says who works, since when, and that this is the first time."""
    row = await queue.enqueue(WISH)
    lease = await claimed(queue, "host-1")
    assert (lease.project, lease.audit, lease.attempt) == ("local", row.id, 1)
    held = await catalogue.audit("local", row.id)
    assert (held.state, held.attempt, held.worker) == ("LEASED", 1, "host-1")
    assert held.start_time is not None
    assert held.lease_until is not None
    assert 29 < (held.lease_until - held.start_time).total_seconds() < 31
    assert await queue.claim("w") is None


async def test_a_token_is_not_printed(queue: Queue) -> None:
    """A lease in a log line does not give its token away."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    assert len(lease.token) == 32
    assert lease.token not in repr(lease)


async def test_the_oldest_audit_comes_first(queue: Queue) -> None:
    """Within a project, in the order of arrival."""
    made = [(await queue.enqueue(WISH)).id for _ in range(4)]
    assert [(await claimed(queue)).audit for _ in range(4)] == made


async def test_projects_take_turns(queue: Queue) -> None:
    """One project's long queue does not keep another one waiting."""
    for project in ("local",) * 4 + ("other",) * 2:
        await queue.enqueue(replace(WISH, project=project))
    served: list[str] = []
    for _ in range(6):
        lease = await claimed(queue)
        served.append(lease.project)
        assert await queue.finish(lease, "SUCCEEDED")
        await asyncio.sleep(0.003)  # turns are told apart by the database's milliseconds
    assert served == ["local", "other", "local", "other", "local", "local"]


async def test_tasks_that_race_never_hold_the_same_audit(queue: Queue) -> None:
    """Many claimers at once: each audit is given away once."""
    made = {(await queue.enqueue(WISH)).id for _ in range(40)}

    async def claim_all() -> list[str]:
        found: list[str] = []
        while (lease := await queue.claim("w")) is not None:
            found.append(lease.audit)
        return found

    taken = [
        one for found in await asyncio.gather(*(claim_all() for _ in range(8))) for one in found
    ]
    assert sorted(taken) == sorted(made)


async def test_processes_that_race_never_hold_the_same_audit(queue: Queue, url: str) -> None:
    """The same between processes, where no lock of Python's helps."""
    made = {(await queue.enqueue(WISH)).id for _ in range(60)}
    workers = [started(url, 30_000, "drain") for _ in range(3)]
    for act in (hear_ready, let_go):
        for worker in workers:
            await asyncio.to_thread(act, worker)
    outputs = [(await asyncio.to_thread(worker.communicate))[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    taken = [line.split()[0] for output in outputs for line in output.splitlines()]
    assert sorted(taken) == sorted(made)


async def test_without_the_lock_two_claimers_would_take_one_audit(
    queue: Queue, database: Database
) -> None:
    """The control of the races: looking first and taking later gives one audit to both."""
    await queue.enqueue(WISH)
    looked: list[str | None] = []
    for _ in range(2):
        async with database.read() as connection:
            query = text("SELECT id FROM audit WHERE state = 'QUEUED' LIMIT 1")
            looked.append(await connection.scalar(query))
    for audit in looked:
        async with database.write() as connection:
            query = text("UPDATE audit SET state = 'LEASED' WHERE id = :id")
            assert (await connection.execute(query, {"id": audit})).rowcount == 1
    assert looked[0] == looked[1]


def started(url: str, lease_ms: int, course: str) -> "subprocess.Popen[str]":
    """A worker process that waits for a line before it claims."""
    return subprocess.Popen(
        [sys.executable, str(WORKER), url, str(lease_ms), course],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def hear_ready(worker: "subprocess.Popen[str]") -> None:
    """Wait until a worker has opened the database."""
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"


def let_go(worker: "subprocess.Popen[str]") -> None:
    """Let a worker claim."""
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()


# ---------------------------------------------------------------------------- leases that expire


async def test_an_audit_whose_worker_was_killed_is_taken_over(
    queue: Queue, url: str, catalogue: Catalogue
) -> None:
    """After ``kill -9`` the lease runs out, and the next claim gets the same audit, once more."""
    row = await queue.enqueue(WISH)
    worker = started(url, 300, "hold")
    await asyncio.to_thread(hear_ready, worker)
    let_go(worker)
    assert worker.stdout is not None
    assert (await asyncio.to_thread(worker.stdout.readline)).split() == [row.id, "1"]
    worker.kill()
    await asyncio.to_thread(worker.communicate)
    while (lease := await queue.claim("successor")) is None:
        await asyncio.sleep(0.02)
    assert (lease.audit, lease.attempt) == (row.id, 2)
    assert (await catalogue.audit("local", row.id)).worker == "successor"


async def test_a_heartbeat_keeps_a_lease(database: Database, queue: Queue) -> None:
    """A lease that would have run out is nobody else's as long as it is renewed."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    await expire(database, lease)
    assert await queue.heartbeat(lease) is True
    assert await queue.claim("thief") is None
    await expire(database, lease)
    assert (await claimed(queue)).attempt == 2


async def test_time_is_the_databases(database: Database, catalogue: Catalogue) -> None:
    """A short lease runs out by itself, and not before its time."""
    assert catalogue
    queue = Queue(database, lease_ms=200)
    await queue.enqueue(WISH)
    await claimed(queue)
    assert await queue.claim("early") is None
    await asyncio.sleep(0.25)
    assert (await claimed(queue)).attempt == 2


async def stale_lease(queue: Queue, database: Database) -> tuple[Lease, Lease]:
    """A lease that was lost and the one that took its place."""
    await queue.enqueue(WISH)
    stale = await claimed(queue, "first")
    await expire(database, stale)
    return stale, await claimed(queue, "second")


async def test_a_stale_worker_cannot_write(
    queue: Queue, database: Database, catalogue: Catalogue
) -> None:
    """Nothing of what it tries changes a row, and the new worker is not disturbed."""
    stale, live = await stale_lease(queue, database)
    before = await catalogue.audit("local", live.audit)
    assert await queue.heartbeat(stale) is False
    assert await queue.commit_step(stale, STEP, EVENT) is False
    assert await queue.append_event(stale, EVENT) is False
    assert await queue.give_back(stale) is False
    assert await queue.retry(stale, {"code": "X", "sentence": "s"}) is False
    assert await queue.finish(stale, "FAILED", report=REPORT, event=EVENT) is False
    assert await catalogue.audit("local", live.audit) == before
    assert [await count(database, name) for name in ("step", "event", "report")] == [0, 0, 0]
    assert await queue.finish(live, "SUCCEEDED", verdict="PASS", report=REPORT) is True


async def test_without_the_token_a_stale_worker_would_write(
    queue: Queue, database: Database, catalogue: Catalogue
) -> None:
    """The control of the fence: the same update by id and state alone ends the other's audit."""
    stale, live = await stale_lease(queue, database)
    async with database.write() as connection:
        query = text("UPDATE audit SET state = 'FAILED' WHERE id = :id AND state = 'LEASED'")
        assert (await connection.execute(query, {"id": stale.audit})).rowcount == 1
    assert (await catalogue.audit("local", live.audit)).state == "FAILED"
    assert await queue.finish(live, "SUCCEEDED", report=REPORT) is False


async def test_a_stale_token_does_not_come_back_with_a_later_attempt(
    queue: Queue, database: Database
) -> None:
    """Given back and claimed again with the same attempt number, it is still another lease."""
    await queue.enqueue(WISH)
    first = await claimed(queue)
    assert await queue.give_back(first)
    second = await claimed(queue)
    assert first.attempt == second.attempt == 1
    assert await queue.heartbeat(first) is False
    assert await queue.heartbeat(second) is True
    assert await count(database, "audit") == 1


# ------------------------------------------------------------------------------------------ ends


async def test_an_audit_ends_once_with_one_report(
    queue: Queue, database: Database, catalogue: Catalogue
) -> None:
    """The second end finds no lease, and inserts nothing."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    assert await queue.finish(lease, "SUCCEEDED", verdict="PASS", report=REPORT, event=EVENT)
    again = replace(REPORT, evidence_digest="f" * 64)
    assert not await queue.finish(lease, "FAILED", verdict="FAIL", report=again, event=EVENT)
    row = await catalogue.audit("local", lease.audit)
    assert (row.state, row.verdict, row.final) == ("SUCCEEDED", "PASS", True)
    assert row.end_time == row.update_time
    report = await catalogue.report("local", lease.audit)
    assert report is not None
    assert report.evidence_digest == "a" * 64
    assert [await count(database, name) for name in ("event", "report")] == [1, 1]
    assert await queue.claim("w") is None


async def test_an_end_is_whole_or_not_at_all(
    queue: Queue, database: Database, catalogue: Catalogue
) -> None:
    """When the last event cannot be written, neither state nor report are."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    with pytest.raises(Exception, match="not JSON compliant"):
        await queue.finish(lease, "SUCCEEDED", report=REPORT, event={"value": float("nan")})
    assert (await catalogue.audit("local", lease.audit)).state == "LEASED"
    assert await count(database, "report") == 0
    assert await queue.finish(lease, "SUCCEEDED", report=REPORT)


async def test_an_audit_given_back_is_not_charged(queue: Queue, catalogue: Catalogue) -> None:
    """Draining any number of times leaves all attempts, and the audit's place in the queue."""
    first = (await queue.enqueue(WISH)).id
    await queue.enqueue(WISH)
    for _ in range(MOST_ATTEMPTS + 2):
        lease = await claimed(queue)
        assert (lease.audit, lease.attempt) == (first, 1)
        assert await queue.give_back(lease) is True
    row = await catalogue.audit("local", first)
    assert (row.state, row.attempt, row.lease_until) == ("QUEUED", 0, None)


async def test_a_poisonous_audit_is_put_into_quarantine(
    queue: Queue, database: Database, catalogue: Catalogue
) -> None:
    """Workers that vanish three times over it end it: with a code, a reason and a last event."""
    poison = (await queue.enqueue(WISH)).id
    healthy = (await queue.enqueue(WISH)).id
    for attempt in range(1, MOST_ATTEMPTS + 1):
        lease = await claimed(queue)
        assert (lease.audit, lease.attempt) == (poison, attempt)
        await expire(database, lease)
    assert (await claimed(queue)).audit == healthy
    row = await catalogue.audit("local", poison)
    assert (row.state, row.verdict, row.error["code"]) == (
        "QUARANTINED",
        "ERROR",
        "ATTEMPTS_EXHAUSTED",
    )
    assert "stopped answering" in row.error["sentence"]
    (event,) = await queue.events("local", poison, after=0)
    assert (event.body["kind"], event.body["state"]) == ("finished", "failed")
    assert event.body["problem"] == row.error


async def test_the_last_reason_stands_in_the_quarantine(queue: Queue, catalogue: Catalogue) -> None:
    """Attempts that workers gave up with a reason end with the last of the reasons."""
    audit = (await queue.enqueue(WISH)).id
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert (await catalogue.audit("local", audit)).state == "QUEUED"
        reason = {"code": "CHILD_MEMORY", "sentence": f"Reason {attempt}."}
        assert await queue.retry(await claimed(queue), reason) is True
    row = await catalogue.audit("local", audit)
    assert row.state == "QUARANTINED"
    assert "Reason 3." in row.error["sentence"]
    assert row.error["details"] == {"last_code": "CHILD_MEMORY"}
    assert await queue.claim("w") is None


async def test_a_reason_is_of_its_attempt_only(
    queue: Queue, database: Database, catalogue: Catalogue
) -> None:
    """A worker that vanishes later is not explained by what an earlier one said."""
    audit = (await queue.enqueue(WISH)).id
    assert await queue.retry(await claimed(queue), {"code": "X", "sentence": "Earlier."})
    for _ in range(MOST_ATTEMPTS - 1):
        await expire(database, await claimed(queue))
    assert await queue.claim("w") is None
    assert "Earlier." not in (await catalogue.audit("local", audit)).error["sentence"]


# ---------------------------------------------------------------------------------- cancellation


async def test_a_waiting_audit_is_cancelled_at_once(queue: Queue) -> None:
    """It ends with an event; to ask again changes nothing."""
    audit = (await queue.enqueue(WISH)).id
    row = await queue.request_cancel("local", audit)
    assert (row.state, row.error["code"], row.final) == ("CANCELLED", "CANCELLED", True)
    assert await queue.request_cancel("local", audit) == row
    (event,) = await queue.events("local", audit, after=0)
    assert event.body == {"kind": "finished", "state": "cancelled", "problem": row.error}
    assert await queue.claim("w") is None


async def test_a_running_audit_is_asked_to_end(queue: Queue) -> None:
    """Its worker keeps the lease and decides how it ends."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    row = await queue.request_cancel("local", lease.audit)
    assert (row.state, row.cancel_requested) == ("LEASED", True)
    assert (await queue.request_cancel("local", lease.audit)).cancel_requested is True
    assert await queue.heartbeat(lease) is True
    assert await queue.finish(lease, "CANCELLED") is True


async def test_an_audit_that_ended_stays_as_it_ended(queue: Queue) -> None:
    """A cancel that comes too late is no error and changes nothing."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    assert await queue.finish(lease, "SUCCEEDED", verdict="FAIL")
    row = await queue.request_cancel("local", lease.audit)
    assert (row.state, row.verdict, row.cancel_requested) == ("SUCCEEDED", "FAIL", False)
    assert await queue.events("local", lease.audit, after=0) == []


async def test_a_cancelled_audit_is_not_taken_over(
    queue: Queue, database: Database, catalogue: Catalogue
) -> None:
    """When its worker vanished, or gave it back, the next claim ends it instead."""
    for vanish in (True, False):
        await queue.enqueue(WISH)
        lease = await claimed(queue)
        await queue.request_cancel("local", lease.audit)
        if vanish:
            await expire(database, lease)
        else:
            assert await queue.give_back(lease)
        assert await queue.claim("w") is None
        assert (await catalogue.audit("local", lease.audit)).state == "CANCELLED"
        assert len(await queue.events("local", lease.audit, after=0)) == 1


# -------------------------------------------------------------------------------- steps and events


async def test_a_step_and_its_event_are_committed_together(
    queue: Queue, database: Database
) -> None:
    """Both or neither: an event that cannot be written takes the step with it."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    with pytest.raises(Exception, match="not JSON compliant"):
        await queue.commit_step(lease, STEP, {"value": float("inf")})
    assert [await count(database, name) for name in ("step", "event")] == [0, 0]
    assert await queue.commit_step(lease, STEP, EVENT) is True
    assert await queue.steps("local", [STEP.key]) == {STEP.key: {"outcome": "measured"}}
    assert [one.body for one in await queue.events("local", lease.audit, after=0)] == [EVENT]


async def test_a_step_serves_its_project_and_stays_as_it_was(queue: Queue) -> None:
    """Another audit of the project finds it and cannot change it; other projects do not see it."""
    await queue.enqueue(WISH)
    await queue.enqueue(WISH)
    first, second = await claimed(queue), await claimed(queue)
    assert await queue.commit_step(first, STEP)
    assert await queue.commit_step(second, replace(STEP, done={"outcome": "error"}), EVENT)
    assert await queue.steps("local", [STEP.key]) == {STEP.key: {"outcome": "measured"}}
    assert len(await queue.events("local", second.audit, after=0)) == 1
    assert await queue.steps("other", [STEP.key]) == {}


async def test_what_a_killed_worker_committed_is_found_by_the_next(
    queue: Queue, database: Database
) -> None:
    """A takeover resumes: the steps of the first attempt answer, and the events go on."""
    await queue.enqueue(WISH)
    lease = await claimed(queue)
    assert await queue.commit_step(lease, STEP, EVENT)
    await expire(database, lease)
    second = await claimed(queue)
    assert STEP.key in await queue.steps("local", [STEP.key])
    assert await queue.append_event(second, EVENT)
    assert [one.seq for one in await queue.events("local", second.audit, after=0)] == [1, 2]


async def test_events_resume_behind_a_cursor(queue: Queue) -> None:
    """They count 1, 2, 3 within an audit, also when they arrive at once."""
    await queue.enqueue(WISH)
    await queue.enqueue(WISH)
    one, two = await claimed(queue), await claimed(queue)
    told = [queue.append_event(lease, {"n": n}) for n in range(6) for lease in (one, two)]
    assert all(await asyncio.gather(*told))
    for lease in (one, two):
        events = await queue.events("local", lease.audit, after=0)
        assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
        assert await queue.events("local", lease.audit, after=4) == events[4:]
        assert await queue.events("local", lease.audit, after=6) == []
        assert await queue.events("other", lease.audit, after=0) == []


async def test_waiting_counts_audits_that_nobody_has_begun(queue: Queue) -> None:
    """Leased and ended ones are not among them."""
    for _ in range(3):
        await queue.enqueue(WISH)
    assert await queue.waiting() == 3
    lease = await claimed(queue)
    assert await queue.waiting() == 2
    await queue.finish(lease, "SUCCEEDED")
    assert await queue.waiting() == 2
