from assay.v1 import common_pb2 as _common_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Comparison(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPARISON_UNSPECIFIED: _ClassVar[Comparison]
    COMPARISON_ABOVE: _ClassVar[Comparison]
    COMPARISON_BELOW: _ClassVar[Comparison]
COMPARISON_UNSPECIFIED: Comparison
COMPARISON_ABOVE: Comparison
COMPARISON_BELOW: Comparison

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Format(_message.Message):
    __slots__ = ("id", "title", "needs_architecture")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    NEEDS_ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    needs_architecture: bool
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., needs_architecture: _Optional[bool] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "max_chunk_bytes", "preferred_chunk_bytes", "max_blob_bytes", "max_inline_bytes", "max_page_size")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BLOB_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_INLINE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    max_message_bytes: int
    max_chunk_bytes: int
    preferred_chunk_bytes: int
    max_blob_bytes: int
    max_inline_bytes: int
    max_page_size: int
    def __init__(self, max_message_bytes: _Optional[int] = ..., max_chunk_bytes: _Optional[int] = ..., preferred_chunk_bytes: _Optional[int] = ..., max_blob_bytes: _Optional[int] = ..., max_inline_bytes: _Optional[int] = ..., max_page_size: _Optional[int] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("min", "max")
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    min: float
    max: float
    def __init__(self, min: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class MetricSpec(_message.Message):
    __slots__ = ("name", "meaning", "unit", "grade", "judged", "range", "title")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    meaning: str
    unit: str
    grade: _common_pb2.Grade
    judged: bool
    range: Range
    title: str
    def __init__(self, name: _Optional[str] = ..., meaning: _Optional[str] = ..., unit: _Optional[str] = ..., grade: _Optional[_Union[_common_pb2.Grade, str]] = ..., judged: _Optional[bool] = ..., range: _Optional[_Union[Range, _Mapping]] = ..., title: _Optional[str] = ...) -> None: ...

class FindingRule(_message.Message):
    __slots__ = ("id", "metric", "comparison", "threshold", "severity", "grade", "statement", "remedy")
    ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    id: str
    metric: str
    comparison: Comparison
    threshold: float
    severity: _common_pb2.Severity
    grade: _common_pb2.Grade
    statement: str
    remedy: str
    def __init__(self, id: _Optional[str] = ..., metric: _Optional[str] = ..., comparison: _Optional[_Union[Comparison, str]] = ..., threshold: _Optional[float] = ..., severity: _Optional[_Union[_common_pb2.Severity, str]] = ..., grade: _Optional[_Union[_common_pb2.Grade, str]] = ..., statement: _Optional[str] = ..., remedy: _Optional[str] = ...) -> None: ...

class Analyzer(_message.Message):
    __slots__ = ("id", "version", "title", "summary", "reference", "config_schema", "metrics", "needs", "threats", "indicators", "findings", "block_edges", "first", "vouches", "on_demand", "cues", "average_case")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    THREATS_FIELD_NUMBER: _ClassVar[int]
    INDICATORS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_EDGES_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    VOUCHES_FIELD_NUMBER: _ClassVar[int]
    ON_DEMAND_FIELD_NUMBER: _ClassVar[int]
    CUES_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_CASE_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: str
    title: str
    summary: str
    reference: str
    config_schema: _struct_pb2.Struct
    metrics: _containers.RepeatedCompositeFieldContainer[MetricSpec]
    needs: _containers.RepeatedScalarFieldContainer[str]
    threats: _containers.RepeatedScalarFieldContainer[str]
    indicators: _containers.RepeatedScalarFieldContainer[str]
    findings: _containers.RepeatedCompositeFieldContainer[FindingRule]
    block_edges: _containers.RepeatedScalarFieldContainer[int]
    first: bool
    vouches: bool
    on_demand: bool
    cues: bool
    average_case: bool
    def __init__(self, id: _Optional[str] = ..., version: _Optional[str] = ..., title: _Optional[str] = ..., summary: _Optional[str] = ..., reference: _Optional[str] = ..., config_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., metrics: _Optional[_Iterable[_Union[MetricSpec, _Mapping]]] = ..., needs: _Optional[_Iterable[str]] = ..., threats: _Optional[_Iterable[str]] = ..., indicators: _Optional[_Iterable[str]] = ..., findings: _Optional[_Iterable[_Union[FindingRule, _Mapping]]] = ..., block_edges: _Optional[_Iterable[int]] = ..., first: _Optional[bool] = ..., vouches: _Optional[bool] = ..., on_demand: _Optional[bool] = ..., cues: _Optional[bool] = ..., average_case: _Optional[bool] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("api_versions", "server_version", "digest_functions", "limits", "formats", "architectures", "analyzers", "threats", "profiles", "sandbox_level", "engine_class", "providers")
    class EngineClassEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    API_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURES_FIELD_NUMBER: _ClassVar[int]
    ANALYZERS_FIELD_NUMBER: _ClassVar[int]
    THREATS_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_LEVEL_FIELD_NUMBER: _ClassVar[int]
    ENGINE_CLASS_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    api_versions: _containers.RepeatedScalarFieldContainer[str]
    server_version: str
    digest_functions: _containers.RepeatedScalarFieldContainer[str]
    limits: Limits
    formats: _containers.RepeatedCompositeFieldContainer[Format]
    architectures: _containers.RepeatedScalarFieldContainer[str]
    analyzers: _containers.RepeatedCompositeFieldContainer[Analyzer]
    threats: _containers.RepeatedScalarFieldContainer[str]
    profiles: _containers.RepeatedScalarFieldContainer[_common_pb2.Profile]
    sandbox_level: str
    engine_class: _containers.ScalarMap[str, str]
    providers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, api_versions: _Optional[_Iterable[str]] = ..., server_version: _Optional[str] = ..., digest_functions: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., formats: _Optional[_Iterable[_Union[Format, _Mapping]]] = ..., architectures: _Optional[_Iterable[str]] = ..., analyzers: _Optional[_Iterable[_Union[Analyzer, _Mapping]]] = ..., threats: _Optional[_Iterable[str]] = ..., profiles: _Optional[_Iterable[_Union[_common_pb2.Profile, str]]] = ..., sandbox_level: _Optional[str] = ..., engine_class: _Optional[_Mapping[str, str]] = ..., providers: _Optional[_Iterable[str]] = ...) -> None: ...
