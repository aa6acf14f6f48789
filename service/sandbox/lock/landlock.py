"""Which files a process may read, as the kernel's Landlock holds it (landlock(7)).

Everything that this kernel can handle is handled, so that whatever no rule grants is denied: no
file is written, made, moved, removed or executed, no TCP port is bound or reached, nobody outside
is signalled. Older kernels handle less; the filter of system calls covers what they leave.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""The numbers of the three calls, alike on every architecture."""
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1

READ_FILE, READ_DIR, WRITE_FILE, IOCTL_DEV = 1 << 2, 1 << 3, 1 << 1, 1 << 15
_FS_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights over files, by the version from which the kernel knows them."""
_TCP_VERSION, _TCP_RIGHTS = 4, 0b11
_SCOPE_VERSION, _SCOPES = 6, 0b11
"""Abstract sockets and signals stay inside."""


def version() -> int:
    """Which version this kernel offers; 0 for none."""
    try:
        return _call(_CREATE, None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def restrict(readable: Iterable[str], devices: Iterable[str]) -> None:
    """Keep this thread, and all it will start, to these files; needs no_new_privs."""
    attributes = handled(version())
    rights = attributes[0]
    body = struct.pack(f"<{len(attributes)}Q", *attributes)
    rules = _call(_CREATE, body, len(body), 0)
    try:
        for path in readable:
            _grant(rules, path, READ_FILE | READ_DIR)
        for path in devices:
            _grant(rules, path, (READ_FILE | WRITE_FILE | IOCTL_DEV) & rights)
        _call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def handled(known: int) -> list[int]:
    """Everything that a kernel of this version can hold: rights over files, ports, scopes."""
    attributes = [max((since, held) for since, held in _FS_RIGHTS.items() if since <= known)[1]]
    if known >= _TCP_VERSION:
        attributes.append(_TCP_RIGHTS)
    if known >= _SCOPE_VERSION:
        attributes.append(_SCOPES)
    return attributes


def _grant(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no right
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= ~READ_DIR
        body = struct.pack("<Qi", rights, place)
        _call(_ADD, rules, _PATH_BENEATH, body, 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(ctypes.c_long(number), *map(_passed, arguments))
    if found < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    return int(found)


def _passed(value: int | bytes | None) -> ctypes.c_long | bytes | None:
    return ctypes.c_long(value) if isinstance(value, int) else value
