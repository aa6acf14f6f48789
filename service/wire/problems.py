"""Errors as statuses with a reason that machines can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    code_pb2,
    error_details_pb2,
    status_pb2,
)

from service.errors import Code, Kind
from service.rpc.ports import Problem

DOMAIN = "assay"
RETRY_AFTER_S = 1

STATUS_OF: Mapping[Kind, int] = {
    Kind.USAGE: code_pb2.INVALID_ARGUMENT,
    Kind.UNUSABLE: code_pb2.FAILED_PRECONDITION,
    Kind.NOT_FOUND: code_pb2.NOT_FOUND,
    Kind.CONFLICT: code_pb2.ABORTED,
    Kind.INTEGRITY: code_pb2.FAILED_PRECONDITION,
    Kind.BUSY: code_pb2.UNAVAILABLE,
    Kind.INTERNAL: code_pb2.INTERNAL,
    Kind.CANCELLED: code_pb2.CANCELLED,
}


def problem_to_pb(problem: Problem) -> status_pb2.Status:
    """A status with its reason, and with what generic clients act on."""
    kind = problem.as_error().kind
    status = status_pb2.Status(
        code=STATUS_OF[kind], message=f"{problem.sentence} {problem.remedy}".strip()
    )
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason=problem.code,
            domain=DOMAIN,
            metadata={**problem.details, "remedy": problem.remedy},
        )
    )
    if kind is Kind.BUSY:
        delay = Duration(seconds=RETRY_AFTER_S)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if "field" in problem.details:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=problem.details["field"], description=problem.sentence, reason=problem.code
        )
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return status


def problem_from_pb(status: status_pb2.Status) -> Problem | None:
    """What the service said; None when the status is not the service's own."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            details = dict(info.metadata)
            remedy = details.pop("remedy", "")
            sentence = status.message.removesuffix(remedy).strip()
            return Problem(info.reason, sentence, remedy, details)
    return None


def problem_if_set(message: Any) -> Problem | None:  # noqa: ANN401 - any message with an error
    """Why a resource or an operation failed, if it did."""
    if not message.HasField("error"):
        return None
    unnamed = Problem(Code.INTERNAL.value, message.error.message, "")
    return problem_from_pb(message.error) or unnamed
