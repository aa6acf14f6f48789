"""System calls by number, past the C library, and what the kernel said to them."""

import ctypes
import errno
import platform
from collections.abc import Mapping
from typing import Any, Final

from service.sandbox.lock.calls import Numbers

NUMBERS: Final[Mapping[str, Numbers]] = {
    "accept4": Numbers(288, 242),
    "acct": Numbers(163, 89),
    "add_key": Numbers(248, 217),
    "bind": Numbers(49, 200),
    "bpf": Numbers(321, 280),
    "capset": Numbers(126, 91),
    "chroot": Numbers(161, 51),
    "clock_settime": Numbers(227, 112),
    "clone": Numbers(56, 220),
    "clone3": Numbers(435, 435),
    "connect": Numbers(42, 203),
    "execve": Numbers(59, 221),
    "execveat": Numbers(322, 281),
    "fanotify_init": Numbers(300, 262),
    "fchmodat": Numbers(268, 53),
    "fchownat": Numbers(260, 54),
    "fcntl": Numbers(72, 25),
    "flock": Numbers(73, 32),
    "ftruncate": Numbers(77, 46),
    "get_robust_list": Numbers(274, 100),
    "init_module": Numbers(175, 105),
    "inotify_init1": Numbers(294, 26),
    "io_uring_setup": Numbers(425, 425),
    "ioctl": Numbers(16, 29),
    "iopl": Numbers(172, None),
    "ioprio_set": Numbers(251, 30),
    "kcmp": Numbers(312, 272),
    "kexec_load": Numbers(246, 104),
    "keyctl": Numbers(250, 219),
    "kill": Numbers(62, 129),
    "linkat": Numbers(265, 37),
    "listen": Numbers(50, 201),
    "memfd_create": Numbers(319, 279),
    "mkdirat": Numbers(258, 34),
    "mknodat": Numbers(259, 33),
    "modify_ldt": Numbers(154, None),
    "mount": Numbers(165, 40),
    "mq_open": Numbers(240, 180),
    "msgget": Numbers(68, 186),
    "name_to_handle_at": Numbers(303, 264),
    "open_by_handle_at": Numbers(304, 265),
    "perf_event_open": Numbers(298, 241),
    "personality": Numbers(135, 92),
    "pidfd_getfd": Numbers(438, 438),
    "pidfd_open": Numbers(434, 434),
    "pidfd_send_signal": Numbers(424, 424),
    "pivot_root": Numbers(155, 41),
    "prctl": Numbers(157, 167),
    "prlimit64": Numbers(302, 261),
    "process_vm_readv": Numbers(310, 270),
    "ptrace": Numbers(101, 117),
    "quotactl": Numbers(179, 60),
    "reboot": Numbers(169, 142),
    "renameat": Numbers(264, 38),
    "request_key": Numbers(249, 218),
    "rt_sigqueueinfo": Numbers(129, 138),
    "sched_setaffinity": Numbers(203, 122),
    "seccomp": Numbers(317, 277),
    "semget": Numbers(64, 190),
    "setgroups": Numbers(116, 159),
    "setns": Numbers(308, 268),
    "setpgid": Numbers(109, 154),
    "setpriority": Numbers(141, 140),
    "setrlimit": Numbers(160, 164),
    "setsockopt": Numbers(54, 208),
    "setsid": Numbers(112, 157),
    "settimeofday": Numbers(164, 170),
    "setuid": Numbers(105, 146),
    "setxattr": Numbers(188, 5),
    "shmget": Numbers(29, 194),
    "socket": Numbers(41, 198),
    "socketpair": Numbers(53, 199),
    "swapon": Numbers(167, 224),
    "symlinkat": Numbers(266, 36),
    "tgkill": Numbers(234, 131),
    "tkill": Numbers(200, 130),
    "truncate": Numbers(76, 45),
    "umount2": Numbers(166, 39),
    "unlinkat": Numbers(263, 35),
    "unshare": Numbers(272, 97),
    "userfaultfd": Numbers(323, 282),
    "utimensat": Numbers(280, 88),
    "vfork": Numbers(58, None),
    "wait4": Numbers(61, 260),
}
"""What the deeds call, most of it denied by the lock; a test holds it against the headers."""

NOWHERE: Final = 1
"""No address: the kernel looks at the call, and refuses it for this reason."""
_LIBC: Final[Any] = ctypes.CDLL(None, use_errno=True)


def number(name: str) -> int | None:
    """The call's number on this machine; None where it has no such call."""
    numbers = NUMBERS[name]
    return numbers.x86_64 if platform.machine() == "x86_64" else numbers.aarch64


def call(name: str, *arguments: object) -> int:
    """Make a call; raises what the kernel answers."""
    found = number(name)
    if found is None:
        raise OSError(errno.ENOSYS, name)
    return numbered(found, *arguments)


def numbered(found: int, *arguments: object) -> int:
    """Make the call of this number."""
    passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    answer = int(_LIBC.syscall(ctypes.c_long(found), *passed))
    if answer < 0:
        raise OSError(ctypes.get_errno(), str(found))
    return answer


def reaches(name: str, *arguments: object) -> str:
    """Make a call that the kernel refuses, though not for want of permission.

    For what would do harm if it were done: that it got past the lock is what matters.
    """
    try:
        return str(call(name, *arguments))
    except OSError as error:
        if error.errno == errno.EPERM:
            raise
        return errno.errorcode.get(error.errno or 0, "an error")
