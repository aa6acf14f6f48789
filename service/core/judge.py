"""The verdict: a pure function of evidence, policy and date.

The judge recomputes every interval from counts and trusts no number that a count does not
carry. What is absent, contradictory or undecided never becomes a PASS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzers.contract import Json, Tally
from analyzers.statistics.intervals import Interval, clopper_pearson
from analyzers.statistics.sequential import population_interval, set_interval
from service.core.evidence import evidence_digest, tally_of
from service.core.policy import Policy, Requirement
from service.core.stops import certainly_fails, fails, survivors_needed
from service.errors import AssayError, Code

State = Literal["PASS", "FAIL", "INCONCLUSIVE"]
IndicatorState = Literal["ok", "red", "missing", "not_applicable"]


@dataclass(frozen=True)
class Ruling:
    """What the judge says of one requirement, with its numbers."""

    requirement: Requirement
    state: State
    reason: str
    decided_by: str
    threat: str = ""
    tally: Tally | None = None
    interval: Interval | None = None

    def as_json(self) -> dict[str, Json]:
        """Plain data for the verdict file."""
        line, tally = self.requirement, self.tally
        return {
            "id": line.id,
            "metric": line.metric,
            "threat": self.threat,
            "label": line.threat or "",
            "state": self.state,
            "observed": None
            if tally is None or not tally.prefix
            else tally.standing / tally.prefix,
            "threshold": float(line.gte),
            "comparison": "gte",
            "level": float(line.level),
            "interval": None if self.interval is None else list(self.interval),
            "counts": None if tally is None else tally._asdict(),
            "reason": self.reason,
            "decided_by": self.decided_by,
        }


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


def judge(evidence: Mapping[str, Json], policy: Policy, *, evaluated_at: str) -> dict[str, Json]:
    """Judge evidence under a policy; the same input gives the same verdict."""
    facts = _facts(evidence)
    indicators = _indicators(facts)
    case = _Case(facts, policy, _doubts(facts, policy), indicators)
    rulings = [_ruling(case, line) for line in policy.require]
    states = {one.state for one in rulings}
    verdict: State = "PASS"
    if "FAIL" in states:
        verdict = "FAIL"
    elif "INCONCLUSIVE" in states:
        verdict = "INCONCLUSIVE"
    return {
        "schema": "assay/verdict/v1",
        "verdict": verdict,
        "sentence": _sentence(case, verdict, rulings),
        "requirements": [one.as_json() for one in rulings],
        "indicators": [dict(one) for one in indicators],
        "claim": policy.claim,
        "domain": policy.domain,
        "seed": policy.seed,
        "policy_digest": policy.digest,
        "evidence_digest": evidence_digest(evidence),
        "notes": [
            *case.doubts,
            "Judged in floating point: witnesses were not required to survive 8-bit rounding.",
        ],
        "evaluated_at": evaluated_at,
    }


def _mapping(value: Json) -> Mapping[str, Json]:
    """An object of the evidence; what is none holds nothing."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON object


def _facts(evidence: Mapping[str, Json]) -> Mapping[str, Json]:
    facts = _mapping(evidence.get("facts"))
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


def _doubts(facts: Mapping[str, Json], policy: Policy) -> list[str]:
    """What makes this evidence unfit to carry a PASS under this policy, whatever it measured."""
    data, doubts = facts["data"], list[str]()
    if not _firsts(facts):
        doubts.append("Nothing checked whether the model was fed as it expects to be.")
    if int(facts["plan"]["seed"]) != policy.seed:
        doubts.append(
            f"The audit drew its images with seed {facts['plan']['seed']}; the policy accepts only "
            f"seed {policy.seed}."
        )
    if policy.data.ref and policy.data.ref != f"evalset@sha256:{data['digest']}":
        doubts.append("The policy names another evaluation set than the one that was used.")
    distinct = int(data.get("distinct", 0))
    if distinct < policy.data.min_n:
        doubts.append(
            f"The policy asks for {policy.data.min_n} images; there are {distinct} different ones."
        )
    if policy.claim == "population" and distinct < int(data["n"]):
        doubts.append("Some images are copies, so they are no independent draws of a population.")
    fewest = _fewest(facts)
    if fewest < policy.data.min_per_class:
        doubts.append(
            f"The policy asks for {policy.data.min_per_class} images of every class; one class "
            f"has {fewest}."
        )
    return doubts


def _fewest(facts: Mapping[str, Json]) -> int:
    """Images of the rarest class that the model knows; a class without any counts as well."""
    counts = [int(count) for count in facts["data"].get("class_counts", [])]
    known = int(_mapping(facts.get("subject")).get("classes", 0))
    return min(counts) if counts and len(counts) >= known else 0


def _indicators(facts: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """Every indicator that an analyzer of the plan promises, found or missing."""
    found: list[Mapping[str, Json]] = []
    for planned in facts["plan"]["analyzers"]:
        for metric in planned["indicators"]:
            matching = [
                one
                for one in facts["measurements"]
                if one["analyzer"] == planned["key"] and one["metric"] == metric
            ]
            found.extend(_indicator(planned["key"], metric, one) for one in matching or [{}])
    return found


def _indicator(key: str, metric: str, one: Mapping[str, Json]) -> Mapping[str, Json]:
    counts = _mapping(one.get("counts"))
    numerator, denominator = counts.get("numerator"), counts.get("denominator")
    limit, state = one.get("limit"), "missing"
    share = None
    if one.get("outcome") == "measured" and limit is not None and denominator:
        share = int(numerator or 0) / int(denominator)
        state = "ok" if numerator is not None and 0 <= share <= float(limit) else "red"
    elif one.get("outcome") == "not_applicable":
        state = "not_applicable"  # there is nothing that it could doubt
    return {
        "analyzer": key,
        "metric": metric,
        "scope": dict(_mapping(one.get("scope"))),
        "state": state,
        "value": share,
        "limit": limit,
        "counts": dict(counts),
        "note": one.get("note") or ("" if one else "This indicator was promised and is absent."),
    }


def _ruling(case: _Case, line: Requirement) -> Ruling:
    found = _matching(case, line)
    if len(found) != 1:
        why = "Nothing measured it" if not found else "It was measured more than once"
        return Ruling(line, "INCONCLUSIVE", f"{why}.", "absence")
    one = found[0]
    threat = _threat_of(one)
    if one.get("outcome") != "measured":
        reason = f"It could not be measured: {one.get('note') or one.get('outcome')}."
        return Ruling(line, "INCONCLUSIVE", reason, "absence", threat)
    tally = tally_of(_mapping(one.get("counts")), case.population)
    _check_states(case, one, tally)
    interval = _interval(tally, line, case.policy.claim)
    state, reason, by = _decide(case, line, tally, interval)
    if state == "PASS":
        held = _held_back(case, str(one["analyzer"]))
        if held:
            state, reason, by = "INCONCLUSIVE", held, "trust"
    return Ruling(line, state, reason, by, threat, tally, interval)


def _matching(case: _Case, line: Requirement) -> list[Mapping[str, Json]]:
    named = [one for one in case.facts["measurements"] if one["metric"] == line.metric]
    if line.threat is None:
        return [one for one in named if not one.get("scope")]
    wanted = case.policy.threats[line.threat].threat.text + ":"
    return [one for one in named if _threat_of(one).startswith(wanted)]


def _threat_of(one: Mapping[str, Json]) -> str:
    return str(_mapping(one.get("scope")).get("threat", ""))


def _check_states(case: _Case, one: Mapping[str, Json], tally: Tally) -> None:
    """A tally that its own per-sample states do not bear out is no evidence."""
    told = _mapping(case.facts["samples"].get(one["analyzer"]))
    states = {name: int(count) for name, count in _mapping(told.get("states")).items()}
    standing = states.get("standing", 0) + states.get("right", 0)
    pending = states.get("pending", 0)
    if (
        standing != tally.standing
        or pending != tally.pending
        or sum(states.values()) != tally.prefix
    ):
        raise AssayError(
            Code.EVIDENCE_INVALID,
            f"The counts of {one['metric']} do not match the states of its images.",
            "Run the audit again; if the file was edited, use the original.",
        )


def _interval(tally: Tally, line: Requirement, claim: str) -> Interval:
    alpha = float(1 - line.level)
    decided = tally.prefix - tally.pending
    if claim == "population":
        if decided == tally.population:
            return clopper_pearson(tally.standing, decided, float(line.level))
        return population_interval(tally.standing, decided, alpha)
    if tally.pending:
        high = (tally.population - tally.fallen) / tally.population
        return Interval(0.0, high)
    return set_interval(tally.population, tally.prefix, tally.standing, alpha)


def _decide(  # noqa: PLR0911 - one answer after another, in the order of their weight
    case: _Case, line: Requirement, tally: Tally, interval: Interval
) -> tuple[State, str, str]:
    need, total = survivors_needed(line.gte, tally.population), tally.population
    level = f"{float(line.level):.0%}"
    if case.policy.claim == "set" and certainly_fails(tally, line.gte):
        return "FAIL", f"{tally.fallen} of {total} images fell; {need} must stand.", "counts"
    if fails(tally, line, case.policy.claim):
        return "FAIL", f"At most {interval.high:.1%} can stand, by the {level} limit.", "interval"
    if tally.pending:
        return "INCONCLUSIVE", f"{tally.pending} claimed breaks could not be confirmed.", "pending"
    if tally.prefix < total or tally.full < total:
        return "INCONCLUSIVE", _still_needed(tally), "coverage"
    if case.policy.claim == "set":
        return "PASS", f"{tally.standing} of {total} images stand; {need} must.", "counts"
    if interval.low >= float(line.gte):
        return "PASS", f"At least {interval.low:.1%} stand, by the {level} limit.", "interval"
    return (
        "INCONCLUSIVE",
        f"The {level} interval {interval.low:.1%} to {interval.high:.1%} holds the "
        "threshold; more images would narrow it.",
        "interval",
    )


def _still_needed(tally: Tally) -> str:
    if tally.prefix < tally.population:
        return (
            f"Images {tally.prefix} to {tally.population} of the audit's order were not looked at."
        )
    return f"The full plan ran on {tally.full} of {tally.population} images."


def _held_back(case: _Case, analyzer: str) -> str:
    """Why a requirement that its numbers would pass does not pass."""
    if case.doubts:
        return case.doubts[0]
    concerned = {analyzer, *_firsts(case.facts)}
    fine = ("ok", "not_applicable")
    bad = [
        one for one in case.indicators if one["state"] not in fine and one["analyzer"] in concerned
    ]
    if not bad:
        return ""
    words = ", ".join(f"{one['metric']} is {one['state']}" for one in bad)
    note = next((f" ({one['note']})" for one in bad if one["note"]), "")
    return f"The evaluation itself is in doubt: {words}{note}."


def _firsts(facts: Mapping[str, Json]) -> list[str]:
    return [one["key"] for one in facts["plan"]["analyzers"] if one["first"]]


def _sentence(case: _Case, verdict: State, rulings: Sequence[Ruling]) -> str:
    worst = next((one for one in rulings if one.state == verdict), rulings[0])
    attacked = next((one for one in rulings if one.threat and one.state == verdict), worst)
    about = _about(case, attacked)
    if verdict == "FAIL":
        return f"FAIL. {about} {_against(attacked)} {attacked.reason}"
    if verdict == "PASS":
        return f"PASS. {about} {_against(attacked)} {_what_pass_means(case, rulings)}"
    return f"INCONCLUSIVE. {_about(case, worst)} {_against(worst)} {worst.reason}"


def _about(case: _Case, ruling: Ruling) -> str:
    n = case.population
    claim = (
        f"On these {n} images" if case.policy.claim == "set" else f"Judging from {n} sampled images"
    )
    if ruling.tally is None or not ruling.tally.prefix:
        return f"{claim}, {ruling.requirement.metric} is not known."
    seen = ruling.tally
    share = seen.standing / seen.prefix
    some = "" if seen.prefix == n else f" of the {seen.prefix} looked at"
    if not ruling.threat:
        return f"{claim}, {share:.1%}{some} are classified correctly."
    norm, eps, *_ = ruling.threat.split(":")
    return f"{claim}, at most {share:.1%}{some} keep the correct label within {norm} {eps}."


def _against(ruling: Ruling) -> str:
    line = ruling.requirement
    return f"The policy's '{line.id}' requires at least {float(line.gte):.1%}."


def _what_pass_means(case: _Case, rulings: Sequence[Ruling]) -> str:
    attacks = sorted({f"{one['id']} {one['version']}" for one in _attacks(case)})
    if not any(one.threat for one in rulings):
        return "No requirement asked for an attack, so this says nothing about robustness."
    return (
        f"The attacks {', '.join(attacks)} found no further break; nothing is certified, so a "
        "stronger attack may still find one."
    )


def _attacks(case: _Case) -> list[Mapping[str, Json]]:
    return [one for one in case.facts["plan"]["analyzers"] if "norm" in one["config"]]
