"""Showing the way of an audit: in plain lines, or drawn over where a person watches."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from service.cli.brackets import bracket_line
from service.cli.terminal import note, watched
from service.report import wording
from service.rpc.ports import Bracket
from service.rpc.ports import Progress as Work

PLAIN_SECONDS = 2.0
"""Plain lines about one audit come no closer together than this."""
WORK_SECONDS = 30.0
"""And those about work in flight no closer than this: enough to see that it goes on."""


def work_line(work: Work) -> str:
    """What is at work, how far it is, and how long the rest takes at most."""
    told = wording.plain(work.stage, 40)
    if work.places:
        told += f", stage {work.place} of {work.places}"
    if work.total:
        told += f": {work.done} of {work.total}"
    if work.seconds_left is not None:
        told += f"; {wording.at_most(work.seconds_left)} left"
    return told


class Display(Protocol):
    """Somebody who hears how it goes; a context that is over before the result is printed."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show what was held back, and end."""
        ...

    def step(self, sentence: str) -> None:
        """Something begins."""
        ...

    def sent(self, name: str, sent: int, total: int) -> None:
        """Bytes of a file travelled; may be called from another thread."""
        ...

    def working(self, work: Work) -> None:
        """Work is in flight."""
        ...

    def bracket(self, known: Bracket) -> None:
        """Something was committed about a threat."""
        ...


class PlainDisplay:
    """Lines for a log: each step, and the newest brackets every now and then."""

    def __init__(
        self,
        write: Callable[[str], None] = note,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to ``write`` by the time of ``clock``."""
        self._write = write
        self._clock = clock
        self._last = -PLAIN_SECONDS
        self._last_work = 0.0
        self._held: dict[str, Bracket] = {}

    def __enter__(self) -> Self:
        """Nothing needs to be set up."""
        self._last = self._clock() - PLAIN_SECONDS
        self._last_work = self._clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is still held back."""
        self._flush()

    def step(self, sentence: str) -> None:
        """Write it."""
        self._write(sentence)

    def sent(self, name: str, sent: int, total: int) -> None:
        """A log has no use for bytes on their way."""

    def working(self, work: Work) -> None:
        """Write it now and then, so that a long audit does not look as if it hung."""
        if self._clock() - self._last_work >= WORK_SECONDS:
            self._write(work_line(work))
            self._last_work = self._clock()

    def bracket(self, known: Bracket) -> None:
        """Write it, unless another line was written just now."""
        self._held[known.threat] = known
        if self._clock() - self._last >= PLAIN_SECONDS:
            self._flush()

    def _flush(self) -> None:
        for known in self._held.values():
            self._write(bracket_line(known))
        self._held.clear()
        self._last = self._clock()


def display() -> Display:
    """The display that fits where standard error goes."""
    if not watched():
        return PlainDisplay()
    from rich.console import Console

    from service.cli.live_display import LiveDisplay

    return LiveDisplay(Console(stderr=True))
