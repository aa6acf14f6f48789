# ruff: noqa: N802 - rpc methods are named by the proto
"""GateService."""

from __future__ import annotations

from assay.v1 import gate_service_pb2 as pb
from assay.v1.gate_service_pb2_grpc import GateServiceServicer
from service.rpc.handlers import Context
from service.rpc.ports import Gate
from service.wire import gate as wire


class GateServicer(GateServiceServicer):
    """Evidence and policy in, verdict out."""

    def __init__(self, api: Gate) -> None:
        self._api = api

    async def EvaluateGate(
        self, request: pb.EvaluateGateRequest, context: Context
    ) -> pb.EvaluateGateResponse:
        """Judge evidence."""
        view = await self._api.evaluate_gate(wire.gate_query_from_pb(request))
        return wire.gate_view_to_pb(view)
