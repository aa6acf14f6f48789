from assay.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetReportRequest(_message.Message):
    __slots__ = ("audit", "artifacts", "inline_limit_bytes", "include_measurements")
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    INLINE_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    audit: str
    artifacts: _containers.RepeatedScalarFieldContainer[str]
    inline_limit_bytes: int
    include_measurements: bool
    def __init__(self, audit: _Optional[str] = ..., artifacts: _Optional[_Iterable[str]] = ..., inline_limit_bytes: _Optional[int] = ..., include_measurements: _Optional[bool] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("audit", "verdict", "sentence", "artifacts", "measurements")
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    audit: str
    verdict: _common_pb2.Verdict
    sentence: str
    artifacts: _containers.RepeatedCompositeFieldContainer[_common_pb2.Artifact]
    measurements: _containers.RepeatedCompositeFieldContainer[_common_pb2.Measurement]
    def __init__(self, audit: _Optional[str] = ..., verdict: _Optional[_Union[_common_pb2.Verdict, str]] = ..., sentence: _Optional[str] = ..., artifacts: _Optional[_Iterable[_Union[_common_pb2.Artifact, _Mapping]]] = ..., measurements: _Optional[_Iterable[_Union[_common_pb2.Measurement, _Mapping]]] = ...) -> None: ...
