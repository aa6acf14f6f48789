"""Running a service until it is told to end, or until nobody has needed it for long enough."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from service.build import Service
from service.embedded import IDLE_SECONDS, Place, only_one
from service.errors import AssayError
from service.observe import configure_logging
from service.settings import Settings, chosen_device, torchscript_allowed


def embedded(home: str) -> None:
    """Be the embedded service of a home folder; entry of the process that ``join`` starts."""
    try:
        with only_one(Path(home)) as place:
            run(_embedded_settings(place), lambda _: None)
    except AssayError as error:
        sys.stderr.write(f"{error.code.value}: {error.sentence} {error.remedy}\n")


def _embedded_settings(place: Place) -> Settings:
    return Settings(
        home=place.home,
        listen=place.address,
        http="",
        idle_seconds=IDLE_SECONDS,
        device=chosen_device(),
        torchscript=torchscript_allowed(),
    )


def standing(settings: Settings, announce: Callable[[Service], None]) -> None:
    """Serve on the addresses of the settings and on the home's own socket at once."""
    with only_one(settings.home) as place:
        run(replace(settings, also=place.address), announce)


def run(settings: Settings, announce: Callable[[Service], None]) -> None:
    """Start, announce, wait for SIGTERM, SIGINT or idleness, drain, end."""
    configure_logging(settings.log_level)
    asyncio.run(_until_told(settings, announce))


async def _until_told(settings: Settings, announce: Callable[[Service], None]) -> None:
    service = Service(settings)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, told.set)
    await service.start()
    try:
        announce(service)
        await _told_or_idle(service, told, settings.idle_seconds)
    finally:
        await service.stop()


async def _told_or_idle(service: Service, told: asyncio.Event, idle_seconds: float) -> None:
    while not told.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), 1.0 if idle_seconds else None)
        if idle_seconds and service.idle_for() > idle_seconds:
            return
