"""Verdicts on demand."""

from __future__ import annotations

from datetime import date

from assay.v1 import gate_service_pb2
from service.rpc import names
from service.rpc.ports import GateQuery, GateView
from service.wire.fields import checked_name_in, checked_policy, invalid
from service.wire.words import VERDICTS


def gate_query_to_pb(query: GateQuery) -> gate_service_pb2.EvaluateGateRequest:
    """Evidence and a policy."""
    return gate_service_pb2.EvaluateGateRequest(
        parent=names.parent_of(query.project),
        audit=query.audit or None,
        evidence=query.evidence or None,
        policy=query.policy,
        baseline_audit=query.baseline or None,
        baseline_evidence=query.baseline_evidence or None,
        waivers=query.waivers,
        evaluation_date=query.date,
    )


def gate_query_from_pb(request: gate_service_pb2.EvaluateGateRequest) -> GateQuery:
    """Evidence and a policy."""
    project = names.project_of(request.parent)
    if not request.audit and not request.evidence:
        raise invalid("evidence_source", "names neither an audit nor evidence")
    audit, baseline = request.audit, request.baseline_audit
    return GateQuery(
        project=project,
        audit=audit and checked_name_in(project, audit, "audits", field="audit"),
        evidence=request.evidence,
        policy=checked_policy(request.policy),
        baseline=baseline and checked_name_in(project, baseline, "audits", field="baseline_audit"),
        baseline_evidence=request.baseline_evidence,
        waivers=request.waivers,
        date=_checked_date(request.evaluation_date),
    )


def _checked_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise invalid("evaluation_date", "is no day of the form YYYY-MM-DD") from None


def gate_view_to_pb(view: GateView) -> gate_service_pb2.EvaluateGateResponse:
    """A verdict."""
    return gate_service_pb2.EvaluateGateResponse(
        verdict=VERDICTS.to_pb(view.verdict),
        sentence=view.sentence,
        verdict_json=view.verdict_json,
        evidence_digest=view.evidence_digest,
        policy_digest=view.policy_digest,
    )


def gate_view_from_pb(message: gate_service_pb2.EvaluateGateResponse) -> GateView:
    """A verdict."""
    return GateView(
        verdict=VERDICTS.from_pb(message.verdict, "verdict"),
        sentence=message.sentence,
        verdict_json=message.verdict_json,
        evidence_digest=message.evidence_digest,
        policy_digest=message.policy_digest,
    )
