"""Findings: which measured values are worth a sentence, and what the sentence says."""

from dataclasses import replace
from typing import Literal

import pytest

from analyzers.contract import FindingRule, Measurement, MetricSpec
from service.core.driver import Instance
from service.core.findings import findings
from support.toys import ATTACK

RULE = FindingRule(
    id="T-1",
    metric="flatness",
    comparison="above",
    threshold=0.25,
    severity="high",
    grade="D",
    statement="{value} beyond {limit} under {threat} in {layer}.",
    remedy="Mend {value}.",
)


def instance(*rules: FindingRule) -> Instance:
    """The toy attack with these rules."""
    described = replace(ATTACK.description, findings=rules)
    return Instance("attacks.toy@x", replace(ATTACK, description=described), {})


def one(value: float | None, metric: str = "flatness", **scope: str) -> Measurement:
    """A measurement; without a value it is none."""
    return Measurement(metric, "out_of_budget" if value is None else "measured", scope, value)


@pytest.mark.parametrize(
    ("comparison", "value", "sets_off"),
    [
        ("above", 0.2500001, True),
        ("above", 0.25, False),
        ("above", 0.2499999, False),
        ("below", 0.2499999, True),
        ("below", 0.25, False),
        ("below", 0.2500001, False),
        ("below", 0.0, True),
        ("above", 0.0, False),
    ],
)
def test_a_rule_is_set_off_strictly_beyond_its_threshold(
    comparison: Literal["above", "below"], value: float, sets_off: bool
) -> None:
    """Equality is no finding, on either side."""
    rule = replace(RULE, comparison=comparison)
    assert bool(findings(instance(rule), [one(value)])) is sets_off


def test_what_was_not_measured_is_no_finding() -> None:
    """An absent value is neither above nor below anything."""
    rules = RULE, replace(RULE, comparison="below")
    assert findings(instance(*rules), [one(None)]) == []


def test_another_metric_is_not_looked_at() -> None:
    """A rule speaks of its own metric only."""
    assert findings(instance(RULE), [one(1.0, "roundness")]) == []


def test_no_rule_no_finding() -> None:
    """An analyzer without rules finds nothing, whatever it measured."""
    assert findings(instance(), [one(1.0)]) == []


def test_statement_is_filled_with_value_limit_and_scope() -> None:
    """Four digits of the value, the threshold, and the words of the scope."""
    (found,) = findings(instance(RULE), [one(1 / 3, threat="Linf:8/255", layer="conv1")])
    assert found["statement"] == "0.3333 beyond 0.25 under Linf:8/255 in conv1."
    assert found["remedy"] == "Mend {value}."
    assert found["evidence"] == {
        "metric": "flatness",
        "value": 1 / 3,
        "scope": {"threat": "Linf:8/255", "layer": "conv1"},
    }
    named = {name: found[name] for name in ("id", "severity", "grade", "analyzer")}
    assert named == {"id": "T-1", "severity": "high", "grade": "D", "analyzer": "attacks.toy@x"}


def test_scope_keys_that_are_missing_are_named() -> None:
    """A statement that asks for more than the scope holds says so and does not fail."""
    (found,) = findings(instance(RULE), [one(0.5, layer="conv1")])
    assert found["statement"] == "0.5 beyond 0.25 under (threat unknown) in conv1."


def test_value_and_limit_are_never_taken_from_the_scope() -> None:
    """A scope that has a key of that name does not decide what the sentence says."""
    scope = {"value": "none", "limit": "all"}
    (found,) = findings(instance(RULE), [Measurement("flatness", "measured", scope, 0.5)])
    assert found["statement"].startswith("0.5 beyond 0.25")


def test_words_of_a_scope_are_no_templates() -> None:
    """Braces in a layer's name stay as they are."""
    (found,) = findings(instance(RULE), [one(0.5, threat="t", layer="{limit}{0}")])
    assert found["statement"].endswith("in {limit}{0}.")


def test_findings_come_in_rule_order_then_in_order_of_measurement() -> None:
    """Order of the rules first: the page and the file are stable."""
    rules = replace(RULE, id="B"), replace(RULE, id="A", threshold=0.0)
    measured = [one(0.5, layer="first"), one(0.1, layer="second"), one(0.9, layer="third")]
    found = findings(instance(*rules), measured)
    told = [(each["id"], each["evidence"]["scope"]["layer"]) for each in found]
    assert told == [
        ("B", "first"),
        ("B", "third"),
        ("A", "first"),
        ("A", "second"),
        ("A", "third"),
    ]


@pytest.mark.parametrize(
    ("unit", "told"),
    [("share", "21 % beyond 25 %"), ("points", "0.21 beyond 0.25"), ("", "0.21 beyond 0.25")],
)
def test_a_share_is_told_in_percent(unit: str, told: str) -> None:
    """Where the metric is one: `0.21 of the images` would read as a count."""
    rule = replace(RULE, comparison="below")
    plain = instance(rule)
    specs = [MetricSpec("flatness", "How flat it is.", unit)] if unit else []
    described = replace(plain.analyzer.description, metrics=tuple(specs))
    analyzer = replace(plain.analyzer, description=described)
    (said,) = findings(replace(plain, analyzer=analyzer), [one(0.21)])
    assert said["statement"].startswith(told)
