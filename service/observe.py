"""What the service tells its operators: JSON logs on stderr, and metrics in one registry."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator, Iterable, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from time import perf_counter
from typing import Any, Generic, TextIO, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

# --------------------------------------------------------------------------------------- logs

_LONGEST = 2000
_SECRETS = ("authorization", "password", "secret", "token", "credential", "cookie", "api_key")


def configure_logging(level: str = "info", stream: TextIO | None = None) -> None:
    """One JSON object a line on stderr, for our own events and for those of libraries."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                bounded,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def bounded(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """No secret, no tensor and no endless text reaches a log."""
    return {
        key: "[hidden]" if any(word in key.lower() for word in _SECRETS) else _short(value)
        for key, value in event.items()
    }


def _short(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"[array {shape}]"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… [{len(text)} characters]"


# ------------------------------------------------------------------------------------- metrics


class Profile(StrEnum):
    """The profile of an audit; ``none`` when it asked for none."""

    NONE = "none"
    SMOKE = "smoke"
    PR = "pr"
    RELEASE = "release"
    DEEP = "deep"


class Outcome(StrEnum):
    """How work ended and who could mend it, whatever the verdict."""

    OK = "ok"
    USER_ERROR = "user_error"
    SYSTEM_ERROR = "system_error"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


class VerdictWord(StrEnum):
    """The verdict."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Stage(StrEnum):
    """A part of the way of an audit."""

    UPLOAD = "upload"
    INTAKE = "intake"
    PREFLIGHT = "preflight"
    ATTACK = "attack"
    CERTIFY = "certify"
    STRUCTURAL = "structural"
    SAMPLING = "sampling"
    JUDGE = "judge"
    RENDER = "render"


class CacheResult(StrEnum):
    """Whether the cache answered."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


class Device(StrEnum):
    """Where passes ran."""

    CPU = "cpu"
    GPU = "gpu"


OTHER = "other"
"""Stands for an indicator that the catalogue did not announce."""
_FAMILIES = {"attacks": Stage.ATTACK, "bounds": Stage.CERTIFY, "structure": Stage.STRUCTURAL}
_AUDIT_BUCKETS = (1, 5, 10, 30, 60, 120, 300, 600, 1200, 2700, 5400, 10800, 21600)
_STAGE_BUCKETS = (0.05, 0.2, 0.5, 1, 2, 5, 15, 60, 180, 600, 1800, 7200)

Kind = TypeVar("Kind", Counter, Gauge, Histogram)


def stage_of(analyzer_id: str, *, first: bool = False) -> Stage:
    """The stage that an analyzer's work counts to, by its family."""
    if first:
        return Stage.PREFLIGHT
    return _FAMILIES.get(analyzer_id.partition(".")[0], Stage.SAMPLING)


class Family(Generic[Kind]):
    """A metric with all its series made at once; no other label value gets in.

    A series that appears only with its first event hides that event from ``rate()``.
    """

    def __init__(self, metric: Kind, *labels: Iterable[str]) -> None:
        """Create every combination of the closed sets of label values."""
        self._series: dict[tuple[str, ...], Kind] = {
            values: metric.labels(*values) for values in product(*(map(str, one) for one in labels))
        }

    def __call__(self, *values: str) -> Kind:
        """The series with these label values; KeyError outside the closed sets."""
        return self._series[tuple(map(str, values))]


@dataclass(frozen=True)
class Metrics:
    """Every number that is exported. Labels come from closed sets, never from a request."""

    registry: CollectorRegistry
    audits: Family[Counter]
    """By profile and outcome."""
    verdicts: Family[Counter]
    audit_seconds: Histogram
    stage_seconds: Family[Histogram]
    stage_failures: Family[Counter]
    shards: Family[Counter]
    """By outcome."""
    forwards: Family[Counter]
    """By device."""
    backwards: Family[Counter]
    cache: Family[Counter]
    """By result."""
    queue_depth: Gauge
    jobs_running: Gauge
    upload_bytes: Counter
    indicators: Family[Counter]
    """By indicator; ``indicator_raised`` counts names that nobody announced too."""

    @classmethod
    def register(
        cls,
        registry: CollectorRegistry,
        *,
        version: str,
        sandbox_level: int,
        indicators: Iterable[str] = (),
    ) -> Metrics:
        """Put everything into a registry, what a process says of itself included."""
        ProcessCollector(registry=registry)
        build = Info("assay_build", "What runs here.", registry=registry)
        build.info({"version": version})
        told = "How locked children are: 1 limits only, 2 locked, 3 in a namespace as well."
        Gauge("assay_sandbox_level", told, registry=registry).set(sandbox_level)
        return cls(registry=registry, **_work(registry), **_flow(registry, indicators))

    @contextmanager
    def timed(self, stage: Stage) -> Generator[None, None, None]:
        """Count how long a stage took, and whether it ended in an error."""
        begun = perf_counter()
        try:
            yield
        except Exception:
            self.stage_failures(stage).inc()
            raise
        finally:
            self.stage_seconds(stage).observe(perf_counter() - begun)

    def indicator_raised(self, name: str) -> None:
        """Count a trust indicator that turned red."""
        try:
            self.indicators(name).inc()
        except KeyError:
            self.indicators(OTHER).inc()


def _work(registry: CollectorRegistry) -> dict[str, Any]:
    """What became of audits and of their parts."""
    audits = _counter(registry, "audits", "Audits that ended.", "profile", "outcome")
    verdicts = _counter(registry, "verdicts", "Verdicts given.", "verdict")
    failures = _counter(registry, "stage_failures", "Stages that ended in an error.", "stage")
    shards = _counter(registry, "shards", "Units of work that ended.", "outcome")
    stages = Histogram(
        "assay_stage_duration_seconds",
        "Time in one stage.",
        ("stage",),
        registry=registry,
        buckets=_STAGE_BUCKETS,
    )
    audit_seconds = Histogram(
        "assay_audit_duration_seconds",
        "Time from the start of an audit to its end.",
        registry=registry,
        buckets=_AUDIT_BUCKETS,
    )
    return {
        "audits": Family(audits, Profile, Outcome),
        "verdicts": Family(verdicts, VerdictWord),
        "audit_seconds": audit_seconds,
        "stage_seconds": Family(stages, Stage),
        "stage_failures": Family(failures, Stage),
        "shards": Family(shards, Outcome),
    }


def _flow(registry: CollectorRegistry, indicators: Iterable[str]) -> dict[str, Any]:
    """What audits cost, what waits, and what raised doubt."""
    forwards = _counter(registry, "model_forward", "Images sent through a model.", "device")
    backwards = _counter(registry, "model_backward", "Gradients of an image taken.", "device")
    cache = _counter(registry, "cache_requests", "Units looked up in the cache.", "result")
    raised = _counter(registry, "indicator_raised", "Trust indicators turned red.", "indicator")
    return {
        "forwards": Family(forwards, Device),
        "backwards": Family(backwards, Device),
        "cache": Family(cache, CacheResult),
        "queue_depth": Gauge("assay_queue_depth", "Audits that wait.", registry=registry),
        "jobs_running": Gauge("assay_jobs_running", "Audits that run.", registry=registry),
        "upload_bytes": _counter(registry, "uploads_bytes", "Bytes that uploads brought."),
        "indicators": Family(raised, sorted({*indicators, OTHER})),
    }


def _counter(registry: CollectorRegistry, name: str, told: str, *labels: str) -> Counter:
    return Counter(f"assay_{name}_total", told, labels, registry=registry)
