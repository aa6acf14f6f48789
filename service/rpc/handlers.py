"""What interceptors need to stand around any of the four shapes of a method."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import grpc
import grpc.aio

if TYPE_CHECKING:  # generic for the type checker only
    Interceptor: TypeAlias = grpc.aio.ServerInterceptor[Any, Any]
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
else:
    Interceptor = grpc.aio.ServerInterceptor

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
UnaryBehaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
StreamBehaviour: TypeAlias = Callable[[Any, Context], AsyncIterator[Any]]

OURS = ("/assay.v1.", "/google.longrunning.Operations/")
"""Health and reflection keep their own behaviour."""

_KINDS = {
    (False, False): "unary",
    (False, True): "server_stream",
    (True, False): "client_stream",
    (True, True): "bidi_stream",
}


class Around(Protocol):
    """Something that stands around a method of either answer; ``kind`` is its shape's name."""

    def unary(self, method: str, kind: str, behaviour: UnaryBehaviour) -> UnaryBehaviour:
        """Stand around a method with one answer."""
        ...

    def stream(self, method: str, kind: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """Stand around a method with a stream of answers."""
        ...


class AroundInterceptor(Interceptor):
    """Puts an ``Around`` around every method of ours."""

    def __init__(self, around: Around) -> None:
        self._around = around

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The handler with the method inside; none where nothing answers to that method."""
        handler = cast("Handler | None", await continuation(handler_call_details))
        method = handler_call_details.method
        if handler is None or not method.startswith(OURS):
            return cast("Handler", handler)
        return _surrounded(self._around, method, handler)


def _surrounded(around: Around, method: str, handler: Handler) -> Handler:
    asks_stream, gives_stream = handler.request_streaming, handler.response_streaming
    shape = f"{'stream' if asks_stream else 'unary'}_{'stream' if gives_stream else 'unary'}"
    surround = around.stream if gives_stream else around.unary
    behaviour = surround(method, _KINDS[asks_stream, gives_stream], getattr(handler, shape))
    return cast("Any", handler)._replace(**{shape: behaviour})
