"""The gRPC server: what it offers, where it listens, how it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any, cast

import grpc
import grpc.aio
from google.longrunning.operations_pb2_grpc import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    add_OperationsServicer_to_server,  # pyright: ignore[reportUnknownVariableType] - untyped
)
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from assay.v1 import (
    audit_service_pb2_grpc,
    blob_service_pb2_grpc,
    capabilities_service_pb2_grpc,
    eval_set_service_pb2_grpc,
    gate_service_pb2_grpc,
    model_service_pb2_grpc,
    report_service_pb2_grpc,
)
from service.errors import AssayError, Code
from service.rpc.addresses import is_local, refuse_open_wildcard
from service.rpc.audit import AuditServicer
from service.rpc.blob import BlobServicer
from service.rpc.capabilities import CapabilitiesServicer
from service.rpc.eval_set import EvalSetServicer
from service.rpc.failures import Failures
from service.rpc.gate import GateServicer
from service.rpc.handlers import AroundInterceptor
from service.rpc.metrics import Metrics
from service.rpc.model import ModelServicer
from service.rpc.operations import OperationsServicer
from service.rpc.ports import Api, Limits
from service.rpc.report import ReportServicer

SERVICES = (
    "assay.v1.AuditService",
    "assay.v1.BlobService",
    "assay.v1.CapabilitiesService",
    "assay.v1.EvalSetService",
    "assay.v1.GateService",
    "assay.v1.ModelService",
    "assay.v1.ReportService",
    "google.longrunning.Operations",
)
MOST_CALLS = 512
"""At once, watches included; what comes on top is told RESOURCE_EXHAUSTED."""

_MINUTE_MS = 60_000
OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", Limits().max_message),
    ("grpc.max_send_message_length", Limits().max_message),
    ("grpc.keepalive_time_ms", _MINUTE_MS),
    ("grpc.keepalive_timeout_ms", _MINUTE_MS // 3),
    ("grpc.keepalive_permit_without_calls", 1),
    # Clients ping once a minute too; twice as often is tolerated.
    ("grpc.http2.min_ping_interval_without_data_ms", _MINUTE_MS // 2),
    # Connections end now and then, so that a load balancer can spread them anew.
    ("grpc.max_connection_age_ms", 30 * _MINUTE_MS),
    ("grpc.max_connection_age_grace_ms", 5 * _MINUTE_MS),
    # A second server on a taken port must fail rather than share it.
    ("grpc.so_reuseport", 0),
)


class RpcServer:
    """A server on some addresses; build it inside the event loop that will run it."""

    def __init__(
        self,
        api: Api,
        *addresses: str,
        registry: CollectorRegistry,
        credentials: grpc.ServerCredentials | None = None,
        reflect: bool = False,
    ) -> None:
        """Prepare to listen on each ``host:port`` (port 0: any) or ``unix:path``.

        Reflection is offered on local addresses, elsewhere only when asked for.
        """
        for address in addresses:
            refuse_open_wildcard(address, protected=credentials is not None)
        self._draining = asyncio.Event()
        self._health: Any = cast("Any", health).aio.HealthServicer()  # the stubs lack aio
        self._server = grpc.aio.server(  # pyright: ignore[reportUnknownMemberType] - open stubs
            interceptors=[AroundInterceptor(Metrics(registry)), AroundInterceptor(Failures())],
            options=OPTIONS,
            maximum_concurrent_rpcs=MOST_CALLS,
        )
        _offer(self._server, api, self._draining)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if reflect or all(is_local(address) for address in addresses):
            names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        self.addresses = [_listen(self._server, one, credentials) for one in addresses]
        self.address = self.addresses[0]

    async def start(self) -> None:
        """Answer calls and say so."""
        await self._server.start()
        await self.tell_health(serving=True)

    async def tell_health(self, *, serving: bool) -> None:
        """Tell probes, for the server as a whole and for each service, whether to send work."""
        status = health_pb2.HealthCheckResponse
        for name in ("", *SERVICES):
            await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, end what waits with a cursor to resume, let the rest finish."""
        await self.tell_health(serving=False)
        self._draining.set()
        await self._server.stop(grace_s)

    async def ended(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()


def _offer(server: grpc.aio.Server, api: Api, draining: asyncio.Event) -> None:
    audit_service_pb2_grpc.add_AuditServiceServicer_to_server(AuditServicer(api, draining), server)
    blob_service_pb2_grpc.add_BlobServiceServicer_to_server(BlobServicer(api), server)
    capabilities_service_pb2_grpc.add_CapabilitiesServiceServicer_to_server(
        CapabilitiesServicer(api), server
    )
    eval_set_service_pb2_grpc.add_EvalSetServiceServicer_to_server(EvalSetServicer(api), server)
    gate_service_pb2_grpc.add_GateServiceServicer_to_server(GateServicer(api), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(api), server)
    report_service_pb2_grpc.add_ReportServiceServicer_to_server(ReportServicer(api), server)
    add_OperationsServicer_to_server(OperationsServicer(api, draining), server)


def _listen(
    server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None
) -> str:
    """Bind, and give the address back with the port that was chosen."""
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError:
        raise AssayError(
            Code.UNREACHABLE,
            f"Nothing can listen on {address}.",
            "Choose another address with --listen, or stop what listens there.",
        ) from None
    if address.startswith("unix:"):
        os.chmod(address.removeprefix("unix:"), 0o600)
        return address
    return f"{address.rpartition(':')[0]}:{port}"
