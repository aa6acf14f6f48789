"""What the pages show, in the words of ``service.http.ports``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from prometheus_client import CollectorRegistry

from analyzers.contract import Json
from service.api.parts import Parts
from service.api.whole import ServiceApi
from service.audit_case import versions
from service.errors import AssayError, Code
from service.rpc.ports import AuditQuery, AuditView
from service.views import resource_name

PROJECT = "local"


class Pages:
    """Implements ``service.http.ports.HttpPort`` for one project."""

    def __init__(self, parts: Parts, api: ServiceApi, registry: CollectorRegistry) -> None:
        """Read through the same api that clients use."""
        self._parts = parts
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

    async def audits(self, limit: int) -> Sequence[Mapping[str, Json]]:
        """The newest audits first."""
        page = await self._api.audits(AuditQuery(PROJECT, limit))
        return [_page(one) for one in page.items]

    async def audit(self, audit_id: str) -> Mapping[str, Json] | None:
        """One audit as it stands, or None."""
        try:
            return _page(await self._api.audit(resource_name(PROJECT, "audits", audit_id)))
        except AssayError as error:
            if error.code in (Code.NOT_FOUND, Code.NAME_INVALID):
                return None
            raise

    async def report_html(self, audit_id: str) -> bytes | None:
        """The report of a finished audit, or None."""
        kept = await self._parts.catalogue.report(PROJECT, audit_id)
        return await self._parts.blobs.read_bytes(kept.html_digest) if kept else None

    async def evidence_json(self, audit_id: str) -> bytes | None:
        """The evidence of a finished audit, or None."""
        kept = await self._parts.catalogue.report(PROJECT, audit_id)
        return await self._parts.blobs.read_bytes(kept.evidence_digest) if kept else None


def _page(view: AuditView) -> dict[str, Json]:
    body: dict[str, Json] = {
        "id": view.name.rpartition("/")[2],
        "state": view.state,
        "created": view.created.isoformat(),
        "verdict": view.verdict,
        "model": view.model,
        "data": view.eval_set,
        "brackets": [asdict(one) for one in view.brackets],
    }
    if view.progress is not None:
        body["progress"] = asdict(view.progress)
    if view.problem is not None:
        body["problem"] = asdict(view.problem)
    return body
