"""What a runner does when the ground moves: crashes, lost leases, a store that is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import service.runner as under_test
from service.errors import AssayError, Code
from service.rpc import ports
from service.store.queue import MOST_ATTEMPTS
from service.store.records import Lease
from support.api_parts import Desk, desk
from support.running import policy


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with one audit in its queue."""
    async with desk(tmp_path) as one:
        asked = ports.NewAudit(await one.subject(), await one.images(), policy=policy())
        await one.api.create_audit(asked)
        yield one


async def only(at: Desk) -> ports.AuditView:
    """The one audit."""
    page = await at.api.audits(ports.AuditQuery("local", 10))
    return await at.api.audit(page.items[0].name)


async def end(at: Desk) -> ports.AuditView:
    """Let the runner work until the audit has ended."""
    await at.parts.runner.start()
    async with asyncio.timeout(10):
        while (view := await only(at)).state not in ports.FINAL_STATES:
            await asyncio.sleep(0.02)
    return view


async def test_a_crashed_child_ends_the_audit_with_its_code(at: Desk) -> None:
    """One end, with the sentence of the error, told to watchers as the last event."""
    view = await end(at)
    assert view.problem is not None
    assert (view.state, view.verdict, view.problem.code) == ("failed", "ERROR", "CHILD_CRASHED")
    assert view.sequence == 2


async def test_an_unforeseen_error_is_internal_and_tells_nothing(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of an exception may hold anything: the log has it, the surface does not."""

    async def burst(request: object) -> None:
        message = f"secret path of {type(request).__name__}"
        raise OSError(message)

    monkeypatch.setattr(at.executor, "submit", burst)
    with pytest.raises(OSError, match="secret path"):
        await burst(None)
    view = await end(at)
    assert view.problem is not None
    assert view.problem.code == Code.INTERNAL.value
    assert "secret" not in str(view)


async def test_cancelled_before_the_start_measures_nothing(at: Desk) -> None:
    """An audit cancelled while it waits is never begun; no child is asked for."""
    await at.api.cancel_audit((await only(at)).name)
    assert (await end(at)).state == "cancelled"
    assert at.executor.asked == []


async def test_an_audit_that_never_ends_is_quarantined(at: Desk) -> None:
    """After three workers that vanished no fourth one begins."""
    for _ in range(MOST_ATTEMPTS):
        lease = await at.parts.queue.claim("w")
        assert lease is not None
        assert await at.parts.queue.retry(lease, {"code": "X", "sentence": "It died."})
    view = await end(at)
    assert view.problem is not None
    assert view.problem.code == Code.ATTEMPTS_EXHAUSTED.value
    assert at.executor.asked == []


async def test_a_missed_heartbeat_is_made_up_for(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is away for one beat does not end the beating."""
    beats: list[str] = []
    kept = at.parts.queue.heartbeat

    async def flaky(lease: Lease) -> bool:
        beats.append(lease.audit)
        if len(beats) == 1:
            raise AssayError(Code.STORE_UNAVAILABLE, "The store is away.", "Try again.")
        return await kept(lease)

    monkeypatch.setattr(under_test, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(at.parts.queue, "heartbeat", flaky)
    lease = await at.parts.queue.claim("w")
    assert lease is not None
    beating = asyncio.create_task(at.parts.runner._heartbeat(lease))  # pyright: ignore[reportPrivateUsage] - the beat has no other door
    async with asyncio.timeout(5):
        while len(beats) < 3:
            await asyncio.sleep(0.01)
    assert not beating.done()
    beating.cancel()
