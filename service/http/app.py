"""Metrics, health and pages over HTTP. Nothing here changes anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple, TypeVar

import structlog
from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from analyzers.contract import Json
from service.errors import AssayError, Code, Kind
from service.gate import DAMAGE, not_evidence, parse_evidence
from service.http.feeds import EventStream, Feeds, Look
from service.http.guard import POLICY, Guard
from service.http.ports import ANY, HttpPort, Search
from service.report.comparison import Audit, comparison_page
from service.report.history import history_page
from service.report.live import (
    STATES,
    VERDICTS,
    Asked,
    audit_page,
    audits_page,
    problem_page,
)
from service.report.pages import live_policy
from service.report.tree import Parts, parts_of
from service.report.wording import plain

Found = TypeVar("Found")

_PATIENCE: Final = 5.0
"""Seconds after which a part that does not answer counts as absent."""
_LONGEST_WORDS: Final = 200
_LONGEST_TOKEN: Final = 500
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_STATUSES = {
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_log = structlog.get_logger("assay.http")


def build_app(state: HttpPort, hosts: Sequence[str] = (), feeds: Feeds | None = None) -> Starlette:
    """The application; with ``hosts`` it answers to these names only."""
    pages = _Pages(state)
    streams = _Streams(state, feeds or Feeds())
    return Starlette(
        routes=[
            Route("/", pages.audits),
            Route("/metrics", pages.metrics),
            Route("/healthz", pages.health),
            Route("/readyz", pages.readiness),
            Route("/version", pages.version),
            Route("/audits", pages.audits),
            Route("/events", streams.audits),
            Route("/audits/{id}/events", streams.audit),
            Route("/audits/{id}", pages.audit),
            Route("/history", pages.history),
            Route("/compare", pages.comparison),
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

    async def audits(self, request: Request) -> Response:
        asked = _asked(request)
        found = await self._state.audits(_search(asked))
        return _live(audits_page(found.audits, asked, found.after))

    async def audit(self, request: Request) -> Response:
        name = _id(request)
        report = await self._state.report_html(name)
        if report is not None:
            return HTMLResponse(report)
        return _live(audit_page(_there(await self._state.audit(name))))

    async def history(self, request: Request) -> Response:
        subject = request.query_params.get("subject", "").replace("\0", "")[:_LONGEST_WORDS]
        if not subject:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return HTMLResponse(history_page(subject, await self._state.history(subject)))

    async def comparison(self, request: Request) -> Response:
        names = [request.query_params.get(side, "") for side in ("old", "new")]
        if not all(names):
            raise AssayError(
                Code.REQUEST_INVALID,
                "Two audits are needed to compare: an old and a new one.",
                "Choose one of each in the list of audits.",
            )
        checked = [_checked(name) for name in names]
        found = [await self._kept(name) for name in checked]
        return HTMLResponse(await asyncio.to_thread(_comparison, *found))

    async def _kept(self, name: str) -> Kept:
        raw = _there(await self._state.evidence_json(name))
        return Kept(name, raw, _there(await self._state.verdict(name)))

    async def report(self, request: Request) -> Response:
        return HTMLResponse(_there(await self._state.report_html(_id(request))))

    async def evidence(self, request: Request) -> Response:
        body = _there(await self._state.evidence_json(_id(request)))
        return Response(body, media_type="application/json")


class _Streams:
    """The pages that live, as events: each is what the page would be, told by what changed."""

    def __init__(self, state: HttpPort, feeds: Feeds) -> None:
        self._state = state
        self._feeds = feeds

    async def audits(self, request: Request) -> Response:
        asked = replace(_asked(request), after="")

        async def look() -> Parts:
            found = await self._state.audits(_search(asked))
            return parts_of(audits_page(found.audits, asked, found.after))

        return self._stream(request, f"list{asked.address}", look, ANY)

    async def audit(self, request: Request) -> Response:
        name = _id(request)
        _there(await self._state.audit(name))

        async def look() -> Parts | None:
            found = await self._state.audit(name)
            return None if found is None else parts_of(audit_page(found))

        return self._stream(request, f"audit/{name}", look, name)

    def _stream(self, request: Request, key: str, look: Look, audit: str) -> Response:
        if request.method == "HEAD":
            return Response(media_type=EventStream.media_type)
        if self._feeds.full:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"retry-after": "5"})
        known = request.headers.get("last-event-id", "")
        bells = partial(self._state.changes, audit)
        return EventStream(self._feeds.listen(key, look, bells, known))


class Kept(NamedTuple):
    """What is kept of a finished audit."""

    name: str
    evidence: bytes
    verdict: Mapping[str, Json]


def _comparison(*kept: Kept) -> bytes:
    """Evidence may be large, so this has a thread of its own."""
    try:
        old, new = [
            Audit(parse_evidence(one.evidence), one.verdict, f"/audits/{one.name}") for one in kept
        ]
        return comparison_page(old, new)
    except DAMAGE as error:
        raise not_evidence() from error


def _live(page: bytes) -> Response:
    return HTMLResponse(page, headers={POLICY: live_policy()})


def _asked(request: Request) -> Asked:
    told = request.query_params
    return Asked(
        words=plain(told.get("words", ""), _LONGEST_WORDS),
        state=told.get("state", "") if told.get("state") in STATES else "",
        verdict=told.get("verdict", "") if told.get("verdict") in VERDICTS else "",
        after=told.get("after", "")[:_LONGEST_TOKEN],
    )


def _search(asked: Asked) -> Search:
    return Search(asked.words, asked.state, asked.verdict, asked.after)


def _id(request: Request) -> str:
    return _checked(str(request.path_params["id"]))


def _checked(name: str) -> str:
    if not _ID.fullmatch(name):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return name


def _there(found: Found | None) -> Found:
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found


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
