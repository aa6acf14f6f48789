"""Work that waits ends when the server drains, so that its client goes on elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import TypeVar

from service.errors import AssayError, Code

T = TypeVar("T")


async def unless(draining: asyncio.Event, work: Awaitable[T]) -> T:
    """The result of ``work``, or DRAINING as soon as the server drains."""
    task, stop = asyncio.ensure_future(work), asyncio.ensure_future(draining.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise AssayError(
                Code.DRAINING, "The server is shutting down.", "Ask again; nothing was lost."
            )
        return task.result()
    finally:
        task.cancel()
        stop.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)


async def until(draining: asyncio.Event, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Items as they come, ended by DRAINING as soon as the server drains."""
    async with aclosing(items):
        while (item := await unless(draining, anext(items, None))) is not None:
            yield item
