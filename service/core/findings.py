"""Findings: measured values that are worth a sentence, by the rules each analyzer declares."""

from collections.abc import Mapping, Sequence

from analyzers.contract import Description, FindingRule, Json, Measurement
from service.core.driver import Instance


def findings(instance: Instance, measured: Sequence[Measurement]) -> list[dict[str, Json]]:
    """Every rule of one analyzer that its measurements set off, in rule order."""
    found: list[dict[str, Json]] = []
    for rule in instance.analyzer.description.findings:
        found.extend(
            _finding(instance.key, instance.analyzer.description, rule, one)
            for one in measured
            if one.metric == rule.metric and one.value is not None and _sets_off(rule, one.value)
        )
    return found


def _sets_off(rule: FindingRule, value: float) -> bool:
    return value > rule.threshold if rule.comparison == "above" else value < rule.threshold


def _written(value: float | None, unit: str) -> str:
    """A share as people say it: 0.2105 of the images would read as a count."""
    if value is None:
        return "(unknown)"
    return f"{100 * value:.3g} %" if unit == "share" else f"{value:.4g}"


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"({key} unknown)"


def _finding(key: str, told: Description, rule: FindingRule, one: Measurement) -> dict[str, Json]:
    unit = next((spec.unit for spec in told.metrics if spec.name == rule.metric), "")
    words: Mapping[str, str] = _Known(
        {**one.scope, "value": _written(one.value, unit), "limit": _written(rule.threshold, unit)}
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
