"""Putting one service together, starting it in order, and ending it in the opposite one."""

import time
from collections.abc import Mapping

import structlog
from prometheus_client import CollectorRegistry

from analyzers.catalog import ALL
from service.api.parts import Parts
from service.api.whole import ServiceApi
from service.executors.interface import sandbox_told
from service.executors.local import LocalExecutor
from service.http.server import Serving
from service.http.server import start as start_http
from service.intake.intake import Intake
from service.live import Live
from service.observe import Metrics
from service.pages import Pages
from service.rpc.addresses import refuse_open_wildcard
from service.rpc.server import RpcServer
from service.runner import Runner
from service.settings import Settings, prepare_home
from service.store.blobs import Blobs
from service.store.browsing import Browsing
from service.store.catalogue import Catalogue
from service.store.database import Database
from service.store.queue import Queue
from service.taking_in import TakingIn
from service.version import VERSION

GRACE_SECONDS = 5.0
log = structlog.get_logger()


class Service:
    """Everything that runs in the API process."""

    def __init__(self, settings: Settings) -> None:
        """Remember the settings; nothing is opened before ``start``."""
        for address in (settings.listen, settings.http):
            if address:
                refuse_open_wildcard(address, protected=False)
        self.settings = settings
        self.addresses: list[str] = []
        self.http_port = 0
        self._http: Serving | None = None
        self._calls = 0.0
        self._last_needed = time.monotonic()

    async def start(self) -> None:
        """Open the store, start the children's supervisor, listen."""
        settings = self.settings
        prepare_home(settings.home)
        self._executor = LocalExecutor(settings.spool, settings.device, settings.libraries)
        self._database = await Database.open(settings.database_url)
        blobs = await Blobs.open(settings.home / "blobs", max_size=settings.max_blob)
        await self._executor.start()
        registry = CollectorRegistry()
        indicators = {name for one in ALL for name in one.description.indicators}
        metrics = Metrics.register(
            registry,
            version=VERSION,
            sandbox_level=self._executor.sandbox_level,
            indicators=indicators,
        )
        self._parts = self._assemble(blobs, metrics)
        await self._parts.taking_in.resume()
        await self._parts.runner.start()
        await self._listen(ServiceApi(self._parts), registry)

    def _assemble(self, blobs: Blobs, metrics: Metrics) -> Parts:
        settings = self.settings
        catalogue, queue = Catalogue(self._database), Queue(self._database)
        live = Live()
        intake = Intake(self._executor, blobs, settings.limits, torchscript=settings.torchscript)
        return Parts(
            settings=settings,
            catalogue=catalogue,
            queue=queue,
            blobs=blobs,
            executor=self._executor,
            taking_in=TakingIn(catalogue, intake, metrics),
            runner=Runner(settings, catalogue, queue, blobs, self._executor, live, metrics),
            live=live,
            metrics=metrics,
        )

    async def _listen(self, api: ServiceApi, registry: CollectorRegistry) -> None:
        addresses = [one for one in (self.settings.listen, self.settings.also) if one]
        self._server = RpcServer(api, *addresses, registry=registry)
        await self._server.start()
        self.addresses = self._server.addresses
        if self.settings.http:
            host, _, port = self.settings.http.rpartition(":")
            pages = Pages(self._parts, api, Browsing(self._database), registry)
            self._http = await start_http(pages, host, int(port))
            self.http_port = self._http.port
        log.info(
            "service started",
            addresses=self.addresses,
            http=self.http_port,
            placement=dict(self._executor.placement),
            sandbox=sandbox_told(self._executor),
        )
        if self._executor.sandbox_gap:
            log.warning(
                "children are not locked, so only ONNX and safetensors are taken",
                why=self._executor.sandbox_gap,
            )

    async def stop(self) -> None:
        """Drain: no new work, watches end with a cursor, audits end at a commit and wait."""
        log.info("service stopping")
        await self._server.tell_health(serving=False)
        await self._parts.runner.stop()
        await self._server.stop(GRACE_SECONDS)
        if self._http is not None:
            await self._http.stop()
        await self._parts.taking_in.stop()
        await self._executor.stop()
        await self._database.close()
        log.info("service stopped")

    @property
    def placement(self) -> Mapping[str, str]:
        """Where models run, what was asked for, and why it is not that."""
        return self._executor.placement

    @property
    def sandbox_gap(self) -> str:
        """Why children are not locked; empty when they are."""
        return self._executor.sandbox_gap

    def idle_for(self) -> float:
        """Seconds since a call or an audit last needed this service."""
        parts = self._parts
        needed = parts.runner.busy or parts.taking_in.busy or parts.live.watched
        calls = self._calls_so_far()
        if needed or calls != self._calls:
            self._calls = calls
            self._last_needed = time.monotonic()
        return time.monotonic() - self._last_needed

    def _calls_so_far(self) -> float:
        counted = self._parts.metrics.registry.restricted_registry(["grpc_server_started_total"])
        return sum(sample.value for family in counted.collect() for sample in family.samples)
