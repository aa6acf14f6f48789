"""Thresholds as stop rules: they only decide how many blocks run, never what a block holds."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from analyzers.contract import Stop, Tally
from analyzers.statistics.sequential import population_interval, set_fails
from analyzers.statistics.two_phase import phase_passes
from service.core.driver import Instance
from service.core.policy import Policy, Requirement


def survivors_needed(threshold: Fraction, population: int) -> int:
    """How many images must survive: the threshold is exact, so is the rounding."""
    return math.ceil(threshold * population)


def certainly_fails(tally: Tally, threshold: Fraction) -> bool:
    """Whether the fallen images alone rule the threshold out, whatever the rest does."""
    return tally.fallen > tally.population - survivors_needed(threshold, tally.population)


def fails(tally: Tally, requirement: Requirement, claim: str) -> bool:
    """Whether a committed prefix settles a FAIL at the requirement's level."""
    alpha = float(1 - requirement.level)
    settled = tally.prefix - tally.pending
    if claim == "set":
        need = survivors_needed(requirement.gte, tally.population)
        if certainly_fails(tally, requirement.gte):
            return True
        # A pending row may still stand; while one is open only certainty may fail the set.
        return tally.pending == 0 and set_fails(
            tally.population, tally.prefix, tally.standing, need, alpha
        )
    if tally.pending or not settled:
        return False
    return population_interval(tally.standing, settled, alpha).high < float(requirement.gte)


def passes_early(tally: Tally, requirement: Requirement, claim: str) -> bool:
    """Whether enough of the survivors would stand the last pass, at the requirement's level.

    Only of a set that is covered, and only when nothing that concerns all of it is open.
    """
    if claim != "set" or not tally.survivors or tally.pending or tally.prefix < tally.population:
        return False
    need = survivors_needed(requirement.gte, tally.population)
    tried, stood = last_pass(tally)
    return phase_passes(tally.survivors, tried, stood, need, float(1 - requirement.level))


def last_pass(tally: Tally) -> tuple[int, int]:
    """On how many survivors the last pass ran, and how many of them stand."""
    tried = tally.full - tally.fallen + tally.late
    return tried, tried - tally.late


def stops_for(
    instance: Instance, policy: Policy, floors: Mapping[str, Fraction] | None = None
) -> Sequence[Stop]:
    """The stop rules of one instance: all requirements that its threat serves.

    ``floors`` are thresholds below which a waiver of a requirement is void, by its id: they must be
    settled as well, or an early FAIL would leave every waiver void.

    Each must be settled for the plan to end, since an open one still needs evidence. Counts over
    all images settle nothing about single classes: such a requirement ends a plan only together
    with one that failed already, by which the verdict is known. What is held against a baseline is
    attacked to the end, since an image that was spared would count as standing.
    """
    compared = policy.regress.on if policy.regress else ()
    lines = [policy.shared(one) for one in policy.require if _serves(instance, one, policy)]
    whole = [one for one in lines if not one.per]
    held = [
        one.model_copy(update={"gte": floor})
        for one in lines
        if (floor := (floors or {}).get(one.id)) is not None
    ]
    return [
        Stop(
            one.metric,
            _any(fails, whole if one.per else [one], policy.claim),
            _any(passes_early, [] if one.per or one.id in compared else [one], policy.claim),
            depth=policy.depth,
        )
        for one in (*lines, *held)
    ]


def _serves(instance: Instance, line: Requirement, policy: Policy) -> bool:
    if line.threat is None or instance.config.get("eps") is None:
        return False
    return policy.threats[line.threat].threat.as_config() == dict(instance.config)


def _any(
    rule: Callable[[Tally, Requirement, str], bool], lines: Sequence[Requirement], claim: str
) -> Callable[[Tally], bool]:
    return lambda tally: any(rule(tally, line, claim) for line in lines)
