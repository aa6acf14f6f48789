"""Events over real HTTP: what a listener hears, who may listen, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest_asyncio
from starlette.types import Message

from service.http.feeds import Bells, EventStream, Feeds, Look
from service.http.guard import HEADERS
from service.http.server import Serving, start
from service.report.live import audit_page
from service.report.tree import Parts, parts_of
from support.listening import Listener, listening
from support.pages import Shelf

GAP = 0.02


@dataclass
class Stand:
    """A server, what lies behind it, and a client before it."""

    shelf: Shelf
    serving: Serving
    client: httpx.AsyncClient

    @property
    def feeds(self) -> Feeds:
        """Who listens."""
        return self.serving.feeds

    def change(self, audit: str, **more: object) -> None:
        """Something happens in an audit, and is told."""
        self.shelf.known.setdefault(audit, {"id": audit}).update(more)
        self.shelf.ring()


@pytest_asyncio.fixture
async def stand() -> AsyncIterator[Stand]:
    """Few may listen, often."""
    shelf = Shelf()
    serving = await start(shelf, "127.0.0.1", 0, feeds=Feeds(3, gap=GAP, beat=0.2))
    address = f"http://127.0.0.1:{serving.port}"
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        yield Stand(shelf, serving, client)
    await serving.stop()


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


async def first(listener: Listener) -> str:
    """The id of the state that a listener begins with."""
    event = await listener.next()
    assert event is not None
    return event.id


async def test_a_listener_begins_with_everything(stand: Stand) -> None:
    """The first event holds every part of the page, with an id and how soon to come back."""
    async with listening(stand.client, "/audits/busy/events") as listener:
        assert listener.answer.headers["content-type"].startswith("text/event-stream")
        opening = await listener.block()
        event = await listener.next()
    assert opening is not None
    assert int(opening.retry) == 2000
    assert event is not None
    assert len(event.id) == 24
    assert set(event.body["parts"]) == {"state", "facts", "problem", "brackets", "stages"}
    assert event.body["over"] == ""


async def test_then_it_hears_what_changed_and_no_more(stand: Stand) -> None:
    """Later events hold the changed parts alone; news that change nothing make none."""
    async with listening(stand.client, "/audits/busy/events") as listener:
        begun = await first(listener)
        stand.shelf.ring()
        await asyncio.sleep(3 * GAP)
        stand.change("busy", seconds_left=30.0)
        event = await listener.next()
    assert event is not None
    assert set(event.body["parts"]) == {"facts"}
    assert "at most 30 s" in event.data
    assert event.id != begun


async def test_the_list_hears_new_audits_first(stand: Stand) -> None:
    """A new audit comes as one row and the new order; the rows that stay are not sent again."""
    async with listening(stand.client, "/events") as listener:
        event = await listener.next()
        assert event is not None
        assert event.body["lists"] == {"rows": ["row-busy", "row-done"]}
        stand.shelf.known = {"new": {"id": "new", "state": "queued"}, **stand.shelf.known}
        stand.shelf.ring()
        event = await listener.next()
    assert event is not None
    assert event.body["lists"] == {"rows": ["row-new", "row-busy", "row-done"]}
    assert set(event.body["parts"]) == {"row-new"}


async def test_the_list_follows_what_it_was_asked_for(stand: Stand) -> None:
    """A list that was searched is followed as it was searched, from its first page on."""
    path = "/events?words=a%25b&state=running&verdict=FAIL&after=token"
    async with listening(stand.client, path) as listener:
        await first(listener)
    asked = stand.shelf.searches[-1]
    assert (asked.words, asked.state, asked.verdict, asked.after) == ("a%b", "running", "FAIL", "")


async def test_whoever_comes_back_with_the_newest_state_is_not_told_it_again(stand: Stand) -> None:
    """``Last-Event-ID`` of what still holds is answered by nothing; of anything else, by all."""
    async with listening(stand.client, "/audits/busy/events") as listener:
        known = await first(listener)
    async with listening(stand.client, "/audits/busy/events", known) as listener:
        stand.change("busy", seconds_left=20.0)
        changed = await listener.next()
    assert changed is not None
    assert listener.comments[0] == "nothing new"
    assert set(changed.body["parts"]) == {"facts"}
    for stale in (known, "0" * 24, "x" * 5000):
        async with listening(stand.client, "/audits/busy/events", stale) as listener:
            event = await listener.next()
        assert event is not None
        assert len(event.body["parts"]) == 5


async def test_the_stream_ends_with_the_audit(stand: Stand) -> None:
    """The last event says that it is over and whether a report takes the page's place."""
    async with listening(stand.client, "/audits/busy/events") as listener:
        await first(listener)
        stand.shelf.reports.add("busy")
        stand.change("busy", state="succeeded", verdict="PASS")
        (event,) = await listener.rest()
    assert event.body["over"] == "report"
    assert "PASS" in event.data
    async with listening(stand.client, "/audits/done/events") as listener:
        (event,) = await listener.rest()
    assert event.body["over"] == "report"


async def test_without_a_report_nothing_takes_the_page_s_place(stand: Stand) -> None:
    """A report that was lost sends nobody in circles: the page says so, and that is the end."""
    stand.shelf.reports.clear()
    async with listening(stand.client, "/audits/done/events") as listener:
        (event,) = await listener.rest()
    assert event.body["over"] == "end"
    assert "Its report is not here any more." in event.data
    page = (await stand.client.get("/audits/done")).text
    assert 'data-over="end"' in page
    assert 'http-equiv="refresh"' not in page


async def test_an_audit_that_is_removed_ends_it_too(stand: Stand) -> None:
    """What is gone is followed no longer."""
    async with listening(stand.client, "/audits/busy/events") as listener:
        await first(listener)
        stand.shelf.known.clear()
        stand.shelf.ring()
        assert await listener.rest() == []


async def test_quiet_streams_say_that_they_live(stand: Stand) -> None:
    """Where nothing happens, a comment comes now and then."""
    async with listening(stand.client, "/audits/busy/events") as listener:
        await first(listener)
        block = await listener.block()
    assert block is not None
    assert (block.comment, block.data) == ("still here", "")


async def test_events_come_no_faster_than_the_gap(stand: Stand) -> None:
    """However often something happens, a listener hears the newest of it at most once a gap."""
    slow = Feeds(1, gap=0.3, beat=5)
    serving = await start(stand.shelf, "127.0.0.1", 0, feeds=slow)
    address = f"http://127.0.0.1:{serving.port}"
    async with (
        httpx.AsyncClient(base_url=address, trust_env=False) as client,
        listening(client, "/audits/busy/events") as listener,
    ):
        await first(listener)
        begun = time.monotonic()
        for place in range(1, 60):
            stand.change("busy", progress={"stage": "attack", "done": place, "total": 59})
            await asyncio.sleep(0.01)
        events = [await listener.next()]
        while events[-1] is not None and "59 of 59" not in events[-1].data:
            events.append(await listener.next())
        took = time.monotonic() - begun
    await serving.stop()
    assert len(events) <= took / 0.3 + 1
    assert took < 5


async def test_one_look_serves_all_who_watch(stand: Stand) -> None:
    """Listeners of one page share its looks, and it is looked at only while somebody listens."""
    paths = ["/audits/busy/events"] * 3
    async with (
        listening(stand.client, paths[0]) as one,
        listening(stand.client, paths[1]) as two,
        listening(stand.client, paths[2]) as three,
    ):
        ids = {await first(each) for each in (one, two, three)}
        assert len(ids) == 1
        assert stand.shelf.followed == ["busy"]
    await until(lambda: not stand.shelf.followed)
    assert stand.feeds.listeners == 0


async def test_only_so_many_may_listen(stand: Stand) -> None:
    """One too many is told to come back while pages are served; when one leaves, one may come."""
    path = "/audits/busy/events"
    async with listening(stand.client, path), listening(stand.client, "/events"):
        async with listening(stand.client, path):
            refused = await stand.client.get(path)
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "5"
            assert (await stand.client.get("/audits")).status_code == 200
        await until(lambda: not stand.feeds.full)
        async with listening(stand.client, path) as listener:
            assert listener.answer.status_code == 200


async def test_a_listener_that_reads_nothing_holds_nobody_up(stand: Stand) -> None:
    """Beside one whose connection takes nothing more, others hear on, and it is let go in time."""
    taken: list[Message] = []

    async def stuck(message: Message) -> None:
        taken.append(message)
        if len(taken) > 1:  # the head of the answer went through, and nothing behind it
            await asyncio.Event().wait()

    async def quiet() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    events = stand.feeds.listen("audit/busy", look_at(stand.shelf), bells_of(stand.shelf))
    stream = EventStream(events, patience=0.3)
    deaf = asyncio.create_task(stream({"type": "http"}, quiet, stuck))
    await until(lambda: len(taken) > 1)
    async with listening(stand.client, "/audits/busy/events") as listener:
        await first(listener)
        assert stand.feeds.listeners == 2
        for place in range(1, 4):
            stand.change("busy", seconds_left=10.0 * place)
            event = await listener.next()
            assert event is not None
            assert f"at most {10 * place} s" in event.data
        await asyncio.wait_for(deaf, 5)
        assert stand.feeds.listeners == 1
    assert len(taken) == 2


def look_at(shelf: Shelf) -> Look:
    """A page of the audit under way."""

    async def look() -> Parts:
        return parts_of(audit_page(shelf.known["busy"]))

    return look


def bells_of(shelf: Shelf) -> Bells:
    """What rings for it."""
    return lambda: shelf.changes("busy")


async def test_a_listener_that_goes_is_forgotten(stand: Stand) -> None:
    """A connection that is cut leaves nothing behind."""
    gone = socket.create_connection(("127.0.0.1", stand.serving.port))
    gone.sendall(b"GET /audits/busy/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(lambda: stand.feeds.listeners == 1)
    gone.close()
    await until(lambda: stand.feeds.listeners == 0 and not stand.shelf.followed)


async def test_a_store_out_of_reach_comes_back(stand: Stand) -> None:
    """A look that fails is logged and made again; the stream goes on, and tells nothing of it."""
    async with listening(stand.client, "/audits/busy/events") as listener:
        await first(listener)
        stand.shelf.error = RuntimeError("password=hunter2")
        stand.shelf.ring()
        await asyncio.sleep(2 * GAP)
        stand.shelf.error = None
        stand.change("busy", seconds_left=10.0)
        event = await listener.next()
    assert event is not None
    assert "at most 10 s" in event.data
    assert "hunter2" not in "".join(listener.comments)


async def test_draining_ends_every_stream_at_once(stand: Stand) -> None:
    """A server that stops waits for no listener, and admits none while it does."""
    async with listening(stand.client, "/events") as listener:
        await first(listener)
        begun = time.monotonic()
        stopping = asyncio.create_task(stand.serving.stop())
        assert await listener.rest() == []
        await stopping
        assert time.monotonic() - begun < 2
        assert stand.feeds.full


async def test_streams_are_guarded_like_pages(stand: Stand) -> None:
    """The same headers, the same names of the host, the same ids; HEAD opens no stream."""
    async with listening(stand.client, "/events") as listener:
        found = {name: listener.answer.headers.get(name) for name in HEADERS}
    assert found == HEADERS
    strange = await stand.client.get("/events", headers={"host": "evil.example"})
    assert strange.status_code == 421
    head = await stand.client.head("/audits/busy/events")
    assert (head.status_code, head.content) == (200, b"")
    await until(lambda: stand.feeds.listeners == 0)


async def test_a_burst_let_in_together_finds_no_more_room_than_there_is(stand: Stand) -> None:
    """Whoever was let in before the first was counted hears nothing, and nobody looks for it."""

    async def look() -> Parts | None:
        return parts_of(audit_page({"id": "busy"}))

    def bells() -> AsyncGenerator[None]:
        return stand.shelf.changes("busy")

    streams = [stand.feeds.listen(str(place), look, bells) for place in range(5)]
    heard = [await anext(stream, None) for stream in streams]
    assert [one is None for one in heard] == [False] * 3 + [True] * 2
    for stream in streams:
        await stream.aclose()
    assert stand.feeds.listeners == 0
