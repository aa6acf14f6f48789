"""What the pages ask of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry

from analyzers.contract import Json


class HttpPort(Protocol):
    """The service as its read-only pages see it.

    Methods may raise ``AssayError``; its sentence and remedy are shown. Whatever else they raise
    is logged and never shown.
    """

    @property
    def registry(self) -> CollectorRegistry:
        """Everything that is exported to Prometheus."""
        ...

    @property
    def version(self) -> Mapping[str, str]:
        """What runs here, for instance ``{"assay": "0.1.0"}``."""
        ...

    @property
    def sandbox_level(self) -> str:
        """``L1``, ``L2`` or ``L3``."""
        ...

    async def readiness(self) -> Mapping[str, bool]:
        """Whether each part that an audit needs is there, by name."""
        ...

    async def audits(self, limit: int) -> Sequence[Mapping[str, Json]]:
        """The newest audits first, each as ``audit`` gives it; nested keys may be left out."""
        ...

    async def audit(self, audit_id: str) -> Mapping[str, Json] | None:
        """One audit as it stands, or None.

        Keys: ``id`` (the last part of its name), ``state`` (queued, running, succeeded, failed,
        cancelled), ``created`` (RFC 3339); optional ``verdict``, ``model`` and ``data`` (names),
        ``progress`` {stage, done, total, note}, ``brackets`` [{threat, standing, prefix,
        population, fallen}], ``problem`` {code, sentence, remedy}.
        """
        ...

    async def report_html(self, audit_id: str) -> bytes | None:
        """The report of a finished audit, or None."""
        ...

    async def evidence_json(self, audit_id: str) -> bytes | None:
        """The evidence of a finished audit, or None."""
        ...
