"""Rows as they leave the store, and rows as they come in. Plain, frozen, free of any database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

from analyzers.contract import Digest, Json

IntakeState = Literal["QUEUED", "RUNNING", "SUCCEEDED", "FAILED"]
AuditState = Literal[
    "RECEIVING",
    "QUEUED",
    "LEASED",
    "SUCCEEDED",
    "FAILED",
    "REJECTED",
    "CANCELLED",
    "QUARANTINED",
]
WorkerEnd = Literal["SUCCEEDED", "FAILED", "REJECTED", "CANCELLED"]
"""The final states that a worker may choose; QUARANTINED is the queue's own."""

OPEN_INTAKE: frozenset[IntakeState] = frozenset({"QUEUED", "RUNNING"})
WAITING: frozenset[AuditState] = frozenset({"RECEIVING", "QUEUED"})
OPEN_AUDIT: frozenset[AuditState] = frozenset({*WAITING, "LEASED"})

Item = TypeVar("Item")


@dataclass(frozen=True)
class RequestKey:
    """A wish that may arrive twice."""

    id: str
    method: str
    content: Digest
    """Of everything that was wished for; the same id with other content is refused."""


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some rows, newest first, and where the next page begins."""

    items: tuple[Item, ...]
    next_token: str = ""
    """Empty when nothing follows."""


@dataclass(frozen=True)
class NewModel:
    """A model to be taken in."""

    project: str
    id: str
    file_digest: Digest
    display_name: str = ""
    format: str = ""
    architecture: str = ""
    output: str = ""
    input_spec: Json = None
    state: IntakeState = "QUEUED"
    canonical_digest: Digest = ""
    facts: Json = None


@dataclass(frozen=True)
class ModelRow(NewModel):
    """A model as it is kept."""

    error: Json = None
    create_time: datetime = field(kw_only=True)
    update_time: datetime = field(kw_only=True)

    @property
    def end_time(self) -> datetime | None:
        """When its state became final; nothing changes a row after that."""
        return None if self.state in OPEN_INTAKE else self.update_time


@dataclass(frozen=True)
class Conversion:
    """What intake made of a file, so that a known file is not converted again."""

    project: str
    file_digest: Digest
    format: str
    architecture: str
    output: str
    canonicaliser: str
    canonical_digest: Digest
    facts: Json = None


@dataclass(frozen=True)
class NewEvalSet:
    """An evaluation set to be taken in."""

    project: str
    id: str
    file_digest: Digest
    slice: str = ""
    display_name: str = ""
    reading: Json = None
    """As its ``as_json`` has it; none is the usual one."""
    withheld: bool = False
    """No picture of it is handed out."""
    state: IntakeState = "QUEUED"
    facts: Json = None
    images_digest: Digest = ""
    labels_digest: Digest = ""
    ids_digest: Digest = ""


@dataclass(frozen=True)
class EvalSetRow(NewEvalSet):
    """An evaluation set as it is kept."""

    error: Json = None
    create_time: datetime = field(kw_only=True)
    update_time: datetime = field(kw_only=True)

    @property
    def end_time(self) -> datetime | None:
        """When its state became final; nothing changes a row after that."""
        return None if self.state in OPEN_INTAKE else self.update_time


@dataclass(frozen=True)
class NewAudit:
    """An audit to be queued."""

    project: str
    model: str
    eval_set: str
    policy: str = ""
    policy_digest: Digest = ""
    options: Mapping[str, Json] = field(default_factory=dict[str, Json])
    state: Literal["RECEIVING", "QUEUED"] = "QUEUED"
    """RECEIVING waits for ``admit``, as long as its model or its data are not ready."""


@dataclass(frozen=True)
class AuditRow:
    """An audit as it is kept."""

    project: str
    id: str
    state: AuditState
    model: str
    eval_set: str
    policy: str
    policy_digest: Digest
    options: Mapping[str, Json]
    attempt: int
    """Times that a worker has begun it."""
    worker: str
    lease_until: datetime | None
    cancel_requested: bool
    setback: Json
    """Why the last attempt was given up, if a worker said so."""
    error: Json
    verdict: str
    start_time: datetime | None
    """When a worker first claimed it."""
    baseline_time: datetime | None
    """When it was made what later audits of its subject are held against."""
    create_time: datetime
    update_time: datetime

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in OPEN_AUDIT

    @property
    def end_time(self) -> datetime | None:
        """When its state became final; nothing changes a row after that."""
        return self.update_time if self.final else None


@dataclass(frozen=True)
class Lease:
    """The right to work on an audit and to write about it, until it expires and is taken over."""

    project: str
    audit: str
    attempt: int
    token: str = field(repr=False)


@dataclass(frozen=True)
class NewStep:
    """A verified result of one shard."""

    key: Digest
    analyzer: str
    done: Json


@dataclass(frozen=True)
class NewCircumstances:
    """All that decides the results of one analyzer in an audit, but for the part of the work."""

    key: Digest
    analyzer: str
    body: Json


@dataclass(frozen=True)
class EventRow:
    """Something that happened in an audit; ``seq`` counts 1, 2, 3 within it."""

    seq: int
    body: Json
    create_time: datetime


@dataclass(frozen=True)
class NewReport:
    """What an audit found: files by digest and the verdict itself."""

    evidence_digest: Digest
    facts_digest: Digest
    verdict: Json
    html_digest: Digest = ""


@dataclass(frozen=True)
class ReportRow(NewReport):
    """A report as it is kept, one an audit."""

    project: str = field(kw_only=True)
    audit: str = field(kw_only=True)
    create_time: datetime = field(kw_only=True)
