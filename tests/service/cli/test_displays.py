"""What is shown on the way: sparse lines in a log, one drawing on a terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from service.cli.displays import PLAIN_SECONDS, WORK_SECONDS, PlainDisplay, work_line
from service.cli.live_display import LiveDisplay
from service.rpc.ports import Bracket, Progress

FIRST = Bracket("Linf:8/255:white:gate", population=100, prefix=20, standing=12, fallen=8)
LATER = replace(FIRST, prefix=40, standing=23, fallen=17)
LAST = replace(FIRST, prefix=60, standing=31, fallen=29)
OTHER = replace(FIRST, threat="Linf:2/255:white:gate")


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time it is."""
        return self.now


def told(lines: list[str]) -> list[str]:
    """The share of those tried, line by line."""
    return [line.split("standing ")[1].split(" ")[0] for line in lines]


def test_plain_lines_keep_their_distance() -> None:
    """Of commits within two seconds the newest is written, and none is lost at the end."""
    lines, clock = list[str](), Clock()
    with PlainDisplay(lines.append, clock) as shown:
        shown.bracket(FIRST)
        clock.now = PLAIN_SECONDS / 2
        shown.bracket(LATER)
        assert told(lines) == ["12/20"]
        clock.now = PLAIN_SECONDS
        shown.bracket(LAST)
        assert told(lines) == ["12/20", "31/60"]
        shown.bracket(LATER)
    assert told(lines) == ["12/20", "31/60", "23/40"]


def test_plain_lines_keep_threats_apart() -> None:
    """A line that was held back does not swallow another threat's."""
    lines, clock = list[str](), Clock()
    with PlainDisplay(lines.append, clock) as shown:
        shown.bracket(FIRST)
        shown.bracket(LATER)
        shown.bracket(OTHER)
    assert told(lines) == ["12/20", "23/40", "12/20"]
    assert "2/255" in lines[2]


def test_plain_lines_tell_of_work_in_flight_now_and_then() -> None:
    """A log is not filled with bytes and progress, but a long audit does not look hung."""
    lines, clock = list[str](), Clock()
    with PlainDisplay(lines.append, clock) as shown:
        shown.step("Reading model and data.")
        shown.sent("model.onnx", 5, 10)
        shown.working(Progress("cascade", 3, 20))
        clock.now = WORK_SECONDS
        shown.working(Progress("cascade", 4, 20, "", 2, 7, 61.0))
        shown.working(Progress("cascade", 5, 20, "", 2, 7, 59.0))
    assert lines == ["Reading model and data.", WORK]


WORK = "cascade, stage 2 of 7: 4 of 20; at most 70 s left"


def test_nothing_is_said_of_a_time_that_nobody_knows() -> None:
    """Before there is a pace, and for work outside a plan, the line says the less."""
    assert work_line(Progress("intake", 0, 0)) == "intake"
    assert work_line(Progress("cascade", 4, 20, "", 2, 7)) == "cascade, stage 2 of 7: 4 of 20"


def drawn(display: LiveDisplay, console: Console) -> str:
    """Everything that a terminal would show once it is over."""
    with display as shown:
        shown.step("Reading [bold]model.onnx[/bold]")
        shown.sent("model[0].onnx", 5, 10)
        shown.working(Progress("attacks.linf", 3, 20, "pass one", 2, 7, 61.0))
        shown.bracket(FIRST)
        shown.bracket(LAST)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


@pytest.fixture
def console() -> Console:
    """A terminal of 140 columns in memory."""
    return Console(
        file=io.StringIO(), force_terminal=True, width=140, color_system=None, legacy_windows=False
    )


def test_a_terminal_ends_with_the_newest_bracket(console: Console) -> None:
    """When the drawing ends, the newest bracket of each threat is what stays."""
    lines = drawn(LiveDisplay(console), console).splitlines()
    assert "standing 31/60" in [line for line in lines if line.strip(" \x1b[?25hK")][-1]


def test_a_terminal_tells_stage_and_time(console: Console) -> None:
    """Beside the bar stand the stage's place in the plan, the time left and the note."""
    shown = LiveDisplay(console)
    shown.working(Progress("cascade", 3, 20, "pass one", 2, 7, 61.0))
    with console.capture() as captured:
        console.print(shown.drawing())
    assert "cascade (2 of 7)" in captured.get()
    assert "at most 70 s left · pass one" in captured.get()


def test_names_are_text_and_no_markup(console: Console) -> None:
    """A file name with brackets is shown as it is."""
    assert "[bold]model.onnx[/bold]" in drawn(LiveDisplay(console), console)
