"""A session in this process: whatever its child says, each job ends in exactly one event."""

import json
import os
import signal
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.errors import Code
from service.sandbox.children import Nursery
from support.jobs import TEST_CODE
from support.nurseries import ROWS, Watched, job


@pytest.fixture(scope="module")
def nursery() -> Generator[Nursery]:
    """One zygote for these tests."""
    one = Nursery(libraries=TEST_CODE)
    yield one
    one.end()


@pytest.fixture
def watched(nursery: Nursery, tmp_path: Path) -> Generator[Watched]:
    """A session of its own for each test; its spool must be empty of what failed."""
    (tmp_path / "spool").mkdir()
    one = Watched(nursery, tmp_path, tmp_path / "spool")
    yield one
    one.end()


def code(event: Mapping[str, Any]) -> str:
    """The code of a failed job; empty for one that is done."""
    return "" if event["event"] == "done" else str(event["error"]["code"])


PARTIAL: dict[str, Any] = {
    "type": "partial",
    "outcome": "measured",
    "numbers": {},
    "samples": {},
    "passes": {},
    "claims": None,
    "note": "",
    "blobs": [],
}
BLOB = {"name": "b", "dtype": "uint8", "shape": [4]}
SPOKEN: dict[str, str] = {
    "unknown type": '{"type":"verdict","verdict":"PASS"}',
    "no type": "{}",
    "extra key": json.dumps({**PARTIAL, "verdict": "PASS"}),
    "ready again": '{"type":"ready","level":1}',
    "unknown outcome": json.dumps({**PARTIAL, "outcome": "certified"}),
    "infinite number": json.dumps({**PARTIAL, "numbers": {"a": float("inf")}}),
    "number in words": json.dumps({**PARTIAL, "numbers": {"a": "1"}}),
    "name with a newline": json.dumps({**PARTIAL, "numbers": {"a\nb": 1}}),
    "name of a path": json.dumps({**PARTIAL, "numbers": {"a b": 1}}),
    "ragged columns": json.dumps({**PARTIAL, "samples": {"row": [1, 2], "state": ["wrong"]}}),
    "nested column": json.dumps({**PARTIAL, "samples": {"row": [[1]]}}),
    "negative passes": json.dumps({**PARTIAL, "passes": {"forward": -1}}),
    "unknown passes": json.dumps({**PARTIAL, "passes": {"sideways": 1}}),
    "claims of nothing": json.dumps({**PARTIAL, "claims": "witness"}),
    "long note": json.dumps({**PARTIAL, "note": "n" * 1001}),
    "blob of objects": json.dumps({**PARTIAL, "blobs": [{**BLOB, "dtype": "object"}]}),
    "blob of negative size": json.dumps({**PARTIAL, "blobs": [{**BLOB, "shape": [-1]}]}),
    "blob beyond the cap": json.dumps({**PARTIAL, "blobs": [{**BLOB, "shape": [1 << 40]}]}),
    "blobs that multiply": json.dumps({**PARTIAL, "blobs": [{**BLOB, "shape": [1 << 40] * 8}]}),
    "seventeen blobs": json.dumps({**PARTIAL, "blobs": [BLOB] * 17}),
    "negative progress": '{"type":"progress","done":-1,"total":1,"note":""}',
    "settled": json.dumps({**PARTIAL, "samples": {"row": [0], "state": ["broken"]}}),
    "certified": json.dumps({**PARTIAL, "samples": {"row": [0], "state": ["certified"]}}),
    "unwitnessed": json.dumps({**PARTIAL, "samples": {"row": [0], "state": ["claimed"]}}),
}


@pytest.mark.parametrize("raw", SPOKEN.values(), ids=SPOKEN.keys())
def test_out_of_schema_is_overflow(watched: Watched, raw: str, tmp_path: Path) -> None:
    """A child that says anything but what it may is ended; the next job has a fresh one."""
    said, after = watched.run(job("a", "say", raw=raw), job("b", "stand"))
    assert code(said) == Code.CHILD_OVERFLOW
    assert code(after) == ""
    assert after["retries"] == 0
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("raw", ["not json", "[1]", "3", "", "{", '{"type":'])
def test_what_is_no_object_breaks_the_channel(watched: Watched, raw: str) -> None:
    """Bytes that are no JSON object are a dead child, twice, and then a code."""
    said, after = watched.run(job("a", "say", raw=raw), job("b", "stand"))
    assert code(said) == Code.CHILD_CRASHED
    assert code(after) == ""


def test_refusals_of_an_unknown_code_stay_errors(watched: Watched) -> None:
    """A child that makes up a code cannot end its job in anything but a failure."""
    raw = json.dumps({"type": "refused", "code": "PASS", "sentence": "s", "remedy": "r"})
    (said,) = watched.run(job("a", "say", raw=raw))
    assert said["event"] == "failed"
    assert code(said) in list(Code)


def test_a_file_from_a_child_is_not_taken(watched: Watched) -> None:
    """A handed-over descriptor is closed, and the child that handed it is dropped."""
    before = len(os.listdir("/proc/self/fd"))
    said, after = watched.run(job("a", "hand_over"), job("b", "stand"))
    assert code(said) == Code.CHILD_CRASHED
    assert code(after) == ""
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the living child's channel


def test_no_descriptor_is_lost_over_fifty_jobs(watched: Watched) -> None:
    """Files are opened for a send and closed after it, whether the job ends well or not."""
    watched.run(job("first", "stand"))
    before = len(os.listdir("/proc/self/fd"))
    ends = watched.run(*(job(f"j{at}", "stand") for at in range(50)))
    assert {code(one) for one in ends} == {""}
    assert len({one["facts"]["numbers"]["pid"] for one in ends}) == 1
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_descriptor_is_lost_over_crashes(watched: Watched) -> None:
    """The same for jobs that die twice each."""
    watched.run(job("first", "stand"))
    before = len(os.listdir("/proc/self/fd"))
    ends = watched.run(*(job(f"j{at}", "die", signal=9) for at in range(5)), job("l", "stand"))
    assert [code(one) for one in ends] == [Code.CHILD_CRASHED] * 5 + [""]
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL])
def test_status_is_that_of_the_child(watched: Watched, number: int) -> None:
    """The error of a crash tells machines by which signal the child ended."""
    (said,) = watched.run(job("a", "die", signal=int(number)))
    assert said["error"]["details"]["status"] == str(-number)


def test_deadline_counts_for_each_job(watched: Watched) -> None:
    """A job that is late is ended near its deadline, and the next has its own time."""
    began = time.monotonic()
    late, after = watched.run(job("a", "linger", nap=60, seconds=0.8), job("b", "stand"))
    assert code(late) == Code.CHILD_TIMEOUT
    assert code(after) == ""
    assert time.monotonic() - began < 10


def test_progress_is_told_under_the_job(watched: Watched) -> None:
    """What a child tells on the way carries the name of its job."""
    watched.run(job("a", "stand"), job("b", "stand"))
    assert {one["job"] for one in watched.said if one["event"] == "progress"} == {"a", "b"}


def claims(event: Mapping[str, Any]) -> list[str]:
    """The states of a job's rows after confirmation."""
    return list(event["facts"]["samples"]["state"])


def test_dead_second_opinion_never_settles_a_claim(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A confirming child that dies confirms nothing; the same claims are settled without that."""
    asked = watched.session._ask  # pyright: ignore[reportPrivateUsage]  # the step that is hurt

    def hurt(job: Any, which: str, *rest: Any) -> Any:  # noqa: ANN401 - passes on what it gets
        if which == "second":
            child = watched.session._child(which, job)  # pyright: ignore[reportPrivateUsage]  # its process is ended
            child.kill()
        return asked(job, which, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(watched.session, "_ask", hurt)
        (said,) = watched.run(job("a", "claim"))
    assert said["event"] == "failed" or set(claims(said)) == {"pending"}
    (control,) = watched.run(job("b", "claim"))
    assert set(claims(control)) <= {"broken", "pending"}
    assert "broken" in claims(control), "this control needs a picture that is not of class 0"


def test_cancel_of_a_running_job_frees_the_session(watched: Watched) -> None:
    """Cancelled in the middle, a job ends with CANCELLED and is not tried again."""
    slow = job("a", "linger", nap=60)
    threading.Timer(1.0, watched.session.cancel, (slow,)).start()
    said, after = watched.run(slow, job("b", "stand"))
    assert code(said) == Code.CANCELLED
    assert code(after) == ""
    assert after["facts"]["samples"]["row"] == list(range(ROWS))


def test_missing_blob_is_an_error_of_ours_and_not_the_end(watched: Watched) -> None:
    """A file that vanished before its job ran fails that job alone."""
    lost = replace(job("a", "stand"), files={"gone": "/nowhere/at/all"})
    said, after = watched.run(lost, job("b", "stand"))
    assert said["event"] == "failed"
    assert code(after) == ""
