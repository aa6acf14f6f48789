"""Watchers: what reaches them, and what is left when they go."""

import asyncio
from contextlib import aclosing

from service.live import ANY, Live
from service.pace import Way
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


def test_however_much_happens_a_slow_listener_hears_one_ring() -> None:
    """News, progress and ways ring once together; nothing piles up while nobody listens."""

    async def watch() -> list[bool]:
        live = Live()
        async with aclosing(live.rings("a", 5)) as heard, aclosing(live.rings(ANY, 5)) as all_:
            await anext(heard)
            await anext(all_)
            for _ in range(1000):
                live.progress("a", STEP)
            live.on_its_way("a", Way(seconds=1.0))
            live.news("b")
            await asyncio.wait_for(anext(heard), 1)
            await asyncio.wait_for(anext(all_), 1)
            again = asyncio.create_task(anext(heard))
            await asyncio.sleep(0.02)
            quiet = not again.done()
            live.news("a")
            await asyncio.wait_for(again, 1)
            return [quiet, live.watched]

    assert asyncio.run(watch()) == [True, True]


def test_it_rings_without_news_too_and_forgets_who_left() -> None:
    """Another process may have written; a listener that goes leaves nothing behind."""

    async def watch() -> bool:
        live = Live()
        async with aclosing(live.rings(ANY, 0.01)) as heard:
            await anext(heard)
            await asyncio.wait_for(anext(heard), 5)
        return live.watched

    assert asyncio.run(watch()) is False


def test_the_way_is_gone_when_the_audit_ends() -> None:
    """Like its progress."""
    live = Live()
    live.on_its_way("a", Way(seconds=3.0))
    assert live.way("a").seconds == 3.0
    live.ended("a")
    assert live.way("a") == Way()
