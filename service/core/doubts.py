"""What holds a PASS back whatever was measured: unfit evidence, indicators that are not fine."""

from collections.abc import Mapping, Sequence
from typing import Literal

from analyzers.catalog import VOUCHERS
from analyzers.contract import Json
from service.core.evidence import part
from service.core.policy import Policy

IndicatorState = Literal["ok", "red", "missing", "not_applicable"]
_FINE = ("ok", "not_applicable")


def doubts_of(facts: Mapping[str, Json], policy: Policy) -> list[str]:
    """Reasons that hold every PASS back under this policy."""
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
    known = int(part(facts.get("subject")).get("classes", 0))
    return min(counts) if counts and len(counts) >= known else 0


def indicators_of(facts: Mapping[str, Json]) -> list[Mapping[str, Json]]:
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
    counts = part(one.get("counts"))
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
        "scope": dict(part(one.get("scope"))),
        "state": state,
        "value": share,
        "limit": limit,
        "counts": dict(counts),
        "note": one.get("note") or ("" if one else "This indicator was promised and is absent."),
    }


def held_back(
    facts: Mapping[str, Json],
    analyzer: str,
    *,
    doubts: Sequence[str],
    indicators: Sequence[Mapping[str, Json]],
) -> str:
    """Why a requirement that its numbers would pass does not pass."""
    if doubts:
        return doubts[0]
    absent = _unvouched(facts, analyzer)
    if absent:
        return f"Nobody looked whether the attack can be believed: {', '.join(absent)} did not run."
    concerned = {analyzer, *_beside(facts, analyzer), *_firsts(facts)}
    bad = [one for one in indicators if one["state"] not in _FINE and one["analyzer"] in concerned]
    if not bad:
        return ""
    words = ", ".join(f"{one['metric']} is {one['state']}" for one in bad)
    note = next((f" ({one['note']})" for one in bad if one["note"]), "")
    return f"The evaluation itself is in doubt: {words}{note}."


def _firsts(facts: Mapping[str, Json]) -> list[str]:
    return [one["key"] for one in facts["plan"]["analyzers"] if one["first"]]


def _beside(facts: Mapping[str, Json], analyzer: str) -> list[str]:
    """Whoever speaks of the same threat."""
    planned = facts["plan"]["analyzers"]
    threat = next((one["config"] for one in planned if one["key"] == analyzer), None)
    return [one["key"] for one in planned if threat and one["config"] == threat]


def _unvouched(facts: Mapping[str, Json], analyzer: str) -> list[str]:
    """Whoever should have looked at this attack, and is not in the plan."""
    planned = facts["plan"]["analyzers"]
    beside = {one["id"] for one in planned if one["key"] in _beside(facts, analyzer)}
    own = next((one["id"] for one in planned if one["key"] == analyzer), "")
    return [one for one in VOUCHERS.get(own, ()) if one not in beside]
