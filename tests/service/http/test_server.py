"""Serving inside a running loop: addresses, names, signals, the end."""

from __future__ import annotations

import asyncio
import signal
import socket

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from service.errors import AssayError, Code
from service.http.guard import HEADERS, Guard
from service.http.server import listen, start
from support.pages import Shelf


async def status(port: int, host: str | None = None, address: str = "127.0.0.1") -> int:
    """The status of the health page, asked for under a name."""
    headers = {"host": host} if host is not None else {}
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://{address}:{port}/healthz", headers=headers)).status_code


async def test_it_serves_until_it_is_stopped() -> None:
    """After stop nobody listens, and a second server may take the port."""
    first = await start(Shelf(), "127.0.0.1", 0)
    assert await status(first.port) == 200
    await first.stop()
    with pytest.raises(httpx.ConnectError):
        await status(first.port)
    second = await start(Shelf(), "127.0.0.1", first.port)
    assert await status(second.port) == 200
    await second.stop()


async def test_signal_handlers_stay_ours() -> None:
    """Starting and stopping leaves the process's handlers as they were."""
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    serving = await start(Shelf(), "127.0.0.1", 0)
    during = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    await serving.stop()
    assert before == during


async def test_a_taken_address_is_an_error_and_no_exit() -> None:
    """A port in use is told in a sentence; the process lives on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(AssayError, match=r"Cannot listen on 127\.0\.0\.1:") as caught:
            await start(Shelf(), "127.0.0.1", taken.getsockname()[1])
        assert caught.value.code is Code.UNREACHABLE


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("203.0.113.1", 0)])
async def test_an_address_that_cannot_be_is_an_error_too(host: str, port: int) -> None:
    """A port beyond the last and an address of another machine are told in a sentence."""
    with pytest.raises(AssayError, match="Cannot listen on"):
        await start(Shelf(), host, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:9"])
async def test_on_the_loopback_it_answers_to_its_names(host: str) -> None:
    """Every name of the loopback is known, with or without a port."""
    serving = await start(Shelf(), "127.0.0.1", 0)
    assert await status(serving.port, host) == 200
    await serving.stop()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8551", "", "127.0.0.1.evil.example"]
)
async def test_a_rebound_name_is_turned_away(host: str) -> None:
    """A page that made its own name point here reads nothing; with any name allowed, it would."""
    guarded = await start(Shelf(), "127.0.0.1", 0)
    open_ = await start(Shelf(), "127.0.0.1", 0, hosts=())
    assert await status(guarded.port, host) == 421
    assert await status(open_.port, host) == 200
    await asyncio.gather(guarded.stop(), open_.stop())


async def test_other_addresses_answer_to_any_name() -> None:
    """Bound to another address of the machine, the name in the request is free."""
    serving = await start(Shelf(), "127.0.0.2", 0)
    assert await status(serving.port, "assay.internal", "127.0.0.2") == 200
    await serving.stop()


async def test_small_answers_leave_at_once() -> None:
    """A connection that the server accepts holds nothing back for an acknowledgement."""
    with listen("127.0.0.1", 0) as listener:
        accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.Future()
        server = await asyncio.start_server(lambda _, out: accepted.set_result(out), sock=listener)
        _, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        other_end = await accepted
        chosen = other_end.get_extra_info("socket")
        assert chosen.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        for one in (writer, other_end):
            one.close()
            await one.wait_closed()
        server.close()


async def test_an_error_after_the_answer_began_is_not_covered_up() -> None:
    """Half an answer cannot become a page of status 500; the server must break it off."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("lost")

    async def refused(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    guard = Guard(half, broken=refused)
    with pytest.raises(RuntimeError, match="lost"):
        await guard({"type": "http", "headers": []}, receive, send)
    assert len(sent) == 1
    assert len(sent[0]["headers"]) == len(HEADERS)


async def test_stop_waits_for_an_answer_under_way() -> None:
    """A request that has begun is answered before the server ends."""
    shelf, begun = Shelf(), asyncio.Event()
    release = asyncio.Event()

    async def slow() -> dict[str, bool]:
        begun.set()
        await release.wait()
        return {"store": True}

    shelf.readiness = slow
    serving = await start(shelf, "127.0.0.1", 0)
    async with httpx.AsyncClient(trust_env=False) as client:
        asked = asyncio.create_task(client.get(f"http://127.0.0.1:{serving.port}/readyz"))
        await begun.wait()
        stopping = asyncio.create_task(serving.stop())
        await asyncio.sleep(0.2)
        assert not stopping.done()
        release.set()
        assert (await asked).status_code == 200
    await stopping
