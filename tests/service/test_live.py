"""Watchers: what reaches them, and what is left when they go."""

import asyncio
from contextlib import aclosing

from service.live import Live
from service.rpc.ports import Progress

STEP = Progress("attacks.linf", 1, 2)


def test_a_watcher_hears_progress_and_then_news() -> None:
    """Progress travels as itself, news as None, in the order in which they came."""

    async def watch() -> list[Progress | None]:
        live = Live()
        async with aclosing(live.follow("a", 5)) as heard:
            first = await anext(heard)
            live.progress("a", STEP)
            live.news("b")
            live.news("a")
            return [first, await anext(heard), await anext(heard)]

    assert asyncio.run(watch()) == [None, STEP, None]


def test_a_silent_audit_still_wakes_its_watcher() -> None:
    """Another process may have written: a watcher looks again after a while without news."""

    async def watch() -> Progress | None:
        async with aclosing(Live().follow("a", 0.01)) as heard:
            await anext(heard)
            return await asyncio.wait_for(anext(heard), 5)

    assert asyncio.run(watch()) is None


def test_nobody_is_left_watching() -> None:
    """A watcher that goes away is forgotten; news without watchers make none."""

    async def watch() -> list[bool]:
        live = Live()
        seen = [live.watched]
        async with aclosing(live.follow("a", 5)) as heard:
            await anext(heard)
            seen.append(live.watched)
        live.ended("a")
        return [*seen, live.watched]

    assert asyncio.run(watch()) == [False, True, False]


def test_progress_is_gone_when_the_audit_ends() -> None:
    """The newest progress stands until the end and not a moment longer."""
    live = Live()
    live.progress("a", STEP)
    assert live.in_flight("a") == STEP
    live.ended("a")
    assert live.in_flight("a") is None
