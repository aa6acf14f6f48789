"""Reports."""

from __future__ import annotations

from assay.v1 import common_pb2, report_service_pb2
from service.rpc.ports import Artifact, Limits, ReportQuery, ReportView
from service.wire.blobs import file_from_pb, file_to_pb
from service.wire.fields import checked_name, checked_text, checked_whole
from service.wire.measurements import measurement_from_pb, measurement_to_pb
from service.wire.words import VERDICTS


def artifact_to_pb(artifact: Artifact) -> common_pb2.Artifact:
    """A file that an audit left behind."""
    return common_pb2.Artifact(
        name=artifact.name,
        media_type=artifact.media_type,
        file=file_to_pb(artifact.file),
        data=artifact.data,
    )


def artifact_from_pb(message: common_pb2.Artifact) -> Artifact:
    """A file that an audit left behind."""
    return Artifact(
        message.name,
        message.media_type,
        file_from_pb(message.file, "file"),
        message.data if message.HasField("data") else None,
    )


def report_query_to_pb(query: ReportQuery) -> report_service_pb2.GetReportRequest:
    """Which report."""
    return report_service_pb2.GetReportRequest(
        audit=query.audit,
        artifacts=query.artifacts,
        inline_limit_bytes=query.inline_limit,
        include_measurements=query.measurements,
    )


def report_query_from_pb(request: report_service_pb2.GetReportRequest) -> ReportQuery:
    """Which report."""
    asked = checked_whole(request.inline_limit_bytes, "inline_limit_bytes")
    given = request.HasField("inline_limit_bytes")
    return ReportQuery(
        audit=checked_name(request.audit, "audits", "audit"),
        artifacts=[checked_text(name, "artifacts") for name in request.artifacts],
        inline_limit=min(asked, Limits().max_inline) if given else ReportQuery.inline_limit,
        measurements=request.include_measurements,
    )


def report_to_pb(view: ReportView) -> report_service_pb2.Report:
    """What an audit found."""
    return report_service_pb2.Report(
        audit=view.audit,
        verdict=VERDICTS.to_pb(view.verdict),
        sentence=view.sentence,
        artifacts=[artifact_to_pb(artifact) for artifact in view.artifacts],
        measurements=[measurement_to_pb(taken) for taken in view.measurements],
    )


def report_from_pb(message: report_service_pb2.Report) -> ReportView:
    """What an audit found."""
    return ReportView(
        audit=message.audit,
        verdict=VERDICTS.if_set(message.verdict, "verdict"),
        sentence=message.sentence,
        artifacts=[artifact_from_pb(artifact) for artifact in message.artifacts],
        measurements=[measurement_from_pb(taken) for taken in message.measurements],
    )
