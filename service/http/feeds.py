"""Pages that follow what happens: one look serves all who watch, and nobody is waited for."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Send

from analyzers.contract import Json
from service.report.tree import Parts, as_json

MOST: Final = 48
"""Listeners at once; the rest of what the server takes is for pages and metrics."""
GAP: Final = 0.5
"""Seconds between two looks, and so between two events of a listener."""
BEAT: Final = 15.0
"""Seconds after which a quiet stream says that it lives."""
RETRY_MS: Final = 2000
PATIENCE: Final = 20.0
"""Seconds that a listener may leave what it was sent unread."""
_AGAIN: Final = 1.0

_log = structlog.get_logger("assay.http")

Look = Callable[[], Awaitable[Parts | None]]
"""A page as it stands; None when it is gone."""
Bells = Callable[[], AsyncGenerator[None]]
"""Rings at once and then whenever it may be worth a look."""


@dataclass(frozen=True)
class _State:
    """A page as it stood at one look, each part as the text that is sent."""

    title: str = ""
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    lists: Mapping[str, Json] = field(default_factory=dict[str, Json])
    over: str = ""

    @property
    def id(self) -> str:
        """By what it says, so that it is the same after a restart."""
        told = json.dumps([self.title, dict(self.parts), dict(self.lists), self.over])
        return hashlib.sha256(told.encode()).hexdigest()[:24]


class _Topic:
    """One page that is followed, and the task that looks at it."""

    def __init__(self, look: Look, bells: Bells, gap: float) -> None:
        self.state: _State | None = None
        self.listeners = 0
        self.changed = asyncio.Event()
        self.task = asyncio.create_task(self._follow(look, bells, gap), name="feed")
        self.task.add_done_callback(self._ended)

    def wake(self) -> None:
        """Let all who wait look; whoever comes later waits for the next time."""
        self.changed.set()
        self.changed = asyncio.Event()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a page is followed no longer", exc_info=error)
        self.wake()

    async def _follow(self, look: Look, bells: Bells, gap: float) -> None:
        async with aclosing(bells()) as ringing:
            async for _ in ringing:
                try:
                    found = await look()
                except Exception:  # noqa: BLE001 - a store that is out of reach comes back
                    _log.exception("a followed page could not be made")
                    await asyncio.sleep(_AGAIN)
                    continue
                if found is None:
                    return
                state = _state(found)
                if state != self.state:
                    self.state = state
                    self.wake()
                if state.over:
                    return
                await asyncio.sleep(gap)


class Feeds:
    """All pages that are followed now."""

    def __init__(self, most: int = MOST, *, gap: float = GAP, beat: float = BEAT) -> None:
        """Admit so many listeners at once."""
        self._most = most
        self._gap = gap
        self._beat = beat
        self._topics: dict[str, _Topic] = {}
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return sum(one.listeners for one in self._topics.values())

    @property
    def full(self) -> bool:
        """Whether nobody more may listen, now or for good."""
        return self._closed or self.listeners >= self._most

    def close(self) -> None:
        """End every stream: its listener asks again, and finds who serves then."""
        self._closed = True
        for topic in self._topics.values():
            topic.wake()

    async def listen(
        self, key: str, look: Look, bells: Bells, known: str = ""
    ) -> AsyncGenerator[bytes]:
        """The events of a page, beginning with all of it unless ``known`` is its state by now.

        Ends at once where no room is left: many may have been let in before the first was counted.
        """
        if self.full:
            return
        topic = self._joined(key, look, bells)
        try:
            async with aclosing(self._events(topic, known)) as events:
                async for event in events:
                    yield event
        finally:
            self._left(key, topic)

    def _joined(self, key: str, look: Look, bells: Bells) -> _Topic:
        topic = self._topics.get(key)
        if topic is None or topic.task.done():
            topic = self._topics[key] = _Topic(look, bells, self._gap)
        topic.listeners += 1
        return topic

    def _left(self, key: str, topic: _Topic) -> None:
        topic.listeners -= 1
        if topic.listeners:
            return
        if self._topics.get(key) is topic:
            del self._topics[key]
        topic.task.cancel()

    async def _events(self, topic: _Topic, known: str) -> AsyncGenerator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        sent: _State | None = None
        while True:
            changed, state = topic.changed, topic.state
            if state is not None and state is not sent:
                if sent is None and state.id == known:
                    yield b": nothing new\n\n"
                else:
                    yield _event(state, sent or _State())
                sent = state
                if state.over:
                    return
                continue
            if self._closed or topic.task.done():
                return
            try:
                await asyncio.wait_for(changed.wait(), self._beat)
            except TimeoutError:
                yield b": still here\n\n"


class EventStream(StreamingResponse):
    """Events for one listener; one that stops reading is let go."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], patience: float = PATIENCE) -> None:
        """Send these, and close them whatever happens."""
        super().__init__(events, headers={"x-accel-buffering": "no"})  # or a proxy hoards them
        self._events = events
        self._patience = patience

    async def stream_response(self, send: Send) -> None:
        """Send what there is, each piece in time."""

        async def in_time(message: object) -> None:
            async with asyncio.timeout(self._patience):
                await send(message)  # pyright: ignore[reportArgumentType]  # passed on as it came

        try:
            await super().stream_response(in_time)
        except TimeoutError:
            _log.info("a listener stopped reading")
        finally:
            await self._events.aclose()


def _state(found: Parts) -> _State:
    parts = {name: json.dumps(as_json(node)) for name, node in found.parts.items()}
    return _State(found.title, parts, found.lists, found.over)


def _event(state: _State, sent: _State) -> bytes:
    """What changed since the state that a listener has."""
    body: dict[str, Json] = {"title": state.title, "over": state.over}
    body["parts"] = {
        name: json.loads(told) for name, told in state.parts.items() if sent.parts.get(name) != told
    }
    if state.lists != sent.lists:
        body["lists"] = dict(state.lists)
    return f"id: {state.id}\ndata: {json.dumps(body)}\n\n".encode()
