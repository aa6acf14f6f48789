"""Whatever a child does, its job ends in one event and the next job runs."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from analyzers.contract import InputSpec, Shard, SubjectFacts
from service.errors import AssayError, Code
from service.executors.interface import Opening, Progress, Request, Result
from service.executors.local import LocalExecutor, LocalJob
from support.jobs import TEST_CODE

pytestmark = pytest.mark.asyncio(loop_scope="module")

NETS = Path(__file__).parents[3] / "service" / "demo" / "nets"
IMAGES = np.random.default_rng(3).integers(0, 256, (6, 3, 32, 32)).astype(np.uint8)
CONFIG = {"norm": "Linf", "eps": "8/255", "knowledge": "white"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalExecutor]:
    """One supervisor for all tests: each must leave it working for the next."""
    one = LocalExecutor(tmp_path_factory.mktemp("spool"), libraries=TEST_CODE)
    os.environ["ASSAY_SECRET"] = "hunter2"
    await one.start()
    yield one
    await one.stop()
    del os.environ["ASSAY_SECRET"]


@pytest.fixture
def request_for(tmp_path: Path) -> Request:
    """A request in a session over six pictures, to be filled with a deed."""
    subject = SubjectFacts("5" * 64, 10, (3, 32, 32))
    (tmp_path / "images").write_bytes(IMAGES.tobytes())
    (tmp_path / "labels").write_bytes(np.zeros(6, "<i8").tobytes())
    opening = Opening(
        {
            "subject": subject.as_json(),
            "input_spec": InputSpec().as_json(),
            "images": {"dtype": "uint8", "shape": [6, 3, 32, 32]},
            "threads": 1,
        },
        {
            "model": str(NETS / "robust.onnx"),
            "images": str(tmp_path / "images"),
            "labels": str(tmp_path / "labels"),
        },
    )
    return Request("measure", {}, session=tmp_path.name, opening=opening, seconds=30)


def doing(request: Request, deed: str, **params: object) -> Request:
    """The request that makes a child do this."""
    shard = Shard(
        "toy", "1", CONFIG, "5" * 64, "d" * 64, (0, 6), {"do": deed, **params}, {}, 0, "cpu"
    )
    body = {
        "shard": shard.as_json(),
        "measure": "tests.support.hostile:measure",
        "positions": [5, 4, 3, 2, 1, 0],
        "ids": ["00"] * 6,
        "inputs": {},
    }
    return replace(request, body=body)


async def run(executor: LocalExecutor, request: Request) -> Result:
    """The result of a request."""
    job = await executor.submit(request)
    async for event in job.events():
        if isinstance(event, Result):
            return event
    raise AssertionError


async def failure(executor: LocalExecutor, request: Request) -> AssayError:
    """The error of a request; afterwards the executor still works."""
    with pytest.raises(AssayError) as caught:
        await run(executor, request)
    after = await run(executor, doing(replace(request, seconds=30), "confess"))
    assert after.facts["outcome"] == "measured"
    return caught.value


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("crash", Code.CHILD_CRASHED),
        ("flood", Code.CHILD_OVERFLOW),
        ("hoard", Code.CHILD_MEMORY),
        ("settle", Code.CHILD_OVERFLOW),
        ("claim_short", Code.CHILD_OVERFLOW),
        ("nan", Code.CHILD_CRASHED),
    ],
)
async def test_misdeeds_have_codes(
    executor: LocalExecutor, request_for: Request, deed: str, code: Code
) -> None:
    """A crash, a flood, a hoard or a lie costs its own job and nothing else."""
    request = replace(doing(request_for, deed), blob_cap=1 << 20)
    error = await failure(executor, request)
    assert error.code is code
    assert "Traceback" not in error.sentence


async def test_silence_ends_at_the_deadline(executor: LocalExecutor, request_for: Request) -> None:
    """A child that never answers is killed when its time is up."""
    error = await failure(executor, replace(doing(request_for, "sleep"), seconds=0.7))
    assert error.code is Code.CHILD_TIMEOUT


async def test_crash_is_retried_once_in_a_fresh_child(
    executor: LocalExecutor, request_for: Request, tmp_path: Path
) -> None:
    """A child that dies once costs a retry, and the retry is told."""
    marker = tmp_path / "once"
    job = await executor.submit(doing(request_for, "crash_once", marker=str(marker)))
    found: Progress | Result | None = None
    async for event in job.events():
        await asyncio.sleep(0.5)  # until it has looked for the file and waits for it
        marker.touch()
        found = event
    assert isinstance(found, Result)
    assert found.retries == 1
    assert found.facts["samples"]["state"] == ["standing"] * 6


async def test_cancel_kills_the_child(executor: LocalExecutor, request_for: Request) -> None:
    """A cancelled job ends at once with CANCELLED."""
    job = await executor.submit(doing(request_for, "sleep"))
    async with asyncio.timeout(10):
        with pytest.raises(AssayError) as caught:
            await _cancel_at_first_progress(job)
    assert caught.value.code is Code.CANCELLED


async def _cancel_at_first_progress(job: LocalJob) -> None:
    async for event in job.events():
        assert isinstance(event, Progress)
        await job.cancel()


async def test_child_holds_next_to_nothing(executor: LocalExecutor, request_for: Request) -> None:
    """No environment of ours, and no file but its channel and its blobs."""
    found = await run(executor, doing(request_for, "confess"))
    assert found.facts["numbers"] == {
        "environment": 0,
        "files": 3,  # the channel and two mapped blobs
        "leads_session": 1,
    }
    assert os.environ["ASSAY_SECRET"] == "hunter2"


async def test_child_cannot_write_a_byte(
    executor: LocalExecutor, request_for: Request, tmp_path: Path
) -> None:
    """A child may not even create a file; the control shows that this process could."""
    target = tmp_path / "target"
    found = await run(executor, doing(request_for, "write", marker=str(target)))
    assert found.facts["numbers"]["errno"] == errno.EACCES
    assert not target.exists()
    assert target.write_bytes(b"x") == 1


def logits_of(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the demo net says, asked in this process."""
    from analyzers.engines.forward import ForwardEngine  # noqa: PLC0415 - loads the runtime

    return ForwardEngine((NETS / "robust.onnx").read_bytes(), 1, "free").run(images)


async def test_claims_are_confirmed_by_a_second_child(
    executor: LocalExecutor, request_for: Request
) -> None:
    """Claims hold exactly where the model, asked elsewhere, gives another label."""
    found = await run(executor, doing(request_for, "claim", by=0.0))
    clean = IMAGES[[5, 4, 3, 2, 1, 0]].astype(np.float32) / np.float32(255)
    said = logits_of(clean).argmax(axis=1)
    wanted = ["broken" if label else "pending" for label in said]
    assert found.facts["samples"]["state"] == wanted
    assert found.facts["samples"]["became"] == [int(one) if one else None for one in said]
    assert "broken" in wanted, "this control needs a picture that is not taken for class 0"


async def test_claims_outside_the_ball_stay_pending(
    executor: LocalExecutor, request_for: Request
) -> None:
    """The same claims, moved just beyond eps, count for nobody."""
    found = await run(executor, doing(request_for, "claim", by=8.01 / 255))
    assert set(found.facts["samples"]["state"]) == {"pending"}


async def test_dead_supervisor_fails_its_jobs_and_is_replaced(
    executor: LocalExecutor, request_for: Request
) -> None:
    """Jobs of a supervisor that was killed end with an error, and the next one finds a new one."""
    job = await executor.submit(doing(request_for, "sleep"))
    await anext(aiter(job.events()))
    before = executor.process_id
    os.kill(before, signal.SIGKILL)
    with pytest.raises(AssayError) as caught:
        async for _ in job.events():
            pass
    assert caught.value.code is Code.CHILD_CRASHED
    found = await run(executor, doing(request_for, "confess"))
    assert found.facts["outcome"] == "measured"
    assert executor.process_id != before


async def test_engine_class_is_told(executor: LocalExecutor) -> None:
    """The executor says what decides its results, and how tightly its children are locked."""
    told: Mapping[str, str] = executor.engine
    assert told["device"] == "cpu"
    assert told["dtype"] == "float32"
    assert (executor.sandbox_level, executor.sandbox_gap) == (2, "")


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="speaks of machines without a GPU")
async def test_a_gpu_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    """Who insists on a GPU hears of it at once, with the reason, and no process is left."""
    one = LocalExecutor(tmp_path, "cuda")
    with pytest.raises(AssayError, match="GPU") as caught:
        await one.start()
    assert caught.value.code is Code.DEVICE_UNAVAILABLE
    assert "nvidiactl" in caught.value.sentence
    with pytest.raises(ProcessLookupError):
        os.kill(one.process_id, 0)


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="speaks of machines without a GPU")
async def test_a_fall_back_is_told(tmp_path: Path) -> None:
    """``auto`` starts on the processor, says why, and is of the processor's engine class."""
    one = LocalExecutor(tmp_path, "auto")
    await one.start()
    try:
        assert (one.placement["asked"], one.placement["device"]) == ("auto", "cpu")
        assert "nvidiactl" in one.placement["why"]
        assert one.engine["device"] == "cpu"
    finally:
        await one.stop()
