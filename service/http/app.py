"""Metrics, health and pages over HTTP. Nothing here changes anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import structlog
from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from service.errors import AssayError, Kind
from service.http.guard import Guard
from service.http.ports import HttpPort
from service.report.live import audit_page, audits_page, problem_page

LISTED: Final = 100
"""Audits on the list."""
_PATIENCE: Final = 5.0
"""Seconds after which a part that does not answer counts as absent."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_STATUSES = {
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_log = structlog.get_logger("assay.http")


def build_app(state: HttpPort, hosts: Sequence[str] = ()) -> Starlette:
    """The application; with ``hosts`` it answers to these names only."""
    pages = _Pages(state)
    return Starlette(
        routes=[
            Route("/", pages.audits),
            Route("/metrics", pages.metrics),
            Route("/healthz", pages.health),
            Route("/readyz", pages.readiness),
            Route("/version", pages.version),
            Route("/audits", pages.audits),
            Route("/audits/{id}", pages.audit),
            Route("/reports/{id}.json", pages.evidence),
            Route("/reports/{id}", pages.report),
        ],
        middleware=[Middleware(Guard, broken=_broken(), hosts=hosts)],
        exception_handlers={AssayError: _explained, HTTPException: _refused},
    )


class _Pages:
    """One method a route."""

    def __init__(self, state: HttpPort) -> None:
        self._state = state

    async def metrics(self, request: Request) -> Response:
        """OpenMetrics for those who ask for it: only it carries exemplars."""
        if "application/openmetrics-text" in request.headers.get("accept", ""):
            body: bytes = openmetrics.generate_latest(self._state.registry)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # untyped in the library
            return Response(body, media_type=openmetrics.CONTENT_TYPE_LATEST)
        body = exposition.generate_latest(self._state.registry)
        return Response(body, media_type=exposition.CONTENT_TYPE_PLAIN_0_0_4)

    async def health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readiness(self, _request: Request) -> Response:
        checks = await self._checks()
        ready = bool(checks) and all(checks.values())
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        body = {"ready": ready, "checks": checks, "sandbox_level": self._state.sandbox_level}
        return JSONResponse(body, status_code=status)

    async def _checks(self) -> dict[str, bool]:
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._state.readiness()
        except Exception:  # noqa: BLE001 - a check that cannot be made is a part that is not ready
            _log.exception("readiness check failed")
            return {"service": False}
        return {str(name): bool(ready) for name, ready in found.items()}

    async def version(self, _request: Request) -> Response:
        return JSONResponse({**self._state.version, "sandbox_level": self._state.sandbox_level})

    async def audits(self, _request: Request) -> Response:
        return HTMLResponse(audits_page(await self._state.audits(LISTED)))

    async def audit(self, request: Request) -> Response:
        name = _id(request)
        report = await self._state.report_html(name)
        if report is not None:
            return HTMLResponse(report)
        found = await self._state.audit(name)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return HTMLResponse(audit_page(found))

    async def report(self, request: Request) -> Response:
        return HTMLResponse(_there(await self._state.report_html(_id(request))))

    async def evidence(self, request: Request) -> Response:
        body = _there(await self._state.evidence_json(_id(request)))
        return Response(body, media_type="application/json")


def _id(request: Request) -> str:
    name = str(request.path_params["id"])
    if not _ID.fullmatch(name):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return name


def _there(body: bytes | None) -> bytes:
    if body is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return body


async def _explained(_request: Request, error: Exception) -> Response:
    """An error in the user's words; an internal one stays inside."""
    if not isinstance(error, AssayError) or error.kind is Kind.INTERNAL:
        _log.error("request failed", exc_info=error)
        return _broken()
    status = _STATUSES.get(error.kind, HTTPStatus.BAD_REQUEST)
    page = problem_page(status.phrase, error.sentence, error.remedy)
    return HTMLResponse(page, status_code=status)


async def _refused(_request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    status = HTTPStatus(code)
    told = "There is nothing here." if status is HTTPStatus.NOT_FOUND else f"{status.description}."
    headers = error.headers if isinstance(error, HTTPException) else None
    return HTMLResponse(problem_page(status.phrase, told), status_code=status, headers=headers)


def _broken() -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    page = problem_page(status.phrase, "Something went wrong inside the service.", "Try again.")
    return HTMLResponse(page, status_code=status)
