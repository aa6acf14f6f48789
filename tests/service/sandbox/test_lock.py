"""What a child has given up, as the kernel tells it."""

import os
import resource
import statistics
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from service.sandbox.children import Child, Nursery
from service.sandbox.lock import landlock, seccomp

MEMORY = 1 << 30


@pytest.fixture(scope="module")
def nursery() -> Generator[Nursery]:
    """The service's own zygote."""
    one = Nursery()
    yield one
    one.end()


@pytest.fixture(scope="module")
def pid(nursery: Nursery) -> Generator[int]:
    """A locked child that waits."""
    child: Child = nursery.child({"memory": MEMORY, "cpu_seconds": 77})
    yield child._pid  # pyright: ignore[reportPrivateUsage]  # looked at from outside
    child.end()


def limit(pid: int, name: str) -> tuple[str, str]:
    """Soft and hard limit of a process by the kernel's name for it."""
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith(name):
            soft, hard, *_ = line.removeprefix(name).split()
            return soft, hard
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max open files", "256"),
        ("Max cpu time", "77"),
    ],
)
def test_limits_are_hard(pid: int, name: str, value: str) -> None:
    """Each limit is set, soft and hard alike, so that a child cannot raise it again."""
    assert limit(pid, name) == (value, value)
    assert limit(os.getpid(), name) != (value, value), "the control is limited as well"


def test_memory_is_bounded_beyond_what_was_there(pid: int) -> None:
    """The address space may grow by the given bytes and no further."""
    soft, hard = limit(pid, "Max address space")
    assert soft == hard
    used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    assert abs(int(soft) - MEMORY - used) < 256 << 20


def status(pid: int) -> dict[str, str]:
    """The kernel's status of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def test_no_new_privileges(pid: int) -> None:
    """No program that a child might start gains anything by its file's mode."""
    assert status(pid)["NoNewPrivs"] == "1"
    assert status(os.getpid())["NoNewPrivs"] == "0" or sys.platform != "linux"


def test_no_capability_is_left(pid: int) -> None:
    """A child of root is an ordinary user to the kernel, in every set."""
    sets = {name: int(value, 16) for name, value in status(pid).items() if name.startswith("Cap")}
    assert {sets[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    if os.geteuid() == 0:
        assert int(status(os.getpid())["CapEff"], 16) != 0, "the control has none either"


def test_calls_are_filtered(pid: int) -> None:
    """The kernel holds a filter over the child, and none over us."""
    assert status(pid)["Seccomp"] == "2"
    assert int(status(pid)["Seccomp_filters"]) == int(status(os.getpid())["Seccomp_filters"]) + 1


def test_service_children_are_at_level_2(nursery: Nursery) -> None:
    """The lock holds for the zygote with all engines loaded, on a machine with both walls."""
    if landlock.version() == 0 or seccomp.machine() is None:
        pytest.skip("this kernel has not both walls")
    assert (nursery.level(), nursery.gap()) == (2, "")


@pytest.mark.deep
def test_child_is_ready_soon(nursery: Nursery, capsys: pytest.CaptureFixture[str]) -> None:
    """From request to a locked child that answers, on a quiet machine: a median of 60 ms."""
    taken: list[float] = []
    for _ in range(30):
        start = time.perf_counter()
        child = nursery.child({"memory": MEMORY, "cpu_seconds": 77})
        taken.append((time.perf_counter() - start) * 1000)
        child.end()
    with capsys.disabled():
        print(f"\nready after {statistics.median(taken):.1f} ms (slowest {max(taken):.1f})")
    assert statistics.median(taken) <= 60


def test_child_leads_a_session_of_its_own(pid: int) -> None:
    """A signal to its group reaches the child and what it started, and nobody else."""
    assert os.getsid(pid) == pid == os.getpgid(pid)
    assert os.getsid(0) != pid


def test_standard_streams_lead_nowhere(pid: int) -> None:
    """What a library prints in a child is heard by nobody and blocks on nobody."""
    if os.geteuid() != 0:
        pytest.skip("a child that is not dumpable shows its files to root alone")
    files = {int(name): os.readlink(f"/proc/{pid}/fd/{name}") for name in _files(pid)}
    assert [files[stream] for stream in (0, 1, 2)] == ["/dev/null"] * 3
    rest = [target for stream, target in files.items() if stream > 2]
    assert len(rest) == 1
    assert rest[0].startswith("socket:")


def _files(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/fd")


def test_environment_at_exec_was_empty(pid: int) -> None:
    """Nothing of the service's environment was ever in the process."""
    if os.geteuid() != 0:
        pytest.skip("a child that is not dumpable shows its environment to root alone")
    assert Path(f"/proc/{pid}/environ").read_bytes().strip(b"\0") == b""
    assert Path("/proc/self/environ").read_bytes().strip(b"\0") != b""
