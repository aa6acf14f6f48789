"""What a hostile child would try, each deed with the rules that keep it from it.

A rule's name is a step of hygiene (``memory``), a right of Landlock's (``files:read``,
``net:connect``, ``scope:signals``), a denied system call (``call:ptrace``), a condition on an
allowed one (``condition:kill``), a check of the filter (``architecture``), or a whole wall
(``landlock``, ``filter``). Nothing here does harm when it succeeds: what would is called with
arguments that the kernel refuses for another reason, so there "bites" means that the kernel looked
at it, which `reaches` tells by any error but EPERM.
"""

import ctypes
import errno
import fcntl
import itertools
import mmap
import os
import platform
import resource
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from support.raw_calls import NOWHERE, call, numbered, reaches

_X86 = platform.machine() == "x86_64"
_AT_FDCWD = -100
_GIB = 1 << 30
_COUNTER = itertools.count()
_LIBC: Final[Any] = ctypes.CDLL(None)
HELD: Final = "held"
"""How a deed ends that is kept from its effect without an error."""


class World(NamedTuple):
    """What there is to reach outside the lock."""

    folder: str
    """With ``readable`` (which the lock grants) and ``tenant`` (which it does not)."""
    parent: int
    port: int
    """Of a listener on the loopback interface."""
    process_file: int
    """A descriptor of the parent process, as another process could hand over."""


class HeldError(Exception):
    """The deed had no effect."""


def _nothing(_: World) -> None:
    return None


@dataclass(frozen=True)
class Deed:
    """Something that no child may do."""

    name: str
    needs: frozenset[str]
    """The least set of rules whose removal lets it succeed."""
    run: Callable[[World, Any], object]
    prepare: Callable[[World], Any] = _nothing
    """Before the lock; its result goes to ``run``."""
    ends: int | str = errno.EPERM
    """The error under the full lock; negative for a signal."""
    root: bool = False
    """Whether nobody but root could do it anyway."""
    there: bool = True
    """Whether this machine has what it is about."""
    seconds: int = 3600
    """Processor time that its child is given."""


def _deed(
    name: str,
    needs: str,
    run: Callable[[World, Any], object],
    prepare: Callable[[World], Any] = _nothing,
    **more: Any,  # noqa: ANN401 - Deed's own further fields
) -> Deed:
    return Deed(name, frozenset(needs.split()), run, prepare, **more)


def _reach(name: str, number: str, *arguments: object, there: bool = True) -> Deed:
    needs = f"call:{number}"
    return _deed(name, needs, lambda _w, _p: reaches(number, *arguments), there=there)


# ------------------------------------------------------------------------------------ preparing


def _path(world: World, place: str) -> str:
    return f"{world.folder}/{place}/{os.getpid()}-{next(_COUNTER)}"


def _file(world: World, place: str = "readable") -> str:
    path = _path(world, place)
    Path(path).write_bytes(b"12345678")
    return path


def _secret(world: World) -> str:
    return _file(world, "tenant")


def _folder(world: World) -> str:
    path = _path(world, "readable")
    os.mkdir(path)
    return path


def _link_to_secret(world: World) -> str:
    path = _path(world, "readable")
    os.symlink(_secret(world), path)
    return path


def _read_only(world: World) -> int:
    return os.open(_file(world), os.O_RDONLY)


def _writable(world: World) -> int:
    return os.open(_file(world), os.O_WRONLY)


def _program(world: World) -> str:
    path = _path(world, "readable")
    Path(path).write_bytes(Path("/bin/sh").read_bytes())
    os.chmod(path, 0o755)  # noqa: S103 - a program for a plain user too
    return path


def _program_in_memory(_: World) -> int:
    found = os.memfd_create("program")
    os.write(found, _LEAST_PROGRAM)
    return found


def _least_program() -> bytes:
    """An ELF file that exits with 77: it needs no loader, which Landlock would keep from it."""
    x86, arm = "bf4d000000b83c0000000f05", "a00980d2a80b80d2010000d4"
    code = bytes.fromhex(x86 if _X86 else arm)
    start, size = 0x400078, 0x78 + len(code)
    machine = 62 if _X86 else 183
    ident = b"\x7fELF\2\1\1" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 0x1000)
    return ident + head + segment + code


_LEAST_PROGRAM: Final = _least_program()


def _handle(world: World) -> tuple[Any, int]:
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    call("name_to_handle_at", _AT_FDCWD, _secret(world).encode(), handle, bytes(16), 0)
    return handle, os.open(world.folder, os.O_RDONLY)


def _pair(_: World) -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def _unix_listener(world: World) -> tuple[socket.socket, str]:
    listener = socket.socket(socket.AF_UNIX)
    path = _path(world, "tenant")
    listener.bind(path)
    listener.listen()
    return listener, path


def _abstract_listener(world: World) -> tuple[socket.socket, str]:
    """One that lives outside the lock: a fork holds it, for a scope looks at who made it."""
    listener = socket.socket(socket.AF_UNIX)
    name = f"\0escape-{world.parent}-{os.getpid()}"
    listener.bind(name)
    listener.listen()
    return listener, name


def _inet_listener(_: World) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    waiting = socket.create_connection(listener.getsockname())
    waiting.detach()
    return listener


# ---------------------------------------------------------------------------------------- doing


def _opens(path: str, flags: int) -> Callable[[World, Any], object]:
    return lambda _w, _p: os.open(path, flags)


def _opens_prepared(flags: int) -> Callable[[World, Any], object]:
    return lambda _w, path: os.open(path, flags, 0o600)


def _reads_parent(name: str) -> Callable[[World, Any], object]:
    return lambda world, _: os.open(f"/proc/{world.parent}/{name}", os.O_RDONLY)


def _mknod(kind: int) -> Callable[[World, Any], object]:
    device = os.makedev(1, 3)
    return lambda _, path: call("mknodat", _AT_FDCWD, path.encode(), kind | 0o600, device)


def _path_call(name: str, *more: object) -> Callable[[World, Any], object]:
    return lambda _, path: call(name, _AT_FDCWD, path.encode(), *more)


def _renames_across(world: World, path: str) -> object:
    target = f"{world.folder}/tenant/{os.path.basename(path)}"
    return call("renameat", _AT_FDCWD, path.encode(), _AT_FDCWD, target.encode())


def _reads_other_memory(world: World, _: object) -> object:
    here = ctypes.create_string_buffer(8)
    ours = struct.pack("PN", ctypes.addressof(here), 8)
    # Forked from it, so what lies at this address here lies there as well.
    return call("process_vm_readv", world.parent, ours, 1, ours, 1, 0)


def _in_fork(pid: int) -> None:
    """End a fork that should not have been; collect it where that is allowed."""
    if pid == 0:
        os._exit(0)


def _clones(flags: int) -> Callable[[World, Any], object]:
    return lambda _w, _p: _in_fork(call("clone", flags | signal.SIGCHLD, 0, 0, 0, 0))


def _clones_anew(_w: World, _p: object) -> None:
    _in_fork(call("clone3", struct.pack("8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64))


def _spawns(_: World, program: str) -> None:
    os.posix_spawn(program, [program, "-c", "exit 0"], {})


def _system(_w: World, _p: object) -> None:
    status = int(_LIBC.system(b"exit 3"))
    if status == -1:
        raise OSError(errno.EPERM, "no process for a shell")
    if os.waitstatus_to_exitcode(status) != 3:
        raise HeldError


def _executes(_: World, program: str) -> None:
    os.execv(program, [program, "-c", "exit 77"])  # noqa: S606 - that this works is the escape


def _executes_at(_: World, program: str) -> None:
    _execveat(_AT_FDCWD, program.encode(), 0)


def _executes_memory(_: World, program: int) -> None:
    _execveat(program, b"", 0x1000)


def _execveat(folder: int, path: bytes, flags: int) -> None:
    words = [ctypes.c_char_p(word) for word in (b"sh", b"-c", b"exit 77", None)]
    call("execveat", folder, path, (ctypes.c_char_p * 4)(*words), None, flags)


def _native(code: bytes) -> int:
    """Run machine code, which a child may make: engines generate their own."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(start)())


def _answered(value: int) -> int:
    if value < 0:
        raise OSError(-value, "machine code")
    return value


# mov eax, 7; ret
_SEVEN = bytes.fromhex("b807000000c3" if _X86 else "e0008052c0035fd6")
# mov eax, 58 (vfork); syscall; test eax, eax; jne out; xor edi, edi; mov eax, 60 (exit); syscall
_VFORK = bytes.fromhex("b83a0000000f0585c0750931ffb83c0000000f05c3")
# push rbx; mov eax, 2 (fork in the 32-bit table, open in the other); int 0x80; pop rbx; ret
_FORK_32 = bytes.fromhex("53b802000000cd805bc3")


def _forks_by_other_table(_w: World, _p: object) -> None:
    _in_fork(_answered(_native(_FORK_32)))


def _signals_by_owner(world: World, ends: tuple[socket.socket, socket.socket]) -> None:
    """Have the kernel signal the parent whenever something arrives on a socket of ours."""
    ours, other = ends
    fcntl.fcntl(ours, fcntl.F_SETOWN, world.parent)
    fcntl.fcntl(ours, 10, signal.SIGUSR2)  # F_SETSIG
    fcntl.fcntl(ours, fcntl.F_SETFL, os.O_ASYNC)
    other.send(b"!")
    raise HeldError  # unless the parent tells otherwise


def _forges_sender(_: World, ends: tuple[socket.socket, socket.socket]) -> None:
    name = struct.pack("iII", 1, 0, 0)
    ends[0].sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, name)])


def _limit_now(which: int) -> bytes:
    return struct.pack("QQ", *(value & (1 << 64) - 1 for value in resource.getrlimit(which)))


def _sets_limit(whose: Callable[[World], int]) -> Callable[[World, Any], object]:
    """To what it is, for the hard one would bind anybody but root."""
    which = resource.RLIMIT_STACK
    return lambda world, _: call("prlimit64", whose(world), which, _limit_now(which), None)


def _maps_much(_w: World, _p: object) -> None:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
    mmap.mmap(-1, 64 * _GIB, flags=flags)


def _starts_threads(_w: World, _p: object) -> None:
    """Each with a stack of half a gibibyte, and four of them more than were allowed."""
    threading.stack_size(_GIB // 2)
    over = threading.Event()
    try:
        for _ in range(6):
            threading.Thread(target=over.wait, daemon=True).start()
    except RuntimeError as error:
        raise HeldError from error
    finally:
        over.set()


def _opens_many(_w: World, _p: object) -> None:
    for _ in range(300):
        os.dup(0)


def _keeps_computing(_w: World, _p: object) -> None:
    while time.process_time() < 1.3:
        pass


def _unless(kept: Callable[[], bool]) -> Callable[[World, Any], object]:
    def look(_w: World, _p: object) -> None:
        if kept():
            raise HeldError

    return look


def _control(option: int, *values: int) -> int:
    return call("prctl", option, *values, *[0] * (4 - len(values)))


def _dies_with_nobody(_w: World, _p: object) -> None:
    found = ctypes.c_int()
    call("prctl", 2, ctypes.byref(found), 0, 0, 0)
    if found.value:
        raise HeldError


_FIOSETOWN, _RNDGETENTCNT, _PRIO_NOW = 0x8901, 0x80045200, 0
_CLONE_THREAD, _CLONE_NEWUSER = 0x10000, 0x10000000
_CLONE_VM_SIGHAND = 0x900

_READING: Final = [
    _deed("read a system file", "files:read", _opens("/etc/passwd", os.O_RDONLY), ends=13),
    _deed("read another tenant's file", "files:read", _opens_prepared(0), _secret, ends=13),
    _deed("list the root", "files:list", lambda _w, _p: os.listdir("/"), ends=13),
    _deed("list a tenant", "files:list", lambda w, _: os.listdir(f"{w.folder}/tenant"), ends=13),
    _deed("read round the root", "files:read", _opens("/proc/self/root/etc/passwd", 0), ends=13),
    _deed("read by way of ..", "files:read", _opens("/usr/lib/../../etc/passwd", 0), ends=13),
    _deed("read by symlink", "files:read", _opens_prepared(0), _link_to_secret, ends=13),
    _deed("read its own status", "files:read", _opens("/proc/self/status", 0), ends=13),
    _deed("read its own memory map", "files:read", _opens("/proc/self/maps", 0), ends=13),
    _deed("parent's environment", "landlock no_capabilities", _reads_parent("environ"), ends=13),
    _deed("parent's memory", "landlock no_capabilities", _reads_parent("mem"), ends=13),
    _deed(
        "open by handle",
        "call:open_by_handle_at no_capabilities files:read",
        lambda _, told: call("open_by_handle_at", told[1], told[0], 0),
        _handle,
        root=True,
    ),
]
_WRITING: Final = [
    _deed("overwrite", "files:write", _opens_prepared(os.O_WRONLY), _secret, ends=13),
    _deed("write both ways", "files:write", _opens_prepared(os.O_RDWR), _file, ends=13),
    _deed("append", "files:write", _opens_prepared(os.O_WRONLY | os.O_APPEND), _secret, ends=13),
    _deed(
        "empty and write",
        "files:write files:truncate",
        _opens_prepared(os.O_WRONLY | os.O_TRUNC),
        _secret,
        ends=13,
    ),
    _deed(
        "empty what may be read",
        "files:truncate condition:openat",
        _opens_prepared(os.O_RDONLY | os.O_TRUNC),
        _file,
    ),
    _deed(
        "empty it by the older call",
        "files:truncate condition:open",
        lambda _, path: numbered(2, path.encode(), os.O_RDONLY | os.O_TRUNC, 0),
        _file,
        there=_X86,
    ),
    _deed(
        "create",
        "files:make_file",
        lambda w, _: os.open(_path(w, "readable"), os.O_CREAT | os.O_EXCL, 0o600),
        ends=13,
    ),
    _deed(
        "create without a name",
        "files:write",
        lambda w, _: os.open(f"{w.folder}/tenant", os.O_TMPFILE | os.O_WRONLY, 0o600),
        ends=13,
    ),
    _deed(
        "reopen a given file",
        "files:write",
        lambda _, given: os.open(f"/proc/self/fd/{given}", os.O_WRONLY),
        _read_only,
        ends=13,
    ),
    _deed(
        "write to a given file",
        "no_written_bytes",
        lambda _, given: os.write(given, b"x"),
        _writable,
        ends=errno.EFBIG,
    ),
    _deed(
        "shorten a given file",
        "call:ftruncate",
        lambda _, given: call("ftruncate", given, 0),
        _writable,
    ),
    _deed(
        "shorten by path",
        "call:truncate files:truncate",
        lambda _, path: call("truncate", path.encode(), 0),
        _file,
    ),
]
_TREE: Final = [
    _deed(
        "make a folder",
        "call:mkdirat files:make_folder",
        lambda w, _: call("mkdirat", _AT_FDCWD, _path(w, "readable").encode(), 0o700),
    ),
    _deed(
        "remove a folder",
        "call:unlinkat files:remove_folder",
        _path_call("unlinkat", 0x200),
        _folder,
    ),
    _deed("remove", "call:unlinkat files:remove_file", _path_call("unlinkat", 0), _file),
    _deed(
        "rename",
        "call:renameat files:remove_file files:make_file",
        lambda _, path: call(
            "renameat", _AT_FDCWD, path.encode(), _AT_FDCWD, f"{path}-new".encode()
        ),
        _file,
    ),
    _deed(
        "move elsewhere",
        "call:renameat files:remove_file files:make_file files:refer",
        _renames_across,
        _file,
    ),
    _deed(
        "link",
        "call:linkat files:make_file",
        lambda _, path: call(
            "linkat", _AT_FDCWD, path.encode(), _AT_FDCWD, f"{path}-new".encode(), 0
        ),
        _file,
    ),
    _deed(
        "symlink",
        "call:symlinkat files:make_symlink",
        lambda w, _: call("symlinkat", b"/etc", _AT_FDCWD, _path(w, "readable").encode()),
    ),
    _deed(
        "make a pipe",
        "call:mknodat files:make_pipe",
        _mknod(0o010000),
        lambda w: _path(w, "readable"),
    ),
    _deed(
        "make a character device",
        "call:mknodat files:make_characters no_capabilities",
        _mknod(0o020000),
        lambda w: _path(w, "readable"),
        root=True,
    ),
    _deed(
        "make a block device",
        "call:mknodat files:make_blocks no_capabilities",
        _mknod(0o060000),
        lambda w: _path(w, "readable"),
        root=True,
    ),
    _deed("chmod", "call:fchmodat", _path_call("fchmodat", 0o600), _file),
    _deed("chown", "call:fchownat", _path_call("fchownat", -1, -1, 0), _file),
    _deed("change times", "call:utimensat", _path_call("utimensat", None, 0), _file),
    _reach("set an attribute", "setxattr", NOWHERE, NOWHERE, 0, 0, 0),
    _deed("lock a file", "call:flock", lambda _, given: call("flock", given, 5), _read_only),
    _reach("mount", "mount", NOWHERE, NOWHERE, NOWHERE, 0, 0),
    _reach("unmount", "umount2", NOWHERE, 0xFFFF),
    _reach("change root", "chroot", NOWHERE),
    _deed(
        "swap roots",
        "call:pivot_root no_capabilities",
        lambda _w, _p: reaches("pivot_root", NOWHERE, NOWHERE),
        root=True,
    ),
    _reach("leave namespaces", "unshare", 0),
    _reach("join a namespace", "setns", -1, 0),
    _reach("watch files", "inotify_init1", 0),
    _reach("watch all files", "fanotify_init", 0x200, -1),
]
# One line, "take the whole packet", and the head that SO_ATTACH_FILTER wants.
_SOCKET_LINE = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0xFFFF))
_SOCKET_FILTER: Final = struct.pack("HxxxxxxP", 1, ctypes.addressof(_SOCKET_LINE))

_NETWORK: Final = [
    _deed(
        "connect by TCP",
        "call:socket call:connect net:connect",
        lambda w, _: socket.create_connection(("127.0.0.1", w.port)),
    ),
    _deed(
        "listen by TCP",
        "call:socket call:bind call:listen net:bind",
        lambda _w, _p: _listens(),
    ),
    _deed(
        "send by UDP",
        "call:socket",
        lambda w, _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(
            b"!", ("127.0.0.1", w.port)
        ),
    ),
    _deed(
        "connect to a socket's path",
        "call:socket call:connect",
        lambda _, there: socket.socket(socket.AF_UNIX).connect(there[1]),
        _unix_listener,
    ),
    _deed(
        "connect to an abstract socket",
        "call:socket call:connect scope:sockets",
        lambda _, there: socket.socket(socket.AF_UNIX).connect(there[1]),
        _abstract_listener,
    ),
    _deed(
        "leave a socket in a folder",
        "call:socket call:bind files:make_socket",
        lambda w, _: socket.socket(socket.AF_UNIX).bind(_path(w, "readable")),
    ),
    _deed(
        "netlink", "call:socket", lambda _w, _p: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    ),
    _deed(
        "raw packets",
        "call:socket no_capabilities",
        lambda _w, _p: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        root=True,
    ),
    _deed("a pair of sockets", "call:socketpair", lambda _w, _p: socket.socketpair()),
    _deed(
        "accept from outside",
        "call:accept4",
        lambda _, listener: listener.accept(),
        _inet_listener,
    ),
    _deed(
        "a program on its channel",
        "call:setsockopt",
        lambda _, ends: ends[0].setsockopt(socket.SOL_SOCKET, 26, _SOCKET_FILTER),
        _pair,
    ),
    _deed("speak in another's name", "no_capabilities", _forges_sender, _pair, root=True),
]


def _listens() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()


_STARTING: Final = [
    _deed("fork", "condition:clone", lambda _w, _p: _in_fork(os.fork())),
    _deed("clone", "condition:clone", _clones(0)),
    _deed("clone with high bits", "condition:clone", _clones(_CLONE_THREAD << 32)),
    _deed(
        "a thread in other namespaces",
        "condition:clone",
        lambda _w, _p: reaches(
            "clone", _CLONE_THREAD | _CLONE_VM_SIGHAND | _CLONE_NEWUSER, 0, 0, 0, 0
        ),
    ),
    _deed("clone3", "condition:clone3", _clones_anew, ends=errno.ENOSYS),
    _deed("vfork", "call:vfork", lambda _w, _p: _answered(_native(_VFORK)), there=_X86),
    _deed("posix_spawn", "condition:clone call:execve files:execute", _spawns, _program),
    _deed(
        "a shell",
        "condition:clone call:execve call:wait4 files:execute files:read",
        _system,
        ends=HELD,
    ),
    _deed("run a program", "call:execve files:execute", _executes, _program),
    _deed("run a program by execveat", "call:execveat files:execute", _executes_at, _program),
    _deed("run a program in memory", "call:execveat", _executes_memory, _program_in_memory),
    _deed("make a file in memory", "call:memfd_create", lambda _w, _p: os.memfd_create("x")),
    _deed(
        "fork by the 32-bit table",
        "architecture",
        _forks_by_other_table,
        ends=-signal.SIGSYS,
        there=_X86,
    ),
    _deed(
        "an x32 call",
        "filter",
        lambda _w, _p: _x32(),
        ends=-signal.SIGSYS,
        there=_X86,
    ),
]


def _x32() -> None:
    try:
        numbered(0x40000000 | 39)
    except OSError as error:
        if error.errno != errno.ENOSYS:  # the answer of a kernel without that table
            raise


_OTHERS: Final = [
    _deed(
        "trace its parent",
        "call:ptrace landlock no_capabilities",
        lambda w, _: call("ptrace", 0x4206, w.parent, 0, 0),
    ),
    _deed("be traced", "call:ptrace", lambda _w, _p: call("ptrace", 0, 0, 0, 0)),
    _deed(
        "read its parent's memory",
        "call:process_vm_readv landlock no_capabilities",
        _reads_other_memory,
    ),
    _deed("kill", "condition:kill scope:signals", lambda w, _: call("kill", w.parent, 0)),
    _deed(
        "kill with high bits",
        "condition:kill scope:signals",
        lambda w, _: call("kill", w.parent | os.getpid() << 32, 0),
    ),
    _deed("kill everybody", "condition:kill", lambda _w, _p: call("kill", -1, 0)),
    _deed(
        "kill the parent's group",
        "condition:kill scope:signals",
        lambda w, _: call("kill", -os.getpgid(w.parent), 0),
    ),
    _deed(
        "tgkill",
        "condition:tgkill scope:signals",
        lambda w, _: call("tgkill", w.parent, w.parent, 0),
    ),
    _deed("tkill", "call:tkill scope:signals", lambda w, _: call("tkill", w.parent, 0)),
    _deed(
        "queue a signal",
        "call:rt_sigqueueinfo scope:signals",
        lambda w, _: call("rt_sigqueueinfo", w.parent, 0, struct.pack("iiii112x", 0, 0, -1, 0)),
    ),
    _deed("hold its parent", "call:pidfd_open", lambda w, _: call("pidfd_open", w.parent, 0)),
    _deed(
        "signal a held process",
        "call:pidfd_send_signal scope:signals",
        lambda w, _: call("pidfd_send_signal", w.process_file, 0, None, 0),
    ),
    _deed(
        "take a descriptor",
        "call:pidfd_getfd landlock no_capabilities",
        lambda w, _: call("pidfd_getfd", w.process_file, 0, 0),
    ),
    _deed(
        "signals by a descriptor's owner",
        "condition:fcntl scope:signals",
        _signals_by_owner,
        _pair,
    ),
    _deed(
        "own a descriptor by ioctl",
        "condition:ioctl",
        lambda w, ends: fcntl.ioctl(ends[0], _FIOSETOWN, struct.pack("i", w.parent)),
        _pair,
    ),
    _deed(
        "lease a file",
        "condition:fcntl",
        lambda _, given: fcntl.fcntl(given, fcntl.F_SETLEASE, fcntl.F_RDLCK),
        _read_only,
    ),
    _deed(
        "control a device",
        "condition:ioctl files:control_device",
        lambda _w, _p: fcntl.ioctl(os.open("/dev/urandom", 0), _RNDGETENTCNT, bytes(4)),
    ),
    _deed(
        "its parent's priority",
        "call:setpriority no_capabilities",
        lambda w, _: call("setpriority", 0, w.parent, _PRIO_NOW),
    ),
    _deed(
        "its parent's processors",
        "call:sched_setaffinity no_capabilities",
        lambda w, _: os.sched_setaffinity(w.parent, os.sched_getaffinity(w.parent)),
    ),
    _deed("its parent's limits", "condition:prlimit64", _sets_limit(lambda w: w.parent)),
    _deed(
        "its parent's place at the disk",
        "call:ioprio_set no_capabilities",
        lambda w, _: call("ioprio_set", 1, w.parent, 0),
    ),
    _deed("a new session", "call:setsid session", lambda _w, _p: call("setsid")),
    _deed("a new group", "call:setpgid session", lambda _w, _p: call("setpgid", 0, 0)),
    _deed(
        "look at another's locks",
        "call:get_robust_list landlock no_capabilities",
        lambda w, _: call("get_robust_list", w.parent, bytes(8), bytes(8)),
    ),
    _deed(
        "compare processes",
        "call:kcmp landlock no_capabilities",
        lambda w, _: call("kcmp", os.getpid(), w.parent, 1, 0, 0),
    ),
]
_ITSELF: Final = [
    _deed(
        "stay in its parent's session",
        "session",
        _unless(lambda: os.getsid(0) == os.getpid()),
        ends=HELD,
    ),
    _deed("change its user", "call:setuid", lambda _w, _p: call("setuid", os.getuid())),
    _deed(
        "change its groups",
        "call:setgroups no_capabilities",
        lambda _w, _p: reaches("setgroups", -1, 0),
        root=True,
    ),
    _reach("take capabilities", "capset", NOWHERE, NOWHERE),
    _reach("another personality", "personality", 0xFFFFFFFF),
    _deed("be dumpable", "condition:prctl", lambda _w, _p: _control(4, 1)),
    _deed("outlive its parent", "condition:prctl", lambda _w, _p: _control(1, 0)),
    _deed("filter by prctl", "condition:prctl", lambda _w, _p: reaches("prctl", 22, 9, 0, 0, 0)),
    _deed("move its brk", "condition:prctl", lambda _w, _p: reaches("prctl", 35, 15, 1, 0, 0)),
    _deed("found dumpable", "not_dumpable condition:prctl", _unless(lambda: _control(3) != 1)),
    _deed("found to outlive", "dies_with_parent condition:prctl", _dies_with_nobody),
    _deed(
        "found to gain by programs",
        "no_new_privileges no_capabilities condition:prctl",
        _unless(lambda: _control(39) == 1),
        root=True,
    ),
    _deed("set a limit", "condition:prlimit64", _sets_limit(lambda _: 0)),
    _deed(
        "set it by the older call",
        "call:setrlimit",
        lambda _w, _p: call("setrlimit", resource.RLIMIT_STACK, _limit_now(resource.RLIMIT_STACK)),
    ),
    _deed("take much memory", "memory", _maps_much, ends=errno.ENOMEM),
    _deed("start many threads", "memory", _starts_threads, ends=HELD),
    _deed("open many files", "open_files", _opens_many, ends=errno.EMFILE),
    _deed("compute for ever", "processor", _keeps_computing, ends=-signal.SIGKILL, seconds=1),
    _deed(
        "leave its memory in a file",
        "no_core",
        _unless(lambda: resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)),
        ends=HELD,
    ),
]
_KERNEL: Final = [
    _reach("seccomp", "seccomp", 99, 0, 0),
    _reach("use keys", "keyctl", 0, -1, 0, 0, 0),
    _reach("add a key", "add_key", NOWHERE, NOWHERE, 0, 0, -1),
    _reach("ask for a key", "request_key", NOWHERE, NOWHERE, 0, 0),
    _reach("bpf", "bpf", -1, NOWHERE, 1 << 20),
    _reach("perf", "perf_event_open", NOWHERE, 0, -1, -1, -1),
    _reach("userfaultfd", "userfaultfd", 1),
    _reach("io_uring", "io_uring_setup", 0, NOWHERE),
    _reach("shared memory", "shmget", 0x0A55A417, 1, 0),
    _reach("semaphores", "semget", 0x0A55A417, 1, 0),
    _reach("messages", "msgget", 0x0A55A417, 0),
    _reach("message queue", "mq_open", NOWHERE, 0, 0, 0),
    _reach("ports", "iopl", 4, there=_X86),
    _reach("segments", "modify_ldt", 99, 0, 0, there=_X86),
    _deed(
        "another swap file",
        "call:swapon no_capabilities",
        lambda _w, _p: reaches("swapon", NOWHERE, 0),
        root=True,
    ),
    _deed(
        "book-keeping of processes",
        "call:acct no_capabilities",
        lambda _w, _p: reaches("acct", NOWHERE),
        root=True,
    ),
]


def _starts_thread(_w: World, _p: object) -> None:
    thread = threading.Thread(target=_opens_nothing)
    thread.start()
    thread.join()


def _opens_nothing() -> None:
    """What a thread of the work below does."""


def _talks(_: World, ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(b"!")
    if ends[1].recv(1) != b"!":
        raise HeldError


WORK: Final = {
    deed.name: deed
    for deed in (
        _deed("read what is granted", "", _opens_prepared(os.O_RDONLY), _file),
        _deed("list what is granted", "", lambda w, _: os.listdir(f"{w.folder}/readable")),
        _deed("read a given file", "", lambda _, given: os.read(given, 8), _read_only),
        _deed("map a given file", "", lambda _, g: mmap.mmap(g, 0, prot=1), _read_only),
        _deed("look at processors", "", _opens("/proc/cpuinfo", os.O_RDONLY)),
        _deed("write to nowhere", "", _opens("/dev/null", os.O_RDWR | os.O_TRUNC)),
        _deed("start a thread", "", _starts_thread),
        _deed("speak on its channel", "", _talks, _pair),
        _deed("signal itself", "", lambda _w, _p: os.kill(os.getpid(), 0)),
        _deed("see its limits", "", lambda _w, _p: resource.getrlimit(resource.RLIMIT_AS)),
        _deed("copy a descriptor", "", lambda _w, _p: fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 9)),
        _deed("take memory", "", lambda _w, _p: mmap.mmap(-1, 256 << 20)),
        _deed("generate code", "", lambda _w, _p: _native(_SEVEN)),
    )
}
"""What children do for a living, which the lock must leave them."""

ALL: Final = {
    deed.name: deed
    for group in (_READING, _WRITING, _TREE, _NETWORK, _STARTING, _OTHERS, _ITSELF, _KERNEL)
    for deed in group
}
