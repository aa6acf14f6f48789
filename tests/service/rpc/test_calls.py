"""What silence, refusals of the transport and foreign statuses mean to a user."""

import json
from typing import Any

import grpc
import pytest

from service.errors import AssayError, Code
from service.rpc.calls import OPTIONS, SERVICE_CONFIG, meaning, told
from service.rpc.server import SERVICES


class Ended(grpc.RpcError, grpc.Call):  # pyright: ignore[reportUntypedBaseClass] - open stubs
    """A call that ended like this, as gRPC's own errors look."""

    def __init__(self, code: grpc.StatusCode, details: str, trailers: Any = ()) -> None:  # noqa: ANN401 - metadata
        self._code, self._details, self._trailers = code, details, trailers

    def code(self) -> grpc.StatusCode:
        """Its status."""
        return self._code

    def details(self) -> str:
        """Its text."""
        return self._details

    def trailing_metadata(self) -> Any:  # noqa: ANN401 - metadata
        """What came with it."""
        return self._trailers


SILENCE = [
    (grpc.StatusCode.UNAVAILABLE, "connection refused", Code.UNREACHABLE),
    (grpc.StatusCode.DEADLINE_EXCEEDED, "", Code.UNREACHABLE),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!", Code.UNREACHABLE),
    (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Sent message larger than max (5 vs. 4)",
        Code.REQUEST_INVALID,
    ),
    (grpc.StatusCode.CANCELLED, "", Code.CANCELLED),
    (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", Code.REQUEST_INVALID),
    (grpc.StatusCode.UNKNOWN, "boom", Code.INTERNAL),
    (grpc.StatusCode.PERMISSION_DENIED, "proxy says no", Code.INTERNAL),
]


@pytest.mark.parametrize(("status", "text", "code"), SILENCE)
def test_a_status_without_a_reason_gets_one(status: grpc.StatusCode, text: str, code: Code) -> None:
    """Whatever ends a call, the user reads a sentence with the address or the cause in it."""
    error = meaning(Ended(status, text), "127.0.0.1:50551")
    assert error.code is code
    assert error.sentence
    assert error.remedy


def test_details_that_contradict_the_status_are_not_believed() -> None:
    """Trailers of something that is no server of ours do not become our reasons."""
    trailers = (("grpc-status-details-bin", b"\x08\x05"),)
    error = meaning(Ended(grpc.StatusCode.UNAVAILABLE, "", trailers), "here")
    assert error.code is Code.UNREACHABLE


def test_an_error_that_is_no_call_is_internal() -> None:
    """GRPC may raise a bare error; it becomes one of ours as well."""
    with pytest.raises(AssayError) as raised, told("here"):
        raise grpc.RpcError
    assert raised.value.code is Code.INTERNAL


def test_other_errors_pass_through() -> None:
    """A mistake in the caller's own code stays what it is."""
    with pytest.raises(KeyError), told("here"):
        raise KeyError


def test_only_what_may_be_repeated_is_repeated() -> None:
    """Every service is covered, only UNAVAILABLE is retried, and uploads never are."""
    (config,) = SERVICE_CONFIG["methodConfig"]
    named = {(entry["service"], entry.get("method")) for entry in config["name"]}
    assert {service for service, _ in named} == set(SERVICES)
    assert ("assay.v1.BlobService", "WriteBlob") not in named
    assert ("assay.v1.BlobService", None) not in named
    assert config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert json.loads(dict(OPTIONS)["grpc.service_config"]) == SERVICE_CONFIG
