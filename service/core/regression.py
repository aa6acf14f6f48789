"""Whether a model got worse than its baseline, judged on the same images.

A drop fails when it is both real and large: McNemar's exact test excludes that nothing changed,
and what was seen exceeds the margin. Either alone cries wolf: chance exceeds a margin, and on many
images a drop is real long before it matters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from analyzers.contract import Depth, Json
from service.core.evidence import part
from service.core.pairing import Baseline, Pairs, Side, differences, pairs_of, plan_differs
from service.core.policy import Regress, Requirement
from service.core.ruling import State

Label = Literal["worse", "better", "same", "unknown"]
ENDING: Final = ":regress"


@dataclass(frozen=True)
class Regression:
    """What the judge says of one line of ``regress``."""

    requirement: Requirement
    threat: str
    state: State
    reason: str
    decided_by: str
    margin: float
    level: float
    pairs: Pairs | None = None
    label: Label = "unknown"
    cut_short: bool = False
    """Whether the new audit is what ended too early to compare; else it is the baseline."""

    def as_json(self) -> dict[str, Json]:
        """Plain data for the verdict file, in the keys of any requirement."""
        line, pairs = self.requirement, self.pairs
        interval = None if pairs is None else list(pairs.interval(self.level))
        return {
            "id": line.id + ENDING,
            "metric": line.metric,
            "threat": self.threat,
            "label": line.threat or "",
            "class": "",
            "severity": line.severity,
            "state": self.state,
            "observed": None if pairs is None else pairs.difference,
            "threshold": -self.margin,
            "comparison": "change_gte",
            "headroom": None if pairs is None else pairs.difference + self.margin,
            "level": self.level,
            "interval": interval,
            "counts": None,
            "grade": "B",
            "reason": self.reason,
            "decided_by": self.decided_by,
            "failing": [],
            "undecided": [],
            "doubt": "",
            "settles": "" if self.state != "INCONCLUSIVE" else self._settles,
            "paired": None if pairs is None else _told(pairs, self.label, interval),
        }

    @property
    def _settles(self) -> str:
        if self.cut_short:
            return "Let it run to its end with `assay audit`, then judge that evidence."
        if self.pairs is None or self.decided_by == "coverage":
            return "Audit the baseline again under this policy and on these data, then check."
        return "More images on both sides would narrow the interval of the difference."


def _told(pairs: Pairs, label: Label, interval: Json) -> dict[str, Json]:
    return {
        "n10": len(pairs.fixed),
        "n01": len(pairs.broken),
        "n": pairs.n,
        "unsettled": pairs.unsettled,
        "whole": pairs.whole,
        "difference": pairs.difference,
        "interval": interval,
        "label": label,
    }


def regression(
    rules: Regress,
    line: Requirement,
    measurement: Mapping[str, Json] | None,
    baseline: Baseline | None,
    *,
    threat: str,
    depth: Depth,
) -> Regression:
    """One requirement, held against the baseline."""
    margin = float(rules.max_drop)
    level = float(1 - (1 - rules.level) / len(rules.on))
    analyzer = "" if measurement is None else str(measurement["analyzer"])
    if baseline is None:
        reason = "No baseline was given to hold it against."
        return Regression(line, threat, "INCONCLUSIVE", reason, "absence", margin, level)
    sides = (baseline.old, baseline.new)
    why = "it was not measured" if measurement is None else _incomparable(*sides, analyzer)
    if why:
        reason = f"It cannot be compared with the baseline: {why}."
        return Regression(line, threat, "INCONCLUSIVE", reason, "absence", margin, level)
    pairs = pairs_of(*sides, analyzer, depth)
    if not pairs.n:
        reason = "No image was settled in both audits."
        return Regression(line, threat, "INCONCLUSIVE", reason, "absence", margin, level)
    if _same_model(*sides):
        reason = "It is the model of the baseline, fed alike."
        return Regression(line, threat, "PASS", reason, "paired", margin, level, pairs, "same")
    label = label_of(pairs, margin, level)
    cut = _cut_short(label, sides[0], measurement or {})
    if cut:
        new = label != "worse"
        return Regression(
            line, threat, "INCONCLUSIVE", cut, "coverage", margin, level, pairs, cut_short=new
        )
    state = _state(label, lenient=rules.unknown == "pass")
    reason = _reason(pairs, label, margin=margin, level=level)
    return Regression(line, threat, state, reason, "paired", margin, level, pairs, label)


def _same_model(old: Side, new: Side) -> bool:
    names = ("canonical_digest", "input_spec")
    before, after = (
        [part(one.facts.get("subject")).get(name) for name in names] for one in (old, new)
    )
    return bool(before[0]) and before == after


def _cut_short(label: Label, old: Side, measurement: Mapping[str, Json]) -> str:
    """Whether an early end could be what the comparison saw.

    What was not attacked to the end stands too often: on the new side that hides a drop, on the old
    side it makes one up.
    """
    if label != "worse" and _partial(measurement):
        return "Not every attack was tried on what stands, so a drop may be hidden."
    names = ("analyzer", "metric", "scope")
    meant = [measurement.get(name) for name in names]
    found = [part(one) for one in old.facts.get("measurements", ())]
    if label == "worse" and any(
        _partial(one) for one in found if [one.get(name) for name in names] == meant
    ):
        return "Not every attack was tried on what stood in the baseline, so no drop is shown."
    return ""


def _partial(measurement: Mapping[str, Json]) -> bool:
    counts = part(measurement.get("counts"))
    return int(counts.get("full", 0)) < int(counts.get("population", 0))


def _incomparable(old: Side, new: Side, analyzer: str) -> str:
    apart = [one.what for one in differences(old, new) if one.state == "incomparable"]
    if apart:
        return f"the two audits differ in {' and '.join(apart)}"
    return plan_differs(old, new, analyzer)


def label_of(pairs: Pairs, margin: float, level: float) -> Label:
    """What the pairs say of the new model, given how much may be lost."""
    if is_worse(pairs, margin, level):
        return "worse"
    low = pairs.interval(level).low
    if low > 0:
        return "better"
    return "same" if low >= -margin else "unknown"


def is_worse(pairs: Pairs, margin: float, level: float) -> bool:
    """Whether a drop is both shown and larger than may be lost."""
    if -pairs.difference <= margin:
        return False
    if not pairs.whole:
        return pairs.interval(level).high < 0
    return pairs.p_worse <= 1 - level


def _state(label: Label, *, lenient: bool) -> State:
    if label == "worse":
        return "FAIL"
    return "INCONCLUSIVE" if label == "unknown" and not lenient else "PASS"


def _reason(pairs: Pairs, label: Label, *, margin: float, level: float) -> str:
    low, high = pairs.interval(level)
    seen = (
        f"{len(pairs.broken)} images newly fell and {len(pairs.fixed)} newly stand, of {pairs.n}: "
        f"{points(pairs.difference)} ({points(low)} to {points(high)})"
    )
    words = {
        "worse": f"more than the {points(margin, signed=False)} that may be lost",
        "better": "better than the baseline",
        "same": f"no more than {points(margin, signed=False)} lost",
        "unknown": "no loss beyond the margin is shown, nor that there is none",
    }
    return f"{seen}, {words[label]}."


def points(share: float, *, signed: bool = True) -> str:
    """A difference of shares in points."""
    return f"{100 * share:+.1f} pt" if signed else f"{100 * share:.1f} pt"
