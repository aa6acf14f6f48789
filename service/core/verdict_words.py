"""The one sentence that a verdict comes with."""

from collections.abc import Mapping, Sequence

from analyzers.contract import Json
from service.core.policy import Policy
from service.core.regression import Regression
from service.core.ruling import Ruling, State


def sentence(
    facts: Mapping[str, Json],
    policy: Policy,
    verdict: State,
    rulings: Sequence[Ruling],
    changes: Sequence[Regression],
) -> str:
    """What was found, what was asked for, and what a PASS means, in this order."""
    n, claim = int(facts["data"]["n"]), policy.claim
    change = next((one for one in changes if one.state == verdict), None)
    if change and verdict not in {one.state for one in rulings}:
        about = f"Held against the baseline, '{change.requirement.id}' may not be worse."
        return f"{verdict}. {about} {change.reason}"
    worst = next((one for one in rulings if one.state == verdict), rulings[0])
    attacked = next((one for one in rulings if one.threat and one.state == verdict), worst)
    about = _about(n, claim, attacked)
    if verdict == "FAIL":
        return f"FAIL. {about} {_against(attacked)} {attacked.reason}"
    if verdict == "PASS":
        return f"PASS. {about} {_against(attacked)} {_what_pass_means(facts, rulings)}"
    return f"INCONCLUSIVE. {_about(n, claim, worst)} {_against(worst)} {worst.reason}"


def _about(n: int, claim: str, ruling: Ruling) -> str:
    said = f"On these {n} images" if claim == "set" else f"Judging from {n} sampled images"
    if ruling.group and ruling.tally is not None:
        said += f", the weakest class '{ruling.group}' ({ruling.tally.population} images) decides:"
    if ruling.tally is None or not ruling.tally.prefix:
        return f"{said}, {ruling.requirement.metric} is not known."
    seen = ruling.tally
    kept = seen.standing + (seen.pending if ruling.threat else 0)  # unconfirmed is not fallen
    share = kept / seen.prefix
    some = "" if seen.prefix == seen.population else f" of the {seen.prefix} looked at"
    if not ruling.threat:
        return f"{said}, {share:.1%}{some} are classified correctly."
    norm, eps, *_ = ruling.threat.split(":")
    told = f"at most {share:.1%}{some} keep" if kept else f"none{some or ' of them'} keeps"
    return f"{said}, {told} the correct label within {norm} {eps}."


def _against(ruling: Ruling) -> str:
    line = ruling.requirement
    return f"The policy's '{line.id}' requires at least {float(line.gte):.1%}."


def _what_pass_means(facts: Mapping[str, Json], rulings: Sequence[Ruling]) -> str:
    plans = sorted({str(one["version"]) for one in _attacks(facts)})
    if not any(one.threat for one in rulings):
        return "No requirement asked for an attack, so this says nothing about robustness."
    return (
        f"The attack plan{'s' if len(plans) > 1 else ''} {', '.join(plans)} found no further "
        "break; nothing is certified, so a stronger attack may still find one."
    )


def _attacks(facts: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """Who bounds a share from above: neither who vouches for it nor who serves the lenses."""
    bounding = {one["analyzer"] for one in facts["measurements"] if one["bound"] == "upper"}
    return [one for one in facts["plan"]["analyzers"] if one["key"] in bounding]
