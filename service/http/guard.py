"""What every answer carries, and which names the service answers to."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "content-security-policy"
HEADERS = {
    # Pages are our own templates; were one to let markup through, it could still run and load
    # nothing. A page that lives brings a policy of its own, which admits its script alone.
    POLICY: (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_log = structlog.get_logger("assay.http")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """ASGI middleware: headers on everything, errors included; no stranger's name for this host.

    A web page can make its own name resolve to 127.0.0.1 and then read whatever answers there
    (DNS rebinding); its requests still carry its own name.
    """

    def __init__(self, app: ASGIApp, *, broken: ASGIApp, hosts: Sequence[str] = ()) -> None:
        """Answer to ``hosts`` only, to any name when there are none; ``broken`` is status 500."""
        self._app = app
        self._broken = broken
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and complete its answer, whatever becomes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def complete(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    if name != POLICY or name not in headers:
                        headers[name] = value
            await send(message)

        app = self._app if self._knows(scope) else _MISDIRECTED
        try:
            await app(scope, receive, complete)
        except Exception:
            if begun:
                raise
            _log.exception("request failed")
            await self._broken(scope, receive, complete)

    def _knows(self, scope: Scope) -> bool:
        if not self._hosts:
            return True
        named = Headers(scope=scope).get("host", "")
        return _host(named) in self._hosts


_MISDIRECTED = PlainTextResponse("The service does not answer to this name.\n", status_code=421)


def _host(named: str) -> str:
    """The name of a Host header without its port and without the brackets of IPv6."""
    if named.startswith("["):
        return named[1:].partition("]")[0]
    return named.partition(":")[0].lower()
