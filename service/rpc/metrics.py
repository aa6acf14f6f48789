"""Counts of calls under the names that dashboards for gRPC servers expect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, cast

import grpc
from prometheus_client import CollectorRegistry, Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from service.rpc.handlers import Context, StreamBehaviour, UnaryBehaviour

LABELS = ("grpc_type", "grpc_service", "grpc_method")
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts what comes and goes; labels are the methods served and gRPC's 17 codes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._started = Counter("grpc_server_started", "Calls begun.", LABELS, registry=registry)
        self._handled = Counter(
            "grpc_server_handled", "Calls ended.", (*LABELS, "grpc_code"), registry=registry
        )
        self._received = Counter(
            "grpc_server_msg_received", "Messages received.", LABELS, registry=registry
        )
        self._sent = Counter("grpc_server_msg_sent", "Messages sent.", LABELS, registry=registry)
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from the beginning of a call to its end.",
            LABELS,
            registry=registry,
            buckets=BUCKETS_S,
        )

    def unary(self, method: str, kind: str, behaviour: UnaryBehaviour) -> UnaryBehaviour:
        """Count around a method with one answer."""
        labels = _labels(method, kind)

        async def counted(request: Any, context: Context) -> Any:  # noqa: ANN401 - any message
            with self._call(labels, context):
                answer = await behaviour(self._requests(labels, request), context)
                self._sent.labels(*labels).inc()
                return answer

        return counted

    def stream(self, method: str, kind: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """Count around a method with a stream of answers."""
        labels = _labels(method, kind)

        async def counted(request: Any, context: Context) -> AsyncGenerator[Any, None]:  # noqa: ANN401 - any message
            with self._call(labels, context):
                behaved = behaviour(self._requests(labels, request), context)
                answers = cast("AsyncGenerator[Any, None]", behaved)
                async with aclosing(answers):
                    async for answer in answers:
                        self._sent.labels(*labels).inc()
                        yield answer

        return counted

    def _requests(self, labels: tuple[str, str, str], request: Any) -> Any:  # noqa: ANN401 - a message or a stream of them
        counter = self._received.labels(*labels)
        if labels[0] in {"client_stream", "bidi_stream"}:
            return _counted(request, counter)
        counter.inc()
        return request

    @contextmanager
    def _call(self, labels: tuple[str, str, str], context: Context) -> Generator[None]:
        self._started.labels(*labels).inc()
        begun = time.perf_counter()
        code = grpc.StatusCode.OK.name
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            code = grpc.StatusCode.CANCELLED.name
            raise
        except BaseException:
            code = _code(context)
            raise
        finally:
            self._seconds.labels(*labels).observe(time.perf_counter() - begun)
            self._handled.labels(*labels, code).inc()


def _labels(method: str, kind: str) -> tuple[str, str, str]:
    _, service, name = method.split("/")
    return kind, service, name


def _code(context: Context) -> str:
    """The status that the method was aborted with; the stack says 0 where none was set."""
    code = cast("grpc.StatusCode | int", context.code())
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name


async def _counted(requests: AsyncIterator[Any], counter: Counter) -> AsyncIterator[Any]:
    async for request in requests:
        counter.inc()
        yield request
