"""Messages against plain data: pure conversions, in pairs ``x_to_pb`` and ``x_from_pb``.

What comes in is checked here, once: whoever receives the plain data can rely on it. A pair loses
nothing, except that a structure's whole numbers come back as int, as JSON has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any, Generic, Literal, TypeVar, get_args
from uuid import UUID

from google.longrunning import operations_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2

from analyzers.contract import (
    Bound,
    DataFacts,
    Description,
    FindingRule,
    Grade,
    InputSpec,
    Json,
    Layout,
    Measurement,
    MetricSpec,
    Outcome,
    Rows,
    Severity,
    SubjectFacts,
    View,
    ViewKind,
)
from assay.v1 import (
    audit_service_pb2,
    blob_service_pb2,
    capabilities_service_pb2,
    common_pb2,
    eval_set_service_pb2,
    gate_service_pb2,
    model_service_pb2,
    report_service_pb2,
)
from service.errors import AssayError, Code, Kind
from service.rpc import names
from service.rpc.pages import seal, unseal
from service.rpc.ports import (
    FINAL_STATES,
    AnalyzerSpec,
    Artifact,
    AuditQuery,
    AuditView,
    Bracket,
    Capabilities,
    Claim,
    Estimate,
    EvalSetView,
    EventView,
    FileRef,
    Finished,
    Format,
    GateQuery,
    GateView,
    Limits,
    ListQuery,
    LogLevel,
    LogLine,
    MeasurementView,
    ModelView,
    NewAudit,
    NewEvalSet,
    NewModel,
    OperationView,
    Page,
    Piece,
    Problem,
    Profile,
    Progress,
    ReportQuery,
    ReportView,
    ResourceView,
    Series,
    State,
    StateChanged,
    UploadStatus,
    UploadTarget,
    VerdictWord,
)

DOMAIN = "assay"
RETRY_AFTER_S = 1
PAGE_SIZE = 50

W = TypeVar("W", bound=str)
N = TypeVar("N", bound=int)

STATUS_OF: Mapping[Kind, int] = {
    Kind.USAGE: code_pb2.INVALID_ARGUMENT,
    Kind.UNUSABLE: code_pb2.FAILED_PRECONDITION,
    Kind.NOT_FOUND: code_pb2.NOT_FOUND,
    Kind.CONFLICT: code_pb2.ABORTED,
    Kind.INTEGRITY: code_pb2.FAILED_PRECONDITION,
    Kind.BUSY: code_pb2.UNAVAILABLE,
    Kind.INTERNAL: code_pb2.INTERNAL,
    Kind.CANCELLED: code_pb2.CANCELLED,
}


class _Enum(Generic[W, N]):
    """Words of a Literal against the values of an enum that end in them."""

    def __init__(self, module: ModuleType, prefix: str, words: Sequence[W]) -> None:
        self.numbers: dict[W, N] = {
            word: getattr(module, f"{prefix}_{word.upper()}") for word in words
        }
        self.words: dict[int, W] = {number: word for word, number in self.numbers.items()}
        self.unspecified: N = getattr(module, f"{prefix}_UNSPECIFIED")

    def to_pb(self, word: W | None) -> N:
        return self.unspecified if word is None else self.numbers[word]

    def from_pb(self, number: int, field: str) -> W:
        if number not in self.words:
            raise invalid(field, f"is {number}, which this version does not know")
        return self.words[number]

    def if_set(self, number: int, field: str) -> W | None:
        return None if number == self.unspecified else self.from_pb(number, field)


_STATE: _Enum[State, common_pb2.ExecutionState] = _Enum(
    common_pb2, "EXECUTION_STATE", get_args(State)
)
_VERDICT: _Enum[VerdictWord, common_pb2.Verdict] = _Enum(
    common_pb2, "VERDICT", get_args(VerdictWord)
)
_PROFILE: _Enum[Profile, common_pb2.Profile] = _Enum(common_pb2, "PROFILE", get_args(Profile))
_CLAIM: _Enum[Claim, common_pb2.Claim] = _Enum(common_pb2, "CLAIM", get_args(Claim))
_LAYOUT: _Enum[Layout, common_pb2.Layout] = _Enum(common_pb2, "LAYOUT", get_args(Layout))
_OUTCOME: _Enum[Outcome, common_pb2.Outcome] = _Enum(common_pb2, "OUTCOME", get_args(Outcome))
_BOUND: _Enum[Bound, common_pb2.Bound] = _Enum(common_pb2, "BOUND", get_args(Bound))
_GRADE: _Enum[Grade, common_pb2.Grade] = _Enum(common_pb2, "GRADE", get_args(Grade))
_SEVERITY: _Enum[Severity, common_pb2.Severity] = _Enum(common_pb2, "SEVERITY", get_args(Severity))
_VIEW: _Enum[ViewKind, common_pb2.ViewKind] = _Enum(common_pb2, "VIEW_KIND", get_args(ViewKind))
_LOG: _Enum[LogLevel, audit_service_pb2.LogLevel] = _Enum(
    audit_service_pb2, "LOG_LEVEL", get_args(LogLevel)
)
_BATCH: _Enum[Literal["free", "one"], model_service_pb2.BatchMode] = _Enum(
    model_service_pb2, "BATCH_MODE", ("free", "one")
)
_FOLDING: _Enum[Literal["yes", "no"], model_service_pb2.BatchNormFolding] = _Enum(
    model_service_pb2, "BATCH_NORM_FOLDING", ("yes", "no")
)
_COMPARISON: _Enum[Literal["above", "below"], capabilities_service_pb2.Comparison] = _Enum(
    capabilities_service_pb2, "COMPARISON", ("above", "below")
)


# -------------------------------------------------------------------------------------- checks


def invalid(field: str, what: str, code: Code = Code.REQUEST_INVALID) -> AssayError:
    """A field that cannot be taken as it is."""
    return AssayError(
        code, f"{field} {what}.", f"Mend {field} as the API's description has it.", field=field
    )


def _request_id(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        raise invalid("request_id", "is no UUID") from None


def _text(text: str, field: str, most: int = 200) -> str:
    if len(text) > most or not text.isprintable():
        raise invalid(field, f"has more than {most} characters or some that cannot be printed")
    return text


def _whole(number: int, field: str) -> int:
    if number < 0:
        raise invalid(field, f"is {number}, below 0")
    return number


def _share(number: float, field: str) -> float:
    if not 0 <= number <= 1:
        raise invalid(field, f"is {number}, outside [0, 1]")
    return number


def _name(text: str, collection: names.Collection, field: str = "name") -> str:
    return str(names.parse_name(text, collection, field=field))


def _name_in(project: str, text: str, collection: names.Collection, *, field: str) -> str:
    name = names.parse_name(text, collection, field=field)
    if name.project != project:
        raise invalid(field, f"lies outside projects/{project}", Code.NAME_INVALID)
    return text


def _policy(text: str) -> str:
    if not text.strip():
        raise AssayError(
            Code.POLICY_MISSING,
            "There is no policy to judge by.",
            "Send the policy's YAML text; `assay init` writes a minimal one.",
            field="policy",
        )
    return text


# ---------------------------------------------------------------------- structures and times


def struct_to_pb(body: Mapping[str, Json]) -> Struct:
    """JSON object to message."""
    return Struct(fields={key: _value_to_pb(item) for key, item in body.items()})


def _value_to_pb(item: Json) -> Value:
    if item is None:
        return Value(null_value=NullValue.NULL_VALUE)
    if isinstance(item, bool):
        return Value(bool_value=item)
    if isinstance(item, (int, float)):
        return Value(number_value=item)
    if isinstance(item, str):
        return Value(string_value=item)
    if isinstance(item, Mapping):
        return Value(struct_value=struct_to_pb(dict[str, Json](item)))
    return Value(list_value=ListValue(values=[_value_to_pb(part) for part in item]))


def struct_from_pb(message: Struct, field: str) -> dict[str, Json]:
    """Message to JSON object."""
    return {key: _value_from_pb(item, field) for key, item in message.fields.items()}


def _value_from_pb(value: Value, field: str) -> Json:
    match value.WhichOneof("kind"):
        case "struct_value":
            return struct_from_pb(value.struct_value, field)
        case "list_value":
            return [_value_from_pb(part, field) for part in value.list_value.values]
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "number_value":
            return _number_from_pb(value.number_value, field)
        case _:
            return None


def _number_from_pb(number: float, field: str) -> int | float:
    if not math.isfinite(number):
        raise invalid(field, f"holds {number}, which JSON cannot say")
    return int(number) if number.is_integer() else number


def time_to_pb(time: datetime | None) -> Timestamp | None:
    """An instant; none stays absent."""
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def time_from_pb(stamp: Timestamp) -> datetime:
    """An aware time in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


# -------------------------------------------------------------------------------------- errors


def problem_to_pb(problem: Problem) -> status_pb2.Status:
    """A status with its reason, and with what generic clients act on."""
    kind = problem.as_error().kind
    status = status_pb2.Status(
        code=STATUS_OF[kind], message=f"{problem.sentence} {problem.remedy}".strip()
    )
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason=problem.code,
            domain=DOMAIN,
            metadata={**problem.details, "remedy": problem.remedy},
        )
    )
    if kind is Kind.BUSY:
        delay = Duration(seconds=RETRY_AFTER_S)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if "field" in problem.details:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=problem.details["field"], description=problem.sentence, reason=problem.code
        )
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return status


def problem_from_pb(status: status_pb2.Status) -> Problem | None:
    """What the service said; None when the status is not the service's own."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            details = dict(info.metadata)
            remedy = details.pop("remedy", "")
            sentence = status.message.removesuffix(remedy).strip()
            return Problem(info.reason, sentence, remedy, details)
    return None


def _problem_if_set(message: Any) -> Problem | None:  # noqa: ANN401 - any message with an error
    if not message.HasField("error"):
        return None
    unnamed = Problem(Code.INTERNAL.value, message.error.message, "")
    return problem_from_pb(message.error) or unnamed


# --------------------------------------------------------------------------------------- blobs


def file_to_pb(file: FileRef) -> common_pb2.BlobRef:
    """Bytes by content."""
    return common_pb2.BlobRef(sha256=file.digest, size_bytes=file.size)


def file_from_pb(message: common_pb2.BlobRef, field: str) -> FileRef:
    """Bytes by content."""
    if not re.fullmatch("[0-9a-f]{64}", message.sha256):
        raise invalid(f"{field}.sha256", "is no SHA-256 in lower-case hex")
    return FileRef(message.sha256, _whole(message.size_bytes, f"{field}.size_bytes"))


def missing_request_to_pb(
    project: str, files: Sequence[FileRef]
) -> blob_service_pb2.FindMissingBlobsRequest:
    """Which blobs are asked about."""
    return blob_service_pb2.FindMissingBlobsRequest(
        parent=names.parent_of(project), blobs=[file_to_pb(file) for file in files]
    )


def missing_request_from_pb(
    request: blob_service_pb2.FindMissingBlobsRequest,
) -> tuple[str, list[FileRef]]:
    """Project and blobs asked about."""
    most = Limits().max_page
    if not 1 <= len(request.blobs) <= most:
        raise invalid("blobs", f"holds {len(request.blobs)} items, not 1 to {most}")
    return names.project_of(request.parent), [file_from_pb(file, "blobs") for file in request.blobs]


def piece_to_pb(piece: Piece, target: UploadTarget) -> blob_service_pb2.WriteBlobRequest:
    """A piece of an upload."""
    return blob_service_pb2.WriteBlobRequest(
        resource_name=names.upload_name(target),
        offset=piece.offset,
        data=piece.data,
        finish=piece.finish,
    )


def piece_from_pb(request: blob_service_pb2.WriteBlobRequest) -> Piece:
    """A piece of an upload."""
    most = Limits().max_chunk
    if len(request.data) > most:
        raise invalid("data", f"has {len(request.data)} bytes, more than {most}")
    return Piece(_whole(request.offset, "offset"), request.data, request.finish)


def upload_status_to_pb(status: UploadStatus) -> blob_service_pb2.QueryWriteStatusResponse:
    """How far an upload came."""
    return blob_service_pb2.QueryWriteStatusResponse(
        committed_bytes=status.committed, complete=status.complete
    )


def write_result_to_pb(status: UploadStatus) -> blob_service_pb2.WriteBlobResponse:
    """How far an upload came by this stream."""
    return blob_service_pb2.WriteBlobResponse(
        committed_bytes=status.committed, complete=status.complete
    )


def upload_status_from_pb(
    message: blob_service_pb2.QueryWriteStatusResponse | blob_service_pb2.WriteBlobResponse,
) -> UploadStatus:
    """How far an upload came."""
    return UploadStatus(message.committed_bytes, message.complete)


def read_request_to_pb(
    project: str, digest: str, *, offset: int, limit: int
) -> blob_service_pb2.ReadBlobRequest:
    """Which bytes are wanted."""
    return blob_service_pb2.ReadBlobRequest(
        name=names.blob_name(project, digest), offset=offset, limit=limit
    )


def read_request_from_pb(
    request: blob_service_pb2.ReadBlobRequest,
) -> tuple[str, str, int, int]:
    """Project, digest, offset and limit."""
    project, digest = names.parse_blob(request.name)
    return project, digest, _whole(request.offset, "offset"), _whole(request.limit, "limit")


# -------------------------------------------------------------------------------------- models


def input_spec_to_pb(spec: InputSpec) -> common_pb2.InputSpec:
    """The map from pixels to a model's input."""
    return common_pb2.InputSpec(
        layout=_LAYOUT.to_pb(spec.layout), scale=spec.scale, mean=spec.mean, std=spec.std
    )


def input_spec_from_pb(message: common_pb2.InputSpec) -> InputSpec:
    """The map from pixels to a model's input; what is absent is the identity."""
    spec = InputSpec(
        layout=_LAYOUT.if_set(message.layout, "input_spec.layout") or "nchw",
        scale=message.scale if message.HasField("scale") else 1.0,
        mean=tuple(message.mean),
        std=tuple(message.std),
    )
    finite = all(math.isfinite(value) for value in (spec.scale, *spec.mean, *spec.std))
    positive = spec.scale > 0 and all(value > 0 for value in spec.std)
    if not finite or not positive or len(spec.mean) != len(spec.std):
        raise invalid(
            "input_spec",
            "needs finite numbers, scale and std above 0, and as many of mean as of std",
            Code.PREPROCESSING_INVALID,
        )
    return spec


def subject_facts_to_pb(facts: SubjectFacts) -> model_service_pb2.SubjectFacts:
    """What is known of a model."""
    channels, height, width = facts.shape
    return model_service_pb2.SubjectFacts(
        digest=facts.digest,
        classes=facts.classes,
        channels=channels,
        height=height,
        width=width,
        batch=_BATCH.to_pb(facts.batch),
        gradient_gap=facts.gradient_gap,
        bn_folded=_FOLDING.to_pb(None if facts.bn_folded == "unknown" else facts.bn_folded),
        parameters=facts.parameters,
    )


def subject_facts_from_pb(message: model_service_pb2.SubjectFacts) -> SubjectFacts:
    """What is known of a model."""
    return SubjectFacts(
        digest=message.digest,
        classes=message.classes,
        shape=(message.channels, message.height, message.width),
        batch=_BATCH.from_pb(message.batch, "facts.batch"),
        gradient_gap=message.gradient_gap,
        bn_folded=_FOLDING.if_set(message.bn_folded, "facts.bn_folded") or "unknown",
        parameters=message.parameters,
    )


def new_model_to_pb(request: NewModel) -> model_service_pb2.CreateModelRequest:
    """A wish for a model."""
    return model_service_pb2.CreateModelRequest(
        parent=names.parent_of(request.project),
        request_id=request.request_id,
        model=model_service_pb2.Model(
            file=file_to_pb(request.file),
            display_name=request.display_name,
            format=request.format,
            architecture=request.architecture,
            input_spec=input_spec_to_pb(request.input_spec),
        ),
    )


def new_model_from_pb(request: model_service_pb2.CreateModelRequest) -> NewModel:
    """A wish for a model."""
    model = request.model
    return NewModel(
        project=names.project_of(request.parent),
        request_id=_request_id(request.request_id),
        file=file_from_pb(model.file, "model.file"),
        display_name=_text(model.display_name, "model.display_name"),
        format=_text(model.format, "model.format"),
        architecture=_text(model.architecture, "model.architecture"),
        input_spec=input_spec_from_pb(model.input_spec),
    )


def model_to_pb(view: ModelView) -> model_service_pb2.Model:
    """A model as it stands."""
    return model_service_pb2.Model(
        name=view.name,
        file=file_to_pb(view.file),
        display_name=view.display_name,
        format=view.format,
        architecture=view.architecture,
        input_spec=input_spec_to_pb(view.input_spec),
        canonical_digest=view.canonical_digest,
        facts=view.facts and subject_facts_to_pb(view.facts),
        state=_STATE.to_pb(view.state),
        error=view.problem and problem_to_pb(view.problem),
        create_time=time_to_pb(view.created),
        end_time=time_to_pb(view.ended),
    )


def model_from_pb(message: model_service_pb2.Model) -> ModelView:
    """A model as it stands."""
    return ModelView(
        name=_name(message.name, "models"),
        file=file_from_pb(message.file, "file"),
        display_name=message.display_name,
        format=message.format,
        architecture=message.architecture,
        input_spec=input_spec_from_pb(message.input_spec),
        canonical_digest=message.canonical_digest,
        facts=subject_facts_from_pb(message.facts) if message.HasField("facts") else None,
        state=_STATE.from_pb(message.state, "state"),
        problem=_problem_if_set(message),
        created=time_from_pb(message.create_time),
        ended=time_from_pb(message.end_time) if message.HasField("end_time") else None,
    )


# ----------------------------------------------------------------------------- evaluation sets


def slice_to_pb(rows: Rows | None) -> str:
    """Rows as text; none is all of them."""
    return "" if rows is None else f"{rows[0]}:{rows[1]}"


def slice_from_pb(text: str) -> Rows | None:
    """``low:high``, counted from 0, high excluded."""
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,15}):([0-9]{1,15})", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise invalid(
            "slice", f"is {text[:60]!r}, not rows low:high such as 0:500", Code.DATA_SLICE_INVALID
        )
    return int(found[1]), int(found[2])


def data_facts_to_pb(facts: DataFacts) -> eval_set_service_pb2.DataFacts:
    """What is known of an evaluation set."""
    return eval_set_service_pb2.DataFacts(
        digest=facts.digest, n=facts.n, classes=facts.classes, eight_bit=facts.eight_bit
    )


def data_facts_from_pb(message: eval_set_service_pb2.DataFacts) -> DataFacts:
    """What is known of an evaluation set."""
    return DataFacts(message.digest, message.n, message.classes, message.eight_bit)


def new_eval_set_to_pb(request: NewEvalSet) -> eval_set_service_pb2.CreateEvalSetRequest:
    """A wish for an evaluation set."""
    return eval_set_service_pb2.CreateEvalSetRequest(
        parent=names.parent_of(request.project),
        request_id=request.request_id,
        eval_set=eval_set_service_pb2.EvalSet(
            file=file_to_pb(request.file),
            slice=slice_to_pb(request.rows),
            display_name=request.display_name,
        ),
    )


def new_eval_set_from_pb(request: eval_set_service_pb2.CreateEvalSetRequest) -> NewEvalSet:
    """A wish for an evaluation set."""
    return NewEvalSet(
        project=names.project_of(request.parent),
        request_id=_request_id(request.request_id),
        file=file_from_pb(request.eval_set.file, "eval_set.file"),
        rows=slice_from_pb(request.eval_set.slice),
        display_name=_text(request.eval_set.display_name, "eval_set.display_name"),
    )


def eval_set_to_pb(view: EvalSetView) -> eval_set_service_pb2.EvalSet:
    """An evaluation set as it stands."""
    return eval_set_service_pb2.EvalSet(
        name=view.name,
        file=file_to_pb(view.file),
        slice=slice_to_pb(view.rows),
        display_name=view.display_name,
        format=view.format,
        facts=view.facts and data_facts_to_pb(view.facts),
        state=_STATE.to_pb(view.state),
        error=view.problem and problem_to_pb(view.problem),
        create_time=time_to_pb(view.created),
        end_time=time_to_pb(view.ended),
    )


def eval_set_from_pb(message: eval_set_service_pb2.EvalSet) -> EvalSetView:
    """An evaluation set as it stands."""
    return EvalSetView(
        name=_name(message.name, "evalSets"),
        file=file_from_pb(message.file, "file"),
        rows=slice_from_pb(message.slice),
        display_name=message.display_name,
        format=message.format,
        facts=data_facts_from_pb(message.facts) if message.HasField("facts") else None,
        state=_STATE.from_pb(message.state, "state"),
        problem=_problem_if_set(message),
        created=time_from_pb(message.create_time),
        ended=time_from_pb(message.end_time) if message.HasField("end_time") else None,
    )


# -------------------------------------------------------------------------------------- audits


def analyzer_spec_to_pb(spec: AnalyzerSpec) -> common_pb2.AnalyzerSpec:
    """An analyzer with its settings."""
    return common_pb2.AnalyzerSpec(id=spec.id, config=struct_to_pb(spec.config))


def analyzer_spec_from_pb(message: common_pb2.AnalyzerSpec) -> AnalyzerSpec:
    """An analyzer with its settings."""
    if not message.id:
        raise invalid("analyzers.id", "is empty")
    identity = _text(message.id, "analyzers.id")
    return AnalyzerSpec(identity, struct_from_pb(message.config, "analyzers.config"))


def progress_to_pb(progress: Progress) -> common_pb2.Progress:
    """Work in flight."""
    return common_pb2.Progress(
        stage=progress.stage, done=progress.done, total=progress.total, note=progress.note
    )


def progress_from_pb(message: common_pb2.Progress) -> Progress:
    """Work in flight."""
    return Progress(message.stage, message.done, message.total, message.note)


def bracket_to_pb(bracket: Bracket) -> common_pb2.Bracket:
    """What is known of a threat, with the shares that follow from the counts."""
    population, prefix = max(bracket.population, 1), bracket.prefix
    return common_pb2.Bracket(
        threat=bracket.threat,
        population=bracket.population,
        prefix=prefix,
        standing=bracket.standing,
        fallen=bracket.fallen,
        pending=bracket.pending,
        certified=bracket.certified,
        certified_share=bracket.certified / population,
        attacked_share=(population - bracket.fallen) / population,
        standing_share=bracket.standing / prefix if prefix else None,
        interval_low=bracket.low,
        interval_high=bracket.high,
        level=bracket.level,
        claim=_CLAIM.to_pb(bracket.claim),
    )


def bracket_from_pb(message: common_pb2.Bracket) -> Bracket:
    """What is known of a threat; the shares are left to the counts."""
    return Bracket(
        threat=message.threat,
        population=message.population,
        prefix=message.prefix,
        standing=message.standing,
        fallen=message.fallen,
        pending=message.pending,
        certified=message.certified,
        low=message.interval_low,
        high=message.interval_high,
        level=message.level,
        claim=_CLAIM.from_pb(message.claim, "claim"),
    )


def estimate_to_pb(estimate: Estimate) -> audit_service_pb2.Estimate:
    """What an audit would cost."""
    return audit_service_pb2.Estimate(
        units=estimate.units, images=estimate.images, seconds=estimate.seconds
    )


def estimate_from_pb(message: audit_service_pb2.Estimate) -> Estimate:
    """What an audit would cost."""
    return Estimate(message.units, message.images, message.seconds)


def new_audit_to_pb(request: NewAudit) -> audit_service_pb2.CreateAuditRequest:
    """A wish for an audit."""
    return audit_service_pb2.CreateAuditRequest(
        parent=names.parent_of(request.project),
        policy=request.policy,
        waivers=request.waivers,
        expected_accuracy=request.expected_accuracy,
        skip_cache=request.skip_cache,
        validate_only=request.validate_only,
        request_id=request.request_id,
        audit=audit_service_pb2.Audit(
            model=request.model,
            eval_set=request.eval_set,
            profile=_PROFILE.to_pb(request.profile),
            seed=request.seed,
            analyzers=[analyzer_spec_to_pb(spec) for spec in request.analyzers],
            baseline=request.baseline,
        ),
    )


def new_audit_from_pb(request: audit_service_pb2.CreateAuditRequest) -> NewAudit:
    """A wish for an audit; everything that it names lies in its own project."""
    audit, project = request.audit, names.project_of(request.parent)
    baseline = audit.baseline
    expected = request.expected_accuracy if request.HasField("expected_accuracy") else None
    return NewAudit(
        project=project,
        model=_name_in(project, audit.model, "models", field="audit.model"),
        eval_set=_name_in(project, audit.eval_set, "evalSets", field="audit.eval_set"),
        baseline=baseline and _name_in(project, baseline, "audits", field="audit.baseline"),
        profile=_PROFILE.if_set(audit.profile, "audit.profile"),
        seed=_whole(audit.seed, "audit.seed") if audit.HasField("seed") else None,
        analyzers=[analyzer_spec_from_pb(spec) for spec in audit.analyzers],
        policy=_policy(request.policy),
        waivers=request.waivers,
        expected_accuracy=None if expected is None else _share(expected, "expected_accuracy"),
        skip_cache=request.skip_cache,
        validate_only=request.validate_only,
        request_id=_request_id(request.request_id),
    )


def audit_to_pb(view: AuditView) -> audit_service_pb2.Audit:
    """An audit as it stands."""
    return audit_service_pb2.Audit(
        name=view.name,
        model=view.model,
        eval_set=view.eval_set,
        profile=_PROFILE.to_pb(view.profile),
        seed=view.seed,
        analyzers=[analyzer_spec_to_pb(spec) for spec in view.analyzers],
        baseline=view.baseline,
        state=_STATE.to_pb(view.state),
        verdict=_VERDICT.to_pb(view.verdict),
        policy_digest=view.policy_digest,
        evidence_digest=view.evidence_digest,
        brackets=[bracket_to_pb(bracket) for bracket in view.brackets],
        progress=view.progress and progress_to_pb(view.progress),
        estimate=view.estimate and estimate_to_pb(view.estimate),
        error=view.problem and problem_to_pb(view.problem),
        sequence=view.sequence,
        create_time=time_to_pb(view.created),
        start_time=time_to_pb(view.started),
        end_time=time_to_pb(view.ended),
    )


def audit_from_pb(message: audit_service_pb2.Audit) -> AuditView:
    """An audit as it stands."""
    return AuditView(
        name=message.name and _name(message.name, "audits"),
        model=message.model,
        eval_set=message.eval_set,
        profile=_PROFILE.if_set(message.profile, "profile"),
        seed=message.seed,
        analyzers=[analyzer_spec_from_pb(spec) for spec in message.analyzers],
        baseline=message.baseline,
        state=_STATE.from_pb(message.state, "state"),
        verdict=_VERDICT.if_set(message.verdict, "verdict"),
        policy_digest=message.policy_digest,
        evidence_digest=message.evidence_digest,
        brackets=[bracket_from_pb(bracket) for bracket in message.brackets],
        progress=progress_from_pb(message.progress) if message.HasField("progress") else None,
        estimate=estimate_from_pb(message.estimate) if message.HasField("estimate") else None,
        problem=_problem_if_set(message),
        sequence=message.sequence,
        created=time_from_pb(message.create_time),
        started=time_from_pb(message.start_time) if message.HasField("start_time") else None,
        ended=time_from_pb(message.end_time) if message.HasField("end_time") else None,
    )


def watch_request_from_pb(request: audit_service_pb2.WatchAuditRequest) -> tuple[str, int]:
    """Which audit, and behind which event."""
    return _name(request.name, "audits"), _whole(request.after_sequence, "after_sequence")


def _finished_to_pb(body: Finished) -> audit_service_pb2.Finished:
    return audit_service_pb2.Finished(
        state=_STATE.to_pb(body.state),
        verdict=_VERDICT.to_pb(body.verdict),
        evidence_digest=body.evidence_digest,
        error=body.problem and problem_to_pb(body.problem),
    )


def _finished_from_pb(message: audit_service_pb2.Finished) -> Finished:
    return Finished(
        state=_STATE.from_pb(message.state, "finished.state"),
        verdict=_VERDICT.if_set(message.verdict, "finished.verdict"),
        evidence_digest=message.evidence_digest,
        problem=_problem_if_set(message),
    )


def event_to_pb(event: EventView) -> audit_service_pb2.AuditEvent:
    """Something that happened in an audit."""
    message = audit_service_pb2.AuditEvent(sequence=event.sequence, time=time_to_pb(event.time))
    match event.body:
        case StateChanged(state):
            message.state_change.state = _STATE.to_pb(state)
        case Progress():
            message.progress.CopyFrom(progress_to_pb(event.body))
        case Bracket():
            message.bracket.CopyFrom(bracket_to_pb(event.body))
        case LogLine(level, text):
            message.log.CopyFrom(audit_service_pb2.LogLine(level=_LOG.to_pb(level), text=text))
        case Finished():
            message.finished.CopyFrom(_finished_to_pb(event.body))
    return message


def event_from_pb(message: audit_service_pb2.AuditEvent) -> EventView | None:
    """Something that happened in an audit; None when this version does not know its kind."""
    match message.WhichOneof("body"):
        case "state_change":
            state = _STATE.from_pb(message.state_change.state, "state_change.state")
            body = StateChanged(state)
        case "progress":
            body = progress_from_pb(message.progress)
        case "bracket":
            body = bracket_from_pb(message.bracket)
        case "log":
            body = LogLine(_LOG.from_pb(message.log.level, "log.level"), message.log.text)
        case "finished":
            body = _finished_from_pb(message.finished)
        case _:
            return None
    return EventView(message.sequence, time_from_pb(message.time), body)


# ----------------------------------------------------------------------------------- operations


def operation_to_pb(view: ResourceView) -> operations_pb2.Operation:
    """An operation: a view over the resource that it makes."""
    progress = view.progress if isinstance(view, AuditView) else None
    state: State = view.state if view.name else "succeeded"
    metadata = common_pb2.OperationMetadata(
        target=view.name,
        state=_STATE.to_pb(state),
        progress=progress and progress_to_pb(progress),
        create_time=time_to_pb(view.created),
        end_time=time_to_pb(view.ended),
    )
    operation = operations_pb2.Operation(done=state in FINAL_STATES)
    operation.name = names.operation_name(view.name) if view.name else ""
    operation.metadata.Pack(metadata)
    if state == "succeeded":
        operation.response.Pack(_RESOURCE_TO_PB[type(view)](view))
    elif operation.done:
        operation.error.CopyFrom(problem_to_pb(view.problem or _unexplained(state)))
    return operation


def operation_from_pb(message: operations_pb2.Operation) -> OperationView:
    """An operation with the resource that it made, when it did."""
    metadata = common_pb2.OperationMetadata()
    if not message.metadata.Unpack(metadata):
        raise invalid("metadata", "is not of this API")
    has_progress = metadata.HasField("progress")
    return OperationView(
        name=message.name,
        target=metadata.target,
        state=_STATE.from_pb(metadata.state, "metadata.state"),
        progress=progress_from_pb(metadata.progress) if has_progress else None,
        result=_resource_from_any(message.response) if message.HasField("response") else None,
        problem=_problem_if_set(message),
    )


def _unexplained(state: State) -> Problem:
    if state == "cancelled":
        return Problem(Code.CANCELLED.value, "The work was cancelled.", "Ask for it again.")
    return Problem(Code.INTERNAL.value, "The work failed.", "Look into the service's log.")


def _resource_from_any(message: AnyMessage) -> ResourceView:
    for empty, from_pb in _RESOURCE_FROM_PB:
        body = empty()
        if message.Unpack(body):
            return from_pb(body)
    raise invalid("response", "is no model, evaluation set or audit")


_RESOURCE_TO_PB: dict[type[ResourceView], Callable[[Any], Any]] = {
    ModelView: model_to_pb,
    EvalSetView: eval_set_to_pb,
    AuditView: audit_to_pb,
}
_RESOURCE_FROM_PB: tuple[tuple[Callable[[], Any], Callable[[Any], ResourceView]], ...] = (
    (model_service_pb2.Model, model_from_pb),
    (eval_set_service_pb2.EvalSet, eval_set_from_pb),
    (audit_service_pb2.Audit, audit_from_pb),
)


# ---------------------------------------------------------------------------------------- lists


def _query_from_pb(
    request: model_service_pb2.ListModelsRequest
    | eval_set_service_pb2.ListEvalSetsRequest
    | audit_service_pb2.ListAuditsRequest,
) -> ListQuery:
    limit = _whole(request.page_size, "page_size") or PAGE_SIZE
    return ListQuery(names.project_of(request.parent), min(limit, Limits().max_page))


def models_query_to_pb(query: ListQuery) -> model_service_pb2.ListModelsRequest:
    """A page asked for; ``after`` is the token of the page before."""
    return model_service_pb2.ListModelsRequest(
        parent=names.parent_of(query.project), page_size=query.limit, page_token=query.after
    )


def models_query_from_pb(request: model_service_pb2.ListModelsRequest) -> ListQuery:
    """A page asked for; ``after`` is the port's own cursor."""
    query = _query_from_pb(request)
    return replace(query, after=unseal(request.page_token, "models", query))


def models_to_pb(page: Page[ModelView], query: ListQuery) -> model_service_pb2.ListModelsResponse:
    """A page of models."""
    return model_service_pb2.ListModelsResponse(
        models=[model_to_pb(view) for view in page.items],
        next_page_token=seal(page.after, "models", query),
    )


def models_from_pb(message: model_service_pb2.ListModelsResponse) -> Page[ModelView]:
    """A page of models; ``after`` is a token."""
    return Page([model_from_pb(model) for model in message.models], message.next_page_token)


def eval_sets_query_to_pb(query: ListQuery) -> eval_set_service_pb2.ListEvalSetsRequest:
    """A page asked for; ``after`` is the token of the page before."""
    return eval_set_service_pb2.ListEvalSetsRequest(
        parent=names.parent_of(query.project), page_size=query.limit, page_token=query.after
    )


def eval_sets_query_from_pb(request: eval_set_service_pb2.ListEvalSetsRequest) -> ListQuery:
    """A page asked for; ``after`` is the port's own cursor."""
    query = _query_from_pb(request)
    return replace(query, after=unseal(request.page_token, "evalSets", query))


def eval_sets_to_pb(
    page: Page[EvalSetView], query: ListQuery
) -> eval_set_service_pb2.ListEvalSetsResponse:
    """A page of evaluation sets."""
    return eval_set_service_pb2.ListEvalSetsResponse(
        eval_sets=[eval_set_to_pb(view) for view in page.items],
        next_page_token=seal(page.after, "evalSets", query),
    )


def eval_sets_from_pb(message: eval_set_service_pb2.ListEvalSetsResponse) -> Page[EvalSetView]:
    """A page of evaluation sets; ``after`` is a token."""
    return Page([eval_set_from_pb(item) for item in message.eval_sets], message.next_page_token)


def audits_query_to_pb(query: AuditQuery) -> audit_service_pb2.ListAuditsRequest:
    """A page asked for; ``after`` is the token of the page before."""
    return audit_service_pb2.ListAuditsRequest(
        parent=names.parent_of(query.project),
        page_size=query.limit,
        page_token=query.after,
        model=query.model,
        eval_set=query.eval_set,
        states=[_STATE.to_pb(state) for state in query.states],
        verdicts=[_VERDICT.to_pb(verdict) for verdict in query.verdicts],
    )


def audits_query_from_pb(request: audit_service_pb2.ListAuditsRequest) -> AuditQuery:
    """A page asked for; ``after`` is the port's own cursor."""
    page = _query_from_pb(request)
    query = AuditQuery(
        page.project,
        page.limit,
        model=request.model and _name(request.model, "models", "model"),
        eval_set=request.eval_set and _name(request.eval_set, "evalSets", "eval_set"),
        states=[_STATE.from_pb(state, "states") for state in request.states],
        verdicts=[_VERDICT.from_pb(verdict, "verdicts") for verdict in request.verdicts],
    )
    return replace(query, after=unseal(request.page_token, "audits", query))


def audits_to_pb(page: Page[AuditView], query: AuditQuery) -> audit_service_pb2.ListAuditsResponse:
    """A page of audits."""
    return audit_service_pb2.ListAuditsResponse(
        audits=[audit_to_pb(view) for view in page.items],
        next_page_token=seal(page.after, "audits", query),
    )


def audits_from_pb(message: audit_service_pb2.ListAuditsResponse) -> Page[AuditView]:
    """A page of audits; ``after`` is a token."""
    return Page([audit_from_pb(audit) for audit in message.audits], message.next_page_token)


def delete_request_from_pb(
    request: model_service_pb2.DeleteModelRequest
    | eval_set_service_pb2.DeleteEvalSetRequest
    | audit_service_pb2.DeleteAuditRequest
    | audit_service_pb2.CancelAuditRequest,
    collection: names.Collection,
) -> tuple[str, str]:
    """Name and request id of what is to end or to go."""
    return _name(request.name, collection), _request_id(request.request_id)


def get_request_from_pb(
    request: model_service_pb2.GetModelRequest
    | eval_set_service_pb2.GetEvalSetRequest
    | audit_service_pb2.GetAuditRequest,
    collection: names.Collection,
) -> str:
    """Name of what is asked for."""
    return _name(request.name, collection)


# -------------------------------------------------------------------------- report and verdict


def view_to_pb(view: View) -> common_pb2.View:
    """How a measurement wants to be seen."""
    return common_pb2.View(
        kind=_VIEW.to_pb(view.kind),
        title=view.title,
        caption=view.caption,
        data=struct_to_pb(view.data),
    )


def view_from_pb(message: common_pb2.View) -> View:
    """How a measurement wants to be seen."""
    return View(
        kind=_VIEW.from_pb(message.kind, "view.kind"),
        title=message.title,
        data=struct_from_pb(message.data, "view.data"),
        caption=message.caption,
    )


def series_to_pb(series: Series) -> common_pb2.Series:
    """Numbers behind a curve."""
    return common_pb2.Series(
        name=series.name, x=series.x, y=series.y, low=series.low, high=series.high
    )


def series_from_pb(message: common_pb2.Series) -> Series:
    """Numbers behind a curve."""
    return Series(
        message.name, tuple(message.x), tuple(message.y), tuple(message.low), tuple(message.high)
    )


def measurement_to_pb(taken: MeasurementView) -> common_pb2.Measurement:
    """A measurement and who took it."""
    measurement = taken.measurement
    return common_pb2.Measurement(
        analyzer=taken.analyzer,
        metric=measurement.metric,
        scope=measurement.scope,
        outcome=_OUTCOME.to_pb(measurement.outcome),
        value=measurement.value,
        counts=measurement.counts,
        bound=_BOUND.to_pb(measurement.bound),
        grade=_GRADE.to_pb(measurement.grade),
        limit=measurement.limit,
        view=measurement.view and view_to_pb(measurement.view),
        note=measurement.note,
        series=[series_to_pb(series) for series in taken.series],
    )


def measurement_from_pb(message: common_pb2.Measurement) -> MeasurementView:
    """A measurement and who took it."""
    outcome = _OUTCOME.from_pb(message.outcome, "outcome")
    value = message.value if message.HasField("value") else None
    if (value is not None and math.isfinite(value)) != (outcome == "measured"):
        raise invalid("value", f"is {value} where the outcome is {outcome}")
    measurement = Measurement(
        metric=message.metric,
        outcome=outcome,
        scope=dict(message.scope),
        value=value,
        counts=dict(message.counts),
        bound=_BOUND.from_pb(message.bound, "bound"),
        grade=_GRADE.from_pb(message.grade, "grade"),
        limit=message.limit if message.HasField("limit") else None,
        view=view_from_pb(message.view) if message.HasField("view") else None,
        note=message.note,
    )
    series = [series_from_pb(series) for series in message.series]
    return MeasurementView(message.analyzer, measurement, series)


def artifact_to_pb(artifact: Artifact) -> common_pb2.Artifact:
    """A file that an audit left behind."""
    return common_pb2.Artifact(
        name=artifact.name,
        media_type=artifact.media_type,
        file=file_to_pb(artifact.file),
        data=artifact.data,
    )


def artifact_from_pb(message: common_pb2.Artifact) -> Artifact:
    """A file that an audit left behind."""
    return Artifact(
        message.name,
        message.media_type,
        file_from_pb(message.file, "file"),
        message.data if message.HasField("data") else None,
    )


def report_query_to_pb(query: ReportQuery) -> report_service_pb2.GetReportRequest:
    """Which report."""
    return report_service_pb2.GetReportRequest(
        audit=query.audit,
        artifacts=query.artifacts,
        inline_limit_bytes=query.inline_limit,
        include_measurements=query.measurements,
    )


def report_query_from_pb(request: report_service_pb2.GetReportRequest) -> ReportQuery:
    """Which report."""
    asked = _whole(request.inline_limit_bytes, "inline_limit_bytes")
    given = request.HasField("inline_limit_bytes")
    return ReportQuery(
        audit=_name(request.audit, "audits", "audit"),
        artifacts=[_text(name, "artifacts") for name in request.artifacts],
        inline_limit=min(asked, Limits().max_inline) if given else ReportQuery.inline_limit,
        measurements=request.include_measurements,
    )


def report_to_pb(view: ReportView) -> report_service_pb2.Report:
    """What an audit found."""
    return report_service_pb2.Report(
        audit=view.audit,
        verdict=_VERDICT.to_pb(view.verdict),
        sentence=view.sentence,
        artifacts=[artifact_to_pb(artifact) for artifact in view.artifacts],
        measurements=[measurement_to_pb(taken) for taken in view.measurements],
    )


def report_from_pb(message: report_service_pb2.Report) -> ReportView:
    """What an audit found."""
    return ReportView(
        audit=message.audit,
        verdict=_VERDICT.if_set(message.verdict, "verdict"),
        sentence=message.sentence,
        artifacts=[artifact_from_pb(artifact) for artifact in message.artifacts],
        measurements=[measurement_from_pb(taken) for taken in message.measurements],
    )


def gate_query_to_pb(query: GateQuery) -> gate_service_pb2.EvaluateGateRequest:
    """Evidence and a policy."""
    return gate_service_pb2.EvaluateGateRequest(
        parent=names.parent_of(query.project),
        audit=query.audit or None,
        evidence=query.evidence or None,
        policy=query.policy,
        baseline_audit=query.baseline or None,
        baseline_evidence=query.baseline_evidence or None,
        waivers=query.waivers,
        evaluation_date=query.date,
    )


def gate_query_from_pb(request: gate_service_pb2.EvaluateGateRequest) -> GateQuery:
    """Evidence and a policy."""
    project = names.project_of(request.parent)
    if not request.audit and not request.evidence:
        raise invalid("evidence_source", "names neither an audit nor evidence")
    audit, baseline = request.audit, request.baseline_audit
    return GateQuery(
        project=project,
        audit=audit and _name_in(project, audit, "audits", field="audit"),
        evidence=request.evidence,
        policy=_policy(request.policy),
        baseline=baseline and _name_in(project, baseline, "audits", field="baseline_audit"),
        baseline_evidence=request.baseline_evidence,
        waivers=request.waivers,
        date=_date(request.evaluation_date),
    )


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise invalid("evaluation_date", "is no day of the form YYYY-MM-DD") from None


def gate_view_to_pb(view: GateView) -> gate_service_pb2.EvaluateGateResponse:
    """A verdict."""
    return gate_service_pb2.EvaluateGateResponse(
        verdict=_VERDICT.to_pb(view.verdict),
        sentence=view.sentence,
        verdict_json=view.verdict_json,
        evidence_digest=view.evidence_digest,
        policy_digest=view.policy_digest,
    )


def gate_view_from_pb(message: gate_service_pb2.EvaluateGateResponse) -> GateView:
    """A verdict."""
    return GateView(
        verdict=_VERDICT.from_pb(message.verdict, "verdict"),
        sentence=message.sentence,
        verdict_json=message.verdict_json,
        evidence_digest=message.evidence_digest,
        policy_digest=message.policy_digest,
    )


# -------------------------------------------------------------------------------- capabilities


def metric_spec_to_pb(spec: MetricSpec) -> capabilities_service_pb2.MetricSpec:
    """What a metric means."""
    message = capabilities_service_pb2.MetricSpec(
        name=spec.name,
        meaning=spec.meaning,
        unit=spec.unit,
        grade=_GRADE.to_pb(spec.grade),
        judged=spec.judged,
    )
    if spec.range is not None:
        message.range.min, message.range.max = spec.range
    return message


def metric_spec_from_pb(message: capabilities_service_pb2.MetricSpec) -> MetricSpec:
    """What a metric means."""
    return MetricSpec(
        name=message.name,
        meaning=message.meaning,
        unit=message.unit,
        grade=_GRADE.from_pb(message.grade, "grade"),
        judged=message.judged,
        range=(message.range.min, message.range.max) if message.HasField("range") else None,
    )


def finding_rule_to_pb(rule: FindingRule) -> capabilities_service_pb2.FindingRule:
    """When a value is worth a sentence."""
    return capabilities_service_pb2.FindingRule(
        id=rule.id,
        metric=rule.metric,
        comparison=_COMPARISON.to_pb(rule.comparison),
        threshold=rule.threshold,
        severity=_SEVERITY.to_pb(rule.severity),
        grade=_GRADE.to_pb(rule.grade),
        statement=rule.statement,
        remedy=rule.remedy,
    )


def finding_rule_from_pb(message: capabilities_service_pb2.FindingRule) -> FindingRule:
    """When a value is worth a sentence."""
    return FindingRule(
        id=message.id,
        metric=message.metric,
        comparison=_COMPARISON.from_pb(message.comparison, "comparison"),
        threshold=message.threshold,
        severity=_SEVERITY.from_pb(message.severity, "severity"),
        grade=_GRADE.from_pb(message.grade, "grade"),
        statement=message.statement,
        remedy=message.remedy,
    )


def description_to_pb(description: Description) -> capabilities_service_pb2.Analyzer:
    """An analyzer as it describes itself."""
    return capabilities_service_pb2.Analyzer(
        id=description.id,
        version=description.version,
        title=description.title,
        summary=description.summary,
        reference=description.reference,
        config_schema=struct_to_pb(description.schema),
        metrics=[metric_spec_to_pb(spec) for spec in description.metrics],
        needs=description.needs,
        threats=description.threats,
        indicators=description.indicators,
        findings=[finding_rule_to_pb(rule) for rule in description.findings],
        block_edges=description.edges,
        first=description.first,
    )


def description_from_pb(message: capabilities_service_pb2.Analyzer) -> Description:
    """An analyzer as it describes itself."""
    return Description(
        id=message.id,
        version=message.version,
        title=message.title,
        summary=message.summary,
        reference=message.reference,
        schema=struct_from_pb(message.config_schema, "config_schema"),
        metrics=tuple(metric_spec_from_pb(spec) for spec in message.metrics),
        needs=tuple(message.needs),
        threats=tuple(message.threats),
        indicators=tuple(message.indicators),
        findings=tuple(finding_rule_from_pb(rule) for rule in message.findings),
        edges=tuple(message.block_edges),
        first=message.first,
    )


def limits_to_pb(limits: Limits) -> capabilities_service_pb2.Limits:
    """Sizes beyond which the server refuses."""
    return capabilities_service_pb2.Limits(
        max_message_bytes=limits.max_message,
        max_chunk_bytes=limits.max_chunk,
        preferred_chunk_bytes=limits.preferred_chunk,
        max_blob_bytes=limits.max_blob,
        max_inline_bytes=limits.max_inline,
        max_page_size=limits.max_page,
    )


def limits_from_pb(message: capabilities_service_pb2.Limits) -> Limits:
    """Sizes beyond which the server refuses."""
    return Limits(
        max_message=message.max_message_bytes,
        max_chunk=message.max_chunk_bytes,
        preferred_chunk=message.preferred_chunk_bytes,
        max_blob=message.max_blob_bytes,
        max_inline=message.max_inline_bytes,
        max_page=message.max_page_size,
    )


def capabilities_to_pb(view: Capabilities) -> capabilities_service_pb2.Capabilities:
    """What a server can do."""
    return capabilities_service_pb2.Capabilities(
        api_versions=view.api_versions,
        server_version=view.version,
        digest_functions=view.digest_functions,
        limits=limits_to_pb(view.limits),
        formats=[
            capabilities_service_pb2.Format(
                id=item.id, title=item.title, needs_architecture=item.needs_architecture
            )
            for item in view.formats
        ],
        architectures=view.architectures,
        analyzers=[description_to_pb(description) for description in view.analyzers],
        threats=view.threats,
        profiles=[_PROFILE.to_pb(profile) for profile in view.profiles],
        sandbox_level=view.sandbox_level,
        engine_class=view.engine,
        providers=view.providers,
    )


def capabilities_from_pb(message: capabilities_service_pb2.Capabilities) -> Capabilities:
    """What a server can do."""
    return Capabilities(
        version=message.server_version,
        api_versions=tuple(message.api_versions),
        digest_functions=tuple(message.digest_functions),
        limits=limits_from_pb(message.limits),
        formats=[Format(item.id, item.title, item.needs_architecture) for item in message.formats],
        architectures=list(message.architectures),
        analyzers=[description_from_pb(analyzer) for analyzer in message.analyzers],
        threats=list(message.threats),
        profiles=tuple(_PROFILE.from_pb(profile, "profiles") for profile in message.profiles),
        sandbox_level=message.sandbox_level,
        engine=dict(message.engine_class),
        providers=list(message.providers),
    )
