"""What the pages show, in the words of ``service.http.ports``."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry

from analyzers.contract import Json
from service.api.parts import Parts
from service.api.whole import ServiceApi
from service.audit_case import versions
from service.errors import AssayError
from service.http.ports import Listing, Search
from service.rpc.ports import AuditView
from service.store.browsing import Browsing, Release, Seen, Sought
from service.views import AUDIT_STATES, audit_view, resource_name

PROJECT = "local"
LISTED: Final = 50
"""Audits of one page of the list."""
RELEASES: Final = 40
"""Audits of a model's history."""
LOOK_AGAIN: Final = 2.0
"""Seconds after which a page looks again though nobody told it to."""


class Pages:
    """Implements ``service.http.ports.HttpPort`` for one project."""

    def __init__(
        self, parts: Parts, api: ServiceApi, browsing: Browsing, registry: CollectorRegistry
    ) -> None:
        """Read, and change nothing."""
        self._parts = parts
        self._browsing = browsing
        self._api = api
        self._registry = registry

    @property
    def registry(self) -> CollectorRegistry:
        """Everything that is exported to Prometheus."""
        return self._registry

    @property
    def version(self) -> Mapping[str, str]:
        """What runs here."""
        return versions()

    @property
    def sandbox_level(self) -> str:
        """How tightly children are locked."""
        return f"L{self._parts.executor.sandbox_level}"

    async def readiness(self) -> Mapping[str, bool]:
        """The store answers, and the children's supervisor has loaded its engines."""
        try:
            await self._parts.catalogue.ping()
        except AssayError:
            stored = False
        else:
            stored = True
        return {"store": stored, "engines": bool(self._parts.executor.engine)}

    async def audits(self, search: Search) -> Listing:
        """The newest audits first."""
        states = [name for name, state in AUDIT_STATES.items() if state == search.state]
        sought = Sought(search.words, states, search.verdict)
        page = await self._browsing.audits(PROJECT, sought, LISTED, search.after)
        return Listing([self._listed(one) for one in page.items], page.next_token)

    async def audit(self, audit_id: str) -> Mapping[str, Json] | None:
        """One audit as it stands, or None."""
        seen = await self._browsing.audit(PROJECT, audit_id)
        if seen is None:
            return None
        view = await self._api.audit(resource_name(PROJECT, "audits", audit_id))
        return {**self._listed(seen), "brackets": [asdict(one) for one in view.brackets]}

    def changes(self, audit_id: str) -> AsyncGenerator[None]:
        """Whenever an audit, or any, may have changed."""
        return self._parts.live.rings(audit_id, LOOK_AGAIN)

    async def history(self, subject: str) -> Sequence[Mapping[str, Json]]:
        """Finished audits of a subject, oldest first."""
        return [_release(one) for one in await self._browsing.releases(PROJECT, subject, RELEASES)]

    async def verdict(self, audit_id: str) -> Mapping[str, Json] | None:
        """The verdict of a finished audit, or None."""
        kept = await self._parts.catalogue.report(PROJECT, audit_id)
        return (kept.verdict or {}) if kept else None

    def _listed(self, seen: Seen) -> dict[str, Json]:
        live, row = self._parts.live, seen.row
        body = _named(audit_view(row, progress=live.in_flight(row.id)), seen)
        way = live.way(row.id)
        body["stages"] = [asdict(one) for one in way.stages]
        left = way.left(time.monotonic())
        return body if left is None else {**body, "seconds_left": left}

    async def report_html(self, audit_id: str) -> bytes | None:
        """The report of a finished audit, or None."""
        kept = await self._parts.catalogue.report(PROJECT, audit_id)
        return await self._parts.blobs.read_bytes(kept.html_digest) if kept else None

    async def evidence_json(self, audit_id: str) -> bytes | None:
        """The evidence of a finished audit, or None."""
        kept = await self._parts.catalogue.report(PROJECT, audit_id)
        return await self._parts.blobs.read_bytes(kept.evidence_digest) if kept else None


def _named(view: AuditView, seen: Seen) -> dict[str, Json]:
    body: dict[str, Json] = {
        "id": view.name.rpartition("/")[2],
        "state": view.state,
        "created": view.created.isoformat(),
        "verdict": view.verdict,
        "profile": view.profile,
        "subject": view.subject or seen.model,
        "model": str(seen.row.options.get("file") or seen.model),
        "data": seen.data,
    }
    if view.progress is not None:
        body["progress"] = asdict(view.progress)
    if view.problem is not None:
        body["problem"] = asdict(view.problem)
    return body


def _release(one: Release) -> dict[str, Json]:
    row = one.seen.row
    verdict: Mapping[str, Json] = one.verdict or {}
    return {
        "id": row.id,
        "created": row.create_time.isoformat(),
        "verdict": row.verdict,
        "model": str(row.options.get("file") or one.seen.model),
        "model_digest": one.seen.file_digest,
        "model_id": row.model,
        "policy_digest": row.policy_digest,
        "data": one.seen.data,
        "data_id": row.eval_set,
        "brackets": [dict(bracket) for bracket in one.brackets],
        "requirements": verdict.get("requirements", []),
    }
