"""What a fresh child gives up before it reads a byte: the first level of the lock.

Level 1 is process hygiene: own session, killed with its parent, not dumpable, no new
privileges, bounded memory, processor time and files, nothing written. It does not yet keep a
child from opening files or sockets, so only formats that are data are accepted under it.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Mapping
from typing import Any

LEVEL = 1

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_GIB = 1 << 30


def restrict(limits: Mapping[str, Any], parent: int) -> None:
    """Give up everything that this level gives up; raises when any of it is refused."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the line above could bind us to it
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, 256)
    _limit(resource.RLIMIT_CPU, int(limits.get("cpu_seconds", 6 * 3600)))
    # CUDA reserves far more addresses than it fills, so there only written memory is counted.
    counted = resource.RLIMIT_DATA if limits.get("gpu") else resource.RLIMIT_AS
    _limit(counted, _address_space() + int(limits.get("memory", 6 * _GIB)))


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (bounded, bounded))


def _address_space() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
