"""How far an audit came, stage by stage, and what is left of it at most. Holds no clock."""

from dataclasses import dataclass
from typing import Final, Literal

from analyzers.contract import Done, Passes
from service.core.driver import Course, Instance, threat_id

Where = Literal["waiting", "running", "over"]
_ALL: Final = 1 << 30
"""More steps than any plan lists."""


@dataclass(frozen=True)
class Stage:
    """One analyzer of an audit's plan."""

    title: str
    threat: str
    """Id of the threat that it serves; empty when it serves none."""
    state: Where
    done: int
    """Units that are committed."""
    planned: int
    """Units that it comes to as far as is known; 0 while that hangs on stages before it."""


class Itinerary:
    """The plan of one audit as people follow it."""

    def __init__(self, course: Course) -> None:
        """Ask every analyzer once what it may come to: planning again and again takes time."""
        self._course = course
        self._units = {one.key: _units(course, one) for one in course.instances}
        self._costs = {
            one.key: weight(one.analyzer.cost(course.case, one.config)) for one in course.instances
        }

    def stages(self) -> list[Stage]:
        """Every stage in the order of the plan; those before the one at work are over."""
        at = self._at()
        return [self._stage(place, one, at) for place, one in enumerate(self._course.instances)]

    def left(self) -> float:
        """Work that remains at most, in forward passes of single images.

        Not by units: a plan may list more of them as it learns what stands.
        """
        ahead = self._course.instances[self._at() :]
        return sum(max(0.0, self._costs[one.key] - self._spent(one)) for one in ahead)

    def _spent(self, one: Instance) -> float:
        return sum(weight(passes_of(done)) for done in self._course.done(one))

    def _at(self) -> int:
        """Which stage is at work; all of them are over when none owes a unit."""
        steps = self._course.ready()
        if not steps:
            return len(self._course.instances)
        keys = [one.key for one in self._course.instances]
        return keys.index(steps[0].instance.key)

    def _stage(self, place: int, one: Instance, at: int) -> Stage:
        done = len(self._course.done(one))
        owed = len(self._course.ready(_ALL)) if place == at else 0
        state: Where = "over" if place < at else "running" if place == at else "waiting"
        planned = done + owed if place == at else done if place < at else self._units[one.key]
        threat = threat_id(one.config) if one.analyzer.description.threats else ""
        return Stage(one.analyzer.description.title, threat, state, done, planned)


def passes_of(done: Done) -> Passes:
    """What a unit took."""
    told = done.passes
    return Passes(int(told.get("forward", 0)), int(told.get("backward", 0)))


def weight(passes: Passes) -> float:
    """Work as forward passes: a step back begins with one and takes about two more."""
    return passes.forward + 2.0 * passes.backward


def _units(course: Course, one: Instance) -> int:
    if one.analyzer.description.needs:  # it is told what it may come to by those before it
        return 0
    return len(one.analyzer.plan(course.case, one.config, (), ()))
