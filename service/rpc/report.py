# ruff: noqa: N802 - rpc methods are named by the proto
"""ReportService."""

from __future__ import annotations

from assay.v1 import report_service_pb2 as pb
from assay.v1.report_service_pb2_grpc import ReportServiceServicer
from service.rpc.handlers import Context
from service.rpc.ports import Reports
from service.wire import reports as wire


class ReportServicer(ReportServiceServicer):
    """What audits found."""

    def __init__(self, api: Reports) -> None:
        self._api = api

    async def GetReport(self, request: pb.GetReportRequest, context: Context) -> pb.Report:
        """Evidence, verdict and pages of an audit."""
        return wire.report_to_pb(await self._api.report(wire.report_query_from_pb(request)))
