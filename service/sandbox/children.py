"""Starting the zygote, having it fork, and ending what it forked."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from service.sandbox.frames import Broken, Channel, Overflow, pair
from service.sandbox.messages import SAID, Message, Ready

FORKS_A_ZYGOTE = 200
"""Forked children share one address layout; a fresh zygote, taken when none lives, draws anew."""
AHEAD = 50
"""Forks before that at which the fresh one is started: it takes seconds to load its libraries."""


def launch(entry: str, stream: socket.socket, *arguments: str) -> subprocess.Popen[bytes]:
    """Start ``module:function`` by exec with an empty environment and one inherited socket.

    The source root is handed over explicitly: an isolated interpreter looks at no environment,
    yet both sides must run the same code.
    """
    root = str(Path(__file__).resolve().parents[2])
    module, _, function = entry.partition(":")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        f"from {module} import {function} as run; run(int(sys.argv[2]), *sys.argv[3:])"
    )
    descriptor = stream.fileno()
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        [sys.executable, "-I", "-B", "-c", program, root, str(descriptor), *arguments],
        env={},
        stdin=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
    )


class Child:
    """One forked child and the channel to it."""

    def __init__(self, channel: Channel, pid: int, nursery: "Nursery", generation: int) -> None:
        """Take over a child that the zygote just forked."""
        self.channel = channel
        self.opened = False
        self._pid = pid
        self._nursery = nursery
        self._generation = generation
        self._ended = threading.Lock()

    def hear(self) -> Message:
        """The next thing the child says, as a checked message."""
        control = self.channel.receive()
        for file in control.files:
            os.close(file)
        if control.files:
            message = "a child handed over a file"
            raise Broken(message)
        try:
            return SAID.validate_python(control.body)
        except ValidationError as error:
            message = f"a child spoke out of schema: {error.error_count()} errors"
            raise Overflow(message) from error

    def kill(self) -> None:
        """Kill the whole group now; whoever reads its channel sees it end."""
        with self._ended:
            if self._pid:
                for end in (os.killpg, os.kill):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        end(self._pid, signal.SIGKILL)

    def end(self) -> int:
        """Kill, collect, and return how it ended (negative: by which signal)."""
        self.kill()
        with self._ended:
            pid, self._pid = self._pid, 0
        self.channel.close()
        return self._nursery.reap(pid, self._generation) if pid else 0


class Nursery:
    """The zygote and the forks it has made. Used by several session threads."""

    def __init__(self, device: str = "cpu", libraries: Sequence[str] = ()) -> None:
        """Start the first zygote; its children will run models on ``device``.

        Besides the interpreter's own code they may read that of ``libraries``.
        """
        self._device = device
        self._libraries = libraries
        self._lock = threading.Lock()
        self._generation = 0
        self._forks = 0
        self._live = 0
        self._successor: tuple[Channel, subprocess.Popen[bytes]] | None = None
        self._level = 0
        self._start()

    def engine(self) -> Mapping[str, str]:
        """What the zygote said of its engines."""
        return self._engine

    def placement(self) -> Mapping[str, str]:
        """Where models run, what was asked for, and why it is not that."""
        return self._placement

    def level(self) -> int:
        """How tightly children are locked, as tried when the zygote started."""
        return self._level

    def gap(self) -> str:
        """Why they are not locked tighter; empty when they are."""
        return self._gap

    def child(self, limits: Mapping[str, int]) -> Child:
        """Fork a child and wait until it has restricted itself."""
        ours, theirs = pair()
        with self._lock:
            self._renew()
            pid, generation = self._fork(theirs, limits), self._generation
            self._live += 1
        theirs.close()
        child = Child(ours, pid, self, generation)
        try:
            said = child.hear()
        except Broken:
            child.end()
            raise
        if not isinstance(said, Ready) or said.level < self._level:
            child.end()
            message = "a child was not ready, or not locked as it was promised"
            raise Broken(message)
        return child

    def reap(self, pid: int, generation: int) -> int:
        """Collect a killed child; children of an ended zygote are init's to collect."""
        with self._lock:
            self._live -= 1
            if generation != self._generation:
                return 0
            try:
                self._zygote.send({"type": "reap", "pid": pid})
                return int(self._zygote.receive().body["status"])
            except Broken:
                self._stop()
                self._start()
                return 0

    def end(self) -> None:
        """Stop the zygote; its children die with it."""
        with self._lock:
            self._generation += 1  # nobody is left to reap for, and no zygote to be replaced
            self._stop()
            if self._successor is not None:
                channel, process = self._successor
                process.kill()
                process.wait()
                channel.close()

    def _renew(self) -> None:
        """Start the next zygote in time; take it when it is ready and no child lives."""
        if self._forks >= FORKS_A_ZYGOTE - AHEAD and self._successor is None:
            self._successor = self._hatched()
        if self._forks < FORKS_A_ZYGOTE or self._live or self._successor is None:
            return
        hello = select.poll()
        hello.register(self._successor[0].socket, select.POLLIN)
        if hello.poll(0) or self._forks >= 2 * FORKS_A_ZYGOTE:
            self._stop()
            self._start()

    def _fork(self, theirs: Channel, limits: Mapping[str, int]) -> int:
        try:
            return self._ask_fork(theirs, limits)
        except Broken:  # a zygote that died is collected and replaced, once
            self._stop()
            self._start()
            return self._ask_fork(theirs, limits)

    def _ask_fork(self, theirs: Channel, limits: Mapping[str, int]) -> int:
        self._forks += 1
        self._zygote.send({"type": "fork", "limits": dict(limits)}, [theirs.socket.fileno()])
        return int(self._zygote.receive().body["pid"])

    def _start(self) -> None:
        self._zygote, self._process = self._successor or self._hatched()
        self._successor = None
        hello = self._zygote.receive().body
        self._engine, self._placement = dict(hello["engine"]), dict(hello["placement"])
        # What was promised at the start was told to everybody; a looser lock later is no lock.
        if not self._generation:
            self._level, self._gap = int(hello["level"]), str(hello["gap"])
        self._generation += 1
        self._forks = 0

    def _hatched(self) -> tuple[Channel, subprocess.Popen[bytes]]:
        """A zygote that still loads; it says hello once it is ready."""
        ours, theirs = pair()
        process = launch(
            "service.sandbox.zygote:main", theirs.socket, self._device, *self._libraries
        )
        theirs.close()
        return ours, process

    def _stop(self) -> None:
        self._zygote.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
