"""What a server can do."""

from __future__ import annotations

from analyzers.contract import Description, FindingRule, MetricSpec
from assay.v1 import capabilities_service_pb2
from service.rpc.ports import Capabilities, Format, Limits
from service.wire.structures import struct_from_pb, struct_to_pb
from service.wire.words import COMPARISONS, GRADES, PROFILES, SEVERITIES


def metric_spec_to_pb(spec: MetricSpec) -> capabilities_service_pb2.MetricSpec:
    """What a metric means."""
    message = capabilities_service_pb2.MetricSpec(
        name=spec.name,
        meaning=spec.meaning,
        unit=spec.unit,
        grade=GRADES.to_pb(spec.grade),
        judged=spec.judged,
        title=spec.title,
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
        grade=GRADES.from_pb(message.grade, "grade"),
        judged=message.judged,
        title=message.title,
        range=(message.range.min, message.range.max) if message.HasField("range") else None,
    )


def finding_rule_to_pb(rule: FindingRule) -> capabilities_service_pb2.FindingRule:
    """When a value is worth a sentence."""
    return capabilities_service_pb2.FindingRule(
        id=rule.id,
        metric=rule.metric,
        comparison=COMPARISONS.to_pb(rule.comparison),
        threshold=rule.threshold,
        severity=SEVERITIES.to_pb(rule.severity),
        grade=GRADES.to_pb(rule.grade),
        statement=rule.statement,
        remedy=rule.remedy,
    )


def finding_rule_from_pb(message: capabilities_service_pb2.FindingRule) -> FindingRule:
    """When a value is worth a sentence."""
    return FindingRule(
        id=message.id,
        metric=message.metric,
        comparison=COMPARISONS.from_pb(message.comparison, "comparison"),
        threshold=message.threshold,
        severity=SEVERITIES.from_pb(message.severity, "severity"),
        grade=GRADES.from_pb(message.grade, "grade"),
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
        vouches=description.vouches,
        cues=description.cues,
        average_case=description.average_case,
        on_demand=description.on_demand,
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
        vouches=message.vouches,
        cues=message.cues,
        average_case=message.average_case,
        on_demand=message.on_demand,
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
        profiles=[PROFILES.to_pb(profile) for profile in view.profiles],
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
        profiles=tuple(PROFILES.from_pb(profile, "profiles") for profile in message.profiles),
        sandbox_level=message.sandbox_level,
        engine=dict(message.engine_class),
        providers=list(message.providers),
    )
