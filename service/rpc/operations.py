# ruff: noqa: N802 - rpc methods are named by the proto
"""google.longrunning.Operations: views over the rows of models, evaluation sets and audits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from google.longrunning import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    operations_pb2 as pb,
)
from google.longrunning.operations_pb2_grpc import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    OperationsServicer as GoogleServicer,
)
from google.protobuf.empty_pb2 import Empty

from service.rpc.draining import unless
from service.rpc.handlers import Context
from service.rpc.names import Collection, resource_of
from service.rpc.ports import Api, AuditQuery, ListQuery, Page, ResourceView
from service.wire.operations import operation_to_pb, operations_query_from_pb, operations_to_pb

MOST_WAIT_S = 60.0


class OperationsServicer(GoogleServicer):
    """An operation lives exactly as long as the resource that it makes."""

    def __init__(self, api: Api, draining: asyncio.Event) -> None:
        self._api = api
        self._draining = draining
        self._one: Mapping[Collection, Callable[[str], Awaitable[ResourceView]]] = {
            "models": api.model,
            "evalSets": api.eval_set,
            "audits": api.audit,
        }
        self._many: Mapping[Collection, Callable[[ListQuery], Awaitable[Page[ResourceView]]]] = {
            "models": api.models,
            "evalSets": api.eval_sets,
            "audits": lambda query: api.audits(AuditQuery(query.project, query.limit, query.after)),
        }

    async def GetOperation(self, request: pb.GetOperationRequest, context: Context) -> pb.Operation:
        """An operation as it stands."""
        name = resource_of(request.name)
        return operation_to_pb(await self._one[name.collection](str(name)))

    async def ListOperations(
        self, request: pb.ListOperationsRequest, context: Context
    ) -> pb.ListOperationsResponse:
        """A page of operations."""
        collection, query = operations_query_from_pb(request)
        return operations_to_pb(await self._many[collection](query), collection, query)

    async def WaitOperation(
        self, request: pb.WaitOperationRequest, context: Context
    ) -> pb.Operation:
        """The operation once it is done, or as it stands after the timeout or a minute."""
        name = str(resource_of(request.name))
        asked = request.timeout.ToTimedelta().total_seconds()
        timeout_s = min(asked, MOST_WAIT_S) if request.HasField("timeout") else MOST_WAIT_S
        return operation_to_pb(await unless(self._draining, self._api.wait(name, timeout_s)))

    async def CancelOperation(self, request: pb.CancelOperationRequest, context: Context) -> Empty:
        """Ask the work to end."""
        await self._api.cancel(str(resource_of(request.name)), "")
        return Empty()

    async def DeleteOperation(self, request: pb.DeleteOperationRequest, context: Context) -> Empty:
        """Take note that nobody waits any more; work and resource stay as they are."""
        name = resource_of(request.name)
        await self._one[name.collection](str(name))
        return Empty()
