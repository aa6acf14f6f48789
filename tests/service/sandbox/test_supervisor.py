"""The supervisor in this process: what it hears of the service, and what it says."""

import threading
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.errors import Code
from service.sandbox.frames import CONTROL_CAP, Channel, pair
from service.sandbox.supervisor import Supervisor
from support.jobs import TEST_CODE
from support.nurseries import LIMITS, Watched, job, opening

Event = Mapping[str, Any]


class Desk:
    """The service's end of a supervisor that runs in a thread."""

    def __init__(self, spool: Path) -> None:
        """Start it and hear its hello."""
        self.channel, theirs = pair()
        self.supervisor = Supervisor(theirs, spool, libraries=TEST_CODE)
        self._theirs: Channel = theirs
        self._thread = threading.Thread(target=self.supervisor.run, daemon=True)
        self._thread.start()
        self.channel.deadline = time.monotonic() + 60
        self.hello = self.channel.receive().body

    def submit(self, name: str, deed: str, folder: Path, nap: float = 0.0) -> None:
        """Send one job of a session."""
        asked = job(name, deed, nap=nap)
        body = {key: getattr(asked, key) for key in ("stage", "body", "seconds", "blob_cap")}
        opened = opening(folder)
        self.channel.send(
            {
                "op": "submit",
                "job": name,
                "session": "s",
                "files": {},
                "limits": dict(LIMITS),
                "opening": opened,
                **body,
            }
        )

    def end_of(self, name: str) -> Event:
        """The last event of a job; progress before it is skipped."""
        while True:
            event = self.channel.receive().body
            if event.get("job") == name and event["event"] != "progress":
                return event

    def leave(self) -> None:
        """Close the service's end, and wait for the supervisor to be done."""
        self.channel.close()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def close(self) -> None:
        """Close the supervisor's end too, which its process would do by ending."""
        self._theirs.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    """One supervisor for these tests."""
    one = Desk(tmp_path_factory.mktemp("spool"))
    yield one
    one.leave()
    one.close()


def test_hello_tells_engine_and_level(desk: Desk) -> None:
    """The first word holds what decides results and how tight the lock is."""
    assert desk.hello["event"] == "hello"
    assert (desk.hello["level"], desk.hello["gap"]) == (2, "")
    assert desk.hello["engine"]["device"] == "cpu"


def test_words_about_strangers_are_ignored(desk: Desk, tmp_path: Path) -> None:
    """Cancels and closes of what is not there, and words nobody knows, harm nobody."""
    for body in (
        {"op": "cancel", "job": "nobody"},
        {"op": "close", "session": "nowhere"},
        {"op": "dance"},
    ):
        desk.channel.send(body)
    desk.submit("a", "stand", tmp_path)
    assert desk.end_of("a")["event"] == "done"


def test_jobs_are_forgotten_when_they_end(desk: Desk, tmp_path: Path) -> None:
    """What has ended, well or not, is held by nobody."""
    for name, deed in (("a", "stand"), ("b", "half_a_tensor"), ("c", "stand")):
        desk.submit(name, deed, tmp_path)
    assert [desk.end_of(name)["event"] for name in "abc"] == ["done", "failed", "done"]
    assert desk.supervisor._jobs == {}  # pyright: ignore[reportPrivateUsage]  # looked at from outside


def test_cancel_reaches_a_queued_job(desk: Desk, tmp_path: Path) -> None:
    """A job that waits behind another ends with CANCELLED when its turn comes."""
    desk.submit("slow", "linger", tmp_path, nap=0.5)
    desk.submit("waits", "stand", tmp_path)
    desk.channel.send({"op": "cancel", "job": "waits"})
    assert desk.end_of("slow")["event"] == "done"
    assert desk.end_of("waits")["error"]["code"] == Code.CANCELLED


def test_session_opens_anew_after_its_close(desk: Desk, tmp_path: Path) -> None:
    """A closed session's name may be used again, with a child of its own."""
    desk.submit("a", "stand", tmp_path)
    first = desk.end_of("a")["facts"]["numbers"]["pid"]
    desk.channel.send({"op": "close", "session": "s"})
    desk.submit("b", "stand", tmp_path)
    assert desk.end_of("b")["facts"]["numbers"]["pid"] != first


def test_event_beyond_a_frame_still_ends_its_job(desk: Desk) -> None:
    """A result too large to be told becomes a failure that is told, never silence."""
    desk.supervisor.say({"job": "big", "event": "done", "note": "n" * (CONTROL_CAP + 1)})
    event = desk.end_of("big")
    assert event["event"] == "failed"
    assert event["error"]["code"] == Code.CHILD_OVERFLOW


def test_nobody_listens_and_nothing_breaks(tmp_path: Path) -> None:
    """A service that is gone ends the supervisor's work, and speaking to it is no error."""
    one = Desk(tmp_path)
    one.leave()
    one.supervisor.say({"event": "progress"})
    one.close()


def test_watched_sessions_end(desk: Desk, tmp_path: Path) -> None:
    """A session that was told to end finishes what is queued and takes its child along."""
    nursery = desk.supervisor._nursery  # pyright: ignore[reportPrivateUsage]  # its zygote serves
    (tmp_path / "spool").mkdir()
    watched = Watched(nursery, tmp_path, tmp_path / "spool")
    ends = watched.run(job("a", "stand"), job("b", "linger", nap=0.2))
    watched.end()
    assert [one["event"] for one in ends] == ["done", "done"]
    assert not watched.session.alive
