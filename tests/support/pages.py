"""A service behind the pages, with known audits and switches for everything that can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from analyzers.contract import Json
from service.http.ports import Listing, Search
from service.observe import Metrics


def _both() -> dict[str, dict[str, Json]]:
    return {
        "busy": {"id": "busy", "state": "running"},
        "done": {"id": "done", "state": "succeeded"},
    }


@dataclass
class Shelf:
    """Two audits: ``done`` with a report, ``busy`` under way."""

    known: dict[str, dict[str, Json]] = field(default_factory=_both)
    after: str = ""
    evidence: dict[str, bytes] = field(default_factory=lambda: {"done": b'{"facts":{}}'})
    releases: list[Mapping[str, Json]] = field(default_factory=list[Mapping[str, Json]])
    searches: list[Search] = field(default_factory=list[Search])
    followed: list[str] = field(default_factory=list[str])
    """Whose changes are listened for right now."""
    ready: dict[str, bool] = field(default_factory=lambda: {"store": True, "sandbox": True})
    error: Exception | None = None
    """Raised by every method."""
    asked: list[str] = field(default_factory=list[str])
    _bells: set[asyncio.Event] = field(default_factory=set[asyncio.Event])
    metrics: Metrics = field(
        default_factory=lambda: Metrics.register(
            CollectorRegistry(), version="0.1.0", sandbox_level=2, indicators=("zero_gradient",)
        )
    )

    @property
    def registry(self) -> CollectorRegistry:
        """The registry of the metrics."""
        return self.metrics.registry

    @property
    def version(self) -> Mapping[str, str]:
        """A version."""
        return {"assay": "0.1.0"}

    @property
    def sandbox_level(self) -> str:
        """A level."""
        return "L2"

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    async def readiness(self) -> Mapping[str, bool]:
        """The switches as they stand."""
        self._fail()
        return self.ready

    async def audits(self, search: Search) -> Listing:
        """Both audits, or what a test put there."""
        self._fail()
        self.searches.append(search)
        return Listing(list(self.known.values()), self.after)

    async def audit(self, audit_id: str) -> Mapping[str, Json] | None:
        """One of them."""
        self._fail()
        self.asked.append(audit_id)
        return self.known.get(audit_id)

    async def changes(self, audit_id: str) -> AsyncGenerator[None]:
        """At once, and then at every ``ring``."""
        self.followed.append(audit_id)
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            while True:
                yield
                await bell.wait()
                bell.clear()
        finally:
            self._bells.discard(bell)
            self.followed.remove(audit_id)

    def ring(self) -> None:
        """Something may have changed."""
        for bell in self._bells:
            bell.set()

    async def history(self, subject: str) -> Sequence[Mapping[str, Json]]:
        """What a test put there."""
        self._fail()
        self.asked.append(subject)
        return self.releases

    async def verdict(self, audit_id: str) -> Mapping[str, Json] | None:
        """The verdict of the finished one."""
        self._fail()
        self.asked.append(audit_id)
        return {} if audit_id in self.evidence else None

    async def report_html(self, audit_id: str) -> bytes | None:
        """The report of the finished one."""
        self._fail()
        self.asked.append(audit_id)
        return b"<!doctype html><title>report</title>" if audit_id == "done" else None

    async def evidence_json(self, audit_id: str) -> bytes | None:
        """The evidence of the finished one."""
        self._fail()
        self.asked.append(audit_id)
        return self.evidence.get(audit_id)
