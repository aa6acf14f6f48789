"""Showing the way of an audit: drawn over on a terminal, in plain lines anywhere else."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from service.cli.brackets import bracket_line
from service.cli.terminal import note, watched
from service.report import wording
from service.rpc.ports import Bracket
from service.rpc.ports import Progress as Work

PLAIN_SECONDS = 2.0
"""Plain lines about one audit come no closer together than this."""


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
        self._held: dict[str, Bracket] = {}

    def __enter__(self) -> Self:
        """Nothing needs to be set up."""
        self._last = self._clock() - PLAIN_SECONDS
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
        """A log has no use for work in flight."""

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


class LiveDisplay:
    """Bars and brackets on a terminal."""

    def __init__(self, console: Console) -> None:
        """Draw on ``console``."""
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._brackets: dict[str, Bracket] = {}
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self._drawn)
        self._console = console

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the brackets standing, take the bars away."""
        for task in self._tasks.values():
            self._bars.update(task, visible=False)
        self._live.stop()

    def step(self, sentence: str) -> None:
        """A line above the bars."""
        self._console.print(Text(sentence))

    def sent(self, name: str, sent: int, total: int) -> None:
        """Move the file's bar."""
        self._move(f"Sending {name}", sent, total)

    def working(self, work: Work) -> None:
        """Move the analyzer's bar."""
        self._move(wording.plain(work.stage, 40), work.done, work.total, note=work.note)

    def bracket(self, known: Bracket) -> None:
        """Draw the newest bracket of each threat."""
        self._brackets[known.threat] = known

    def _move(self, name: str, done: int, total: int, *, note: str = "") -> None:
        if name not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, visible=False)
            self._tasks[name] = self._bars.add_task(name, note="")
        self._bars.update(
            self._tasks[name],
            completed=done,
            total=total or None,
            note=wording.plain(note, 60),
            visible=True,
        )

    def _drawn(self) -> Group:
        return Group(
            *(Text(bracket_line(known)) for known in list(self._brackets.values())), self._bars
        )


def display() -> Display:
    """The display that fits where standard error goes."""
    return LiveDisplay(Console(stderr=True)) if watched() else PlainDisplay()
