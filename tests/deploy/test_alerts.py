"""Every alert can be raised: its metrics, labels and values exist, and its vectors can meet."""

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from prometheus_client import CollectorRegistry

from service.observe import Metrics as Observed
from service.rpc.metrics import LABELS
from service.rpc.metrics import Metrics as Calls
from support.promql import Labels, SilentError, check

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
[GROUP] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
CALLS = {**dict.fromkeys(LABELS), "grpc_code": frozenset(one.name for one in grpc.StatusCode)}


@pytest.fixture(scope="module")
def metrics() -> dict[str, Labels]:
    """All that the service exports, as Prometheus knows it after a scrape."""
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    added: Labels = {"job": frozenset({job["job_name"]}), "instance": None}
    registry = CollectorRegistry()
    Observed.register(registry, version="0", sandbox_level=2)
    Calls(registry)
    found: dict[str, Labels] = {"up": added}
    for family in registry.collect():
        for ending in ENDINGS.get(family.type, ("",)):
            values: dict[str, set[str]] = {}
            for sample in family.samples:
                for label, value in sample.labels.items():
                    if sample.name == f"{family.name}{ending}":
                        values.setdefault(label, set()).add(value)
            known: Labels = {label: frozenset(one) for label, one in values.items()}
            # Calls have a series once one was made; their labels are all declared here.
            calls = CALLS if family.name.startswith("grpc_server_") else {}
            found[f"{family.name}{ending}"] = {**calls, **known, **added}
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_can_be_raised(rule: dict[str, Any], metrics: dict[str, Labels]) -> None:
    """Its expression parses, names what is exported, and its texts use labels that it has."""
    labels = check(rule["expr"], metrics)
    told = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= labels
    assert "instance" in labels
    assert told.count("{{") == told.count("}}") == len(re.findall(r"\{\{ \$\w+[^{}]* \}\}", told))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    """Summary, description, action, how urgent, and for how long it must hold."""
    assert set(rule["annotations"]) == {"summary", "description", "action"}
    assert all(len(text) > 20 for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}


def test_alerts_have_names_of_their_own() -> None:
    """No two share a name, and all say whose they are."""
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"Assay[A-Z]\w+", name) for name in names)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("assay_sentinel_ok == 0", "nobody exports"),
        ('assay_audits_total{outcome="sytem_error"} > 0', "never has"),
        ('assay_audits_total{result="ok"} > 0', "no label"),
        ('up{job="prometheus"} == 0', "never has"),
        ("assay_jobs_running > 0 and assay_audits_total > 0", "differ"),
        ("sum by (instance) (assay_verdicts_total) > sum(assay_verdicts_total)", "differ"),
        ("sum by (tier) (assay_verdicts_total) > 0", "no label"),
        ("rate(assay_verdicts_total) > 0", "range"),
        ("rate(assay_jobs_running[5m]) > 0", "counter"),
        ("assay_verdicts_total[5m] > 0", "ranges"),
        ("assay_sandbox_level", "always"),
        ("sum(increase(assay_verdicts_total[5m]) > 0", "expected"),
        ("assay_sandbox_level < 2)", "expected"),
        ("assay_sandbox_level < 'two'", "cannot be read"),
        ("assay_sandbox_level <", "expected"),
        ("1 > 0", "a vector of now"),
    ],
)
def test_a_silent_alert_is_found(expression: str, why: str, metrics: dict[str, Labels]) -> None:
    """Control: each way in which an alert stays silent for ever is refused, and said."""
    with pytest.raises(SilentError, match=why):
        check(expression, metrics)


def test_labels_are_followed_through_an_expression(metrics: dict[str, Labels]) -> None:
    """Known answers for aggregation, functions and joins."""
    both = {"instance", "job"}
    assert check("assay_sandbox_level < 2", metrics) == both
    counted = "increase(assay_stage_duration_seconds_count[5m])"
    assert check(f"{counted} > 0", metrics) == {*both, "stage"}
    assert check(f"sum without (stage) ({counted}) > 0 and assay_jobs_running > 0", metrics) == both
    assert check(f"sum({counted}) / 2 > 0.5 * 3", metrics) == set()
