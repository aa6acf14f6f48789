"""What became of each input, and what a run of them amounts to."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from service.errors import Code

AIM_SECONDS: Final = 2.0
TAKEN: Final = "taken"
UNTOLD: Final = "UNTOLD"
"""The client met something other than an error of the service."""
DIED: Final = Code.CHILD_CRASHED.value
_NEVER: Final = frozenset(
    {
        UNTOLD,
        *(Code.INTERNAL.value, Code.CHILD_OVERFLOW.value, Code.CHILD_PROTOCOL.value),
        *(Code.UNREACHABLE.value, Code.STORE_UNAVAILABLE.value, Code.SANDBOX_UNAVAILABLE.value),
    }
)
"""Codes that no file may bring about: they are faults of the service, whatever it was sent."""
_WORTH_A_LOOK: Final = frozenset({DIED, Code.CHILD_TIMEOUT.value, Code.CHILD_MEMORY.value})
_LONGEST: Final = 500
_LISTED: Final = 12


@dataclass(frozen=True)
class Outcome:
    """How one input ended."""

    name: str
    format: str
    code: str
    """``taken``, or the code of the error."""
    sentence: str
    seconds: float

    @property
    def fault(self) -> str:
        """What is wrong with this end; empty when any file may end so."""
        if self.code != TAKEN and self.code not in Code.__members__:
            return f"{self.code or 'no code'}: {self.sentence[:200]}"
        if self.code in _NEVER:
            return f"{self.code}: {self.sentence[:200]}"
        if len(self.sentence) > _LONGEST or not self.sentence.isprintable():
            return f"{self.code} with a sentence that cannot be shown"
        return ""

    @property
    def worth_keeping(self) -> bool:
        """Whether somebody should look at this input."""
        return bool(self.fault) or self.code in _WORTH_A_LOOK or self.seconds > AIM_SECONDS


@dataclass
class Found:
    """Everything that a run showed."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    house: list[str] = field(default_factory=list[str])
    """What the service itself did that it may not do."""

    @property
    def faults(self) -> list[str]:
        """Everything that fails the run, apart from slowness."""
        told = [f"{one.name}: {one.fault}" for one in self.outcomes if one.fault]
        return [*self.house, *told]

    @property
    def slow(self) -> bool:
        """Whether one refusal in a hundred came too late."""
        return percentile(self.waited, 0.99) > AIM_SECONDS

    @property
    def waited(self) -> list[float]:
        """Seconds until each refusal; what was taken after all cost the work of honest files."""
        return [one.seconds for one in self.outcomes if one.code != TAKEN]

    @property
    def good(self) -> bool:
        """Whether the run is a success."""
        return bool(self.outcomes) and not self.faults and not self.slow


def percentile(values: Iterable[float], share: float) -> float:
    """The least value that such a share of the values does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def table(found: Found) -> list[str]:
    """One line a format, and one for all."""
    head = (
        "format",
        "inputs",
        "taken",
        "refused",
        "died",
        "p50",
        "p99",
        "worst",
        "ref p99",
        "worst was",
    )
    names = sorted({one.format for one in found.outcomes})
    groups = [(name, [one for one in found.outcomes if one.format == name]) for name in names]
    rows = [_row(name, outcomes) for name, outcomes in (*groups, ("all", found.outcomes))]
    return [_line(head), *rows]


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    taken = sum(one.code == TAKEN for one in outcomes)
    died = sum(one.code == DIED for one in outcomes)
    spent = [one.seconds for one in outcomes]
    worst = max(outcomes, key=lambda one: one.seconds)
    refusals = [one.seconds for one in outcomes if one.code != TAKEN]
    times = [*(percentile(spent, share) for share in (0.5, 0.99, 1.0)), percentile(refusals, 0.99)]
    shown = (f"{one:.2f}" for one in times)
    counts = (len(outcomes), taken, len(outcomes) - taken - died, died)
    return _line((name, *map(str, counts), *shown, f"{worst.name} {worst.code}"))


def _line(cells: Sequence[str]) -> str:
    numbers = "".join(f"{one:>8}" for one in cells[1:-1])
    return f"{cells[0]:<20}{numbers}  {cells[-1]}"


def findings(found: Found) -> list[str]:
    """Inputs to look at, most of one kind left out, and how often each code came."""
    lines: list[str] = []
    for code in sorted(_WORTH_A_LOOK):
        told = [one.name for one in found.outcomes if one.code == code]
        if told:
            more = f" and {len(told) - _LISTED} more" if len(told) > _LISTED else ""
            lines.append(f"{code}: {', '.join(told[:_LISTED])}{more}")
    codes = Counter(one.code for one in found.outcomes)
    lines.append("codes: " + ", ".join(f"{code} {count}" for code, count in codes.most_common()))
    return lines


def verdict(found: Found) -> str:
    """The line that says it."""
    died = sum(one.code == DIED for one in found.outcomes)
    spent = [one.seconds for one in found.outcomes]
    return (
        f"{'PASS' if found.good else 'FAIL'}: {len(spent):,} malformed inputs, "
        f"{len(found.house)} crashes or leaks of API and supervisor, "
        f"{len(found.faults) - len(found.house)} ends without a proper code, {died} children died, "
        f"p99 of a refusal {percentile(found.waited, 0.99):.2f} s (aim {AIM_SECONDS:g} s), "
        f"of all {percentile(spent, 0.99):.2f} s"
    )
