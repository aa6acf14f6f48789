"""What the judge says of one requirement, and how counts decide it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analyzers.contract import Json, Tally
from analyzers.statistics.intervals import Interval
from service.core.policy import Requirement
from service.core.settling import settles
from service.core.stops import certainly_fails, fails, last_pass, passes_early, survivors_needed

State = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True)
class Ruling:
    """A requirement's state with its reason and its numbers."""

    requirement: Requirement
    state: State
    reason: str
    decided_by: str
    threat: str = ""
    tally: Tally | None = None
    interval: Interval | None = None
    grade: str = ""
    group: str = ""
    """The class that it speaks of; empty for all images."""
    failing: Sequence[str] = ()
    """All classes that fail, where the weakest is shown."""
    undecided: Sequence[str] = ()
    """All classes that are open beside it: one that fails must not be waived in their name."""
    doubt: str = ""
    """Why a PASS would be held back: a waiver must not lift what is in doubt."""

    def as_json(self) -> dict[str, Json]:
        """Plain data for the verdict file."""
        line, tally = self.requirement, self.tally
        return {
            "id": line.id,
            "metric": line.metric,
            "threat": self.threat,
            "label": line.threat or "",
            "class": self.group,
            "severity": line.severity,
            "state": self.state,
            "observed": self.observed,
            "threshold": float(line.gte),
            "comparison": "gte",
            "headroom": self.headroom,
            "level": float(line.level),
            "interval": None if self.interval is None else list(self.interval),
            "counts": None if tally is None else tally._asdict(),
            "grade": self.grade,
            "reason": self.reason,
            "decided_by": self.decided_by,
            "failing": list(self.failing),
            "undecided": list(self.undecided),
            "doubt": self.doubt,
            "settles": self.settles,
        }

    @property
    def observed(self) -> float | None:
        """The share that stands, of what was looked at."""
        seen = self.tally
        return seen.standing / seen.prefix if seen is not None and seen.prefix else None

    @property
    def headroom(self) -> float | None:
        """By how much the end of the interval that counts clears the threshold, or misses it."""
        if self.interval is None:
            return None
        end = self.interval.high if self.state == "FAIL" else self.interval.low
        return end - float(self.requirement.gte)

    @property
    def settles(self) -> str:
        """What would settle an INCONCLUSIVE."""
        if self.state != "INCONCLUSIVE":
            return ""
        return settles(self.decided_by, self.requirement, self.tally)


def unknown(line: Requirement, reason: str, threat: str = "") -> Ruling:
    """Nothing was measured that could be judged, which is never a PASS."""
    return Ruling(line, "INCONCLUSIVE", reason, "absence", threat)


def decide(  # noqa: PLR0911 - one answer after another, in the order of their weight
    line: Requirement, tally: Tally, interval: Interval, claim: str
) -> tuple[State, str, str]:
    """The state that counts alone give, its reason, and what decided."""
    need, total = survivors_needed(line.gte, tally.population), tally.population
    level = percent(line)
    if claim == "set" and certainly_fails(tally, line.gte):
        return "FAIL", f"{tally.fallen} of {total} images fell; {need} must stand.", "counts"
    if fails(tally, line, claim):
        return "FAIL", f"At most {interval.high:.1%} can stand, by the {level} limit.", "interval"
    if tally.pending:
        return "INCONCLUSIVE", f"{tally.pending} claimed breaks could not be confirmed.", "pending"
    if tally.full < total and passes_early(tally, line, claim):
        return "PASS", _early(tally, need, level), "two-phase"
    if tally.prefix < total or tally.full < total:
        return "INCONCLUSIVE", _still_needed(tally), "coverage"
    if claim == "set":
        return "PASS", f"{tally.standing} of {total} images stand; {need} must.", "counts"
    if interval.low >= float(line.gte):
        return "PASS", f"At least {interval.low:.1%} stand, by the {level} limit.", "interval"
    return (
        "INCONCLUSIVE",
        f"The {level} interval {interval.low:.1%} to {interval.high:.1%} holds the threshold.",
        "interval",
    )


def percent(line: Requirement) -> str:
    """A level in words; where requirements share what may go wrong, it is no round number."""
    return f"{float(line.level) * 100:.4g}%"


def _early(tally: Tally, need: int, level: str) -> str:
    tried, stood = last_pass(tally)
    return (
        f"{tally.standing} of {tally.population} images stand and {need} must. The last pass ran "
        f"on {tried} of them and broke {tried - stood}, by which enough would stand it at {level}."
    )


def _still_needed(tally: Tally) -> str:
    if tally.prefix < tally.population:
        return (
            f"Images {tally.prefix} to {tally.population} of the audit's order were not looked at."
        )
    return f"The full plan ran on {tally.full} of {tally.population} images."


def class_tallies(
    states: Mapping[str, Mapping[str, Json]], whole: Tally, sizes: Mapping[str, int]
) -> dict[str, Tally]:
    """Counts of each class at the same prefix; a class had the full plan if everyone did."""
    found: dict[str, Tally] = {}
    for name, size in sizes.items():
        counts = {state: int(count) for state, count in states.get(name, {}).items()}
        standing = counts.get("standing", 0) + counts.get("right", 0)
        pending, prefix = counts.get("pending", 0), sum(counts.values())
        fallen = prefix - standing - pending
        full = prefix if whole.full == whole.population else fallen
        found[name] = Tally(size, prefix, standing, fallen, pending, full)
    return found
