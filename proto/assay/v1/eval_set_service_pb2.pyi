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

class ChannelOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_ORDER_UNSPECIFIED: _ClassVar[ChannelOrder]
    CHANNEL_ORDER_RGB: _ClassVar[ChannelOrder]
    CHANNEL_ORDER_BGR: _ClassVar[ChannelOrder]

class PixelRange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIXEL_RANGE_UNSPECIFIED: _ClassVar[PixelRange]
    PIXEL_RANGE_0_1: _ClassVar[PixelRange]
    PIXEL_RANGE_0_255: _ClassVar[PixelRange]
CHANNEL_ORDER_UNSPECIFIED: ChannelOrder
CHANNEL_ORDER_RGB: ChannelOrder
CHANNEL_ORDER_BGR: ChannelOrder
PIXEL_RANGE_UNSPECIFIED: PixelRange
PIXEL_RANGE_0_1: PixelRange
PIXEL_RANGE_0_255: PixelRange

class DataFacts(_message.Message):
    __slots__ = ("digest", "n", "classes", "eight_bit")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    EIGHT_BIT_FIELD_NUMBER: _ClassVar[int]
    digest: str
    n: int
    classes: int
    eight_bit: bool
    def __init__(self, digest: _Optional[str] = ..., n: _Optional[int] = ..., classes: _Optional[int] = ..., eight_bit: _Optional[bool] = ...) -> None: ...

class Reading(_message.Message):
    __slots__ = ("layout", "channels", "pixels", "cues")
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    CUES_FIELD_NUMBER: _ClassVar[int]
    layout: _common_pb2.Layout
    channels: ChannelOrder
    pixels: PixelRange
    cues: bool
    def __init__(self, layout: _Optional[_Union[_common_pb2.Layout, str]] = ..., channels: _Optional[_Union[ChannelOrder, str]] = ..., pixels: _Optional[_Union[PixelRange, str]] = ..., cues: _Optional[bool] = ...) -> None: ...

class EvalSet(_message.Message):
    __slots__ = ("name", "file", "slice", "display_name", "format", "facts", "state", "error", "create_time", "end_time", "reading", "withheld")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    READING_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    name: str
    file: _common_pb2.BlobRef
    slice: str
    display_name: str
    format: str
    facts: DataFacts
    state: _common_pb2.ExecutionState
    error: _status_pb2.Status
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    reading: Reading
    withheld: bool
    def __init__(self, name: _Optional[str] = ..., file: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., slice: _Optional[str] = ..., display_name: _Optional[str] = ..., format: _Optional[str] = ..., facts: _Optional[_Union[DataFacts, _Mapping]] = ..., state: _Optional[_Union[_common_pb2.ExecutionState, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reading: _Optional[_Union[Reading, _Mapping]] = ..., withheld: _Optional[bool] = ...) -> None: ...

class CreateEvalSetRequest(_message.Message):
    __slots__ = ("parent", "eval_set", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    EVAL_SET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    eval_set: EvalSet
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., eval_set: _Optional[_Union[EvalSet, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetEvalSetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListEvalSetsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEvalSetsResponse(_message.Message):
    __slots__ = ("eval_sets", "next_page_token")
    EVAL_SETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    eval_sets: _containers.RepeatedCompositeFieldContainer[EvalSet]
    next_page_token: str
    def __init__(self, eval_sets: _Optional[_Iterable[_Union[EvalSet, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteEvalSetRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...
