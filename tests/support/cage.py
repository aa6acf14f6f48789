"""The test's own zygote: unlocked itself, it forks a child for each deed and locks as told.

Started by exec; it loads nothing but the lock and the deeds, so a fork takes about a
millisecond. One request and one answer a line, as JSON.
"""

import functools
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from service.sandbox.lock import hygiene, landlock, rules, seccomp, selftest
from support.escapes import ALL, WORK, Deed, HeldError, World
from support.raw_calls import NUMBERS, call

Kind = Literal["as it is", "plain", "docker"]
"""As whoever runs the tests; as a plain user; as root in a container of Docker's defaults."""

RIGHTS: Final = {
    "files:execute": 1 << 0,
    "files:write": 1 << 1,
    "files:read": 1 << 2,
    "files:list": 1 << 3,
    "files:remove_folder": 1 << 4,
    "files:remove_file": 1 << 5,
    "files:make_characters": 1 << 6,
    "files:make_folder": 1 << 7,
    "files:make_file": 1 << 8,
    "files:make_socket": 1 << 9,
    "files:make_pipe": 1 << 10,
    "files:make_blocks": 1 << 11,
    "files:make_symlink": 1 << 12,
    "files:refer": 1 << 13,
    "files:truncate": 1 << 14,
    "files:control_device": 1 << 15,
}
PORTS: Final = {"net:bind": 1, "net:connect": 2}
SCOPES: Final = {"scope:sockets": 1, "scope:signals": 2}
SINCE: Final = {
    "files:refer": 2,
    "files:truncate": 3,
    "net:bind": 4,
    "net:connect": 4,
    "files:control_device": 5,
    "scope:sockets": 6,
    "scope:signals": 6,
}
"""Rules that older versions of Landlock do not have."""

_NOBODY = 65534
_EXECUTED = 77
_WALL_SECONDS = 10.0
_MEMORY = 1 << 30
_DENIED_BY_DOCKER: Final = """
    acct add_key bpf clock_settime init_module iopl kexec_load keyctl mount open_by_handle_at
    perf_event_open pivot_root quotactl reboot request_key setns settimeofday swapon umount2
    unshare userfaultfd io_uring_setup
"""


class Outcome(NamedTuple):
    """What became of a deed."""

    done: bool
    errno: int | None
    signal: int
    """The one that ended it; 0 for none."""
    told: str


# ------------------------------------------------------------------------------- the test's side


class Cage:
    """The zygote, seen from the tests."""

    def __init__(self, kind: Kind = "as it is") -> None:
        """Start it, with a folder that anybody may write to."""
        self.folder = Path(tempfile.mkdtemp(prefix="cage-"))
        for name in ("", "readable", "tenant"):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name).chmod(0o777)
        root = Path(__file__).resolve().parents[2]
        program = (
            f"import sys; sys.path[:0] = {[str(root), str(root / 'tests')]!r}; "
            "from support.cage import serve; serve(*sys.argv[1:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", program, kind, str(self.folder)],
            env={"CANARY": "not for children"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def attempt(
        self, deed: str, dropped: Collection[str] = (), *, unlocked: bool = False
    ) -> Outcome:
        """Have a child do a deed, locked but for the dropped rules."""
        asked = {"deed": deed, "dropped": sorted(dropped), "unlocked": unlocked}
        return Outcome(**self._ask(asked))

    def level(self, spoiled: str = "", **changed: Collection[str]) -> selftest.Level:
        """What the self-test says under changed rules, its child spoiled in some way."""
        return selftest.Level(**self._ask({"spoiled": spoiled, "rules": changed}))

    def end(self) -> None:
        """End it and remove its folder."""
        self._process.communicate("")
        shutil.rmtree(self.folder, ignore_errors=True)
        assert self._process.returncode == 0

    def _ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


# ----------------------------------------------------------------------------- the zygote's side

_signalled: list[int] = []


def serve(kind: Kind, folder: str) -> None:
    """Answer until the input ends."""
    os.umask(0)
    "".encode("idna")  # loads what a plain user could not
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    if kind == "plain" and os.geteuid() == 0:
        _become_plain()
    elif kind == "docker":
        _enter_container()
    signal.signal(signal.SIGUSR2, lambda number, _: _signalled.append(number))
    _rules(folder)
    listener = socket.create_server(("127.0.0.1", 0))
    process_file = os.pidfd_open(os.getpid())
    world = World(folder, os.getpid(), listener.getsockname()[1], process_file)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _tried(world, asked) if "deed" in asked else _level(asked)
        sys.stdout.write(json.dumps(answer._asdict()) + "\n")
        sys.stdout.flush()


def _become_plain() -> None:
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    call("prctl", 4, 1, 0, 0, 0)  # a process that changed its user is not dumpable any more


def _enter_container() -> None:
    """The state of a process under ``--cap-drop ALL`` and the default profile."""
    for capability in range(64):
        try:
            call("prctl", 24, capability, 0, 0, 0)
        except OSError:
            break
    steps = hygiene.steps({}, os.getppid())
    steps["no_capabilities"]()
    steps["no_new_privileges"]()
    seccomp.install(_docker_profile())


def _docker_profile() -> bytes:
    """Deny what Docker's default profile denies, and allow the rest."""
    architecture = seccomp.machine()
    assert architecture is not None
    line, answer = seccomp._line, seccomp._RETURN  # pyright: ignore[reportPrivateUsage]  # the project's own writer
    lines = [line(0x20, 0)]
    denied = [getattr(NUMBERS[name], architecture) for name in _DENIED_BY_DOCKER.split()]
    for number in (one for one in denied if one is not None):
        lines += [line(0x15, number, no=1), line(answer, 0x50001)]
    return b"".join([*lines, line(answer, 0x7FFF0000)])


def _tried(world: World, asked: Mapping[str, Any]) -> Outcome:
    """Fork a child for the deed, hear it out, and kill it."""
    _signalled.clear()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _child(world, {**ALL, **WORK}[asked["deed"]], asked, theirs)
    os.close(theirs)
    told = _heard(ours)
    os.close(ours)
    status = _collected(child)
    if _signalled:
        return Outcome(True, None, 0, "the parent was signalled")
    if told:
        return Outcome(**json.loads(told))
    return Outcome(status == _EXECUTED, None, max(0, -status), f"ended with {status}")


def _heard(file: int) -> bytes:
    """What a child says within its time; its forks may hold the pipe, so one message is all."""
    ready, _, _ = select.select([file], [], [], _WALL_SECONDS)
    return os.read(file, 1 << 16) if ready else b"{}"


def _collected(child: int) -> int:
    until = time.monotonic() + 1
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if pid and not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        if pid:
            break
        time.sleep(0.0002)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _child(world: World, deed: Deed, asked: Mapping[str, Any], file: int) -> None:
    dropped = frozenset[str](asked["dropped"])
    told: dict[str, Any] = {"done": False, "errno": None, "signal": 0, "told": ""}
    try:
        prepared = deed.prepare(world)
        if not asked["unlocked"]:
            _lock(world, dropped, deed.seconds)
        told["told"] = str(deed.run(world, prepared))[:100]
        told["done"] = True
    except OSError as error:
        told.update(errno=error.errno, told=str(error))
    except HeldError:
        told["told"] = "had no effect"
    except BaseException as error:  # noqa: BLE001 - a fork must not come back into the zygote's loop
        told["told"] = f"broken deed: {error!r}"
    finally:
        os.write(file, json.dumps(told).encode())
        os._exit(0)


def _lock(world: World, dropped: frozenset[str], seconds: int) -> None:
    limits = {"memory": _MEMORY, "cpu_seconds": seconds}
    for name, step in hygiene.steps(limits, world.parent).items():
        if name not in dropped:
            step()
    told = _rules(world.folder)
    if "landlock" not in dropped:
        _weaken(dropped)
        landlock.restrict(told.readable, told.devices)
    if "filter" not in dropped:
        seccomp.install(_filter(dropped))


@functools.cache  # found out before the first fork, which all others then share
def _rules(folder: str) -> rules.Rules:
    return rules.rules_for("cpu", [f"{folder}/readable"])


def _weaken(dropped: frozenset[str]) -> None:
    """Grant the dropped rights everywhere, and leave dropped ports and scopes alone."""
    module: Any = landlock
    module._TCP_RIGHTS &= ~sum(bit for name, bit in PORTS.items() if name in dropped)
    module._SCOPES &= ~sum(bit for name, bit in SCOPES.items() if name in dropped)
    known = landlock.version()
    bits = sum(
        bit for name, bit in RIGHTS.items() if name in dropped and SINCE.get(name, 1) <= known
    )
    grant: Callable[[int, str, int], None] = module._grant

    def everywhere(ruleset: int, path: str, rights: int) -> None:
        grant(ruleset, "/", bits)
        grant(ruleset, path, rights)

    if bits:
        module._grant = everywhere


def _filter(dropped: frozenset[str]) -> bytes:
    architecture = seccomp.machine()
    assert architecture is not None
    told = seccomp.filter_for(os.getpid())
    calls, arguments, absent = dict(told.calls), dict(told.arguments), dict(told.absent)
    for kind, _, name in (rule.partition(":") for rule in dropped):
        if kind == "call":
            calls[name] = NUMBERS[name]
        elif kind == "condition":
            calls[name] = arguments.pop(name)[0] if name in arguments else absent.pop(name)
    raw = seccomp.program(seccomp.Filter(calls, arguments, absent), architecture)
    if "architecture" in dropped:  # load it once more where the answer "kill" stood
        raw = raw[:16] + raw[:8] + raw[24:]
    return raw


def _level(asked: Mapping[str, Any]) -> selftest.Level:
    """The self-test in a process of its own, which may spoil what it likes."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            found = _spoiled_level(asked["spoiled"], asked["rules"])
            os.write(theirs, json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    told = os.read(ours, 1 << 16)
    os.close(ours)
    os.waitpid(child, 0)
    return selftest.Level(*json.loads(told))


def _spoiled_level(spoiled: str, changed: Mapping[str, Any]) -> selftest.Level:
    module: Any = selftest
    if spoiled == "dies":
        module.lock = _kill_itself
    elif spoiled == "raises":
        module.lock = _raise
    elif spoiled == "executes":
        module.lock = _leave_open
        module.DEEDS = {"run programs": selftest.DEEDS["run programs"]}
    elif spoiled:
        module.DEEDS = {**selftest.DEEDS, spoiled: lambda: None}
    own = rules.rules_for("cpu")
    readable = tuple(changed.get("readable", own.readable))
    walls: frozenset[rules.Wall] = frozenset(changed.get("walls", own.walls))
    return selftest.level(rules.Rules(readable, own.devices, walls=walls))


def _kill_itself(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _leave_open(_: object) -> None:
    return


def _raise(_: object) -> None:
    raise OSError("no lock today")
