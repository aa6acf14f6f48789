"""A listener of server-sent events, as the standard has browsers read them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from analyzers.contract import Json


@dataclass
class Event:
    """One event, or one comment."""

    id: str = ""
    data: str = ""
    retry: str = ""
    comment: str = ""

    @property
    def body(self) -> Json:
        """What the page is told."""
        return json.loads(self.data)


@dataclass
class Listener:
    """An open stream."""

    answer: httpx.Response
    comments: list[str] = field(default_factory=list[str])
    _lines: AsyncIterator[str] | None = None

    async def next(self) -> Event | None:
        """The next event with data; None at the end of the stream."""
        while (found := await self.block()) is not None:
            if found.data:
                return found
            if found.comment:
                self.comments.append(found.comment)
        return None

    async def rest(self) -> list[Event]:
        """Every event until the stream ends."""
        found: list[Event] = []
        while (one := await self.next()) is not None:
            found.append(one)
        return found

    async def block(self) -> Event | None:
        """Everything up to the next blank line."""
        if self._lines is None:
            self._lines = self.answer.aiter_lines()
        event, seen = Event(), False
        async for line in self._lines:
            if not line and seen:
                return event
            seen = True
            name, _, value = line.partition(":")
            setattr(event, name or "comment", value.removeprefix(" "))
        return None


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, path: str, known: str = ""
) -> AsyncGenerator[Listener]:
    """Listen at a path until the block ends."""
    headers = {"accept": "text/event-stream"}
    if known:
        headers["last-event-id"] = known
    async with client.stream("GET", path, headers=headers, timeout=20) as answer:
        yield Listener(answer)
