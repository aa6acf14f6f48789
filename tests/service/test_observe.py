"""Logs and metrics: what leaves the process, and what never does."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import numpy as np
import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from analyzers.contract import Json
from service.observe import (
    OTHER,
    CacheResult,
    Device,
    Metrics,
    Outcome,
    Profile,
    Stage,
    VerdictWord,
    configure_logging,
    stage_of,
)

INDICATORS = [f"indicator_{number}" for number in range(40)]


@pytest.fixture
def metrics() -> Metrics:
    """Metrics in a registry of their own, with more indicators than there will be."""
    return Metrics.register(
        CollectorRegistry(), version="0.1.0", sandbox_level=2, indicators=INDICATORS
    )


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged; the settings of the process come back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("info", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def lines(stream: io.StringIO) -> list[dict[str, Json]]:
    """Every line as the JSON object that it must be."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The value of one series."""
    return metrics.registry.get_sample_value(name, labels)


# --------------------------------------------------------------------------------------- logs


def test_events_are_json_objects(log: io.StringIO) -> None:
    """An event of ours has its name, level, logger, time and fields on one line."""
    structlog.get_logger("assay.test").info("audit begun", audit="a1", images=100)
    line = lines(log)[0]
    assert {"event": "audit begun", "level": "info", "logger": "assay.test"}.items() <= line.items()
    assert (line["audit"], line["images"]) == ("a1", 100)
    assert line["timestamp"].endswith("Z")


def test_libraries_speak_json_too(log: io.StringIO) -> None:
    """An event of the standard library is one JSON line, its traceback included."""
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger("uvicorn.error").exception("it %s", "broke")
    line = lines(log)[0]
    assert (line["event"], line["logger"], line["level"]) == ("it broke", "uvicorn.error", "error")
    assert "ZeroDivisionError" in line["exception"]


def test_levels_hold(log: io.StringIO) -> None:
    """What lies below the level is not written."""
    structlog.get_logger("a").debug("quiet")
    structlog.get_logger("a").warning("loud")
    assert [line["event"] for line in lines(log)] == ["loud"]


def test_no_secret_and_no_tensor_is_logged(log: io.StringIO) -> None:
    """Fields named like secrets are hidden, arrays and bytes give their size only."""
    structlog.get_logger("a").info(
        "upload",
        Authorization="Bearer abc",
        page_token="abc",
        image=np.full((2, 3), 0.123),
        body=b"abc",
        plain="abc",
    )
    line = lines(log)[0]
    assert "0.123" not in log.getvalue()
    assert (line["Authorization"], line["page_token"]) == ("[hidden]", "[hidden]")
    assert (line["image"], line["body"], line["plain"]) == ("[array (2, 3)]", "[3 bytes]", "abc")


def test_hostile_text_stays_one_line(log: io.StringIO) -> None:
    """Line ends and escapes in a name forge no second line; endless text is cut."""
    structlog.get_logger("a").info("named", name='x\n{"event":"forged"}\x1b[2J', long="y" * 9000)
    assert [line["event"] for line in lines(log)] == ["named"]
    assert "\x1b" not in log.getvalue()
    assert len(log.getvalue()) < 3000


# ------------------------------------------------------------------------------------- metrics


def test_every_series_is_there_from_the_start(metrics: Metrics) -> None:
    """Before anything happened each series of the closed sets exports zero."""
    for profile in Profile:
        for outcome in Outcome:
            labels = {"profile": profile.value, "outcome": outcome.value}
            assert value(metrics, "assay_audits_total", **labels) == 0
    for stage in Stage:
        assert value(metrics, "assay_stage_duration_seconds_count", stage=stage.value) == 0
        assert value(metrics, "assay_stage_failures_total", stage=stage.value) == 0
    for verdict in VerdictWord:
        assert value(metrics, "assay_verdicts_total", verdict=verdict.value) == 0
    for name in [*INDICATORS, OTHER]:
        assert value(metrics, "assay_indicator_raised_total", indicator=name) == 0


def test_the_scrape_stays_small(metrics: Metrics) -> None:
    """With every label value in use there are fewer than 2,000 series and 500 kB."""
    scrape = generate_latest(metrics.registry)
    series = sum(len(one.samples) for one in text_string_to_metric_families(scrape.decode()))
    assert 100 < series < 2000
    assert len(scrape) < 500_000


def test_ours_carry_our_name(metrics: Metrics) -> None:
    """Every metric begins with assay_, those of the process aside."""
    names = {
        one.name
        for one in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }
    assert all(name.startswith(("assay_", "process_")) for name in names)
    assert "process_resident_memory_bytes" in names


def series_of(metrics: Metrics) -> set[tuple[str, str]]:
    """Name and labels of every series."""
    scrape = generate_latest(metrics.registry).decode()
    families = text_string_to_metric_families(scrape)
    return {
        (one.name, str(sorted(one.labels.items()))) for each in families for one in each.samples
    }


def test_no_label_value_comes_from_outside(metrics: Metrics) -> None:
    """A value outside the closed sets is refused and makes no series."""
    before = series_of(metrics)
    with pytest.raises(KeyError):
        metrics.verdicts("model-9f3c")
    metrics.indicator_raised("<anything>")
    assert value(metrics, "assay_indicator_raised_total", indicator=OTHER) == 1
    assert series_of(metrics) == before


def test_counting(metrics: Metrics) -> None:
    """Each instrument feeds the series that bears its labels."""
    metrics.audits(Profile.PR, Outcome.OK).inc()
    metrics.verdicts("fail").inc()
    metrics.shards(Outcome.CANCELLED).inc(2)
    metrics.forwards(Device.CPU).inc(1203)
    metrics.backwards(Device.CPU).inc(357)
    metrics.cache(CacheResult.HIT).inc(3)
    metrics.upload_bytes.inc(1 << 20)
    metrics.queue_depth.set(4)
    metrics.jobs_running.set(1)
    metrics.audit_seconds.observe(12.0)
    metrics.indicator_raised("indicator_7")
    expected = {
        ("assay_audits_total", ("profile", "pr"), ("outcome", "ok")): 1,
        ("assay_verdicts_total", ("verdict", "fail")): 1,
        ("assay_shards_total", ("outcome", "cancelled")): 2,
        ("assay_model_forward_total", ("device", "cpu")): 1203,
        ("assay_model_backward_total", ("device", "cpu")): 357,
        ("assay_cache_requests_total", ("result", "hit")): 3,
        ("assay_uploads_bytes_total",): 1 << 20,
        ("assay_queue_depth",): 4,
        ("assay_jobs_running",): 1,
        ("assay_audit_duration_seconds_sum",): 12.0,
        ("assay_indicator_raised_total", ("indicator", "indicator_7")): 1,
    }
    for (name, *labels), count in expected.items():
        assert value(metrics, name, **dict(labels)) == count, name


def test_what_runs_here_is_told(metrics: Metrics) -> None:
    """Version and sandbox level are numbers that an alert can look at."""
    assert value(metrics, "assay_build_info", version="0.1.0") == 1
    assert value(metrics, "assay_sandbox_level") == 2


def test_stages_are_timed_and_their_errors_counted(metrics: Metrics) -> None:
    """A stage counts its time either way, and a failure only when it failed."""
    with metrics.timed(Stage.JUDGE):
        pass
    with pytest.raises(ValueError, match="broken"), metrics.timed(Stage.JUDGE):
        raise ValueError("broken")
    assert value(metrics, "assay_stage_duration_seconds_count", stage="judge") == 2
    assert value(metrics, "assay_stage_failures_total", stage="judge") == 1


@pytest.mark.parametrize(
    ("analyzer", "stage"),
    [
        ("attacks.linf", Stage.ATTACK),
        ("bounds.crown", Stage.CERTIFY),
        ("structure.filters", Stage.STRUCTURAL),
        ("behaviour.frequency", Stage.SAMPLING),
        ("", Stage.SAMPLING),
    ],
)
def test_stages_follow_families(analyzer: str, stage: Stage) -> None:
    """An analyzer counts to the stage of its family; what runs first is preflight."""
    assert stage_of(analyzer) is stage
    assert stage_of(analyzer, first=True) is Stage.PREFLIGHT
