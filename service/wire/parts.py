"""Parts of audits that travel by themselves."""

from __future__ import annotations

from math import inf

from assay.v1 import common_pb2
from service.rpc.ports import AnalyzerSpec, Bracket, Progress
from service.wire.fields import checked_text, invalid
from service.wire.structures import struct_from_pb, struct_to_pb
from service.wire.words import CLAIMS


def analyzer_spec_to_pb(spec: AnalyzerSpec) -> common_pb2.AnalyzerSpec:
    """An analyzer with its settings."""
    return common_pb2.AnalyzerSpec(id=spec.id, config=struct_to_pb(spec.config))


def analyzer_spec_from_pb(message: common_pb2.AnalyzerSpec) -> AnalyzerSpec:
    """An analyzer with its settings."""
    if not message.id:
        raise invalid("analyzers.id", "is empty")
    identity = checked_text(message.id, "analyzers.id")
    return AnalyzerSpec(identity, struct_from_pb(message.config, "analyzers.config"))


def progress_to_pb(progress: Progress) -> common_pb2.Progress:
    """Work in flight."""
    return common_pb2.Progress(
        stage=progress.stage,
        done=progress.done,
        total=progress.total,
        note=progress.note,
        place=progress.place,
        places=progress.places,
        seconds_left=progress.seconds_left,
    )


def progress_from_pb(message: common_pb2.Progress) -> Progress:
    """Work in flight."""
    known = message.HasField("seconds_left")
    return Progress(
        stage=message.stage,
        done=message.done,
        total=message.total,
        note=message.note,
        place=message.place,
        places=message.places,
        seconds_left=message.seconds_left if 0 <= message.seconds_left < inf and known else None,
    )


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
        claim=CLAIMS.to_pb(bracket.claim),
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
        claim=CLAIMS.from_pb(message.claim, "claim"),
    )
