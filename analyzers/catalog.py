"""Every analyzer there is, in the order of the report.

A new one is its own file and one line here: docs, interface and report follow by themselves.
"""

from typing import Final

from analyzers.attacks import cascade
from analyzers.behaviour import preflight
from analyzers.contract import Analyzer
from analyzers.structure import filters

ALL: Final[tuple[Analyzer, ...]] = (
    preflight.ANALYZER,
    cascade.ANALYZER,
    filters.ANALYZER,
)


def by_id(analyzer_id: str) -> Analyzer:
    """The analyzer of an id; ``KeyError`` when there is none."""
    for analyzer in ALL:
        if analyzer.description.id == analyzer_id:
            return analyzer
    raise KeyError(analyzer_id)
