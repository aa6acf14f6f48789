"""What the gRPC surface asks of the service, in the service's own words.

No generated message and nothing of gRPC is seen here, so whoever implements ``Api`` needs to know
neither. Names are texts such as ``projects/local/audits/0197``, already checked against their
pattern; texts that are not set are ``""``; times are aware and in UTC; every method raises
``AssayError`` and nothing else on purpose.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from analyzers.contract import (
    DataFacts,
    Description,
    Digest,
    InputSpec,
    Json,
    Measurement,
    Rows,
    SubjectFacts,
)
from service.errors import AssayError, error_from_json
from service.intake.reading import AS_USUAL, Reading

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
"""How far the work on a resource is; says nothing about what came out of it."""

FINAL_STATES: frozenset[State] = frozenset({"succeeded", "failed", "cancelled"})

VerdictWord = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
Profile = Literal["smoke", "pr", "release", "deep"]
Look = Literal["usual", "weights", "quick", "full"]
Claim = Literal["set", "population"]
LogLevel = Literal["debug", "info", "warning", "error"]

Item_co = TypeVar("Item_co", covariant=True)
Result_co = TypeVar("Result_co", bound="ModelView | EvalSetView | AuditView", covariant=True)


# ------------------------------------------------------------------------------------- common


@dataclass(frozen=True)
class FileRef:
    """Bytes by content."""

    digest: Digest
    size: int


@dataclass(frozen=True)
class Problem:
    """An ``AssayError`` at rest: why a resource failed, safe to show."""

    code: str
    sentence: str
    remedy: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, error: AssayError) -> Problem:
        """Keep what an error says."""
        return cls(error.code.value, error.sentence, error.remedy, dict(error.details))

    def as_error(self) -> AssayError:
        """The error again, to be raised; a code that this version does not know turns internal."""
        return error_from_json(
            {
                "code": self.code,
                "sentence": self.sentence,
                "remedy": self.remedy,
                "details": dict(self.details),
            }
        )


@dataclass(frozen=True)
class ListQuery:
    """One page of a project's resources, newest first, in an order that does not change."""

    project: str
    limit: int
    """1 to 1,000."""
    after: str = ""
    """The ``Page.after`` of the page before; empty for the first page."""


@dataclass(frozen=True)
class Page(Generic[Item_co]):
    """Some items and where the next page begins."""

    items: Sequence[Item_co]
    after: str = ""
    """Empty when nothing follows. Any text of the port's own; the surface seals it."""


# -------------------------------------------------------------------------------------- blobs


class UploadTarget(NamedTuple):
    """``projects/{project}/uploads/{id}/blobs/{digest}/{size}``."""

    project: str
    id: str
    """A UUID that the client chose; the same one resumes."""
    file: FileRef


class Piece(NamedTuple):
    """Consecutive bytes of an upload."""

    offset: int
    data: bytes
    finish: bool
    """No piece follows: the bytes are whole and may be verified."""


@dataclass(frozen=True)
class UploadStatus:
    """How far an upload came."""

    committed: int
    """Bytes that are safe on the server; the next piece begins here."""
    complete: bool
    """The blob is verified and visible."""


# ------------------------------------------------------------------------------------- models


@dataclass(frozen=True)
class NewModel:
    """A wish for a model made of uploaded bytes."""

    file: FileRef
    project: str = "local"
    request_id: str = ""
    """A UUID; the same one gives the first answer again. Empty: no such promise."""
    format: str = ""
    """One of ``Capabilities.formats``; empty: recognise it by its content."""
    architecture: str = ""
    """One of ``Capabilities.architectures``, for formats that hold weights only."""
    output: str = ""
    """Name of the output that holds the class scores; empty: the only one."""
    input_spec: InputSpec = field(default_factory=InputSpec)
    display_name: str = ""


@dataclass(frozen=True)
class ModelView:
    """A model as it stands."""

    name: str
    file: FileRef
    state: State
    created: datetime
    input_spec: InputSpec = field(default_factory=InputSpec)
    display_name: str = ""
    format: str = ""
    """Empty until recognised."""
    architecture: str = ""
    output: str = ""
    canonical_digest: Digest = ""
    """Digest of the canonical ONNX file; empty until it exists."""
    facts: SubjectFacts | None = None
    """Set when the state is ``succeeded``."""
    problem: Problem | None = None
    """Set when the state is ``failed`` or ``cancelled``."""
    ended: datetime | None = None


# ---------------------------------------------------------------------------- evaluation sets


@dataclass(frozen=True)
class NewEvalSet:
    """A wish for an evaluation set made of uploaded bytes."""

    file: FileRef
    project: str = "local"
    request_id: str = ""
    rows: Rows | None = None
    """The slice ``low:high`` of the file; none: all of it."""
    display_name: str = ""
    reading: Reading = AS_USUAL
    withheld: bool = False
    """Hand out no picture of it."""


@dataclass(frozen=True)
class EvalSetView:
    """An evaluation set as it stands."""

    name: str
    file: FileRef
    state: State
    created: datetime
    rows: Rows | None = None
    reading: Reading = AS_USUAL
    withheld: bool = False
    display_name: str = ""
    format: str = ""
    facts: DataFacts | None = None
    """Set when the state is ``succeeded``."""
    problem: Problem | None = None
    ended: datetime | None = None


# ------------------------------------------------------------------------------------- audits


@dataclass(frozen=True)
class AnalyzerSpec:
    """An analyzer by its id, with its config as its schema has it."""

    id: str
    config: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True)
class NewAudit:
    """A wish for an audit."""

    model: str
    eval_set: str
    project: str = "local"
    request_id: str = ""
    policy: str = ""
    """The policy's YAML text, as its author wrote it."""
    waivers: str = ""
    """The waivers' YAML text."""
    baseline: str = ""
    """Name of the audit to compare with."""
    baseline_evidence: bytes = b""
    """Its evidence.json, where the service does not have the audit."""
    cue_set: str = ""
    """Name of an evaluation set whose pictures have the shape of one class and the texture of
    another; empty: none."""
    profile: Profile | None = None
    """None: the one that the policy extends, if any."""
    subject: str = ""
    """What the model is a release of, unless the policy says so; empty: its display name."""
    seed: int | None = None
    """None: the policy's own. Any other explores and is recorded as such."""
    expected_accuracy: float | None = None
    """Clean accuracy that preflight must reproduce, in [0, 1]."""
    deadline_seconds: float | None = None
    """End at the commit before so much work; None: only when all is done."""
    analyzers: Sequence[AnalyzerSpec] = ()
    """Run besides those that policy and profile ask for."""
    look: Look | None = None
    """The lenses besides: those of one way to look, or what is usual for the policy's profile."""
    skip_cache: bool = False
    evidence_only: bool = False
    """Measure every threat of the policy to the end; judge nothing, stop at nothing."""
    validate_only: bool = False
    """Answer with an estimate; keep and start nothing."""


@dataclass(frozen=True)
class Progress:
    """Work in flight; never part of the evidence."""

    stage: str
    """An analyzer's id, or ``intake``, ``judge``, ``render``."""
    done: int
    total: int
    """0 while unknown."""
    note: str = ""
    place: int = 0
    """Where the analyzer stands in the plan, from 1; 0 for work outside it."""
    places: int = 0
    """Analyzers of the plan."""
    seconds_left: float | None = None
    """What the rest of the audit takes at most, at its pace; None before there is one."""


@dataclass(frozen=True)
class Bracket:
    """What is known of one threat at a committed prefix: certified below, attacked above."""

    threat: str
    population: int
    """N, the images of the evaluation set."""
    prefix: int
    """Images on which the plan has committed work, in permutation order."""
    standing: int
    """Images of the prefix that are right and that no attack broke."""
    fallen: int
    """Images of the prefix that are wrong, in error or broken."""
    pending: int = 0
    """Images of the prefix with a claim that nothing has confirmed yet."""
    certified: int = 0
    """Images with a certificate."""
    low: float = 0.0
    """Lower end of the interval for the robust accuracy, valid at any prefix."""
    high: float = 1.0
    level: float = 0.95
    claim: Claim = "set"
    """What the interval speaks of: these images, or the population they were drawn from."""


@dataclass(frozen=True)
class Estimate:
    """What an audit would cost at most: most end earlier, as soon as the verdict is plain."""

    units: int
    """Pieces of work to begin with."""
    images: int
    seconds: float
    """On this server as busy as it is now; 0 where nothing is left to do."""
    forward: int = 0
    """Passes of single images through the model."""
    backward: int = 0
    bytes: int = 0
    """What the store would grow by; 0 where nothing is left to do."""
    known: int = 0
    """Pieces of work that are known already, from earlier audits."""


@dataclass(frozen=True)
class AuditView:
    """An audit as it stands."""

    name: str
    """Empty in the answer to ``validate_only``."""
    model: str
    eval_set: str
    state: State
    created: datetime
    verdict: VerdictWord | None = None
    """None until judged."""
    profile: Profile | None = None
    subject: str = ""
    seed: int = 0
    analyzers: Sequence[AnalyzerSpec] = ()
    baseline: str = ""
    cue_set: str = ""
    policy_digest: Digest = ""
    evidence_digest: Digest = ""
    """Digest of the evidence's facts; empty until it exists."""
    brackets: Sequence[Bracket] = ()
    """One a threat, as of the last commit."""
    progress: Progress | None = None
    estimate: Estimate | None = None
    problem: Problem | None = None
    """Set when the state is ``failed`` or ``cancelled``."""
    sequence: int = 0
    """Number of the last event that is kept."""
    baseline_since: datetime | None = None
    """When it was made the baseline of its subject."""
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class AuditQuery(ListQuery):
    """A page of audits that meet every condition given."""

    model: str = ""
    eval_set: str = ""
    states: Sequence[State] = ()
    verdicts: Sequence[VerdictWord] = ()
    baselines: bool = False
    """Only those that are baselines."""


@dataclass(frozen=True)
class StateChanged:
    """The audit entered a state."""

    state: State


@dataclass(frozen=True)
class LogLine:
    """One sentence about what the service did."""

    level: LogLevel
    text: str


@dataclass(frozen=True)
class Finished:
    """The last event of an audit."""

    state: State
    verdict: VerdictWord | None = None
    evidence_digest: Digest = ""
    problem: Problem | None = None


EventBody = StateChanged | Progress | Bracket | LogLine | Finished


@dataclass(frozen=True)
class EventView:
    """Something that happened in an audit."""

    sequence: int
    """Hand it back as ``after`` to go on behind this event. Kept events count 1, 2, 3; progress
    is not kept and repeats the number of the last kept one."""
    time: datetime
    body: EventBody


# ------------------------------------------------------------------------- report and verdict


@dataclass(frozen=True)
class Artifact:
    """A file that an audit left behind."""

    name: str
    """``evidence.json``, ``verdict.json``, ``report.html``, ``witnesses.zip`` where images were
    broken, or what the policy's outputs add."""
    media_type: str
    file: FileRef
    data: bytes | None = None
    """The bytes themselves, when they were asked for and small enough."""


@dataclass(frozen=True)
class Series:
    """Numbers behind a curve: columns of equal length, the band optional."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class MeasurementView:
    """A measurement, who took it, and the numbers behind its curves."""

    analyzer: str
    measurement: Measurement
    series: Sequence[Series] = ()


@dataclass(frozen=True)
class ReportQuery:
    """Which report, and how much of it travels in the answer."""

    audit: str
    artifacts: Sequence[str] = ()
    """Names wanted; empty: all."""
    inline_limit: int = 1 << 20
    """Artifacts are put into ``data`` while their sum stays within so many bytes."""
    measurements: bool = False


@dataclass(frozen=True)
class ReportView:
    """What an audit found, in files and, on request, in numbers."""

    audit: str
    verdict: VerdictWord | None
    sentence: str
    """The verdict in words, with the claim it makes."""
    artifacts: Sequence[Artifact]
    measurements: Sequence[MeasurementView] = ()


@dataclass(frozen=True)
class GateQuery:
    """Evidence and a policy; nothing is kept and nothing runs."""

    policy: str
    project: str = "local"
    audit: str = ""
    """The audit whose evidence is judged; empty when ``evidence`` is given."""
    evidence: bytes = b""
    """``evidence.json`` itself."""
    baseline: str = ""
    baseline_evidence: bytes = b""
    waivers: str = ""
    date: str = ""
    """``YYYY-MM-DD`` by which waivers and validity are read; empty: today in UTC."""


@dataclass(frozen=True)
class GateView:
    """A verdict with the file that proves it."""

    verdict: VerdictWord
    sentence: str
    verdict_json: bytes
    evidence_digest: Digest
    policy_digest: Digest


# ------------------------------------------------------------------------------- capabilities


@dataclass(frozen=True)
class Format:
    """A kind of file that intake takes."""

    id: str
    title: str
    needs_architecture: bool = False


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, unless said otherwise, beyond which the server refuses."""

    max_message: int = 4 << 20
    max_chunk: int = 1 << 20
    preferred_chunk: int = 256 << 10
    max_blob: int = 4 << 30
    max_inline: int = 2 << 20
    max_page: int = 1000
    """Items."""


@dataclass(frozen=True)
class Capabilities:
    """What this server can do, so that a client need not guess."""

    version: str
    """Version of the service."""
    formats: Sequence[Format]
    architectures: Sequence[str]
    analyzers: Sequence[Description]
    """With version, config schema and metrics, in report order."""
    threats: Sequence[str]
    """Norms that some analyzer serves."""
    sandbox_level: str
    """``L1`` resource limits only, ``L2`` locked children, ``L3`` locked in a namespace as well."""
    engine: Mapping[str, str]
    """The engine class: everything of the machine that decides a result."""
    providers: Sequence[str]
    """Execution providers read back from a session, never merely asked for."""
    profiles: Sequence[Profile] = ("smoke", "pr", "release", "deep")
    digest_functions: Sequence[str] = ("sha256",)
    api_versions: Sequence[str] = ("assay.v1",)
    limits: Limits = field(default_factory=Limits)


# -------------------------------------------------------------------------------------- ports

ResourceView = ModelView | EvalSetView | AuditView


@dataclass(frozen=True)
class OperationView(Generic[Result_co]):
    """Work that takes a while, as a client sees it: a view over the resource that it makes."""

    name: str
    """Empty for the answer to ``validate_only``."""
    target: str
    """Name of the resource."""
    state: State
    progress: Progress | None = None
    result: Result_co | None = None
    """Set when the state is ``succeeded``."""
    problem: Problem | None = None
    """Set when the state is ``failed`` or ``cancelled``."""

    @property
    def done(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL_STATES


class Blobs(Protocol):
    """Bytes by content, seen only by the project that uploaded them."""

    async def missing_blobs(self, project: str, files: Sequence[FileRef]) -> Sequence[FileRef]:
        """Those that the project must still send, in the order asked."""
        ...

    async def write_blob(self, target: UploadTarget, pieces: AsyncIterator[Piece]) -> UploadStatus:
        """Append pieces; what arrived before a cut stays and can be resumed.

        Raises UPLOAD_OFFSET_MISMATCH when a piece does not begin where the last one ended,
        BLOB_TOO_LARGE beyond the announced size, BLOB_TRUNCATED when it finishes short of it,
        BLOB_DIGEST_MISMATCH when the bytes are others than announced. Answers at once, without
        reading on, when the blob is already there.
        """
        ...

    async def upload_status(self, target: UploadTarget) -> UploadStatus:
        """How far an upload came; 0 for one never heard of."""
        ...

    def read_blob(
        self, project: str, digest: Digest, *, offset: int, limit: int
    ) -> AsyncGenerator[bytes, None]:
        """Bytes from ``offset``, at most ``limit`` (0: to the end), in pieces of max_chunk.

        Closed early when the caller goes away.
        """
        ...


class Models(Protocol):
    """Models of a project."""

    async def create_model(self, request: NewModel) -> ModelView:
        """Take a model in; the view is final at once when the file is already known."""
        ...

    async def model(self, name: str) -> ModelView:
        """The model of that name."""
        ...

    async def models(self, query: ListQuery) -> Page[ModelView]:
        """A page of models."""
        ...

    async def delete_model(self, name: str, request_id: str) -> None:
        """Remove it; IN_USE while an unfinished audit stands on it."""
        ...


class EvalSets(Protocol):
    """Evaluation sets of a project."""

    async def create_eval_set(self, request: NewEvalSet) -> EvalSetView:
        """Take images and labels in."""
        ...

    async def eval_set(self, name: str) -> EvalSetView:
        """The evaluation set of that name."""
        ...

    async def eval_sets(self, query: ListQuery) -> Page[EvalSetView]:
        """A page of evaluation sets."""
        ...

    async def delete_eval_set(self, name: str, request_id: str) -> None:
        """Remove it; IN_USE while an unfinished audit stands on it."""
        ...


class Audits(Protocol):
    """Audits of a project."""

    async def create_audit(self, request: NewAudit) -> AuditView:
        """Plan an audit and queue it, or only estimate it."""
        ...

    async def audit(self, name: str) -> AuditView:
        """The audit of that name."""
        ...

    async def audits(self, query: AuditQuery) -> Page[AuditView]:
        """A page of audits."""
        ...

    async def set_baseline(self, name: str, *, withdraw: bool) -> AuditView:
        """Make a finished audit what later ones of its subject are held against, or withdraw it."""
        ...

    async def delete_audit(self, name: str, request_id: str) -> None:
        """Remove an audit with its files; NOT_READY before its end, IN_USE while a baseline."""
        ...

    def watch(self, name: str, after: int) -> AsyncGenerator[EventView, None]:
        """Kept events behind ``after``, then what happens, until ``Finished``.

        Closed early when the caller goes away or the server drains; that cancels nothing.
        """
        ...


class Works(Protocol):
    """What models, evaluation sets and audits have in common: work that takes a while."""

    async def wait(self, name: str, timeout_s: float) -> ResourceView:
        """The resource as soon as its state is final, or as it stands when time is up."""
        ...

    async def cancel(self, name: str, request_id: str) -> ResourceView:
        """Ask the work to end; again, or after its end, it changes nothing."""
        ...


class Reports(Protocol):
    """What audits found."""

    async def report(self, query: ReportQuery) -> ReportView:
        """The report of a finished audit; NOT_READY before its end."""
        ...


class Gate(Protocol):
    """Evidence and policy in, verdict out."""

    async def evaluate_gate(self, query: GateQuery) -> GateView:
        """Judge evidence without a model and without side effects."""
        ...


class Abilities(Protocol):
    """What the server can do."""

    async def capabilities(self) -> Capabilities:
        """Versions, limits, formats, analyzers and the machine."""
        ...


class Api(Blobs, Models, EvalSets, Audits, Works, Reports, Gate, Abilities, Protocol):
    """All that the surface needs."""
