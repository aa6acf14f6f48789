"""Calls as a client makes them: the channel, its retries, and what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import grpc
from google.longrunning import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    operations_pb2,
    operations_pb2_grpc,
)
from google.protobuf.empty_pb2 import Empty
from grpc_status import rpc_status

from service.errors import AssayError, Code
from service.rpc.ports import Limits
from service.wire.problems import problem_from_pb

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

# Reads, and writes that carry a request id, may be sent again; an upload is resumed instead.
_REPEATABLE: list[dict[str, str]] = [
    {"service": "assay.v1.AuditService"},
    {"service": "assay.v1.BlobService", "method": "FindMissingBlobs"},
    {"service": "assay.v1.BlobService", "method": "QueryWriteStatus"},
    {"service": "assay.v1.BlobService", "method": "ReadBlob"},
    {"service": "assay.v1.CapabilitiesService"},
    {"service": "assay.v1.EvalSetService"},
    {"service": "assay.v1.GateService"},
    {"service": "assay.v1.ModelService"},
    {"service": "assay.v1.ReportService"},
    {"service": "google.longrunning.Operations"},
]
SERVICE_CONFIG: Mapping[str, Any] = {
    "methodConfig": [
        {
            "name": _REPEATABLE,
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "3s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}
OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", Limits().max_message),
    ("grpc.max_send_message_length", Limits().max_message),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)

_NO_ANSWER = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


def open_channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    """A channel to ``host:port`` or ``unix:path``; nothing is sent yet."""
    if credentials is None:
        return grpc.insecure_channel(address, OPTIONS)
    return grpc.secure_channel(address, credentials, OPTIONS)


@contextmanager
def told(address: str) -> Generator[None]:
    """What goes wrong inside comes out as an AssayError."""
    try:
        yield
    except grpc.RpcError as error:
        raise meaning(error, address) from None


def told_each(address: str, answers: grpc.CallIterator[T]) -> Generator[T]:
    """Answers of a stream, whose end may be an AssayError; leaving early ends the stream."""
    try:
        with told(address):
            yield from answers
    finally:
        answers.cancel()  # pyright: ignore[reportUnknownMemberType] - open stubs


def meaning(error: grpc.RpcError, address: str) -> AssayError:
    """What the service said, or what its silence means."""
    if not isinstance(error, grpc.Call):
        return AssayError(Code.INTERNAL, "The call failed.", "Try again.")
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # details that are none, from something that is no server of ours
        status = None
    problem = problem_from_pb(status) if status is not None else None
    return problem.as_error() if problem else _silence(error, address)


def _silence(call: grpc.Call, address: str) -> AssayError:
    code, text = call.code(), call.details() or ""
    if code in _NO_ANSWER:
        return AssayError(
            Code.UNREACHABLE,
            f"No answer from {address}.",
            "See that the service runs there (`assay serve`) and that the address is right.",
        )
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        return AssayError(
            Code.REQUEST_INVALID,
            f"The message is larger than the {Limits().max_message >> 20} MiB that one may have.",
            "Send less at once; files go through an upload.",
        )
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return AssayError(Code.UNREACHABLE, f"{address} has no room.", "Try again in a while.")
    if code is grpc.StatusCode.CANCELLED:
        return AssayError(Code.CANCELLED, "The call was cancelled.", "Ask again.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return AssayError(
            Code.REQUEST_INVALID,
            f"The service at {address} does not know this call.",
            "Use a client and a service of the same version.",
        )
    return AssayError(
        Code.INTERNAL, f"The service at {address} failed.", "Look into the service's log."
    )


class OperationsStub(Protocol):
    """The calls of google.longrunning that clients make, with the types its stubs lack."""

    def GetOperation(  # noqa: N802 - the proto's name
        self, request: operations_pb2.GetOperationRequest, timeout: float
    ) -> operations_pb2.Operation:
        """An operation as it stands."""
        ...

    def WaitOperation(  # noqa: N802 - the proto's name
        self, request: operations_pb2.WaitOperationRequest, timeout: float
    ) -> operations_pb2.Operation:
        """An operation, once it is done."""
        ...

    def CancelOperation(  # noqa: N802 - the proto's name
        self, request: operations_pb2.CancelOperationRequest, timeout: float
    ) -> Empty:
        """Ask the work to end."""
        ...


def operations_stub(channel: grpc.Channel) -> OperationsStub:
    """Calls to the service of google.longrunning."""
    return cast("Any", operations_pb2_grpc).OperationsStub(channel)
