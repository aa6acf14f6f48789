"""Where the server listens, what it offers there, and how it ends."""

import asyncio
import shutil
import socket
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from prometheus_client import CollectorRegistry

from service.client import Client
from service.errors import AssayError, Code
from service.rpc.addresses import is_local, refuse_open_wildcard
from service.rpc.server import SERVICES, RpcServer
from support.memory_api import MemoryApi
from support.rpc_server import Served

WILDCARDS = ["0.0.0.0:0", "[::]:0", ":0", "0:0", "0x0:0", "0.0:0", "[::ffff:0.0.0.0]:0"]
ANOTHER_WAY_IN = "127.0.0.2"
"""Reaches a wildcard bind on Linux, but nothing that listens on 127.0.0.1 alone."""


def offer(address: str, **options: Any) -> RpcServer:  # noqa: ANN401 - the server's own
    """A server that is built but not started."""
    return RpcServer(MemoryApi(), address, registry=CollectorRegistry(), **options)


def reaches(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as attempt:
        attempt.settimeout(2)
        return attempt.connect_ex((host, port)) == 0


@pytest.mark.parametrize("address", WILDCARDS)
async def test_a_wildcard_without_credentials_is_refused(address: str) -> None:
    """Every spelling that opens the server to all networks is refused before it binds."""
    with pytest.raises(AssayError) as refused:
        offer(address)
    assert refused.value.code is Code.WILDCARD_REFUSED


async def test_without_the_guard_the_wildcard_is_open() -> None:
    """The control: gRPC itself binds it without a word, and other addresses reach it."""
    server = grpc.aio.server()  # pyright: ignore[reportUnknownMemberType] - open stubs
    port = server.add_insecure_port("0.0.0.0:0")
    await server.start()
    assert reaches(ANOTHER_WAY_IN, port)
    await server.stop(0)


async def test_loopback_is_reached_by_nobody_else() -> None:
    """On 127.0.0.1 the same other address finds nothing."""
    server = offer("127.0.0.1:0")
    await server.start()
    port = int(server.address.rpartition(":")[2])
    assert reaches("127.0.0.1", port)
    assert not reaches(ANOTHER_WAY_IN, port)
    await server.stop(0)


def test_a_wildcard_with_credentials_is_allowed() -> None:
    """Whoever brings a certificate may listen everywhere."""
    for address in WILDCARDS:
        refuse_open_wildcard(address, protected=True)


@pytest.mark.parametrize(
    "address",
    [
        "nowhere",
        "x" * 300 + ":1",  # longer than names may be, so nobody is asked
        "127.0.0.1",
        "127.0.0.1:x",
        "0.0.0.0:http",  # gRPC would bind port 80 on every address
        "::0",  # and 443 here
        "::",
        "unix-abstract:api",
        "",
    ],
)
def test_what_is_no_address_is_refused_in_words(address: str) -> None:
    """A slip in --listen is told as such."""
    with pytest.raises(AssayError, match="is no address"):
        refuse_open_wildcard(address, protected=False)


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("unix:/tmp/api", True),
        ("127.0.0.1:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("192.0.2.7:1", False),
        ("0.0.0.0:1", False),
    ],
)
def test_only_this_machine_counts_as_local(address: str, *, local: bool) -> None:
    """Reflection depends on it."""
    assert is_local(address) is local


async def test_a_taken_port_is_told_in_words() -> None:
    """Two servers never share a port, which would split callers between them."""
    server = offer("127.0.0.1:0")
    await server.start()
    with pytest.raises(AssayError, match="Nothing can listen on") as refused:
        offer(server.address)
    assert refused.value.code is Code.UNREACHABLE
    await server.stop(0)


def test_the_socket_is_its_owners_alone(served: Served) -> None:
    """Other users of the machine cannot connect, whatever the folder allows."""
    mode = Path(served.address.removeprefix("unix:")).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Key and certificate for localhost, made for this run."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    asked = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
        " -addext subjectAltName=DNS:localhost -keyout key -out certificate"
    )
    subprocess.run([openssl, *asked.split()], cwd=folder, check=True, capture_output=True)
    return (folder / "key").read_bytes(), (folder / "certificate").read_bytes()


async def test_credentials_close_the_port_to_others(certificate: tuple[bytes, bytes]) -> None:
    """With a certificate a plain client gets nowhere, one that trusts it gets through."""
    server = offer("localhost:0", credentials=grpc.ssl_server_credentials([certificate]))
    await server.start()

    def ask(credentials: grpc.ChannelCredentials | None) -> str:
        with Client(server.address, timeout_s=5, credentials=credentials) as client:
            return client.capabilities().version

    trust = grpc.ssl_channel_credentials(root_certificates=certificate[1])
    assert await asyncio.to_thread(ask, trust) == "0.1.0"
    with pytest.raises(AssayError) as refused:
        await asyncio.to_thread(ask, None)
    assert refused.value.code is Code.UNREACHABLE
    await server.stop(0)


def health(served: Served, service: str) -> int:
    """What a probe hears."""
    with grpc.insecure_channel(served.address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        return health_pb2_grpc.HealthStub(channel).Check(request).status


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_health_tells_of_the_whole_and_of_each_service(served: Served, service: str) -> None:
    """Serving after the start, not serving when told so."""
    assert health(served, service) == health_pb2.HealthCheckResponse.SERVING
    served.run(served.server.tell_health(serving=False))
    assert health(served, service) == health_pb2.HealthCheckResponse.NOT_SERVING


def listed(address: str) -> set[str]:
    """Services that reflection names."""
    with grpc.insecure_channel(address) as channel:
        return set(ProtoReflectionDescriptorDatabase(channel).get_services())


def test_reflection_names_every_service_on_a_local_address(served: Served) -> None:
    """A generic client finds its way without our protos."""
    assert set(SERVICES) <= listed(served.address)


async def test_reflection_is_off_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that others reach does not describe itself unless asked to."""

    def far(address: str) -> bool:
        return not address

    monkeypatch.setattr("service.rpc.server.is_local", far)
    for reflect in (False, True):
        server = offer("127.0.0.1:0", reflect=reflect)
        await server.start()
        if reflect:
            assert set(SERVICES) <= await asyncio.to_thread(listed, server.address)
        else:
            with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
                await asyncio.to_thread(listed, server.address)
        await server.stop(0)


def test_a_call_under_way_is_finished_before_the_end(served: Served, client: Client) -> None:
    """A stop waits, within its grace, for what it has begun."""
    served.api.blobs["local", "0" * 64] = bytes(8 << 20)
    reading = client.read_blob("0" * 64)
    first = next(reading)
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(served.stop, 20)
        time.sleep(0.05)
        assert len(first) + sum(map(len, reading)) == 8 << 20
        stopping.result(timeout=10)
    served.restart()


def test_nobody_answers_after_the_end(served: Served, client: Client) -> None:
    """A client of a server that is gone hears so in words."""
    served.stop()
    with pytest.raises(AssayError, match="No answer from unix:") as failed:
        client.capabilities()
    assert failed.value.code is Code.UNREACHABLE
    served.restart()
    client.wait_until_ready(10)


def test_waiting_for_a_service_that_never_comes_has_an_end(tmp_path: Path) -> None:
    """UNREACHABLE after the time given, not before."""
    begun = time.monotonic()
    with Client(f"unix:{tmp_path.name}-none") as client, pytest.raises(AssayError) as failed:
        client.wait_until_ready(0.3)
    assert failed.value.code is Code.UNREACHABLE
    assert 0.25 < time.monotonic() - begun < 5


async def test_the_end_can_be_awaited() -> None:
    """Whoever runs the server sleeps until it has stopped."""
    server = offer("127.0.0.1:0")
    await server.start()
    ending = asyncio.create_task(server.ended())
    await asyncio.sleep(0)
    assert not ending.done()
    await server.stop(0)
    await asyncio.wait_for(ending, 5)
