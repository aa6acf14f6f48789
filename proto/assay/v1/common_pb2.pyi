import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExecutionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_STATE_UNSPECIFIED: _ClassVar[ExecutionState]
    EXECUTION_STATE_QUEUED: _ClassVar[ExecutionState]
    EXECUTION_STATE_RUNNING: _ClassVar[ExecutionState]
    EXECUTION_STATE_SUCCEEDED: _ClassVar[ExecutionState]
    EXECUTION_STATE_FAILED: _ClassVar[ExecutionState]
    EXECUTION_STATE_CANCELLED: _ClassVar[ExecutionState]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_PASS: _ClassVar[Verdict]
    VERDICT_FAIL: _ClassVar[Verdict]
    VERDICT_INCONCLUSIVE: _ClassVar[Verdict]
    VERDICT_ERROR: _ClassVar[Verdict]

class Profile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROFILE_UNSPECIFIED: _ClassVar[Profile]
    PROFILE_SMOKE: _ClassVar[Profile]
    PROFILE_PR: _ClassVar[Profile]
    PROFILE_RELEASE: _ClassVar[Profile]
    PROFILE_DEEP: _ClassVar[Profile]

class Claim(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLAIM_UNSPECIFIED: _ClassVar[Claim]
    CLAIM_SET: _ClassVar[Claim]
    CLAIM_POPULATION: _ClassVar[Claim]

class Layout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LAYOUT_UNSPECIFIED: _ClassVar[Layout]
    LAYOUT_NCHW: _ClassVar[Layout]
    LAYOUT_NHWC: _ClassVar[Layout]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_MEASURED: _ClassVar[Outcome]
    OUTCOME_NOT_APPLICABLE: _ClassVar[Outcome]
    OUTCOME_NOT_AVAILABLE: _ClassVar[Outcome]
    OUTCOME_OUT_OF_BUDGET: _ClassVar[Outcome]
    OUTCOME_ERROR: _ClassVar[Outcome]

class Bound(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BOUND_UNSPECIFIED: _ClassVar[Bound]
    BOUND_UPPER: _ClassVar[Bound]
    BOUND_LOWER: _ClassVar[Bound]
    BOUND_ESTIMATE: _ClassVar[Bound]
    BOUND_INDICATOR: _ClassVar[Bound]

class Grade(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRADE_UNSPECIFIED: _ClassVar[Grade]
    GRADE_A: _ClassVar[Grade]
    GRADE_B: _ClassVar[Grade]
    GRADE_C: _ClassVar[Grade]
    GRADE_D: _ClassVar[Grade]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
    SEVERITY_LOW: _ClassVar[Severity]
    SEVERITY_MEDIUM: _ClassVar[Severity]
    SEVERITY_HIGH: _ClassVar[Severity]
    SEVERITY_CRITICAL: _ClassVar[Severity]

class ViewKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEW_KIND_UNSPECIFIED: _ClassVar[ViewKind]
    VIEW_KIND_NUMBER: _ClassVar[ViewKind]
    VIEW_KIND_CURVE: _ClassVar[ViewKind]
    VIEW_KIND_BAND: _ClassVar[ViewKind]
    VIEW_KIND_BRACKET: _ClassVar[ViewKind]
    VIEW_KIND_BARS: _ClassVar[ViewKind]
    VIEW_KIND_DOTS_OVER_BAND: _ClassVar[ViewKind]
    VIEW_KIND_DUMBBELL: _ClassVar[ViewKind]
    VIEW_KIND_HEAT_MAP: _ClassVar[ViewKind]
    VIEW_KIND_MATRIX: _ClassVar[ViewKind]
    VIEW_KIND_GALLERY: _ClassVar[ViewKind]

class ElementType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ELEMENT_TYPE_UNSPECIFIED: _ClassVar[ElementType]
    ELEMENT_TYPE_FLOAT32: _ClassVar[ElementType]
    ELEMENT_TYPE_FLOAT16: _ClassVar[ElementType]
    ELEMENT_TYPE_UINT8: _ClassVar[ElementType]
    ELEMENT_TYPE_INT8: _ClassVar[ElementType]
    ELEMENT_TYPE_INT32: _ClassVar[ElementType]
    ELEMENT_TYPE_INT64: _ClassVar[ElementType]
EXECUTION_STATE_UNSPECIFIED: ExecutionState
EXECUTION_STATE_QUEUED: ExecutionState
EXECUTION_STATE_RUNNING: ExecutionState
EXECUTION_STATE_SUCCEEDED: ExecutionState
EXECUTION_STATE_FAILED: ExecutionState
EXECUTION_STATE_CANCELLED: ExecutionState
VERDICT_UNSPECIFIED: Verdict
VERDICT_PASS: Verdict
VERDICT_FAIL: Verdict
VERDICT_INCONCLUSIVE: Verdict
VERDICT_ERROR: Verdict
PROFILE_UNSPECIFIED: Profile
PROFILE_SMOKE: Profile
PROFILE_PR: Profile
PROFILE_RELEASE: Profile
PROFILE_DEEP: Profile
CLAIM_UNSPECIFIED: Claim
CLAIM_SET: Claim
CLAIM_POPULATION: Claim
LAYOUT_UNSPECIFIED: Layout
LAYOUT_NCHW: Layout
LAYOUT_NHWC: Layout
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_MEASURED: Outcome
OUTCOME_NOT_APPLICABLE: Outcome
OUTCOME_NOT_AVAILABLE: Outcome
OUTCOME_OUT_OF_BUDGET: Outcome
OUTCOME_ERROR: Outcome
BOUND_UNSPECIFIED: Bound
BOUND_UPPER: Bound
BOUND_LOWER: Bound
BOUND_ESTIMATE: Bound
BOUND_INDICATOR: Bound
GRADE_UNSPECIFIED: Grade
GRADE_A: Grade
GRADE_B: Grade
GRADE_C: Grade
GRADE_D: Grade
SEVERITY_UNSPECIFIED: Severity
SEVERITY_INFO: Severity
SEVERITY_LOW: Severity
SEVERITY_MEDIUM: Severity
SEVERITY_HIGH: Severity
SEVERITY_CRITICAL: Severity
VIEW_KIND_UNSPECIFIED: ViewKind
VIEW_KIND_NUMBER: ViewKind
VIEW_KIND_CURVE: ViewKind
VIEW_KIND_BAND: ViewKind
VIEW_KIND_BRACKET: ViewKind
VIEW_KIND_BARS: ViewKind
VIEW_KIND_DOTS_OVER_BAND: ViewKind
VIEW_KIND_DUMBBELL: ViewKind
VIEW_KIND_HEAT_MAP: ViewKind
VIEW_KIND_MATRIX: ViewKind
VIEW_KIND_GALLERY: ViewKind
ELEMENT_TYPE_UNSPECIFIED: ElementType
ELEMENT_TYPE_FLOAT32: ElementType
ELEMENT_TYPE_FLOAT16: ElementType
ELEMENT_TYPE_UINT8: ElementType
ELEMENT_TYPE_INT8: ElementType
ELEMENT_TYPE_INT32: ElementType
ELEMENT_TYPE_INT64: ElementType

class BlobRef(_message.Message):
    __slots__ = ("sha256", "size_bytes")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class InputSpec(_message.Message):
    __slots__ = ("layout", "scale", "mean", "std", "element_type", "axes")
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    AXES_FIELD_NUMBER: _ClassVar[int]
    layout: Layout
    scale: float
    mean: _containers.RepeatedScalarFieldContainer[float]
    std: _containers.RepeatedScalarFieldContainer[float]
    element_type: ElementType
    axes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, layout: _Optional[_Union[Layout, str]] = ..., scale: _Optional[float] = ..., mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ..., element_type: _Optional[_Union[ElementType, str]] = ..., axes: _Optional[_Iterable[int]] = ...) -> None: ...

class AnalyzerSpec(_message.Message):
    __slots__ = ("id", "config")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    id: str
    config: _struct_pb2.Struct
    def __init__(self, id: _Optional[str] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("stage", "done", "total", "note", "place", "places", "seconds_left")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    stage: str
    done: int
    total: int
    note: str
    place: int
    places: int
    seconds_left: float
    def __init__(self, stage: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., note: _Optional[str] = ..., place: _Optional[int] = ..., places: _Optional[int] = ..., seconds_left: _Optional[float] = ...) -> None: ...

class Bracket(_message.Message):
    __slots__ = ("threat", "population", "prefix", "standing", "fallen", "pending", "certified", "certified_share", "attacked_share", "standing_share", "interval_low", "interval_high", "level", "claim")
    THREAT_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    FALLEN_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    CERTIFIED_FIELD_NUMBER: _ClassVar[int]
    CERTIFIED_SHARE_FIELD_NUMBER: _ClassVar[int]
    ATTACKED_SHARE_FIELD_NUMBER: _ClassVar[int]
    STANDING_SHARE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_LOW_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_HIGH_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    threat: str
    population: int
    prefix: int
    standing: int
    fallen: int
    pending: int
    certified: int
    certified_share: float
    attacked_share: float
    standing_share: float
    interval_low: float
    interval_high: float
    level: float
    claim: Claim
    def __init__(self, threat: _Optional[str] = ..., population: _Optional[int] = ..., prefix: _Optional[int] = ..., standing: _Optional[int] = ..., fallen: _Optional[int] = ..., pending: _Optional[int] = ..., certified: _Optional[int] = ..., certified_share: _Optional[float] = ..., attacked_share: _Optional[float] = ..., standing_share: _Optional[float] = ..., interval_low: _Optional[float] = ..., interval_high: _Optional[float] = ..., level: _Optional[float] = ..., claim: _Optional[_Union[Claim, str]] = ...) -> None: ...

class View(_message.Message):
    __slots__ = ("kind", "title", "caption", "data")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    kind: ViewKind
    title: str
    caption: str
    data: _struct_pb2.Struct
    def __init__(self, kind: _Optional[_Union[ViewKind, str]] = ..., title: _Optional[str] = ..., caption: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Series(_message.Message):
    __slots__ = ("name", "x", "y", "low", "high")
    NAME_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    name: str
    x: _containers.RepeatedScalarFieldContainer[float]
    y: _containers.RepeatedScalarFieldContainer[float]
    low: _containers.RepeatedScalarFieldContainer[float]
    high: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, name: _Optional[str] = ..., x: _Optional[_Iterable[float]] = ..., y: _Optional[_Iterable[float]] = ..., low: _Optional[_Iterable[float]] = ..., high: _Optional[_Iterable[float]] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ("analyzer", "metric", "scope", "outcome", "value", "counts", "bound", "grade", "limit", "view", "note", "series")
    class ScopeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ANALYZER_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    analyzer: str
    metric: str
    scope: _containers.ScalarMap[str, str]
    outcome: Outcome
    value: float
    counts: _containers.ScalarMap[str, int]
    bound: Bound
    grade: Grade
    limit: float
    view: View
    note: str
    series: _containers.RepeatedCompositeFieldContainer[Series]
    def __init__(self, analyzer: _Optional[str] = ..., metric: _Optional[str] = ..., scope: _Optional[_Mapping[str, str]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., value: _Optional[float] = ..., counts: _Optional[_Mapping[str, int]] = ..., bound: _Optional[_Union[Bound, str]] = ..., grade: _Optional[_Union[Grade, str]] = ..., limit: _Optional[float] = ..., view: _Optional[_Union[View, _Mapping]] = ..., note: _Optional[str] = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("name", "media_type", "file", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    file: BlobRef
    data: bytes
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., file: _Optional[_Union[BlobRef, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class OperationMetadata(_message.Message):
    __slots__ = ("target", "state", "progress", "create_time", "end_time")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    target: str
    state: ExecutionState
    progress: Progress
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, target: _Optional[str] = ..., state: _Optional[_Union[ExecutionState, str]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
