import datetime

from assay.v1 import common_pb2 as _common_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Look(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOOK_UNSPECIFIED: _ClassVar[Look]
    LOOK_USUAL: _ClassVar[Look]
    LOOK_WEIGHTS: _ClassVar[Look]
    LOOK_QUICK: _ClassVar[Look]
    LOOK_FULL: _ClassVar[Look]

class LogLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_LEVEL_UNSPECIFIED: _ClassVar[LogLevel]
    LOG_LEVEL_DEBUG: _ClassVar[LogLevel]
    LOG_LEVEL_INFO: _ClassVar[LogLevel]
    LOG_LEVEL_WARNING: _ClassVar[LogLevel]
    LOG_LEVEL_ERROR: _ClassVar[LogLevel]
LOOK_UNSPECIFIED: Look
LOOK_USUAL: Look
LOOK_WEIGHTS: Look
LOOK_QUICK: Look
LOOK_FULL: Look
LOG_LEVEL_UNSPECIFIED: LogLevel
LOG_LEVEL_DEBUG: LogLevel
LOG_LEVEL_INFO: LogLevel
LOG_LEVEL_WARNING: LogLevel
LOG_LEVEL_ERROR: LogLevel

class Estimate(_message.Message):
    __slots__ = ("units", "images", "seconds", "forward_passes", "backward_passes", "stored_bytes", "known_units")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    FORWARD_PASSES_FIELD_NUMBER: _ClassVar[int]
    BACKWARD_PASSES_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    KNOWN_UNITS_FIELD_NUMBER: _ClassVar[int]
    units: int
    images: int
    seconds: float
    forward_passes: int
    backward_passes: int
    stored_bytes: int
    known_units: int
    def __init__(self, units: _Optional[int] = ..., images: _Optional[int] = ..., seconds: _Optional[float] = ..., forward_passes: _Optional[int] = ..., backward_passes: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., known_units: _Optional[int] = ...) -> None: ...

class Audit(_message.Message):
    __slots__ = ("name", "model", "eval_set", "profile", "seed", "analyzers", "baseline", "state", "verdict", "policy_digest", "evidence_digest", "brackets", "progress", "estimate", "error", "sequence", "create_time", "start_time", "end_time", "subject", "baseline_time", "cue_set")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EVAL_SET_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ANALYZERS_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    BRACKETS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_TIME_FIELD_NUMBER: _ClassVar[int]
    CUE_SET_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    eval_set: str
    profile: _common_pb2.Profile
    seed: int
    analyzers: _containers.RepeatedCompositeFieldContainer[_common_pb2.AnalyzerSpec]
    baseline: str
    state: _common_pb2.ExecutionState
    verdict: _common_pb2.Verdict
    policy_digest: str
    evidence_digest: str
    brackets: _containers.RepeatedCompositeFieldContainer[_common_pb2.Bracket]
    progress: _common_pb2.Progress
    estimate: Estimate
    error: _status_pb2.Status
    sequence: int
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    subject: str
    baseline_time: _timestamp_pb2.Timestamp
    cue_set: str
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., eval_set: _Optional[str] = ..., profile: _Optional[_Union[_common_pb2.Profile, str]] = ..., seed: _Optional[int] = ..., analyzers: _Optional[_Iterable[_Union[_common_pb2.AnalyzerSpec, _Mapping]]] = ..., baseline: _Optional[str] = ..., state: _Optional[_Union[_common_pb2.ExecutionState, str]] = ..., verdict: _Optional[_Union[_common_pb2.Verdict, str]] = ..., policy_digest: _Optional[str] = ..., evidence_digest: _Optional[str] = ..., brackets: _Optional[_Iterable[_Union[_common_pb2.Bracket, _Mapping]]] = ..., progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., estimate: _Optional[_Union[Estimate, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., sequence: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., subject: _Optional[str] = ..., baseline_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cue_set: _Optional[str] = ...) -> None: ...

class CreateAuditRequest(_message.Message):
    __slots__ = ("parent", "audit", "policy", "waivers", "expected_accuracy", "skip_cache", "validate_only", "request_id", "evidence_only", "deadline", "baseline_evidence", "look")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    WAIVERS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    SKIP_CACHE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_ONLY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    LOOK_FIELD_NUMBER: _ClassVar[int]
    parent: str
    audit: Audit
    policy: str
    waivers: str
    expected_accuracy: float
    skip_cache: bool
    validate_only: bool
    request_id: str
    evidence_only: bool
    deadline: _duration_pb2.Duration
    baseline_evidence: bytes
    look: Look
    def __init__(self, parent: _Optional[str] = ..., audit: _Optional[_Union[Audit, _Mapping]] = ..., policy: _Optional[str] = ..., waivers: _Optional[str] = ..., expected_accuracy: _Optional[float] = ..., skip_cache: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ..., evidence_only: _Optional[bool] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., baseline_evidence: _Optional[bytes] = ..., look: _Optional[_Union[Look, str]] = ...) -> None: ...

class GetAuditRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class SetBaselineRequest(_message.Message):
    __slots__ = ("name", "withdraw")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_FIELD_NUMBER: _ClassVar[int]
    name: str
    withdraw: bool
    def __init__(self, name: _Optional[str] = ..., withdraw: _Optional[bool] = ...) -> None: ...

class ListAuditsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "model", "eval_set", "states", "verdicts", "baselines")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EVAL_SET_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    BASELINES_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    model: str
    eval_set: str
    states: _containers.RepeatedScalarFieldContainer[_common_pb2.ExecutionState]
    verdicts: _containers.RepeatedScalarFieldContainer[_common_pb2.Verdict]
    baselines: bool
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., model: _Optional[str] = ..., eval_set: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_common_pb2.ExecutionState, str]]] = ..., verdicts: _Optional[_Iterable[_Union[_common_pb2.Verdict, str]]] = ..., baselines: _Optional[bool] = ...) -> None: ...

class ListAuditsResponse(_message.Message):
    __slots__ = ("audits", "next_page_token")
    AUDITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    audits: _containers.RepeatedCompositeFieldContainer[Audit]
    next_page_token: str
    def __init__(self, audits: _Optional[_Iterable[_Union[Audit, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelAuditRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteAuditRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class WatchAuditRequest(_message.Message):
    __slots__ = ("name", "after_sequence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_sequence: int
    def __init__(self, name: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class StateChange(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _common_pb2.ExecutionState
    def __init__(self, state: _Optional[_Union[_common_pb2.ExecutionState, str]] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("level", "text")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    level: LogLevel
    text: str
    def __init__(self, level: _Optional[_Union[LogLevel, str]] = ..., text: _Optional[str] = ...) -> None: ...

class Finished(_message.Message):
    __slots__ = ("state", "verdict", "evidence_digest", "error")
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    state: _common_pb2.ExecutionState
    verdict: _common_pb2.Verdict
    evidence_digest: str
    error: _status_pb2.Status
    def __init__(self, state: _Optional[_Union[_common_pb2.ExecutionState, str]] = ..., verdict: _Optional[_Union[_common_pb2.Verdict, str]] = ..., evidence_digest: _Optional[str] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class AuditEvent(_message.Message):
    __slots__ = ("sequence", "time", "state_change", "progress", "bracket", "log", "finished")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    BRACKET_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    state_change: StateChange
    progress: _common_pb2.Progress
    bracket: _common_pb2.Bracket
    log: LogLine
    finished: Finished
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_change: _Optional[_Union[StateChange, _Mapping]] = ..., progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., bracket: _Optional[_Union[_common_pb2.Bracket, _Mapping]] = ..., log: _Optional[_Union[LogLine, _Mapping]] = ..., finished: _Optional[_Union[Finished, _Mapping]] = ...) -> None: ...
