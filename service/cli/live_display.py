"""The way of an audit on a terminal: bars and brackets, drawn over as they grow."""

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from service.cli.brackets import bracket_line
from service.report import wording
from service.rpc.ports import Bracket
from service.rpc.ports import Progress as Work


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
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self.drawing)
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
        name = wording.plain(work.stage, 40)
        if work.places:
            name += f" ({work.place} of {work.places})"
        left = "" if work.seconds_left is None else f"{wording.at_most(work.seconds_left)} left"
        told = [one for one in (left, wording.plain(work.note, 60)) if one]
        self._move(name, work.done, work.total, note=" · ".join(told))

    def bracket(self, known: Bracket) -> None:
        """Draw the newest bracket of each threat."""
        self._brackets[known.threat] = known

    def drawing(self) -> Group:
        """All of it as it stands."""
        return Group(
            *(Text(bracket_line(known)) for known in list(self._brackets.values())), self._bars
        )

    def _move(self, name: str, done: int, total: int, *, note: str = "") -> None:
        if name not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, visible=False)
            self._tasks[name] = self._bars.add_task(name, note="")
        self._bars.update(
            self._tasks[name],
            completed=done,
            total=total or None,
            note=note,
            visible=True,
        )
