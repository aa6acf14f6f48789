"""Events of an audit."""

from __future__ import annotations

from assay.v1 import audit_service_pb2
from service.rpc.ports import Bracket, EventView, Finished, LogLine, Progress, StateChanged
from service.wire.fields import checked_name, checked_whole
from service.wire.parts import bracket_from_pb, bracket_to_pb, progress_from_pb, progress_to_pb
from service.wire.problems import problem_if_set, problem_to_pb
from service.wire.structures import time_from_pb, time_to_pb
from service.wire.words import LOG_LEVELS, STATES, VERDICTS


def watch_request_from_pb(request: audit_service_pb2.WatchAuditRequest) -> tuple[str, int]:
    """Which audit, and behind which event."""
    name = checked_name(request.name, "audits")
    return name, checked_whole(request.after_sequence, "after_sequence")


def _finished_to_pb(body: Finished) -> audit_service_pb2.Finished:
    return audit_service_pb2.Finished(
        state=STATES.to_pb(body.state),
        verdict=VERDICTS.to_pb(body.verdict),
        evidence_digest=body.evidence_digest,
        error=body.problem and problem_to_pb(body.problem),
    )


def _finished_from_pb(message: audit_service_pb2.Finished) -> Finished:
    return Finished(
        state=STATES.from_pb(message.state, "finished.state"),
        verdict=VERDICTS.if_set(message.verdict, "finished.verdict"),
        evidence_digest=message.evidence_digest,
        problem=problem_if_set(message),
    )


def event_to_pb(event: EventView) -> audit_service_pb2.AuditEvent:
    """Something that happened in an audit."""
    message = audit_service_pb2.AuditEvent(sequence=event.sequence, time=time_to_pb(event.time))
    match event.body:
        case StateChanged(state):
            message.state_change.state = STATES.to_pb(state)
        case Progress():
            message.progress.CopyFrom(progress_to_pb(event.body))
        case Bracket():
            message.bracket.CopyFrom(bracket_to_pb(event.body))
        case LogLine(level, text):
            message.log.level, message.log.text = LOG_LEVELS.to_pb(level), text
        case _:
            message.finished.CopyFrom(_finished_to_pb(event.body))
    return message


def event_from_pb(message: audit_service_pb2.AuditEvent) -> EventView | None:
    """Something that happened in an audit; None when this version does not know its kind."""
    match message.WhichOneof("body"):
        case "state_change":
            state = STATES.from_pb(message.state_change.state, "state_change.state")
            body = StateChanged(state)
        case "progress":
            body = progress_from_pb(message.progress)
        case "bracket":
            body = bracket_from_pb(message.bracket)
        case "log":
            body = LogLine(LOG_LEVELS.from_pb(message.log.level, "log.level"), message.log.text)
        case "finished":
            body = _finished_from_pb(message.finished)
        case _:
            return None
    return EventView(message.sequence, time_from_pb(message.time), body)
