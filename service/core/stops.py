"""Thresholds as stop rules: they only decide how many blocks run, never what a block holds."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from analyzers.contract import Stop, Tally
from analyzers.statistics.sequential import population_interval, set_fails
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


def stops_for(instance: Instance, policy: Policy) -> Sequence[Stop]:
    """The stop rules of one instance: all requirements that its threat serves.

    Each must already FAIL for the plan to end, since an open one still needs evidence.
    """
    stops: list[Stop] = []
    for line in policy.require:
        if line.threat is None:
            continue
        threat = policy.threats[line.threat].threat
        if instance.config.get("eps") is None or threat.as_config() != dict(instance.config):
            continue
        stops.append(Stop(line.metric, _fails_rule(line, policy.claim)))
    return stops


def _fails_rule(line: Requirement, claim: str) -> Callable[[Tally], bool]:
    return lambda tally: fails(tally, line, claim)
