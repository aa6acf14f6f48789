"""Findings: measured values that are worth a sentence, by the rules each analyzer declares."""

from collections.abc import Mapping, Sequence

from analyzers.contract import FindingRule, Json, Measurement
from service.core.driver import Instance


def findings(instance: Instance, measured: Sequence[Measurement]) -> list[dict[str, Json]]:
    """Every rule of one analyzer that its measurements set off, in rule order."""
    found: list[dict[str, Json]] = []
    for rule in instance.analyzer.description.findings:
        found.extend(
            _finding(instance.key, rule, one)
            for one in measured
            if one.metric == rule.metric and one.value is not None and _sets_off(rule, one.value)
        )
    return found


def _sets_off(rule: FindingRule, value: float) -> bool:
    return value > rule.threshold if rule.comparison == "above" else value < rule.threshold


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"({key} unknown)"


def _finding(key: str, rule: FindingRule, one: Measurement) -> dict[str, Json]:
    words: Mapping[str, str] = _Known(
        {**one.scope, "value": f"{one.value:.4g}", "limit": f"{rule.threshold:.4g}"}
    )
    return {
        "id": rule.id,
        "severity": rule.severity,
        "grade": rule.grade,
        "statement": rule.statement.format_map(words),
        "evidence": {"metric": one.metric, "value": one.value, "scope": dict(one.scope)},
        "remedy": rule.remedy,
        "reproduce": "assay audit MODEL --data DATA --policy POLICY",
        "analyzer": key,
    }
