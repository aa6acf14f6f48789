"""How fast an audit goes, and so how long it takes at most. Lives as long as its run."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from service.core.driver import Course, Step
from service.core.stages import Itinerary, Stage, passes_of, weight

_ENOUGH: Final = 2.0
"""Seconds of work before a pace is told: the first unit opens sessions."""


@dataclass(frozen=True)
class Way:
    """How far an audit is."""

    stages: Sequence[Stage] = ()
    seconds: float | None = None
    """What the rest takes at most, at the pace so far; None before there is one."""
    since: float = 0.0
    """When that was said, by the clock of this process."""

    @property
    def place(self) -> int:
        """Which stage is at work, from 1; 0 while no plan is known."""
        over = sum(one.state == "over" for one in self.stages)
        return min(over + 1, len(self.stages))

    def left(self, now: float) -> float | None:
        """What of it is left by now."""
        return None if self.seconds is None else max(0.0, self.seconds - (now - self.since))


class Pace:
    """Counts passes and seconds of what was really measured; what came from memory cost nothing."""

    def __init__(self, course: Course, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing measured."""
        self._course = course
        self._itinerary = Itinerary(course)
        self._clock = clock
        self._seconds = 0.0
        self._passes = 0.0
        self._fresh = False

    @contextmanager
    def timed(self) -> Generator[None]:
        """Entered while a unit is measured; one that fails counts nothing."""
        began = self._clock()
        yield
        self._seconds += self._clock() - began
        self._fresh = True

    def committed(self, step: Step) -> None:
        """Count what the unit that was just measured took; one from memory counts nothing."""
        done = self._course.done(step.instance)
        if self._fresh and done:
            self._passes += weight(passes_of(done[-1]))
        self._fresh = False

    def way(self) -> Way:
        """How far it is now."""
        stages = self._itinerary.stages()
        if self._seconds < _ENOUGH or not self._passes:
            return Way(stages)
        pace = self._seconds / self._passes
        return Way(stages, pace * self._itinerary.left(), self._clock())
