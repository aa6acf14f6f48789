"""The verdict: a pure function of evidence, policy and date.

The judge recomputes every interval from counts and trusts no number that a count does not
carry. What is absent, contradictory or undecided never becomes a PASS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from analyzers.contract import Depth, Json, Tally
from service.core.doubts import doubts_of, held_back, indicators_of
from service.core.evidence import evidence_digest, part, tally_of
from service.core.pairing import Baseline
from service.core.policy import Policy, Requirement
from service.core.ranges import range_of
from service.core.regression import Regression, regression
from service.core.ruling import Ruling, State, class_tallies, decide, unknown
from service.core.verdict_words import sentence
from service.errors import AssayError, Code

_DEPTHS: Mapping[Depth, str] = {
    "8-bit": "Judged in 8 bits: an image counts as broken when a picture that a file can hold "
    "breaks it.",
    "float32": "Judged in floating point: witnesses were not required to survive 8-bit rounding.",
}
_WORST_FIRST: Mapping[State, int] = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}


@dataclass(frozen=True)
class _Case:
    """One judgement in progress."""

    facts: Mapping[str, Json]
    policy: Policy
    doubts: Sequence[str]
    """Reasons that hold every PASS back, whatever the requirement."""
    indicators: Sequence[Mapping[str, Json]] = field(default_factory=list[Mapping[str, Json]])

    @property
    def population(self) -> int:
        return int(self.facts["data"]["n"])

    @property
    def depth(self) -> Depth:
        """What a witness may consist of, for this verdict."""
        return self.policy.depth if self.facts["data"].get("eight_bit") else "float32"


def judge(
    evidence: Mapping[str, Json],
    policy: Policy,
    *,
    evaluated_at: str,
    baseline: Baseline | None = None,
    first: bool = False,
) -> dict[str, Json]:
    """Judge evidence under a policy; the same input gives the same verdict.

    ``first`` says that no baseline exists. Without it a missing one is missing evidence.
    """
    facts = _facts(evidence)
    case = _Case(facts, policy, doubts_of(facts, policy), indicators_of(facts))
    rulings = [_ruling(case, line) for line in policy.require]
    changes = [] if first and baseline is None else _changes(case, baseline)
    states: list[State] = [one.state for one in (*rulings, *changes)]
    verdict = min(states, key=_WORST_FIRST.__getitem__)
    return {
        "schema": "assay/verdict/v1",
        "verdict": verdict,
        "sentence": sentence(facts, policy, verdict, rulings, changes),
        "requirements": [one.as_json() for one in (*rulings, *changes)],
        "indicators": [dict(one) for one in case.indicators],
        "claim": policy.claim,
        "domain": policy.domain,
        "depth": case.depth,
        "seed": policy.seed,
        "policy_digest": policy.digest,
        "evidence_digest": evidence_digest(evidence),
        "baseline": baseline.as_json() if baseline else None,
        "notes": [*case.doubts, _DEPTHS[case.depth], *_compared(policy, baseline, first=first)],
        "evaluated_at": evaluated_at,
    }


def _compared(policy: Policy, baseline: Baseline | None, *, first: bool) -> list[str]:
    if policy.regress is None and baseline is not None:
        return ["The policy has no `regress`, so nothing was held against the baseline."]
    if policy.regress is not None and baseline is None and first:
        return ["There is no baseline yet, so nothing was held against one."]
    return []


def _changes(case: _Case, baseline: Baseline | None) -> list[Regression]:
    """What the policy forbids to get worse, in its order."""
    rules = case.policy.regress
    if rules is None:
        return []
    lines = {one.id: one for one in case.policy.require}
    found: list[Regression] = []
    for line in (lines[name] for name in rules.on):
        matching = [one for one in _matching(case, line) if one.get("outcome") == "measured"]
        one = matching[0] if len(matching) == 1 else None
        threat = "" if one is None else _scope(one, "threat")
        found.append(regression(rules, line, one, baseline, threat=threat, depth=case.depth))
    return found


def _facts(evidence: Mapping[str, Json]) -> Mapping[str, Json]:
    facts = part(evidence.get("facts"))
    try:
        whole = facts["data"]["n"] > 0 and bool(facts["plan"]["analyzers"])
        _ = facts["measurements"], facts["samples"], facts["plan"]["seed"]
    except (KeyError, TypeError) as error:
        raise _unreadable() from error
    if not whole:
        raise _unreadable()
    return facts


def _unreadable() -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        "This is not the evidence of an audit.",
        "Give the evidence.json that `assay check` or `assay audit` wrote.",
    )


def _ruling(case: _Case, line: Requirement) -> Ruling:
    found = _matching(case, line)
    if len(found) != 1:
        why = "Nothing measured it" if not found else "It was measured more than once"
        return unknown(line, f"{why}.")
    one = found[0]
    threat = _scope(one, "threat")
    if one.get("outcome") != "measured":
        reason = f"It could not be measured: {one.get('note') or one.get('outcome')}."
        return unknown(line, reason, threat)
    tally = tally_of(part(one.get("counts")), case.population)
    _check_states(case, one, tally)
    shared = case.policy.shared(line)
    ruling = _of_classes(case, shared, one, tally) if line.per else _decided(case, shared, tally)
    held = _held_back(case, line, str(one["analyzer"]))
    if held and ruling.state == "PASS":
        ruling = replace(ruling, state="INCONCLUSIVE", reason=held, decided_by="trust")
    return replace(ruling, threat=threat, grade=str(one.get("grade", "")), doubt=held)


def _matching(case: _Case, line: Requirement) -> list[Mapping[str, Json]]:
    named = [one for one in case.facts["measurements"] if one["metric"] == line.metric]
    if line.threat is None:
        return [one for one in named if not one.get("scope")]
    wanted = case.policy.threats[line.threat].threat.text
    meant = [one for one in named if _scope(one, "threat") == wanted]
    return [one for one in meant if _scope(one, "depth") in {"", case.depth}]


def _scope(one: Mapping[str, Json], name: str) -> str:
    return str(part(one.get("scope")).get(name, ""))


def _check_states(case: _Case, one: Mapping[str, Json], tally: Tally) -> None:
    """A tally that its own per-sample states do not bear out is no evidence."""
    states = {name: int(count) for name, count in _states(case, one, "states").items()}
    standing = states.get("standing", 0) + states.get("right", 0)
    pending = states.get("pending", 0)
    if (
        standing != tally.standing
        or pending != tally.pending
        or sum(states.values()) != tally.prefix
    ):
        raise _mismatch(one)


def _states(case: _Case, one: Mapping[str, Json], column: str) -> Mapping[str, Json]:
    """What the evidence keeps of per-sample states, at the depth that was measured."""
    told = part(case.facts["samples"].get(one["analyzer"]))
    ending = "8" if _scope(one, "depth") == "8-bit" else ""
    return part(told.get(f"{column}{ending}"))


def _mismatch(one: Mapping[str, Json]) -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        f"The counts of {one['metric']} do not match the states of its images.",
        "Run the audit again; if the file was edited, use the original.",
    )


def _decided(case: _Case, line: Requirement, tally: Tally) -> Ruling:
    claim = case.policy.claim
    interval = range_of(tally, claim, float(1 - line.level))
    state, reason, by = decide(line, tally, interval, claim)
    return Ruling(line, state, reason, by, "", tally, interval)


def _of_classes(case: _Case, line: Requirement, one: Mapping[str, Json], whole: Tally) -> Ruling:
    """Every class by itself, at the level that lets all of them err no more often than one may."""
    states = {name: part(told) for name, told in _states(case, one, "by_class").items()}
    counts = [int(count) for count in case.facts["data"].get("class_counts", ())]
    sizes = {str(label): count for label, count in enumerate(counts) if count}
    empty = max(len(counts), int(part(case.facts.get("subject")).get("classes", 0))) - len(sizes)
    if not sizes or (whole.prefix and not states):
        return unknown(line, "The evidence does not tell classes apart.")
    tallies = class_tallies(states, whole, sizes)
    if sum(one.prefix for one in tallies.values()) != whole.prefix or any(
        one.prefix > one.population for one in tallies.values()
    ):
        raise _mismatch(one)
    shared = line.model_copy(update={"level": 1 - (1 - line.level) / len(sizes)})
    rulings = [
        replace(_decided(case, shared, tally), group=_name(case, label))
        for label, tally in tallies.items()
    ]
    failing = [one.group for one in rulings if one.state == "FAIL"]
    weakest = min(rulings, key=lambda one: (_WORST_FIRST[one.state], one.observed or 0.0))
    undecided = [one.group for one in rulings if one.state == "INCONCLUSIVE"]
    if empty and not failing:
        return unknown(line, f"No image was given of {empty} of the classes that the model knows.")
    return replace(weakest, failing=failing, undecided=undecided)


def _name(case: _Case, label: str) -> str:
    names = case.facts["data"].get("class_names", ())
    return str(names[int(label)]) if int(label) < len(names) else label


def _held_back(case: _Case, line: Requirement, analyzer: str) -> str:
    found = held_back(case.facts, analyzer, doubts=case.doubts, indicators=case.indicators)
    return found or _no_room(case, line)


def _no_room(case: _Case, line: Requirement) -> str:
    """Whether no picture of 8 bits could differ at all, which proves nothing."""
    size = case.policy.threats[line.threat].threat.eps if line.threat else "0"
    steps = Fraction(size) * 255
    if case.depth == "float32" or not 0 < steps < 1:
        return ""
    return f"A size of {size} is less than one step of 8 bits, so nothing was tried; write 1/255."
