"""A service behind the pages, with known audits and switches for everything that can go wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from analyzers.contract import Json
from service.observe import Metrics


@dataclass
class Shelf:
    """Two audits: ``done`` with a report, ``busy`` under way."""

    ready: dict[str, bool] = field(default_factory=lambda: {"store": True, "sandbox": True})
    error: Exception | None = None
    """Raised by every method."""
    asked: list[str] = field(default_factory=list[str])
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

    async def audits(self, limit: int) -> Sequence[Mapping[str, Json]]:
        """Both audits."""
        self._fail()
        return [{"id": "busy", "state": "running"}, {"id": "done", "state": "succeeded"}][:limit]

    async def audit(self, audit_id: str) -> Mapping[str, Json] | None:
        """One of the two."""
        self._fail()
        self.asked.append(audit_id)
        known = {one["id"]: one for one in await self.audits(10)}
        return known.get(audit_id)

    async def report_html(self, audit_id: str) -> bytes | None:
        """The report of the finished one."""
        self._fail()
        self.asked.append(audit_id)
        return b"<!doctype html><title>report</title>" if audit_id == "done" else None

    async def evidence_json(self, audit_id: str) -> bytes | None:
        """The evidence of the finished one."""
        self._fail()
        self.asked.append(audit_id)
        return b'{"facts":{}}' if audit_id == "done" else None
