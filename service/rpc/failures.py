"""The one place where errors leave: a status with a reason, and nothing internal."""

from __future__ import annotations

import logging
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import grpc

from service.errors import AssayError, Code
from service.rpc.ports import Problem
from service.wire.problems import problem_to_pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from service.rpc.handlers import Context, StreamBehaviour, UnaryBehaviour

DETAILS_KEY = "grpc-status-details-bin"
MOST_BYTES = 4000
"""Errors travel in trailers, which peers cut off at 8 KiB."""

_LOG = logging.getLogger(__name__)
_STATUS = {status.value[0]: status for status in grpc.StatusCode}


class Failures:
    """Turns what a method raises into a status."""

    def unary(self, method: str, kind: str, behaviour: UnaryBehaviour) -> UnaryBehaviour:
        """Guard a method with one answer."""

        async def guarded(request: Any, context: Context) -> Any:  # noqa: ANN401 - any message
            try:
                return await behaviour(request, context)
            except Exception as error:  # noqa: BLE001 - nothing unknown may leave
                await _abort(context, method, error)

        return guarded

    def stream(self, method: str, kind: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """Guard a method with a stream of answers."""

        async def guarded(request: Any, context: Context) -> AsyncGenerator[Any, None]:  # noqa: ANN401 - any message
            try:
                answers = cast("AsyncGenerator[Any, None]", behaviour(request, context))
                async with aclosing(answers):
                    async for answer in answers:
                        yield answer
            except Exception as error:  # noqa: BLE001 - nothing unknown may leave
                await _abort(context, method, error)

        return guarded


async def _abort(context: Context, method: str, error: Exception) -> None:
    problem = Problem.of(error) if isinstance(error, AssayError) else _unknown(method, error)
    status = problem_to_pb(problem)
    if status.ByteSize() > MOST_BYTES:
        status = problem_to_pb(replace(problem, sentence=problem.sentence[:500], details={}))
    trailers = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(_STATUS[status.code], status.message, trailers)


def _unknown(method: str, error: Exception) -> Problem:
    """Nothing of the error itself, but a number that finds it in the log."""
    incident = uuid4().hex[:12]
    _LOG.error("%s failed (incident %s)", method, incident, exc_info=error)
    return Problem(
        Code.INTERNAL.value,
        "Something went wrong inside the service.",
        f"Try again; if it stays, look for incident {incident} in the service's log.",
        {"incident": incident},
    )
