"""Evidence of toy audits, made by the real course, and what the judge says of it."""

from typing import Any

from service.core.driver import Course, instances_for
from service.core.evidence import facts_of
from service.core.judge import judge
from service.core.policy import Policy, parse_policy
from service.core.stops import stops_for
from support.toys import CATALOGUE, a_case, toy_done

POLICY = """
apiVersion: assay/v1
claim: CLAIM
data: {min_n: 10}
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.9}
  - {id: wc, metric: robust_accuracy, threat: near, gte: GTE}
"""
N = 300
ATTACK = "attacks.toy@Linf:8/255:white:gate"


def policy(gte: float = 0.5, claim: str = "set") -> Policy:
    """A policy over the toys."""
    return parse_policy(POLICY.replace("GTE", str(gte)).replace("CLAIM", claim), CATALOGUE)


def evidence(
    *, broken: float = 0.3, stop_at: float | None = None, claim: str = "set"
) -> dict[str, Any]:
    """Evidence of a toy audit, whole or stopped early by a threshold."""
    rules = policy(stop_at or 0.5, claim)
    found = instances_for(CATALOGUE, rules)
    stops = {one.key: stops_for(one, rules) if stop_at else () for one in found}
    course = Course(a_case(N), found, seed=0, engine="toy", stops=stops)
    while steps := course.ready():
        step = steps[0]
        course.commit(step, toy_done(step.unit, step.shard.analyzer, broken=broken))
    data = {**course.case.data.as_json(), "class_counts": [30] * 10, "distinct": N}
    facts = facts_of(
        course,
        subject=course.case.subject.as_json(),
        data=data,
        engine={"device": "toy"},
        versions={"assay": "0"},
        labels=[row % 10 for row in range(N)],
    )
    return {"facts": facts, "run": {"seconds": 1.0}}


def verdict(found: dict[str, Any], rules: Policy) -> dict[str, Any]:
    """Judge at a fixed date."""
    return judge(found, rules, evaluated_at="2026-01-01T00:00:00Z")


def ruling(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The ruling on one requirement."""
    return next(one for one in found["requirements"] if one["id"] == name)


def measurement(found: dict[str, Any], metric: str) -> dict[str, Any]:
    """One measurement of the evidence, to be tampered with."""
    return next(one for one in found["facts"]["measurements"] if one["metric"] == metric)
