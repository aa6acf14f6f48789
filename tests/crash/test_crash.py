"""Processes killed at bad moments: the job that hurts is told, and the house keeps standing."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from analyzers.contract import InputSpec, SubjectFacts
from service.errors import AssayError, Code
from service.executors.interface import Opening, Progress, Request, Result
from service.executors.local import LocalExecutor, LocalJob
from support.deeds import shard_body
from support.jobs import TEST_CODE, below, ended, parent_of, result_of, state_of
from support.running import NETS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalExecutor]:
    """One supervisor that survives every test here."""
    one = LocalExecutor(tmp_path_factory.mktemp("spool") / "spool", libraries=TEST_CODE)
    await one.start()
    supervisor = one.process_id
    yield one
    assert one.process_id == supervisor, "the supervisor itself died"
    await one.stop()


def opening(folder: Path) -> Opening:
    """A session over a few pictures."""
    images = np.random.default_rng(3).integers(0, 256, (ROWS, 3, 32, 32)).astype(np.uint8)
    (folder / "images").write_bytes(images.tobytes())
    (folder / "labels").write_bytes(np.zeros(ROWS, "<i8").tobytes())
    body = {
        "subject": SubjectFacts("5" * 64, 10, (3, 32, 32)).as_json(),
        "input_spec": InputSpec().as_json(),
        "images": {"dtype": "uint8", "shape": [ROWS, 3, 32, 32]},
        "threads": 1,
    }
    names = {name: str(folder / name) for name in ("images", "labels")}
    return Opening(body, {"model": str(NETS / "robust.onnx"), **names})


Doing = Callable[..., Request]


@pytest.fixture
def doing(tmp_path: Path) -> Doing:
    """Requests of one session, each for a deed."""
    opened = opening(tmp_path)

    def request(deed: str, *, seconds: float = 30, session: str = "", **params: object) -> Request:
        return Request(
            "measure",
            shard_body(deed, ROWS, **params),
            session=session or str(tmp_path),
            opening=opened,
            seconds=seconds,
            limits={"memory": 2 << 30},
        )

    return request


async def under_way(executor: LocalExecutor, request: Request) -> LocalJob:
    """A job that has told of its first progress."""
    job = await executor.submit(request)
    assert isinstance(await anext(aiter(job.events())), Progress)
    return job


async def end_of(job: LocalJob) -> Result | Code:
    """The result of a job, or the code of its error."""
    try:
        async for event in job.events():
            if isinstance(event, Result):
                return event
    except AssayError as error:
        return error.code
    raise AssertionError


def zygote_of(executor: LocalExecutor) -> int:
    """The only process that the supervisor itself started."""
    children = [one for one in below(executor.process_id) if state_of(one) != "Z"]
    (zygote,) = [one for one in children if parent_of(one) == executor.process_id]
    return zygote


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def well(executor: LocalExecutor, request: Request) -> None:
    """The control after every crash: an ordinary job succeeds at the first attempt."""
    found = await result_of(executor, request)
    assert found.facts["samples"]["state"] == ["standing"] * ROWS
    assert found.retries == 0


# -------------------------------------------------------------------------------------- zygote


async def test_zygote_killed_between_jobs_is_replaced(
    executor: LocalExecutor, doing: Doing
) -> None:
    """With no job running, the loss of the zygote costs nobody anything."""
    await well(executor, doing("stand"))
    before = zygote_of(executor)
    os.kill(before, signal.SIGKILL)
    await well(executor, doing("stand", session="another"))
    assert zygote_of(executor) != before


async def test_zygote_killed_during_a_job_costs_a_retry(
    executor: LocalExecutor, doing: Doing
) -> None:
    """Children die with their zygote; the job runs again under a new one and says so."""
    job = await under_way(executor, doing("linger", nap=1))
    before = zygote_of(executor)
    os.kill(before, signal.SIGKILL)
    found = await end_of(job)
    assert isinstance(found, Result)
    assert found.retries == 1
    assert zygote_of(executor) != before
    await well(executor, doing("stand"))


async def test_zygotes_killed_again_and_again(executor: LocalExecutor, doing: Doing) -> None:
    """Three zygotes lost in a row, each replaced, and none of them left as a zombie."""
    for turn in range(3):
        os.kill(zygote_of(executor), signal.SIGKILL)
        await well(executor, doing("stand", session=f"turn {turn}"))
    assert len([one for one in below(executor.process_id) if state_of(one) == "Z"]) <= 1


# -------------------------------------------------------------------------------------- children


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGTERM])
async def test_child_that_always_dies_is_told_and_forgotten(
    executor: LocalExecutor, doing: Doing, number: int
) -> None:
    """Whatever signal ends it twice, the code is CHILD_CRASHED and the session goes on."""
    found = await ended(executor, doing("die", signal=int(number)))
    assert found.code == Code.CHILD_CRASHED
    await well(executor, doing("stand"))


@pytest.mark.parametrize("deed", ["die_while_sending", "half_a_tensor"])
async def test_child_killed_while_sending_leaves_nothing(
    executor: LocalExecutor, doing: Doing, deed: str
) -> None:
    """Half a tensor is no tensor: the job fails and its pieces are gone from the spool."""
    spool = executor._spool  # pyright: ignore[reportPrivateUsage]  # looked at from outside
    before = set(spool.iterdir())
    found = await ended(executor, doing(deed))
    assert found.code in {Code.CHILD_CRASHED, Code.CHILD_MEMORY}, found
    await well(executor, doing("stand"))
    assert set(spool.iterdir()) == before


async def test_one_crash_in_a_queue_hurts_one_job(executor: LocalExecutor, doing: Doing) -> None:
    """Of nine jobs queued on one session the fifth dies; the other eight have results, in order."""
    deeds = [doing("stand") for _ in range(9)]
    deeds[4] = doing("die", signal=11)
    jobs = [await executor.submit(one) for one in deeds]
    ends = [await end_of(job) for job in jobs]
    assert ends.pop(4) is Code.CHILD_CRASHED
    assert all(isinstance(one, Result) and one.retries == 0 for one in ends)
    pids = [one.facts["numbers"]["pid"] for one in ends if isinstance(one, Result)]
    assert len(set(pids[:4])) == 1
    assert len(set(pids[4:])) == 1
    assert pids[0] != pids[-1]


async def test_sessions_do_not_share_a_crash(executor: LocalExecutor, doing: Doing) -> None:
    """A session whose child dies leaves the job of another session untouched."""
    slow = await under_way(executor, doing("linger", nap=1, session="calm"))
    found = await ended(executor, doing("die", signal=9, session="wild"))
    assert found.code == Code.CHILD_CRASHED
    calm = await end_of(slow)
    assert isinstance(calm, Result)
    assert calm.retries == 0


# ---------------------------------------------------------------------------------------- cancel


async def test_queued_jobs_are_cancelled_without_running(
    executor: LocalExecutor, doing: Doing
) -> None:
    """Cancelling what waits ends it with CANCELLED and leaves the running job its child."""
    running = await under_way(executor, doing("linger", nap=1))
    waiting = [await executor.submit(doing("die", signal=9)) for _ in range(3)]
    last = await executor.submit(doing("stand"))
    for job in waiting:
        await job.cancel()
    assert [await end_of(job) for job in waiting] == [Code.CANCELLED] * 3
    first, final = await end_of(running), await end_of(last)
    assert isinstance(first, Result)
    assert isinstance(final, Result)
    assert first.facts["numbers"]["pid"] == final.facts["numbers"]["pid"], "its child was killed"


async def test_cancel_after_the_end_is_heard_by_nobody(
    executor: LocalExecutor, doing: Doing
) -> None:
    """A cancel that comes too late neither fails the job nor the next one."""
    job = await executor.submit(doing("stand"))
    assert isinstance(await end_of(job), Result)
    await job.cancel()
    await job.cancel()
    await well(executor, doing("stand"))


async def test_cancel_ends_the_process_at_once(executor: LocalExecutor, doing: Doing) -> None:
    """The child of a cancelled job is gone within moments, not at its own convenience."""
    session = doing("linger", nap=100)
    job = await under_way(executor, session)
    before = len(below(executor.process_id))
    await job.cancel()
    async with asyncio.timeout(5):
        assert await end_of(job) is Code.CANCELLED
    await until(lambda: len(below(executor.process_id)) < before)


# ------------------------------------------------------------------------------------------ stop


async def stopped(one: LocalExecutor, during: Awaitable[Any] | None = None) -> list[int]:
    """Stop an executor; every process that it had before."""
    if during is not None:
        await during
    had = [one.process_id, *below(one.process_id)]
    await one.stop()
    await until(lambda: not any(state_of(pid) for pid in had))
    return had


async def test_stop_during_a_job_leaves_no_process(tmp_path: Path, doing: Doing) -> None:
    """Supervisor, zygote and child are all gone, none of them a zombie, and the job is told."""
    one = LocalExecutor(tmp_path / "spool", libraries=TEST_CODE)
    await one.start()
    job = await under_way(one, doing("linger", nap=100))
    had = await stopped(one)
    assert len(had) >= 3, "this test needs a supervisor, a zygote and a child"
    assert await end_of(job) is Code.CHILD_CRASHED
    assert list((tmp_path / "spool").iterdir()) == []


async def test_stop_twice_and_start_again(tmp_path: Path, doing: Doing) -> None:
    """A stopped executor may be stopped again, and takes up work when it is asked to."""
    one = LocalExecutor(tmp_path / "spool", libraries=TEST_CODE)
    await one.start()
    await stopped(one)
    await one.stop()
    await well(one, doing("stand"))
    await stopped(one)


async def test_closing_a_session_ends_its_child_alone(
    executor: LocalExecutor, doing: Doing
) -> None:
    """A closed session has no process; the one beside it keeps its own."""
    kept = await result_of(executor, doing("stand", session="kept"))
    gone = await result_of(executor, doing("stand", session="gone"))
    await executor.close_session("gone")
    await until(lambda: not state_of(int(gone.facts["numbers"]["pid"])))
    assert state_of(int(kept.facts["numbers"]["pid"])) in "RSD"
    again = await result_of(executor, doing("stand", session="gone"))
    assert again.facts["numbers"]["pid"] != gone.facts["numbers"]["pid"]
