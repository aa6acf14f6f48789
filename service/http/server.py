"""Serving the pages inside the loop that is already running."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator, Sequence

import uvicorn

from service.errors import AssayError, Code
from service.http.app import build_app
from service.http.feeds import Feeds
from service.http.guard import LOOPBACK
from service.http.ports import HttpPort

_GRACE = 3
"""Seconds that answers under way have when the service ends."""
_AT_ONCE = 128


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the service has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Serving:
    """A server that runs until it is stopped."""

    def __init__(
        self, server: uvicorn.Server, task: asyncio.Task[None], port: int, feeds: Feeds
    ) -> None:
        """Made by ``start``."""
        self._server = server
        self._task = task
        self.port = port
        self.feeds = feeds

    async def stop(self) -> None:
        """Take no more requests, end what is followed, finish the rest under way, close."""
        self.feeds.close()
        self._server.should_exit = True
        await self._task


async def start(
    state: HttpPort,
    host: str,
    port: int,
    *,
    hosts: Sequence[str] | None = None,
    feeds: Feeds | None = None,
) -> Serving:
    """Listen and serve; port 0 takes a free one.

    ``hosts`` are the names it answers to: by default those of the loopback when it listens there,
    else any.
    """
    address = host.strip("[]")
    listener = listen(address, port)
    known = LOOPBACK if address in LOOPBACK else ()
    feeds = feeds or Feeds()
    app = build_app(state, known if hosts is None else hosts, feeds)
    config = uvicorn.Config(
        app,
        access_log=False,
        lifespan="off",
        limit_concurrency=_AT_ONCE,
        log_config=None,
        loop="none",
        http="h11",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=10,
        ws="none",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]), name="http")
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if task.done():
        listener.close()
        await task
    return Serving(server, task, listener.getsockname()[1], feeds)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; uvicorn would end the whole process when an address is taken.

    The protocol is named because asyncio turns Nagle's algorithm off only where it is: otherwise
    each answer waits 40 ms for a delayed acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(256)
    except (OSError, OverflowError) as error:
        found.close()
        reason = error.strerror if isinstance(error, OSError) else None
        raise AssayError(
            Code.UNREACHABLE,
            f"Cannot listen on {host}:{port}: {reason or 'the address is not usable'}.",
            "Choose another address, or end what listens there.",
        ) from error
    return found
