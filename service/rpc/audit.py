# ruff: noqa: N802 - rpc methods are named by the proto
"""AuditService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from google.longrunning import operations_pb2  # pyright: ignore[reportMissingTypeStubs] - untyped
from google.protobuf.empty_pb2 import Empty

from assay.v1 import audit_service_pb2 as pb
from assay.v1.audit_service_pb2_grpc import AuditServiceServicer
from service.rpc.draining import until
from service.rpc.handlers import Context
from service.rpc.ports import Audits, Works
from service.wire import audits as wire
from service.wire.events import event_to_pb, watch_request_from_pb
from service.wire.fields import checked_name
from service.wire.lists import delete_request_from_pb, get_request_from_pb
from service.wire.operations import operation_to_pb


class AuditsAndWorks(Audits, Works, Protocol):
    """Audits, and how work on them is cancelled."""


class AuditServicer(AuditServiceServicer):
    """One model, one evaluation set, one plan."""

    def __init__(self, api: AuditsAndWorks, draining: asyncio.Event) -> None:
        self._api = api
        self._draining = draining

    async def CreateAudit(
        self, request: pb.CreateAuditRequest, context: Context
    ) -> operations_pb2.Operation:
        """Plan an audit and queue it."""
        return operation_to_pb(await self._api.create_audit(wire.new_audit_from_pb(request)))

    async def GetAudit(self, request: pb.GetAuditRequest, context: Context) -> pb.Audit:
        """An audit as it stands."""
        return wire.audit_to_pb(await self._api.audit(get_request_from_pb(request, "audits")))

    async def ListAudits(
        self, request: pb.ListAuditsRequest, context: Context
    ) -> pb.ListAuditsResponse:
        """A page of audits."""
        query = wire.audits_query_from_pb(request)
        return wire.audits_to_pb(await self._api.audits(query), query)

    async def SetBaseline(self, request: pb.SetBaselineRequest, context: Context) -> pb.Audit:
        """Make an audit the baseline of its subject, or withdraw it."""
        name = checked_name(request.name, "audits")
        return wire.audit_to_pb(await self._api.set_baseline(name, withdraw=request.withdraw))

    async def CancelAudit(self, request: pb.CancelAuditRequest, context: Context) -> pb.Audit:
        """Ask an audit to end."""
        name, request_id = delete_request_from_pb(request, "audits")
        await self._api.cancel(name, request_id)
        return wire.audit_to_pb(await self._api.audit(name))

    async def DeleteAudit(self, request: pb.DeleteAuditRequest, context: Context) -> Empty:
        """Remove an audit that has ended."""
        await self._api.delete_audit(*delete_request_from_pb(request, "audits"))
        return Empty()

    async def WatchAudit(
        self, request: pb.WatchAuditRequest, context: Context
    ) -> AsyncGenerator[pb.AuditEvent, None]:
        """What happened and what happens."""
        name, after = watch_request_from_pb(request)
        async with aclosing(until(self._draining, self._api.watch(name, after))) as events:
            async for event in events:
                yield event_to_pb(event)
