"""Audits."""

from __future__ import annotations

from dataclasses import replace

from assay.v1 import audit_service_pb2
from service.rpc import names
from service.rpc.pages import seal, unseal
from service.rpc.ports import AuditQuery, AuditView, Estimate, NewAudit, Page
from service.wire.fields import (
    checked_duration,
    checked_name,
    checked_name_in,
    checked_policy,
    checked_request_id,
    checked_share,
    checked_text,
    checked_whole,
    duration_to_pb,
)
from service.wire.lists import query_from_pb
from service.wire.parts import (
    analyzer_spec_from_pb,
    analyzer_spec_to_pb,
    bracket_from_pb,
    bracket_to_pb,
    progress_from_pb,
    progress_to_pb,
)
from service.wire.problems import problem_if_set, problem_to_pb
from service.wire.structures import time_from_pb, time_to_pb
from service.wire.words import LOOKS, PROFILES, STATES, VERDICTS


def estimate_to_pb(estimate: Estimate) -> audit_service_pb2.Estimate:
    """What an audit would cost."""
    return audit_service_pb2.Estimate(
        units=estimate.units,
        images=estimate.images,
        seconds=estimate.seconds,
        forward_passes=estimate.forward,
        backward_passes=estimate.backward,
        stored_bytes=estimate.bytes,
        known_units=estimate.known,
    )


def estimate_from_pb(message: audit_service_pb2.Estimate) -> Estimate:
    """What an audit would cost."""
    return Estimate(
        message.units,
        message.images,
        message.seconds,
        forward=message.forward_passes,
        backward=message.backward_passes,
        bytes=message.stored_bytes,
        known=message.known_units,
    )


def new_audit_to_pb(request: NewAudit) -> audit_service_pb2.CreateAuditRequest:
    """A wish for an audit."""
    return audit_service_pb2.CreateAuditRequest(
        parent=names.parent_of(request.project),
        policy=request.policy,
        waivers=request.waivers,
        baseline_evidence=request.baseline_evidence,
        look=LOOKS.to_pb(request.look),
        expected_accuracy=request.expected_accuracy,
        skip_cache=request.skip_cache,
        evidence_only=request.evidence_only,
        validate_only=request.validate_only,
        request_id=request.request_id,
        deadline=duration_to_pb(request.deadline_seconds),
        audit=audit_service_pb2.Audit(
            model=request.model,
            eval_set=request.eval_set,
            profile=PROFILES.to_pb(request.profile),
            subject=request.subject,
            seed=request.seed,
            analyzers=[analyzer_spec_to_pb(spec) for spec in request.analyzers],
            baseline=request.baseline,
            cue_set=request.cue_set,
        ),
    )


def new_audit_from_pb(request: audit_service_pb2.CreateAuditRequest) -> NewAudit:
    """A wish for an audit; everything that it names lies in its own project."""
    audit, project = request.audit, names.project_of(request.parent)
    baseline, cues = audit.baseline, audit.cue_set
    look = LOOKS.if_set(request.look, "look")
    expected = checked_share(request.expected_accuracy, "expected_accuracy")
    return NewAudit(
        project=project,
        model=checked_name_in(project, audit.model, "models", field="audit.model"),
        eval_set=checked_name_in(project, audit.eval_set, "evalSets", field="audit.eval_set"),
        baseline=baseline and checked_name_in(project, baseline, "audits", field="audit.baseline"),
        cue_set=cues and checked_name_in(project, cues, "evalSets", field="audit.cue_set"),
        profile=PROFILES.if_set(audit.profile, "audit.profile"),
        subject=checked_text(audit.subject, "audit.subject"),
        seed=checked_whole(audit.seed, "audit.seed") if audit.HasField("seed") else None,
        analyzers=[analyzer_spec_from_pb(spec) for spec in audit.analyzers],
        look=look,
        policy=request.policy if audit.analyzers else checked_policy(request.policy),
        waivers=request.waivers,
        baseline_evidence=request.baseline_evidence,
        expected_accuracy=expected if request.HasField("expected_accuracy") else None,
        skip_cache=request.skip_cache,
        evidence_only=request.evidence_only,
        validate_only=request.validate_only,
        request_id=checked_request_id(request.request_id),
        deadline_seconds=checked_duration(request.deadline, "deadline")
        if request.HasField("deadline")
        else None,
    )


def audit_to_pb(view: AuditView) -> audit_service_pb2.Audit:
    """An audit as it stands."""
    return audit_service_pb2.Audit(
        name=view.name,
        model=view.model,
        eval_set=view.eval_set,
        profile=PROFILES.to_pb(view.profile),
        subject=view.subject,
        seed=view.seed,
        analyzers=[analyzer_spec_to_pb(spec) for spec in view.analyzers],
        baseline=view.baseline,
        cue_set=view.cue_set,
        state=STATES.to_pb(view.state),
        verdict=VERDICTS.to_pb(view.verdict),
        policy_digest=view.policy_digest,
        evidence_digest=view.evidence_digest,
        brackets=[bracket_to_pb(bracket) for bracket in view.brackets],
        progress=view.progress and progress_to_pb(view.progress),
        estimate=view.estimate and estimate_to_pb(view.estimate),
        error=view.problem and problem_to_pb(view.problem),
        sequence=view.sequence,
        baseline_time=time_to_pb(view.baseline_since),
        create_time=time_to_pb(view.created),
        start_time=time_to_pb(view.started),
        end_time=time_to_pb(view.ended),
    )


def audit_from_pb(message: audit_service_pb2.Audit) -> AuditView:
    """An audit as it stands."""
    return AuditView(
        name=message.name and checked_name(message.name, "audits"),
        model=message.model,
        eval_set=message.eval_set,
        profile=PROFILES.if_set(message.profile, "profile"),
        subject=message.subject,
        seed=message.seed,
        analyzers=[analyzer_spec_from_pb(spec) for spec in message.analyzers],
        baseline=message.baseline,
        cue_set=message.cue_set,
        state=STATES.from_pb(message.state, "state"),
        verdict=VERDICTS.if_set(message.verdict, "verdict"),
        policy_digest=message.policy_digest,
        evidence_digest=message.evidence_digest,
        brackets=[bracket_from_pb(bracket) for bracket in message.brackets],
        progress=progress_from_pb(message.progress) if message.HasField("progress") else None,
        estimate=estimate_from_pb(message.estimate) if message.HasField("estimate") else None,
        problem=problem_if_set(message),
        sequence=message.sequence,
        baseline_since=time_from_pb(message.baseline_time)
        if message.HasField("baseline_time")
        else None,
        created=time_from_pb(message.create_time),
        started=time_from_pb(message.start_time) if message.HasField("start_time") else None,
        ended=time_from_pb(message.end_time) if message.HasField("end_time") else None,
    )


def audits_query_to_pb(query: AuditQuery) -> audit_service_pb2.ListAuditsRequest:
    """A page asked for; ``after`` is the token of the page before."""
    return audit_service_pb2.ListAuditsRequest(
        parent=names.parent_of(query.project),
        page_size=query.limit,
        page_token=query.after,
        model=query.model,
        eval_set=query.eval_set,
        states=[STATES.to_pb(state) for state in query.states],
        verdicts=[VERDICTS.to_pb(verdict) for verdict in query.verdicts],
        baselines=query.baselines,
    )


def audits_query_from_pb(request: audit_service_pb2.ListAuditsRequest) -> AuditQuery:
    """A page asked for; ``after`` is the port's own cursor."""
    page = query_from_pb(request)
    query = AuditQuery(
        page.project,
        page.limit,
        model=request.model and checked_name(request.model, "models", "model"),
        eval_set=request.eval_set and checked_name(request.eval_set, "evalSets", "eval_set"),
        states=[STATES.from_pb(state, "states") for state in request.states],
        verdicts=[VERDICTS.from_pb(verdict, "verdicts") for verdict in request.verdicts],
        baselines=request.baselines,
    )
    return replace(query, after=unseal(request.page_token, "audits", query))


def audits_to_pb(page: Page[AuditView], query: AuditQuery) -> audit_service_pb2.ListAuditsResponse:
    """A page of audits."""
    return audit_service_pb2.ListAuditsResponse(
        audits=[audit_to_pb(view) for view in page.items],
        next_page_token=seal(page.after, "audits", query),
    )


def audits_from_pb(message: audit_service_pb2.ListAuditsResponse) -> Page[AuditView]:
    """A page of audits; ``after`` is a token."""
    return Page([audit_from_pb(audit) for audit in message.audits], message.next_page_token)
