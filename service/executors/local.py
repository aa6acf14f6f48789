"""Jobs on this machine: a supervisor process at the other end of a socket."""

import asyncio
import contextlib
import json
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from service.errors import AssayError, Code, error_from_json
from service.executors.interface import Progress, Request, Result, Tensor
from service.sandbox.children import launch
from service.sandbox.frames import CONTROL, CONTROL_CAP, HEADER, Broken, read_json

Event = Mapping[str, Any]


class LocalJob:
    """A job at the supervisor."""

    def __init__(self, executor: "LocalExecutor", name: str) -> None:
        """Wait for the events of one submitted job."""
        self.name = name
        self.heard: asyncio.Queue[Event] = asyncio.Queue()
        self._executor = executor

    async def events(self) -> AsyncIterator[Progress | Result]:
        """Progress, then one Result; an AssayError when it ended otherwise."""
        while True:
            event = await self.heard.get()
            if event["event"] == "progress":
                yield Progress(event["done"], event["total"], event["note"])
            elif event["event"] == "done":
                yield _result(event)
                return
            else:
                raise error_from_json(event["error"])

    async def cancel(self) -> None:
        """Have the supervisor kill the child that works on it."""
        await self._executor.send({"op": "cancel", "job": self.name})


class LocalExecutor:
    """Starts the supervisor, and starts it again when it died."""

    def __init__(self, spool: Path, device: str = "cpu", libraries: Sequence[str] = ()) -> None:
        """Results of jobs land in ``spool`` until somebody adopts them.

        ``libraries`` are folders of code that children may read besides the interpreter's own.
        """
        self._spool = spool
        self._libraries = libraries
        self._device = device
        self._placement: Mapping[str, str] = {}
        self._jobs: dict[str, LocalJob] = {}
        self._sending = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._hello: asyncio.Future[Event] | None = None
        self._engine: Mapping[str, str] = {}
        self._level = 0
        self._gap = ""

    @property
    def engine(self) -> Mapping[str, str]:
        """The engine class of results from here."""
        return self._engine

    @property
    def placement(self) -> Mapping[str, str]:
        """Where models run, what was asked for, and why it is not that."""
        return self._placement

    @property
    def sandbox_level(self) -> int:
        """How tightly children are locked."""
        return self._level

    @property
    def sandbox_gap(self) -> str:
        """Why children are not locked tighter; empty when they are."""
        return self._gap

    @property
    def process_id(self) -> int:
        """The supervisor's process; 0 before the start."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the supervisor and wait until its zygote has loaded the engines."""
        self._spool.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        self._process = await asyncio.to_thread(
            launch,
            "service.sandbox.supervisor:main",
            theirs,
            *(str(self._spool), self._device, *self._libraries),
        )
        theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._hello = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(reader))
        hello = await self._hello
        self._engine, self._level = dict(hello["engine"]), int(hello["level"])
        self._gap = str(hello["gap"])
        self._placement = dict(hello["placement"])
        if self._device == "cuda" != self._placement["device"]:
            await self.stop()
            raise _no_device(self._placement["why"])

    async def stop(self) -> None:
        """Close the channel: the supervisor takes every child along and ends."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        if self._process is not None:
            await asyncio.to_thread(_collect, self._process)
        self._fail_all()

    async def submit(self, request: Request) -> LocalJob:
        """Hand a job to the supervisor."""
        if self._reading is None or self._reading.done():
            await self.stop()
            await self.start()
        job = LocalJob(self, uuid.uuid4().hex)
        self._jobs[job.name] = job
        await self.send(_submission(job.name, request))
        return job

    async def close_session(self, session: str) -> None:
        """End the child of a session."""
        await self.send({"op": "close", "session": session})

    async def send(self, body: Mapping[str, Any]) -> None:
        """Send one control frame; a dead supervisor shows in the jobs' events."""
        raw = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        if len(raw) > CONTROL_CAP:
            message = f"a request of {len(raw)} bytes"
            raise ValueError(message)
        assert self._writer is not None  # noqa: S101 - started before anything is sent
        async with self._sending:
            with contextlib.suppress(OSError):
                self._writer.write(HEADER.pack(CONTROL, len(raw)) + raw)
                await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                _, length = HEADER.unpack(await reader.readexactly(HEADER.size))
                self._hear(read_json(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError, Broken, ValueError, LookupError):
            # Gone, or speaking out of turn: either way nobody is left to wait for.
            self._fail_all()

    def _hear(self, event: Event) -> None:
        if event["event"] == "hello":
            if self._hello is not None and not self._hello.done():
                self._hello.set_result(event)
            return
        job = self._jobs.get(event["job"])
        if job is not None:
            job.heard.put_nowait(event)
            if event["event"] != "progress":
                del self._jobs[job.name]

    def _fail_all(self) -> None:
        lost = AssayError(
            Code.CHILD_CRASHED,
            "The process that looks after the models died.",
            "Run it again: it is started anew, and finished blocks are not repeated.",
        )
        if self._hello is not None and not self._hello.done():
            self._hello.set_exception(lost)
        for job in self._jobs.values():
            job.heard.put_nowait({"event": "failed", "error": lost.as_json()})
        self._jobs.clear()


def _no_device(why: str) -> AssayError:
    return AssayError(
        Code.DEVICE_UNAVAILABLE,
        f"The GPU was asked for and cannot be used: {why}.",
        "Take --device cpu, or --device auto to use a GPU only where there is one. For a GPU "
        "install a CUDA build of torch and assay[server,gpu]; `nvidia-smi` must list the device.",
    )


def _collect(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _submission(name: str, request: Request) -> dict[str, Any]:
    opening = None
    if request.opening is not None:
        opening = {"body": request.opening.body, "files": dict(request.opening.files)}
    return {
        "op": "submit",
        "job": name,
        "session": request.session or name,
        "stage": request.stage,
        "body": request.body,
        "files": dict(request.files),
        "opening": opening,
        "seconds": request.seconds,
        "blob_cap": request.blob_cap,
        "limits": dict(request.limits),
    }


def _result(event: Event) -> Result:
    tensors = {
        name: Tensor(
            told["dtype"], tuple(told["shape"]), told["digest"], told["size"], Path(told["path"])
        )
        for name, told in event["blobs"].items()
    }
    return Result(event["facts"], tensors, event["retries"])
