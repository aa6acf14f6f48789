"""The threat model: what the attacker wants, knows and may do, threat by threat."""

from __future__ import annotations

from collections.abc import Mapping

from analyzers.contract import Json
from service.report import wording
from service.report.reading import mapping, mappings, text

Pair = tuple[str, str]

_KNOWS = {
    "white": "everything: weights, gradients, preprocessing (white box)",
    "score": "the scores of any picture that is asked about, not the weights",
    "black": "the answers alone, not the weights (black box)",
}
_BALLS = {
    "Linf": "every value of every pixel may change by at most {}",
    "L2": "the Euclidean length of the change may be at most {}",
    "L1": "the sizes of all changes may sum to at most {}",
}


def threats(facts: Mapping[str, Json]) -> list[tuple[str, list[Pair]]]:
    """Every threat of the plan, in words of NIST AI 100-2."""
    found: dict[str, list[Pair]] = {}
    for one in mappings(mapping(facts, "plan"), "analyzers"):
        config = mapping(one, "config")
        norm, eps = text(config, "norm"), text(config, "eps")
        if norm and eps:
            knowledge, budget = text(config, "knowledge"), text(config, "budget")
            identity = ":".join(part for part in (norm, eps, knowledge, budget) if part)
            found.setdefault(wording.threat(identity), _told(norm, eps, knowledge, budget))
    return list(found.items())


def _told(norm: str, eps: str, knowledge: str, budget: str) -> list[Pair]:
    ball = _BALLS.get(norm, f"changes of size {{}} in {norm}").format(eps)
    return [
        ("goal", "integrity: any wrong class will do (untargeted evasion)"),
        ("stage", "deployment: the model is finished and is not changed"),
        ("knowledge", _KNOWS.get(knowledge, knowledge or "not stated")),
        ("capability", f"{ball}; pixels lie in [0, 1] and stay there"),
        ("budget", f"the {budget} plan of attacks" if budget else "not stated"),
    ]
