"""Errors leave through one gate: a status, a reason, and nothing internal."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    error_details_pb2,
    status_pb2,
)
from grpc_status import rpc_status

from assay.v1 import model_service_pb2 as pb
from assay.v1.blob_service_pb2 import ReadBlobRequest, WriteBlobRequest
from assay.v1.blob_service_pb2_grpc import BlobServiceStub
from assay.v1.model_service_pb2_grpc import ModelServiceStub
from service.client import Client
from service.errors import AssayError, Code, Kind, kind_of
from support.rpc_server import Served

SECRET = "hunter2"
REQUEST = pb.GetModelRequest(name="projects/local/models/m")
STATUS = {
    Kind.USAGE: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNUSABLE: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.CONFLICT: grpc.StatusCode.ABORTED,
    Kind.INTEGRITY: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.BUSY: grpc.StatusCode.UNAVAILABLE,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
    Kind.CANCELLED: grpc.StatusCode.CANCELLED,
}


@pytest.fixture
def channel(served: Served) -> Iterator[grpc.Channel]:
    """A channel without retries, so that each error arrives once."""
    with grpc.insecure_channel(served.address, [("grpc.enable_retries", 0)]) as bare:
        yield bare


def failed_call(channel: grpc.Channel) -> grpc.Call:
    """A call that ends badly, as gRPC itself shows it."""
    with pytest.raises(grpc.RpcError) as failed:
        ModelServiceStub(channel).GetModel(REQUEST)
    assert isinstance(failed.value, grpc.Call)
    return failed.value


def everything(call: grpc.Call) -> str:
    """All that reached the client, as one text."""
    return f"{call.code()} {call.details()} {call.initial_metadata()} {call.trailing_metadata()}"


def status_of(call: grpc.Call) -> status_pb2.Status:
    """The status with its details."""
    status = rpc_status.from_call(call)
    assert status is not None
    return status


@pytest.mark.parametrize("code", Code)
def test_every_code_has_the_status_of_its_kind(
    served: Served, channel: grpc.Channel, code: Code
) -> None:
    """Status, reason, domain and details arrive for each code there is."""
    served.api.plant = AssayError(code, "It cannot be.", "Do otherwise.", node="conv_3")
    call = failed_call(channel)
    assert call.code() is STATUS[kind_of(code)]
    assert call.details() == "It cannot be. Do otherwise."
    info = error_details_pb2.ErrorInfo()
    assert status_of(call).details[0].Unpack(info)
    assert (info.reason, info.domain) == (code.value, "assay")
    assert info.metadata["node"] == "conv_3"


@pytest.mark.parametrize("code", [next(c for c in Code if kind_of(c) is kind) for kind in Kind])
def test_the_client_raises_what_the_service_raised(
    served: Served, client: Client, code: Code
) -> None:
    """Code, sentence, remedy and details come back as they were, for every kind."""
    planted = AssayError(code, "It cannot be.", "Do otherwise.", node="conv_3")
    served.api.plant = planted
    with pytest.raises(AssayError) as raised:
        client.model("projects/local/models/m")
    assert raised.value.as_json() == planted.as_json()
    assert raised.value.exit is planted.exit


def calls(channel: grpc.Channel) -> dict[str, Callable[[], object]]:
    """One call of each shape that the API has."""
    blobs = BlobServiceStub(channel)
    name = f"projects/local/blobs/{'0' * 64}"
    upload = f"projects/local/uploads/0b54f0a4-34b2-4d2a-9c5e-0d1f0a0c0b0a/blobs/{'0' * 64}/5"
    first = WriteBlobRequest(resource_name=upload, data=b"abc")
    return {
        "unary": lambda: ModelServiceStub(channel).GetModel(REQUEST),
        "server stream": lambda: list(blobs.ReadBlob(ReadBlobRequest(name=name))),
        "client stream": lambda: blobs.WriteBlob(iter([first])),
    }


@pytest.mark.parametrize("shape", ["unary", "server stream", "client stream"])
def test_an_unknown_error_tells_nothing_of_itself(
    served: Served, channel: grpc.Channel, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A password in an exception stays in the log, where the incident's number finds it."""
    served.api.plant = RuntimeError(f"cannot log in as root with {SECRET} at /var/lib/assay")
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.RpcError) as failed:
        calls(channel)[shape]()
    call = failed.value
    assert isinstance(call, grpc.Call)
    assert call.code() is grpc.StatusCode.INTERNAL
    told = everything(call)
    assert SECRET not in told
    assert "/var/lib" not in told
    assert "RuntimeError" not in told
    info = error_details_pb2.ErrorInfo()
    assert status_of(call).details[0].Unpack(info)
    assert f"incident {info.metadata['incident']}" in caplog.text
    assert SECRET in caplog.text


async def test_without_the_guard_the_secret_leaks() -> None:
    """The control: a bare server hands the exception's text to whoever called."""

    async def broken(request: bytes, context: object) -> bytes:
        raise RuntimeError(SECRET)

    bare: Any = grpc  # the stubs leave handlers open
    handlers = {"Do": bare.unary_unary_rpc_method_handler(broken)}
    server = bare.aio.server()
    server.add_generic_rpc_handlers((bare.method_handlers_generic_handler("bare.Bare", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with bare.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary("/bare.Bare/Do")(b"")
    await server.stop(0)
    assert SECRET in str(failed.value.details())


def test_an_error_that_would_not_fit_into_trailers_is_cut(
    served: Served, channel: grpc.Channel
) -> None:
    """Trailers have a limit; a long error loses its details but neither code nor reason."""
    served.api.plant = AssayError(Code.NOT_FOUND, "x" * 20_000, "Look.", path="y" * 20_000)
    call = failed_call(channel)
    assert call.code() is grpc.StatusCode.NOT_FOUND
    info = error_details_pb2.ErrorInfo()
    assert status_of(call).details[0].Unpack(info)
    assert info.reason == "NOT_FOUND"
    assert call.details() == f"{'x' * 500} Look."


def test_an_error_in_the_middle_of_a_stream_arrives(served: Served, client: Client) -> None:
    """What came before the error stays; the error ends the stream with its reason."""
    served.api.blobs["local", "0" * 64] = bytes(3 << 20)
    served.api.break_reads_at = 2
    received: list[bytes] = []
    with pytest.raises(AssayError) as failed:
        received.extend(client.read_blob("0" * 64))
    assert failed.value.code is Code.STORE_UNAVAILABLE
    assert sum(map(len, received)) == 2 << 20
