# ruff: noqa: N802 - rpc methods are named by the proto
"""EvalSetService."""

from __future__ import annotations

from google.longrunning import operations_pb2  # pyright: ignore[reportMissingTypeStubs] - untyped
from google.protobuf.empty_pb2 import Empty

from assay.v1 import eval_set_service_pb2 as pb
from assay.v1.eval_set_service_pb2_grpc import EvalSetServiceServicer
from service.rpc.handlers import Context
from service.rpc.ports import EvalSets
from service.wire import eval_sets as wire
from service.wire.lists import delete_request_from_pb, get_request_from_pb
from service.wire.operations import operation_to_pb


class EvalSetServicer(EvalSetServiceServicer):
    """Images and labels."""

    def __init__(self, api: EvalSets) -> None:
        self._api = api

    async def CreateEvalSet(
        self, request: pb.CreateEvalSetRequest, context: Context
    ) -> operations_pb2.Operation:
        """Take images and labels in."""
        return operation_to_pb(await self._api.create_eval_set(wire.new_eval_set_from_pb(request)))

    async def GetEvalSet(self, request: pb.GetEvalSetRequest, context: Context) -> pb.EvalSet:
        """An evaluation set as it stands."""
        name = get_request_from_pb(request, "evalSets")
        return wire.eval_set_to_pb(await self._api.eval_set(name))

    async def ListEvalSets(
        self, request: pb.ListEvalSetsRequest, context: Context
    ) -> pb.ListEvalSetsResponse:
        """A page of evaluation sets."""
        query = wire.eval_sets_query_from_pb(request)
        return wire.eval_sets_to_pb(await self._api.eval_sets(query), query)

    async def DeleteEvalSet(self, request: pb.DeleteEvalSetRequest, context: Context) -> Empty:
        """Remove an evaluation set."""
        await self._api.delete_eval_set(*delete_request_from_pb(request, "evalSets"))
        return Empty()
