"""Long-running operations: views over resources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from google.longrunning import operations_pb2  # pyright: ignore[reportMissingTypeStubs] - untyped
from google.protobuf.any_pb2 import Any as AnyMessage

from assay.v1 import audit_service_pb2, common_pb2, eval_set_service_pb2, model_service_pb2
from service.errors import Code
from service.rpc import names
from service.rpc.pages import seal, unseal
from service.rpc.ports import (
    FINAL_STATES,
    AuditView,
    EvalSetView,
    Limits,
    ListQuery,
    ModelView,
    OperationView,
    Page,
    Problem,
    ResourceView,
    State,
)
from service.wire.audits import audit_from_pb, audit_to_pb
from service.wire.eval_sets import eval_set_from_pb, eval_set_to_pb
from service.wire.fields import checked_whole, invalid
from service.wire.lists import PAGE_SIZE
from service.wire.models import model_from_pb, model_to_pb
from service.wire.parts import progress_from_pb, progress_to_pb
from service.wire.problems import problem_if_set, problem_to_pb
from service.wire.structures import time_to_pb
from service.wire.words import STATES


def operation_to_pb(view: ResourceView) -> operations_pb2.Operation:
    """An operation: a view over the resource that it makes."""
    progress = view.progress if isinstance(view, AuditView) else None
    state: State = view.state if view.name else "succeeded"
    metadata = common_pb2.OperationMetadata(
        target=view.name,
        state=STATES.to_pb(state),
        progress=progress and progress_to_pb(progress),
        create_time=time_to_pb(view.created),
        end_time=time_to_pb(view.ended),
    )
    operation = operations_pb2.Operation(done=state in FINAL_STATES)
    operation.name = names.operation_name(view.name) if view.name else ""
    operation.metadata.Pack(metadata)
    if state == "succeeded":
        operation.response.Pack(_RESOURCE_TO_PB[type(view)](view))
    elif operation.done:
        operation.error.CopyFrom(problem_to_pb(view.problem or _unexplained(state)))
    return operation


def operation_from_pb(message: operations_pb2.Operation) -> OperationView[ResourceView]:
    """An operation with the resource that it made, when it did."""
    metadata = common_pb2.OperationMetadata()
    if not message.metadata.Unpack(metadata):
        raise invalid("metadata", "is not of this API")
    has_progress = metadata.HasField("progress")
    return OperationView(
        name=message.name,
        target=metadata.target,
        state=STATES.from_pb(metadata.state, "metadata.state"),
        progress=progress_from_pb(metadata.progress) if has_progress else None,
        result=_resource_from_any(message.response) if message.HasField("response") else None,
        problem=problem_if_set(message),
    )


def operations_query_from_pb(
    request: operations_pb2.ListOperationsRequest,
) -> tuple[names.Collection, ListQuery]:
    """Which resources stand behind a page of operations: audits first, then what they stand on."""
    if request.filter:
        raise invalid("filter", "is set, but operations have no filters; list the resources")
    parent = request.name.removesuffix("/operations")
    limit = checked_whole(request.page_size, "page_size") or PAGE_SIZE
    query = ListQuery(names.project_of(parent, "name"), min(limit, Limits().max_page))
    place = unseal(request.page_token, "operations", query) or f"{_LISTED[0]}:"
    collection, _, after = place.partition(":")
    return next(name for name in _LISTED if name == collection), replace(query, after=after)


def operations_to_pb(
    page: Page[ResourceView], collection: names.Collection, query: ListQuery
) -> operations_pb2.ListOperationsResponse:
    """A page of operations; one collection's end leads over to the next one's beginning."""
    following = _LISTED[_LISTED.index(collection) + 1 :]
    place = f"{collection}:{page.after}" if page.after else "".join(f"{n}:" for n in following[:1])
    return operations_pb2.ListOperationsResponse(
        operations=[operation_to_pb(view) for view in page.items],
        next_page_token=seal(place, "operations", query),
    )


def _unexplained(state: State) -> Problem:
    if state == "cancelled":
        return Problem(Code.CANCELLED.value, "The work was cancelled.", "Ask for it again.")
    return Problem(Code.INTERNAL.value, "The work failed.", "Look into the service's log.")


def _resource_from_any(message: AnyMessage) -> ResourceView:
    for empty, from_pb in _RESOURCE_FROM_PB:
        body = empty()
        if message.Unpack(body):
            return from_pb(body)
    raise invalid("response", "is no model, evaluation set or audit")


_LISTED: tuple[names.Collection, ...] = ("audits", "models", "evalSets")

_RESOURCE_TO_PB: dict[type[ResourceView], Callable[[Any], Any]] = {
    ModelView: model_to_pb,
    EvalSetView: eval_set_to_pb,
    AuditView: audit_to_pb,
}
_RESOURCE_FROM_PB: tuple[tuple[Callable[[], Any], Callable[[Any], ResourceView]], ...] = (
    (model_service_pb2.Model, model_from_pb),
    (eval_set_service_pb2.EvalSet, eval_set_from_pb),
    (audit_service_pb2.Audit, audit_from_pb),
)
