"""Who watches an audit right now, and what is in flight: nothing here outlives the process."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import suppress

from service.pace import Way
from service.rpc.ports import Progress

ANY = ""
"""In place of an audit: news of any."""


class Live:
    """Wakes watchers when an audit has news, and remembers the newest progress."""

    def __init__(self) -> None:
        """Begin with nobody watching."""
        self._watchers: dict[str, set[asyncio.Queue[Progress | None]]] = defaultdict(set)
        self._progress: dict[str, Progress] = {}
        self._ways: dict[str, Way] = {}
        self._bells: dict[str, set[asyncio.Event]] = defaultdict(set)

    def news(self, audit: str) -> None:
        """Something was committed about an audit: watchers read it from the store."""
        for watcher in self._watchers.get(audit, ()):
            watcher.put_nowait(None)
        self._ring(audit)

    def progress(self, audit: str, progress: Progress) -> None:
        """Work is in flight; watchers hear of it, the store does not."""
        self._progress[audit] = progress
        for watcher in self._watchers.get(audit, ()):
            watcher.put_nowait(progress)
        self._ring(audit)

    def on_its_way(self, audit: str, way: Way) -> None:
        """How far an audit is, for those who look at pages."""
        self._ways[audit] = way
        self._ring(audit)

    def ended(self, audit: str) -> None:
        """Nothing is in flight any more."""
        self._progress.pop(audit, None)
        self._ways.pop(audit, None)
        self.news(audit)

    def in_flight(self, audit: str) -> Progress | None:
        """The newest progress of an audit."""
        return self._progress.get(audit)

    def way(self, audit: str) -> Way:
        """How far an audit is, as far as this process works on it."""
        return self._ways.get(audit, Way())

    @property
    def watched(self) -> bool:
        """Whether anybody watches anything."""
        return any(self._watchers.values()) or any(self._bells.values())

    async def follow(
        self, audit: str, every_seconds: float
    ) -> AsyncGenerator[Progress | None, None]:
        """None whenever the store may hold news (at least ``every_seconds``), else progress."""
        heard: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._watchers[audit].add(heard)
        try:
            yield None
            while True:
                try:
                    yield await asyncio.wait_for(heard.get(), every_seconds)
                except TimeoutError:
                    yield None
        finally:
            self._watchers[audit].discard(heard)
            if not self._watchers[audit]:
                del self._watchers[audit]

    async def rings(self, audit: str, every_seconds: float) -> AsyncGenerator[None]:
        """At once, then after news, however many in one: nothing piles up behind a slow listener.

        ``ANY`` rings for every audit; without news it still rings, as another process may write.
        """
        bell = asyncio.Event()
        self._bells[audit].add(bell)
        try:
            while True:
                yield
                with suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), every_seconds)
                bell.clear()
        finally:
            self._bells[audit].discard(bell)
            if not self._bells[audit]:
                del self._bells[audit]

    def _ring(self, audit: str) -> None:
        for bell in (*self._bells.get(audit, ()), *self._bells.get(ANY, ())):
            bell.set()
