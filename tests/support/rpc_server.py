"""A real gRPC server on a Unix socket, in a thread of its own, over a port that tests hold."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import CollectorRegistry

from service.client import Client
from service.rpc.ports import FileRef, NewAudit, NewEvalSet, NewModel
from service.rpc.server import RpcServer
from support.memory_api import MemoryApi

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


@dataclass
class Served:
    """A running server and what stands behind it."""

    address: str
    api: MemoryApi
    registry: CollectorRegistry
    server: RpcServer
    loop: asyncio.AbstractEventLoop

    def client(self, project: str = "local") -> Client:
        """A client of it."""
        return Client(self.address, project=project, timeout_s=10)

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Do something in the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=20)

    def wait_for(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Return once something holds; fail when it does not in time."""
        end = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < end, "it never came to pass"
            time.sleep(0.005)

    def stop(self, grace_s: float = 5.0) -> None:
        """Drain and end the server."""
        self.run(self.server.stop(grace_s))

    def restart(self) -> None:
        """Another server on the same address, over the same port."""
        self.server = self.run(_started(self.api, self.address, CollectorRegistry()))


@contextmanager
def serving() -> Generator[Served]:
    """A server for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="rpc")
    thread.start()
    with tempfile.TemporaryDirectory(prefix="rpc") as folder:
        address, registry = f"unix:{Path(folder) / 'api'}", CollectorRegistry()
        try:
            api = MemoryApi()
            server = _wait(loop, _started(api, address, registry))
            served = Served(address, api, registry, server, loop)
            yield served
            served.stop(grace_s=0)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _started(api: MemoryApi, address: str, registry: CollectorRegistry) -> RpcServer:
    server = RpcServer(api, address, registry=registry)
    await server.start()
    return server


def _wait(loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=20)


def make_audit(served: Served, client: Client) -> str:
    """The name of a queued audit with everything that it stands on."""
    file = FileRef(hashlib.sha256(b"bytes").hexdigest(), 5)
    served.api.blobs[client.project, file.digest] = b"bytes"
    model = client.wait_operation(client.create_model(NewModel(file)))
    eval_set = client.wait_operation(client.create_eval_set(NewEvalSet(file)))
    policy = "apiVersion: assay/v1"
    return client.create_audit(NewAudit(model.name, eval_set.name, policy=policy)).target
