"""Chromium behind a pipe: the DevTools protocol without a port, a driver or a dependency.

Commands go in on descriptor 3 and come back on 4, each a JSON text that ends in a zero byte.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from analyzers.contract import Json

PATIENCE = 60.0
"""Seconds after which an unanswered command is an error: this is a shared, slow machine."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-pipe",
)
_PIPED = 'exec "$@" 3<&0 4>&1 0</dev/null 1>&2'

Event = dict[str, Json]
Listener = Callable[[str, Event], None]


class DevtoolsError(Exception):
    """The browser refused a command, did not answer in time, or is gone."""


def chromium() -> str | None:
    """The browser's program, where this machine has one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Pipe:
    """A browser process and the two ways to it."""

    def __init__(self, program: str) -> None:
        """Start the browser with a profile of its own."""
        self._profile = tempfile.TemporaryDirectory(
            prefix="assay-browser-", ignore_cleanup_errors=True
        )
        folder = Path(self._profile.name)
        self._errors: IO[bytes] = (folder / "stderr").open("wb")
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _PIPED, "sh", program, *FLAGS, f"--user-data-dir={folder / 'data'}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            env={**os.environ, "HOME": str(folder), "TZ": "UTC", "LANG": "en_GB.UTF-8"},
        )
        self._numbers = itertools.count(1)
        self._writing = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Event]] = {}
        self._listeners: dict[str, Listener] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def listen(self, session: str, listener: Listener) -> None:
        """Tell a session's events to somebody; they come from a thread of their own."""
        self._listeners[session] = listener

    def call(
        self, method: str, session: str = "", *, timeout: float = PATIENCE, **params: Json
    ) -> Event:
        """Give a command and wait for its result."""
        box: queue.SimpleQueue[Event] = queue.SimpleQueue()
        number = self._send(method, session, params, box)
        try:
            answer = box.get(timeout=timeout)
        except queue.Empty:
            raise DevtoolsError(f"{method}: no answer in {timeout:.0f} s") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise DevtoolsError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def post(self, method: str, session: str = "", **params: Json) -> None:
        """Give a command without waiting, as a listener must."""
        self._send(method, session, params, None)

    def close(self) -> None:
        """End the browser, kindly at first."""
        with contextlib.suppress(DevtoolsError):
            self.call("Browser.close", timeout=5)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        with contextlib.suppress(ProcessLookupError):  # helpers that outlive their parent
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._reader.join(10)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        self._profile.cleanup()

    def _send(
        self,
        method: str,
        session: str,
        params: dict[str, Json],
        box: queue.SimpleQueue[Event] | None,
    ) -> int:
        number = next(self._numbers)
        if box is not None:
            self._waiting[number] = box
        told = {"id": number, "method": method, "params": params}
        body = json.dumps({**told, "sessionId": session} if session else told).encode()
        stdin = self._process.stdin
        assert stdin is not None
        try:
            with self._writing:
                stdin.write(body + b"\0")
                stdin.flush()
        except (OSError, ValueError):
            raise DevtoolsError(f"{method}: the browser is gone") from None
        return number

    def _read(self) -> None:
        stdout: Any = self._process.stdout
        rest = b""
        while chunk := stdout.read1(1 << 20):
            *whole, rest = (rest + chunk).split(b"\0")
            for message in whole:
                self._hear(json.loads(message))
        for box in list(self._waiting.values()):
            box.put({"error": {"message": "the browser is gone"}})

    def _hear(self, message: Event) -> None:
        if "id" in message:
            box = self._waiting.get(message["id"])
            if box is not None:
                box.put(message)
            return
        listener = self._listeners.get(message.get("sessionId", ""))
        if listener is not None:
            with contextlib.suppress(DevtoolsError):  # it ended while an event was on its way
                listener(message["method"], message["params"])
