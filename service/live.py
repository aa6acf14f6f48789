"""Who watches an audit right now, and what is in flight: nothing here outlives the process."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator

from service.rpc.ports import Progress


class Live:
    """Wakes watchers when an audit has news, and remembers the newest progress."""

    def __init__(self) -> None:
        """Begin with nobody watching."""
        self._watchers: dict[str, set[asyncio.Queue[Progress | None]]] = defaultdict(set)
        self._progress: dict[str, Progress] = {}

    def news(self, audit: str) -> None:
        """Something was committed about an audit: watchers read it from the store."""
        for watcher in self._watchers.get(audit, ()):
            watcher.put_nowait(None)

    def progress(self, audit: str, progress: Progress) -> None:
        """Work is in flight; watchers hear of it, the store does not."""
        self._progress[audit] = progress
        for watcher in self._watchers.get(audit, ()):
            watcher.put_nowait(progress)

    def ended(self, audit: str) -> None:
        """Nothing is in flight any more."""
        self._progress.pop(audit, None)
        self.news(audit)

    def in_flight(self, audit: str) -> Progress | None:
        """The newest progress of an audit."""
        return self._progress.get(audit)

    @property
    def watched(self) -> bool:
        """Whether anybody watches anything."""
        return any(self._watchers.values())

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
