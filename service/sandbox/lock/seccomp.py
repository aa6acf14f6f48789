"""A filter of system calls, written as the kernel's own little programs (seccomp(2), BPF).

No library is needed for it: a program is an array of fixed records, and ours are straight lines
of "is it this call? then that answer".
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from service.sandbox.lock.calls import ALLOWED, CONDITIONAL, GPU, Numbers

Architecture = Literal["x86_64", "aarch64"]

_AUDIT_ARCH: Final[Mapping[Architecture, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT: Final = 0x40000000
"""A second table of calls that x86-64 kernels may answer under other numbers."""

_LOAD, _EQUAL, _AT_LEAST, _MASK, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARGS_AT = 0, 4, 16

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_CLONE_PLAIN: Final = (0x003D0F00, 0x007D0F00)
"""What C libraries start a thread with. Other flags hold processes and namespaces."""
_OPEN_MASK, _OPEN_PLAIN = 0o1003, (0, 1, 2, 0o1001, 0o1002)
"""Which files is for Landlock to say, but before its third version it lets O_RDONLY|O_TRUNC empty
a file that may only be read."""
_PRCTL_NAMES: Final = (15, 16, 0x53564D41)
"""PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: names of threads and of memory."""
_FCNTL_PLAIN: Final = (0, 1, 2, 3, 4, 1030)
"""Copies and flags of a descriptor. F_SETOWN and F_SETSIG would send signals to others."""
_IOCTL_PLAIN: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5451)
"""Is it a terminal, how wide, how much is waiting, do not block, close on exec."""


@dataclass(frozen=True)
class Argument:
    """A call is allowed when one argument is one of these values, after masking."""

    index: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    whole: bool = False
    """Whether the upper half of the argument must be zero as well."""


@dataclass(frozen=True)
class Filter:
    """What is allowed; everything else is answered with EPERM."""

    calls: Mapping[str, Numbers]
    arguments: Mapping[str, tuple[Numbers, Argument]]
    absent: Mapping[str, Numbers]
    """Answered with ENOSYS, so that the C library takes the older way."""


def filter_for(pid: int, *, gpu: bool = False) -> Filter:
    """The filter of the child with this process id."""
    conditions = {
        "clone": Argument(0, _CLONE_PLAIN),
        "fcntl": Argument(1, _FCNTL_PLAIN),
        "ioctl": Argument(1, _IOCTL_PLAIN),
        "kill": Argument(0, (pid,)),
        "open": Argument(1, _OPEN_PLAIN, mask=_OPEN_MASK),
        "openat": Argument(2, _OPEN_PLAIN, mask=_OPEN_MASK),
        "prctl": Argument(0, _PRCTL_NAMES),
        "prlimit64": Argument(2, (0,), whole=True),
        "tgkill": Argument(0, (pid,)),
    }
    calls = dict(ALLOWED)
    if gpu:  # the driver is reached by ioctl, with numbers of its own
        calls.update(GPU)
        calls["ioctl"] = CONDITIONAL["ioctl"]
        del conditions["ioctl"]
    arguments = {name: (CONDITIONAL[name], one) for name, one in conditions.items()}
    return Filter(calls, arguments, {"clone3": CONDITIONAL["clone3"]})


def machine() -> Architecture | None:
    """This machine's architecture, where there is a table for it."""
    name = platform.machine()
    return name if name in _AUDIT_ARCH else None


def program(told: Filter, architecture: Architecture) -> bytes:
    """The filter as the kernel reads it."""
    lines: list[bytes] = [
        _line(_LOAD, _ARCH_AT),
        _line(_EQUAL, _AUDIT_ARCH[architecture], yes=1),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER_AT),
    ]
    if architecture == "x86_64":
        lines += [_line(_AT_LEAST, _X32_BIT, no=1), _line(_RETURN, _KILL)]
    for numbers in told.calls.values():
        lines += _when(getattr(numbers, architecture), [_line(_RETURN, _ALLOW)])
    for numbers in told.absent.values():
        lines += _when(getattr(numbers, architecture), [_line(_RETURN, _ERRNO | errno.ENOSYS)])
    for numbers, argument in told.arguments.values():
        lines += _when(getattr(numbers, architecture), _checked(argument))
    lines.append(_line(_RETURN, _ERRNO | errno.EPERM))
    return b"".join(lines)


def install(raw: bytes) -> None:
    """Put the program over this process for good; needs no_new_privs."""
    kept = ctypes.create_string_buffer(raw, len(raw))
    head = struct.pack("HxxxxxxP", len(raw) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, head, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no filter of system calls could be installed")


def _when(number: int | None, then: Sequence[bytes]) -> list[bytes]:
    if number is None:
        return []
    return [_line(_EQUAL, number, no=len(then)), *then]


def _checked(argument: Argument) -> list[bytes]:
    """Load the argument, compare it with each value, and answer."""
    at = _ARGS_AT + 8 * argument.index
    lines: list[bytes] = []
    if argument.whole:
        lines += [
            _line(_LOAD, at + 4),
            _line(_EQUAL, 0, yes=1),
            _line(_RETURN, _ERRNO | errno.EPERM),
        ]
    lines += [_line(_LOAD, at), _line(_MASK, argument.mask)]
    for value in argument.values:
        lines += [_line(_EQUAL, value, no=1), _line(_RETURN, _ALLOW)]
    return [*lines, _line(_RETURN, _ERRNO | errno.EPERM)]


def _line(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)
