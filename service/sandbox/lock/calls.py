"""System calls that a locked child may make, and their numbers on the two architectures.

The list names what is allowed; whatever is not on it (sockets, processes, programs, tracing,
mounts, kernel modules, changes of files) is answered with EPERM. A number of None means that the
architecture has no such call.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Numbers(NamedTuple):
    """One call's number on each architecture."""

    x86_64: int | None
    aarch64: int | None


_FILES: Final = {
    "read": Numbers(0, 63),
    "write": Numbers(1, 64),
    "readv": Numbers(19, 65),
    "writev": Numbers(20, 66),
    "pread64": Numbers(17, 67),
    "preadv": Numbers(295, 69),
    "close": Numbers(3, 57),
    "close_range": Numbers(436, 436),
    "lseek": Numbers(8, 62),
    "fadvise64": Numbers(221, 223),
    "dup": Numbers(32, 23),
    "dup2": Numbers(33, None),
    "dup3": Numbers(292, 24),
    "access": Numbers(21, None),
    "faccessat": Numbers(269, 48),
    "faccessat2": Numbers(439, 439),
    "fstat": Numbers(5, 80),
    "stat": Numbers(4, None),
    "lstat": Numbers(6, None),
    "newfstatat": Numbers(262, 79),
    "statx": Numbers(332, 291),
    "statfs": Numbers(137, 43),
    "fstatfs": Numbers(138, 44),
    "getdents64": Numbers(217, 61),
    "readlink": Numbers(89, None),
    "readlinkat": Numbers(267, 78),
    "getcwd": Numbers(79, 17),
}
_MEMORY: Final = {
    "mmap": Numbers(9, 222),
    "mprotect": Numbers(10, 226),
    "munmap": Numbers(11, 215),
    "brk": Numbers(12, 214),
    "mremap": Numbers(25, 216),
    "madvise": Numbers(28, 233),
    "mincore": Numbers(27, 232),
    "msync": Numbers(26, 227),
    "membarrier": Numbers(324, 283),
    "get_mempolicy": Numbers(239, 236),
}
_THREADS: Final = {
    "futex": Numbers(202, 98),
    "futex_waitv": Numbers(449, 449),
    "set_robust_list": Numbers(273, 99),
    "set_tid_address": Numbers(218, 96),
    "rseq": Numbers(334, 293),
    "arch_prctl": Numbers(158, None),
    "sched_yield": Numbers(24, 124),
    "sched_getaffinity": Numbers(204, 123),
    "sched_getparam": Numbers(143, 121),
    "sched_getscheduler": Numbers(145, 120),
    "sched_get_priority_max": Numbers(146, 125),
    "sched_get_priority_min": Numbers(147, 126),
    "getcpu": Numbers(309, 168),
    "exit": Numbers(60, 93),
    "exit_group": Numbers(231, 94),
    "rt_sigaction": Numbers(13, 134),
    "rt_sigprocmask": Numbers(14, 135),
    "rt_sigreturn": Numbers(15, 139),
    "sigaltstack": Numbers(131, 132),
    "restart_syscall": Numbers(219, 128),
}
_ABOUT: Final = {
    "getpid": Numbers(39, 172),
    "gettid": Numbers(186, 178),
    "getppid": Numbers(110, 173),
    "getuid": Numbers(102, 174),
    "geteuid": Numbers(107, 175),
    "getgid": Numbers(104, 176),
    "getegid": Numbers(108, 177),
    "getpgid": Numbers(121, 155),
    "getpgrp": Numbers(111, None),
    "getsid": Numbers(124, 156),
    "getrandom": Numbers(318, 278),
    "clock_gettime": Numbers(228, 113),
    "clock_getres": Numbers(229, 114),
    "clock_nanosleep": Numbers(230, 115),
    "nanosleep": Numbers(35, 101),
    "gettimeofday": Numbers(96, 169),
    "time": Numbers(201, None),
    "times": Numbers(100, 153),
    "getrusage": Numbers(98, 165),
    "getrlimit": Numbers(97, 163),
    "uname": Numbers(63, 160),
    "sysinfo": Numbers(99, 179),
}
_CHANNEL: Final = {
    # On the one socket that a child was given; it can make no other.
    "poll": Numbers(7, None),
    "ppoll": Numbers(271, 73),
    "select": Numbers(23, None),
    "pselect6": Numbers(270, 72),
    "recvmsg": Numbers(47, 212),
    "sendmsg": Numbers(46, 211),
    "recvfrom": Numbers(45, 207),
    "sendto": Numbers(44, 206),
    "shutdown": Numbers(48, 210),
    "getsockopt": Numbers(55, 209),
    "getsockname": Numbers(51, 204),
    "getpeername": Numbers(52, 205),
}
ALLOWED: Final[Mapping[str, Numbers]] = {**_FILES, **_MEMORY, **_THREADS, **_ABOUT, **_CHANNEL}
"""Allowed whatever their arguments are."""

CONDITIONAL: Final[Mapping[str, Numbers]] = {
    "clone": Numbers(56, 220),
    "clone3": Numbers(435, 435),
    "fcntl": Numbers(72, 25),
    "ioctl": Numbers(16, 29),
    "kill": Numbers(62, 129),
    "open": Numbers(2, None),
    "openat": Numbers(257, 56),
    "prctl": Numbers(157, 167),
    "prlimit64": Numbers(302, 261),
    "tgkill": Numbers(234, 131),
}
"""Allowed with certain arguments only."""

GPU: Final[Mapping[str, Numbers]] = {
    "epoll_create1": Numbers(291, 20),
    "epoll_ctl": Numbers(233, 21),
    "epoll_wait": Numbers(232, None),
    "epoll_pwait": Numbers(281, 22),
    "eventfd2": Numbers(290, 19),
    "mlock": Numbers(149, 228),
    "munlock": Numbers(150, 229),
    "pipe2": Numbers(293, 59),
    "sched_setaffinity": Numbers(203, 122),
}
"""What a driver in user space needs besides."""
