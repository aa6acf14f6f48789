"""What every list has in common."""

from __future__ import annotations

from assay.v1 import audit_service_pb2, eval_set_service_pb2, model_service_pb2
from service.rpc import names
from service.rpc.ports import Limits, ListQuery
from service.wire.fields import checked_name, checked_request_id, checked_whole

PAGE_SIZE = 50


def query_from_pb(
    request: model_service_pb2.ListModelsRequest
    | eval_set_service_pb2.ListEvalSetsRequest
    | audit_service_pb2.ListAuditsRequest,
) -> ListQuery:
    """Project and size of a page; its place is still sealed in the token."""
    limit = checked_whole(request.page_size, "page_size") or PAGE_SIZE
    return ListQuery(names.project_of(request.parent), min(limit, Limits().max_page))


def delete_request_from_pb(
    request: model_service_pb2.DeleteModelRequest
    | eval_set_service_pb2.DeleteEvalSetRequest
    | audit_service_pb2.DeleteAuditRequest
    | audit_service_pb2.CancelAuditRequest,
    collection: names.Collection,
) -> tuple[str, str]:
    """Name and request id of what is to end or to go."""
    return checked_name(request.name, collection), checked_request_id(request.request_id)


def get_request_from_pb(
    request: model_service_pb2.GetModelRequest
    | eval_set_service_pb2.GetEvalSetRequest
    | audit_service_pb2.GetAuditRequest,
    collection: names.Collection,
) -> str:
    """Name of what is asked for."""
    return checked_name(request.name, collection)
