"""Two audits side by side, image by image: what may be compared, and what became of each image."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from analyzers.contract import Depth, Json
from analyzers.statistics.intervals import Interval
from analyzers.statistics.paired import difference_interval, difference_so_far, mcnemar_better
from service.core.canonical import digest
from service.core.evidence import LETTERS, UNSEEN, part
from service.errors import AssayError, Code

_STANDS: Final = (LETTERS["standing"], LETTERS["right"])
_OPEN: Final = LETTERS["pending"]


@dataclass(frozen=True)
class Side:
    """One audit, by its evidence."""

    facts: Mapping[str, Json]

    @classmethod
    def of(cls, evidence: Mapping[str, Json]) -> "Side":
        """The audit, after its counts have borne out the states of its images."""
        facts = part(evidence.get("facts"))
        for key, told in part(facts.get("samples")).items():
            for ending in ("", "8"):
                letters = Counter(str(part(told).get(f"each{ending}", "")))
                counts = part(part(told).get(f"states{ending}"))
                if any(letters[LETTERS.get(name, "")] != count for name, count in counts.items()):
                    raise _forged(key)
        return cls(facts)

    def states(self, analyzer: str, depth: Depth) -> str:
        """The state of every image under an analyzer, a letter each, in the audit's order."""
        told = part(part(self.facts.get("samples")).get(analyzer))
        return str(told.get("each8" if depth == "8-bit" and told.get("each8") else "each", ""))


def _forged(analyzer: str) -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        f"The states of single images under {analyzer} are not those that were counted.",
        "Use the evidence.json that an audit wrote, unchanged.",
    )


@dataclass(frozen=True)
class Baseline:
    """An earlier audit, beside the one that is judged."""

    name: str
    old: Side
    new: Side

    def as_json(self) -> dict[str, Json]:
        """What the verdict tells of it."""
        found = differences(self.old, self.new)
        apart = [one.what for one in found if one.state == "incomparable"]
        return {
            "name": self.name,
            "evidence_digest": digest(dict(self.old.facts)),
            "model_digest": str(part(self.old.facts.get("subject")).get("canonical_digest", "")),
            "comparable": not apart,
            "differences": [one._asdict() for one in found if one.state != "same"],
            "notes": [f"Not comparable: another {what}." for what in apart],
        }


class Difference(NamedTuple):
    """One thing that a comparison hangs on."""

    what: str
    old: str
    new: str
    state: Literal["same", "changed", "incomparable"]


def differences(old: Side, new: Side) -> list[Difference]:
    """Model, data, order, engine and versions; what makes pairs meaningless is incomparable."""
    found = [
        _difference("model", old, new, "subject", "canonical_digest"),
        _difference("data", old, new, "data", "digest", pairs=True),
        _difference("seed", old, new, "plan", "seed", pairs=True),
        _difference("preprocessing", old, new, "subject", "input_spec"),
    ]
    names = sorted({*part(old.facts.get("versions")), *part(new.facts.get("versions"))})
    found += [_difference(name, old, new, "versions", name) for name in names]
    names = sorted({*part(old.facts.get("engine")), *part(new.facts.get("engine"))})
    return found + [_difference(f"engine {name}", old, new, "engine", name) for name in names]


def _difference(
    what: str, old: Side, new: Side, group: str, name: str, *, pairs: bool = False
) -> Difference:
    before, after = (str(part(one.facts.get(group)).get(name, "")) for one in (old, new))
    if before == after:
        return Difference(what, before, after, "same")
    return Difference(what, before, after, "incomparable" if pairs else "changed")


def plan_differs(old: Side, new: Side, analyzer: str) -> str:
    """Why two runs of an analyzer may not be compared; empty where they may."""
    before, after = (_planned(one, analyzer) for one in (old, new))
    if not before:
        return f"{analyzer} did not run in the baseline"
    for name in ("version", "config"):
        if before.get(name) != after.get(name):
            return f"{analyzer} ran with another {name}"
    return ""


def _planned(side: Side, analyzer: str) -> Mapping[str, Json]:
    plan = part(side.facts.get("plan")).get("analyzers", ())
    found = [part(one) for one in plan if one["key"] == analyzer]
    return found[0] if found else {}


class Pairs(NamedTuple):
    """The images that both audits looked at."""

    fixed: Sequence[int]
    """Rows that stand in the new audit alone."""
    broken: Sequence[int]
    """Rows that stood in the old audit alone."""
    n: int
    unsettled: int
    """Rows that either side left open."""
    whole: bool
    """Whether these are all images, and not those that a rule stopped at."""
    signs: Sequence[int]
    """1 for fixed, -1 for broken, else 0, in the audit's order."""
    kept: int = 0
    """Rows that stand in both."""

    @property
    def difference(self) -> float:
        """New share that stands, less the old one."""
        return (len(self.fixed) - len(self.broken)) / self.n

    def interval(self, level: float) -> Interval:
        """Of the difference: at a fixed number of images, or valid wherever one stopped."""
        if self.whole:
            return difference_interval(len(self.fixed), len(self.broken), self.n, level)
        return difference_so_far(self.signs, 1 - level)

    @property
    def p_worse(self) -> float:
        """One-sided, of McNemar's exact test, that so many fell where so few were mended."""
        return mcnemar_better(len(self.broken), len(self.fixed))


def pairs_of(old: Side, new: Side, analyzer: str, depth: Depth) -> Pairs:
    """What became of each image that both looked at."""
    before, after = (one.states(analyzer, depth) for one in (old, new))
    both = [row for row, pair in enumerate(zip(before, after, strict=False)) if UNSEEN not in pair]
    settled = [row for row in both if _OPEN not in (before[row], after[row])]
    signs = [(after[row] in _STANDS) - (before[row] in _STANDS) for row in settled]
    n = int(part(new.facts.get("data")).get("n", 0))
    return Pairs(
        fixed=[row for row, sign in zip(settled, signs, strict=True) if sign > 0],
        broken=[row for row, sign in zip(settled, signs, strict=True) if sign < 0],
        n=len(settled),
        unsettled=len(both) - len(settled),
        whole=len(both) == n,
        signs=signs,
        kept=sum(before[row] in _STANDS and after[row] in _STANDS for row in settled),
    )
