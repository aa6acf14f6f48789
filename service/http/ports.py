"""What the pages ask of the service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client import CollectorRegistry

from analyzers.contract import Json

ANY: Final = ""
"""In place of an audit's id: any of them."""


@dataclass(frozen=True)
class Search:
    """What the list is asked for; what is empty asks for nothing."""

    words: str = ""
    """Part of a name: subject, file, data, or the audit's id."""
    state: str = ""
    verdict: str = ""
    after: str = ""
    """The ``after`` of the page before."""


@dataclass(frozen=True)
class Listing:
    """Some audits, newest first."""

    audits: Sequence[Mapping[str, Json]]
    after: str = ""
    """Where the next page begins; empty when nothing follows."""


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

    async def audits(self, search: Search) -> Listing:
        """The newest audits first, each as ``audit`` gives it; nested keys may be left out."""
        ...

    async def audit(self, audit_id: str) -> Mapping[str, Json] | None:
        """One audit as it stands, or None.

        Keys: ``id`` (the last part of its name), ``state`` (queued, running, succeeded, failed,
        cancelled), ``created`` (RFC 3339); optional ``verdict``, ``subject``, ``model`` and
        ``data`` (names), ``profile``, ``progress`` {stage, done, total, note}, ``stages`` [{title,
        threat, state, done, most}], ``seconds_left`` (at most), ``brackets`` [{threat, standing,
        prefix, population, fallen, pending, certified, low, high, level, claim}], ``problem``
        {code, sentence, remedy}.
        """
        ...

    def changes(self, audit_id: str) -> AsyncGenerator[None]:
        """At once and then whenever an audit may have changed; of ``ANY``, whenever one may."""
        ...

    async def history(self, subject: str) -> Sequence[Mapping[str, Json]]:
        """Finished audits of what a model is a release of, oldest first.

        Keys: ``id``, ``created``, ``verdict``, ``model`` and ``data`` (names), ``model_digest``,
        ``data_id``, ``brackets`` as in ``audit``, ``requirements`` as in the verdict.
        """
        ...

    async def verdict(self, audit_id: str) -> Mapping[str, Json] | None:
        """The verdict of a finished audit, empty where none was asked for; None before its end."""
        ...

    async def report_html(self, audit_id: str) -> bytes | None:
        """The report of a finished audit, or None."""
        ...

    async def evidence_json(self, audit_id: str) -> bytes | None:
        """The evidence of a finished audit, or None."""
        ...
