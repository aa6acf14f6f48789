# ruff: noqa: N802 - rpc methods are named by the proto
"""ModelService."""

from __future__ import annotations

from google.longrunning import operations_pb2  # pyright: ignore[reportMissingTypeStubs] - untyped
from google.protobuf.empty_pb2 import Empty

from assay.v1 import model_service_pb2 as pb
from assay.v1.model_service_pb2_grpc import ModelServiceServicer
from service.rpc.handlers import Context
from service.rpc.ports import Models
from service.wire import models as wire
from service.wire.lists import delete_request_from_pb, get_request_from_pb
from service.wire.operations import operation_to_pb


class ModelServicer(ModelServiceServicer):
    """Models under audit."""

    def __init__(self, api: Models) -> None:
        self._api = api

    async def CreateModel(
        self, request: pb.CreateModelRequest, context: Context
    ) -> operations_pb2.Operation:
        """Take a model in."""
        return operation_to_pb(await self._api.create_model(wire.new_model_from_pb(request)))

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.Model:
        """A model as it stands."""
        return wire.model_to_pb(await self._api.model(get_request_from_pb(request, "models")))

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        """A page of models."""
        query = wire.models_query_from_pb(request)
        return wire.models_to_pb(await self._api.models(query), query)

    async def DeleteModel(self, request: pb.DeleteModelRequest, context: Context) -> Empty:
        """Remove a model."""
        await self._api.delete_model(*delete_request_from_pb(request, "models"))
        return Empty()
