"""Measurements, whatever analyzer took them."""

from __future__ import annotations

import math

from analyzers.contract import Measurement, View
from assay.v1 import common_pb2
from service.rpc.ports import MeasurementView, Series
from service.wire.fields import invalid
from service.wire.structures import struct_from_pb, struct_to_pb
from service.wire.words import BOUNDS, GRADES, OUTCOMES, VIEW_KINDS


def view_to_pb(view: View) -> common_pb2.View:
    """How a measurement wants to be seen."""
    return common_pb2.View(
        kind=VIEW_KINDS.to_pb(view.kind),
        title=view.title,
        caption=view.caption,
        data=struct_to_pb(view.data),
    )


def view_from_pb(message: common_pb2.View) -> View:
    """How a measurement wants to be seen."""
    return View(
        kind=VIEW_KINDS.from_pb(message.kind, "view.kind"),
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
        outcome=OUTCOMES.to_pb(measurement.outcome),
        value=measurement.value,
        counts=measurement.counts,
        bound=BOUNDS.to_pb(measurement.bound),
        grade=GRADES.to_pb(measurement.grade),
        limit=measurement.limit,
        view=measurement.view and view_to_pb(measurement.view),
        note=measurement.note,
        series=[series_to_pb(series) for series in taken.series],
    )


def measurement_from_pb(message: common_pb2.Measurement) -> MeasurementView:
    """A measurement and who took it."""
    outcome = OUTCOMES.from_pb(message.outcome, "outcome")
    value = message.value if message.HasField("value") else None
    if (value is not None and math.isfinite(value)) != (outcome == "measured"):
        raise invalid("value", f"is {value} where the outcome is {outcome}")
    measurement = Measurement(
        metric=message.metric,
        outcome=outcome,
        scope=dict(message.scope),
        value=value,
        counts=dict(message.counts),
        bound=BOUNDS.from_pb(message.bound, "bound"),
        grade=GRADES.from_pb(message.grade, "grade"),
        limit=message.limit if message.HasField("limit") else None,
        view=view_from_pb(message.view) if message.HasField("view") else None,
        note=message.note,
    )
    series = [series_from_pb(series) for series in message.series]
    return MeasurementView(message.analyzer, measurement, series)
