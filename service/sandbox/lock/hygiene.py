"""What every child gives up on any kernel: the first level of the lock.

Its own session, killed with its parent, not dumpable, no capabilities and no new privileges,
bounded memory, processor time and files, nothing written. Alone it keeps no child from opening
files or sockets.
"""

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_GIB = 1 << 30
_OPEN_FILES = 256

Steps = Mapping[str, Callable[[], None]]


def restrict(limits: Mapping[str, Any], parent: int) -> None:
    """Give up everything that this level gives up; raises when any of it is refused."""
    for step in steps(limits, parent).values():
        step()


def steps(limits: Mapping[str, Any], parent: int) -> Steps:
    """Each thing that is given up, by name and in order."""
    # CUDA reserves far more addresses than it fills, so there only written memory is counted.
    counted = resource.RLIMIT_DATA if limits.get("gpu") else resource.RLIMIT_AS
    memory = _address_space() + int(limits.get("memory", 6 * _GIB))
    return {
        "session": os.setsid,
        "dies_with_parent": partial(_die_with, parent),
        "not_dumpable": partial(_prctl, _PR_SET_DUMPABLE, 0),
        "no_capabilities": _without_capabilities,
        "no_new_privileges": partial(_prctl, _PR_SET_NO_NEW_PRIVS, 1),
        "no_core": partial(_limit, resource.RLIMIT_CORE, 0),
        "no_written_bytes": partial(_limit, resource.RLIMIT_FSIZE, 0),
        "open_files": partial(_limit, resource.RLIMIT_NOFILE, _OPEN_FILES),
        "processor": partial(_limit, resource.RLIMIT_CPU, int(limits.get("cpu_seconds", 6 * 3600))),
        "memory": partial(_limit, counted, memory),
    }


def _die_with(parent: int) -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the line above could bind us to it


def _without_capabilities() -> None:
    """Make root an ordinary user: some allowed calls do harm only in the hands of root."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    if libc.capset(head, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset")


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
