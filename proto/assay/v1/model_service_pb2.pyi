import datetime

from assay.v1 import common_pb2 as _common_pb2
from google.longrunning import operations_pb2 as _operations_pb2
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

class BatchMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BATCH_MODE_UNSPECIFIED: _ClassVar[BatchMode]
    BATCH_MODE_FREE: _ClassVar[BatchMode]
    BATCH_MODE_ONE: _ClassVar[BatchMode]

class BatchNormFolding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BATCH_NORM_FOLDING_UNSPECIFIED: _ClassVar[BatchNormFolding]
    BATCH_NORM_FOLDING_YES: _ClassVar[BatchNormFolding]
    BATCH_NORM_FOLDING_NO: _ClassVar[BatchNormFolding]
BATCH_MODE_UNSPECIFIED: BatchMode
BATCH_MODE_FREE: BatchMode
BATCH_MODE_ONE: BatchMode
BATCH_NORM_FOLDING_UNSPECIFIED: BatchNormFolding
BATCH_NORM_FOLDING_YES: BatchNormFolding
BATCH_NORM_FOLDING_NO: BatchNormFolding

class SubjectFacts(_message.Message):
    __slots__ = ("digest", "classes", "channels", "height", "width", "batch", "gradient_gap", "bn_folded", "parameters", "twin", "uploaded", "source_weights", "freed")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_GAP_FIELD_NUMBER: _ClassVar[int]
    BN_FOLDED_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TWIN_FIELD_NUMBER: _ClassVar[int]
    UPLOADED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    FREED_FIELD_NUMBER: _ClassVar[int]
    digest: str
    classes: int
    channels: int
    height: int
    width: int
    batch: BatchMode
    gradient_gap: str
    bn_folded: BatchNormFolding
    parameters: int
    twin: str
    uploaded: bool
    source_weights: str
    freed: bool
    def __init__(self, digest: _Optional[str] = ..., classes: _Optional[int] = ..., channels: _Optional[int] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., batch: _Optional[_Union[BatchMode, str]] = ..., gradient_gap: _Optional[str] = ..., bn_folded: _Optional[_Union[BatchNormFolding, str]] = ..., parameters: _Optional[int] = ..., twin: _Optional[str] = ..., uploaded: _Optional[bool] = ..., source_weights: _Optional[str] = ..., freed: _Optional[bool] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "file", "display_name", "format", "architecture", "input_spec", "canonical_digest", "facts", "state", "error", "create_time", "end_time", "output")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    INPUT_SPEC_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    file: _common_pb2.BlobRef
    display_name: str
    format: str
    architecture: str
    input_spec: _common_pb2.InputSpec
    canonical_digest: str
    facts: SubjectFacts
    state: _common_pb2.ExecutionState
    error: _status_pb2.Status
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    output: str
    def __init__(self, name: _Optional[str] = ..., file: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., display_name: _Optional[str] = ..., format: _Optional[str] = ..., architecture: _Optional[str] = ..., input_spec: _Optional[_Union[_common_pb2.InputSpec, _Mapping]] = ..., canonical_digest: _Optional[str] = ..., facts: _Optional[_Union[SubjectFacts, _Mapping]] = ..., state: _Optional[_Union[_common_pb2.ExecutionState, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., output: _Optional[str] = ...) -> None: ...

class CreateModelRequest(_message.Message):
    __slots__ = ("parent", "model", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    model: Model
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., model: _Optional[_Union[Model, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteModelRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...
