"""Whether the lock holds on this machine: tried in a child that does what no child may do."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from service.sandbox.lock.hygiene import restrict
from service.sandbox.lock.rules import Rules, Wall, lock

HYGIENE, LOCKED = 1, 2
_CANNOT_LOCK: Final = 255
_ENDS_BADLY: Final = [sys.executable, "-c", f"raise SystemExit({_CANNOT_LOCK})"]
_WALLS: Final[Mapping[Wall, str]] = {
    "files": "Landlock",
    "calls": "filter of system calls for this processor",
}


class Level(NamedTuple):
    """How tightly children are locked."""

    number: int
    """1: only what works on any kernel. 2: files, calls and network are walled off as well."""
    gap: str
    """Why it is not 2; empty when it is."""


class Lock(NamedTuple):
    """The rules that children are held to, and what trying them showed."""

    rules: Rules
    level: Level


def level(rules: Rules) -> Level:
    """Try every forbidden deed in a locked child; any that succeeds makes it level 1."""
    missing = [name for wall, name in _WALLS.items() if wall not in rules.walls]
    if missing:
        return Level(HYGIENE, f"This kernel has no {' and no '.join(missing)}.")
    status = _tried(rules)
    if status == 0:
        return Level(LOCKED, "")
    if status == _CANNOT_LOCK:
        return Level(HYGIENE, "The lock could not be put up.")
    done = [name for place, name in enumerate(DEEDS) if status & 1 << place]
    return Level(HYGIENE, f"A locked child could still {', '.join(done) or 'misbehave'}.")


def _tried(rules: Rules) -> int:
    """The exit status of the child: one bit for each deed that it could do."""
    parent = os.getpid()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) & 0xFF
    found = _CANNOT_LOCK
    try:
        restrict({"cpu_seconds": 10}, parent)
        lock(rules)
        found = sum(1 << place for place, deed in enumerate(DEEDS.values()) if _can(deed))
    finally:
        sys.stderr.flush()
        os._exit(found)


def _can(deed: Callable[[], object]) -> bool:
    try:
        deed()
    except OSError:
        return False
    return True


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


DEEDS: Final[Mapping[str, Callable[[], object]]] = {
    "list files": lambda: os.listdir("/"),
    "read files": lambda: os.open("/proc/self/status", os.O_RDONLY),
    "write files": lambda: os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR),  # noqa: S108 - refused
    "open sockets": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "start processes": _fork,
    "run programs": lambda: os.execv(sys.executable, _ENDS_BADLY),  # noqa: S606 - refused
    "reach its parent": lambda: os.kill(os.getppid(), 0),
}
"""Each must be refused."""
