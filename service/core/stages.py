"""How far an audit came, stage by stage, and what is left of it at most. Holds no clock."""

from dataclasses import dataclass
from typing import Literal

from analyzers.contract import Passes
from service.core.driver import Course, Instance

Where = Literal["waiting", "running", "over"]


@dataclass(frozen=True)
class Stage:
    """One analyzer of an audit's plan."""

    title: str
    threat: str
    """Id of the threat that it serves; empty when it serves none."""
    state: Where
    done: int
    """Units that are committed."""
    most: int
    """Units that it comes to at most; 0 while that hangs on stages before it."""


class Itinerary:
    """The plan of one audit as people follow it."""

    def __init__(self, course: Course) -> None:
        """Ask every analyzer once what it may come to: planning again and again takes time."""
        self._course = course
        self._most = {one.key: _units(course, one) for one in course.instances}
        self._costs = {
            one.key: weight(one.analyzer.cost(course.case, one.config)) for one in course.instances
        }

    def stages(self) -> list[Stage]:
        """Every stage in the order of the plan; those before the one at work are over."""
        at = self._at()
        return [self._stage(place, one, at) for place, one in enumerate(self._course.instances)]

    def left(self) -> float:
        """Work that remains at most, in forward passes of single images."""
        at = self._at()
        return sum(
            self._costs[one.key] * self._share_left(stage)
            for place, one in enumerate(self._course.instances)
            if place >= at and (stage := self._stage(place, one, at)).state != "over"
        )

    def unit(self) -> float:
        """Work in the unit that comes next, in the same passes."""
        stages, at = self.stages(), self._at()
        if at >= len(stages):
            return 0.0
        return self._costs[self._course.instances[at].key] / max(stages[at].most, 1)

    def _at(self) -> int:
        """Which stage is at work; all of them are over when none owes a unit."""
        steps = self._course.ready()
        if not steps:
            return len(self._course.instances)
        keys = [one.key for one in self._course.instances]
        return keys.index(steps[0].instance.key)

    def _stage(self, place: int, one: Instance, at: int) -> Stage:
        done = len(self._course.done(one))
        owed = len(self._course.ready(self._most[one.key] + 1)) if place == at else 0
        state: Where = "over" if place < at else "running" if place == at else "waiting"
        most = done + owed if place == at else done if place < at else self._most[one.key]
        threat = _threat(one) if one.analyzer.description.threats else ""
        return Stage(one.analyzer.description.title, threat, state, done, most)

    def _share_left(self, stage: Stage) -> float:
        return (stage.most - stage.done) / stage.most if stage.most else 1.0


def weight(passes: Passes) -> float:
    """Work as forward passes: a step back begins with one and takes about two more."""
    return passes.forward + 2.0 * passes.backward


def _units(course: Course, one: Instance) -> int:
    if one.analyzer.description.needs:  # it is told what it may come to by those before it
        return 0
    return len(one.analyzer.plan(course.case, one.config, (), ()))


def _threat(one: Instance) -> str:
    names = ("norm", "eps", "knowledge", "budget")
    return ":".join(str(one.config[name]) for name in names if name in one.config)
