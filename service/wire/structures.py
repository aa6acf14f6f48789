"""JSON objects and times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from analyzers.contract import Json
from service.wire.fields import invalid


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
        return Value(struct_value=struct_to_pb(cast("Mapping[str, Json]", item)))
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
