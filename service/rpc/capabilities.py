# ruff: noqa: N802 - rpc methods are named by the proto
"""CapabilitiesService."""

from __future__ import annotations

from assay.v1 import capabilities_service_pb2 as pb
from assay.v1.capabilities_service_pb2_grpc import CapabilitiesServiceServicer
from service.rpc.handlers import Context
from service.rpc.ports import Abilities
from service.wire.capabilities import capabilities_to_pb


class CapabilitiesServicer(CapabilitiesServiceServicer):
    """What the server can do."""

    def __init__(self, api: Abilities) -> None:
        self._api = api

    async def GetCapabilities(
        self, request: pb.GetCapabilitiesRequest, context: Context
    ) -> pb.Capabilities:
        """Versions, limits, formats, analyzers and the machine."""
        return capabilities_to_pb(await self._api.capabilities())
