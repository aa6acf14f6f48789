"""The nursery over a real zygote: forks, signals, replacement, and nothing left open."""

import os
import select
import signal
import threading
import time
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from service.sandbox import children
from service.sandbox.children import Nursery
from service.sandbox.frames import Broken
from support.jobs import TEST_CODE, below, parent_of, state_of

LIMITS = {"memory": 1 << 30}


@pytest.fixture(scope="module")
def nursery() -> Generator[Nursery]:
    """One zygote for these tests."""
    one = Nursery(libraries=TEST_CODE)
    yield one
    one.end()


def zygote(nursery: Nursery) -> int:
    """The zygote's process."""
    return nursery._process.pid  # pyright: ignore[reportPrivateUsage]  # looked at from outside


def pid_of(child: children.Child) -> int:
    """The child's process."""
    return child._pid  # pyright: ignore[reportPrivateUsage]  # looked at from outside


def test_engine_facts_are_those_of_the_zygote(nursery: Nursery) -> None:
    """What decides results is told once, before any child exists."""
    assert nursery.engine()["device"] == "cpu"


def test_child_is_forked_by_the_zygote_and_reaped(nursery: Nursery) -> None:
    """A child has the zygote for a parent, is alive until ended, and is no zombie after."""
    child = nursery.child(LIMITS)
    pid = pid_of(child)
    assert parent_of(pid) == zygote(nursery) != os.getpid()
    assert state_of(pid) in "RSD"
    assert child.end() == -signal.SIGKILL
    assert state_of(pid) == ""


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGTERM])
def test_reap_tells_by_which_signal_a_child_ended(nursery: Nursery, number: int) -> None:
    """The status of a child that was already dead is its own, not that of our kill."""
    child = nursery.child(LIMITS)
    os.kill(pid_of(child), number)
    with pytest.raises(Broken):
        child.hear()
    assert child.end() == -number


def test_ending_twice_is_ending_once(nursery: Nursery) -> None:
    """A second end, and a kill after it, touch no process: the number may be another's by then."""
    child = nursery.child(LIMITS)
    assert child.end() == -signal.SIGKILL
    child.kill()
    assert child.end() == 0


def test_killed_child_is_heard_as_a_broken_channel(nursery: Nursery) -> None:
    """Whoever waits for a child's answer hears at once that there will be none."""
    child = nursery.child(LIMITS)
    threading.Timer(0.1, child.kill).start()
    with pytest.raises(Broken):
        child.hear()
    child.end()


def test_unfit_requests_do_not_escape_the_schema(nursery: Nursery) -> None:
    """An unknown stage is a failure told in schema, and its traceback stays in the note."""
    child = nursery.child(LIMITS)
    child.channel.send({"type": "request", "stage": "measure", "body": {}, "files": []})
    said = child.hear()
    assert said.type == "failed"
    assert "needs an open session" in said.note
    child.end()


def test_children_side_by_side_are_apart(nursery: Nursery) -> None:
    """Ending one of three children leaves the other two alive, each in a group of its own."""
    three = [nursery.child(LIMITS) for _ in range(3)]
    pids = [pid_of(one) for one in three]
    assert len({os.getpgid(pid) for pid in pids}) == 3
    three[1].end()
    assert [bool(state_of(pid)) for pid in pids] == [True, False, True]
    for one in three:
        one.end()


def test_children_from_several_threads(nursery: Nursery) -> None:
    """Forks and reaps asked for by many threads at once never mix up their answers."""
    statuses: list[int] = []

    def live_and_end() -> None:
        for _ in range(3):
            child = nursery.child(LIMITS)
            os.kill(pid_of(child), 0)
            statuses.append(child.end())

    threads = [threading.Thread(target=live_and_end) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert statuses == [-signal.SIGKILL] * 12


def test_files_do_not_pile_up(nursery: Nursery) -> None:
    """Fifty children come and go without one descriptor left in supervisor or zygote."""

    def descriptors() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{zygote(nursery)}/fd"))

    nursery.child(LIMITS).end()
    before = descriptors()
    for _ in range(50):
        nursery.child(LIMITS).end()
    assert descriptors() == before


def test_fresh_zygote_only_when_none_lives(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its share of forks a zygote is replaced, but never under a living child."""
    monkeypatch.setattr(children, "FORKS_A_ZYGOTE", 2)
    nursery.child(LIMITS).end()
    nursery.child(LIMITS).end()
    first = nursery.child(LIMITS)  # the share is used up and none lives: a fresh zygote
    fresh = zygote(nursery)
    others = [nursery.child(LIMITS) for _ in range(3)]
    assert zygote(nursery) == fresh, "a living child lost its zygote"
    assert state_of(pid_of(first)) in "RSD"
    for one in (first, *others):
        one.end()
    last = nursery.child(LIMITS)
    assert zygote(nursery) != fresh
    assert state_of(fresh) == ""
    last.end()


def test_the_next_zygote_is_ready_before_it_is_needed(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started ahead; until it has said hello the old one goes on, so that no fork waits."""
    nursery._forks = 0  # pyright: ignore[reportPrivateUsage]  # this zygote's share begins anew
    monkeypatch.setattr(children, "FORKS_A_ZYGOTE", 3)
    monkeypatch.setattr(children, "AHEAD", 2)
    old = zygote(nursery)
    for _ in range(2):
        nursery.child(LIMITS).end()
    assert nursery._successor is not None  # pyright: ignore[reportPrivateUsage]  # started ahead
    channel, process = nursery._successor  # pyright: ignore[reportPrivateUsage]  # as above
    nursery.child(LIMITS).end()
    nursery.child(LIMITS).end()
    assert zygote(nursery) == old, "the old one was given up while the new one loaded"
    assert select.select([channel.socket], [], [], 60)[0], "it never said hello"
    begun = time.monotonic()
    nursery.child(LIMITS).end()
    assert zygote(nursery) == process.pid != old
    assert state_of(old) == ""
    assert time.monotonic() - begun < 2, "loading the libraries takes longer"


def test_dead_zygote_is_replaced_and_its_children_are_gone(nursery: Nursery) -> None:
    """Children do not outlive their zygote; the next fork finds a new one."""
    orphan = nursery.child(LIMITS)
    before = zygote(nursery)
    os.kill(before, signal.SIGKILL)
    with pytest.raises(Broken):
        orphan.hear()
    child = nursery.child(LIMITS)
    assert zygote(nursery) != before
    assert orphan.end() == 0, "a status was asked of a zygote that never had this child"
    assert child.end() == -signal.SIGKILL


def test_a_child_that_was_never_ready_is_collected(nursery: Nursery) -> None:
    """A child that ends before it is ready is no zombie, no open file and no living child."""
    broken: Mapping[str, Any] = {"memory": "as much as there is"}
    live = nursery._live  # pyright: ignore[reportPrivateUsage]  # what decides on a fresh zygote
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Broken):
        nursery.child(broken)
    assert nursery._live == live  # pyright: ignore[reportPrivateUsage]  # as above
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [pid for pid in below(zygote(nursery)) if state_of(pid) == "Z"]
    assert nursery.child(LIMITS).end() == -signal.SIGKILL


def test_ended_nursery_leaves_no_process() -> None:
    """The zygote ends with its channel, and is collected."""
    one = Nursery(libraries=TEST_CODE)
    pid = zygote(one)
    child = one.child(LIMITS)
    kid = pid_of(child)
    one.end()
    assert state_of(pid) == ""
    assert child.end() == 0
    end = time.monotonic() + 5
    while state_of(kid) not in ("", "Z") and time.monotonic() < end:
        time.sleep(0.01)  # its parent's death kills it, a moment later
    assert state_of(kid) in ("", "Z")
    assert zygote(one) == pid, "an ended nursery started another zygote"


def test_a_looser_lock_than_promised_is_no_child(nursery: Nursery) -> None:
    """What the first zygote could lock was told to everybody; less is refused, as much is taken."""
    promised = nursery.level()
    try:
        nursery._level = promised + 1  # pyright: ignore[reportPrivateUsage]  # as if more had been told
        with pytest.raises(Broken, match="not locked as it was promised"):
            nursery.child(LIMITS)
    finally:
        nursery._level = promised  # pyright: ignore[reportPrivateUsage]  # as it was
    nursery.child(LIMITS).end()
