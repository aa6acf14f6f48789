"""What the service tells its operators: JSON logs on stderr, and metrics in one registry."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from time import perf_counter
from typing import Any, TextIO

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
    if isinstance(value, bytes | bytearray | memoryview):
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


class AuditOutcome(StrEnum):
    """How the work on an audit ended, whatever its verdict."""

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
    STRUCTURE = "structure"
    BEHAVIOUR = "behaviour"
    JUDGE = "judge"
    RENDER = "render"


class ShardOutcome(StrEnum):
    """How one attempt at a shard ended."""

    COMMITTED = "committed"
    REFUSED = "refused"
    RETRIED = "retried"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CacheResult(StrEnum):
    """Whether the cache answered."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


class Device(StrEnum):
    """Where passes ran."""

    CPU = "cpu"
    GPU = "gpu"


_FAMILIES = {
    "attacks": Stage.ATTACK,
    "bounds": Stage.CERTIFY,
    "structure": Stage.STRUCTURE,
}
_AUDIT_BUCKETS = (1, 5, 10, 30, 60, 120, 300, 600, 1200, 2700, 5400, 10800, 21600)
_STAGE_BUCKETS = (0.05, 0.2, 0.5, 1, 2, 5, 15, 60, 180, 600, 1800, 7200)
_OTHER = "other"


def stage_of(analyzer_id: str, *, first: bool = False) -> Stage:
    """The stage that an analyzer's work counts to, by its family."""
    if first:
        return Stage.PREFLIGHT
    return _FAMILIES.get(analyzer_id.partition(".")[0], Stage.BEHAVIOUR)


@dataclass(frozen=True)
class Metrics:
    """Every number that is exported. Labels come from closed sets, all of them there at once.

    A series that appears only with its first event hides that event from ``rate()``.
    """

    registry: CollectorRegistry
    version: str
    sandbox: int
    """1 to 3: how locked children are."""
    indicators: Sequence[str] = ()
    """Names of the trust indicators that the catalogue promises."""
    _all: dict[str, Any] = field(default_factory=dict[str, Any], init=False, repr=False)

    def __post_init__(self) -> None:
        """Register everything and create every series."""
        known = {
            "audits_total": Counter(
                "assay_audits_total", "Audits that ended.", ("profile", "outcome")
            ),
        }
        self._all.update(known)
