"""Every analyzer there is, in the order of the report.

A new one is its own file and one line here: docs, interface and report follow by themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.attacks import cascade, probe
from analyzers.behaviour import attenuation, preflight, texture
from analyzers.behaviour.channels import channels
from analyzers.behaviour.corruptions import corruptions
from analyzers.behaviour.frequency import analyzer as frequency
from analyzers.contract import Analyzer
from analyzers.structure import feature_maps, filters
from analyzers.trust import agreement, trust

ALL: Final[tuple[Analyzer, ...]] = (
    preflight.ANALYZER,
    cascade.ANALYZER,
    probe.ANALYZER,
    trust.ANALYZER,
    filters.ANALYZER,
    feature_maps.ANALYZER,
    attenuation.ANALYZER,
    channels.ANALYZER,
    frequency.ANALYZER,
    texture.ANALYZER,
    corruptions.ANALYZER,
    agreement.ANALYZER,
)

VOUCHERS: Final[Mapping[str, Sequence[str]]] = {
    one.description.id: [
        other.description.id
        for other in ALL
        if other.description.vouches
        and set(other.description.threats) & set(one.description.threats)
    ]
    for one in ALL
    if any(metric.judged for metric in one.description.metrics)
}
"""Whom a PASS needs beside an analyzer that is judged: those who vouch for its threats."""


def by_id(analyzer_id: str) -> Analyzer:
    """The analyzer of an id; ``KeyError`` when there is none."""
    for analyzer in ALL:
        if analyzer.description.id == analyzer_id:
            return analyzer
    raise KeyError(analyzer_id)
